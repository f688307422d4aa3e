//! The actor of the storm: it works, asks its peers, answers late, panics and stops.

use futures_util::stream;
use greenroom::prelude::*;
use greenroom::task::yield_now;

use super::account::{Book, Kind, Ledger, Slip, Token, Told};
use super::faults::{Dice, Fault, Planted};
use super::storm::Storm;

/// The group of all workers, wherever they were started.
pub(crate) const WORKERS: &str = "workers";

/// Does what it is told, as well as it can.
pub(crate) struct Worker {
    storm: Storm,
    dice: Dice,
    waiting: Vec<ReplyTo<u64>>,
    served: u64,
}

/// Something to do, and to answer.
pub(crate) struct Work(pub(crate) Token);

/// Something to do.
pub(crate) struct Note(pub(crate) Token);

/// Something that is answered at once, with a timer, or by a task.
pub(crate) struct Later(pub(crate) Token);

/// Something that another worker answers.
pub(crate) struct Hop(pub(crate) Token);

pub(crate) struct Tick(pub(crate) Token);

pub(crate) struct Item(pub(crate) Token);

/// The books of what the workers of a round send themselves.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    asks: Book,
    timers: Book,
    streams: Book,
}

impl Books {
    pub(crate) fn open(ledger: &Ledger) -> Self {
        Self {
            asks: ledger.book(Kind::Asks),
            timers: ledger.book(Kind::Timers),
            streams: ledger.book(Kind::Streams),
        }
    }
}

impl Worker {
    /// Builds a worker; the factory of an actor calls it, and it may panic.
    pub(crate) fn new(storm: &Storm, dice: &mut Dice) -> Self {
        dice.may_panic(Fault::PanicStart);
        Self {
            storm: storm.clone(),
            dice: dice.fork(),
            waiting: Vec::new(),
            served: 0,
        }
    }

    /// Returns a factory, whose choices are its own.
    pub(crate) fn factory(storm: &Storm, dice: &mut Dice) -> impl FnMut() -> Self + Send + use<> {
        let (storm, mut dice) = (storm.clone(), dice.fork());
        move || Self::new(&storm, &mut dice)
    }

    /// The work that all messages have in common.
    async fn work(&mut self, token: Token, cx: &mut ActorContext<Self>) -> u64 {
        let token = self.begin(token, cx).await;
        token.handled();
        self.served
    }

    async fn begin(&mut self, mut token: Token, cx: &mut ActorContext<Self>) -> Token {
        token.begin();
        self.dice.may_panic(Fault::Panic);
        match self.dice.below(32) {
            0..4 => yield_now().await,
            4 => {
                let _ended = self.dice.pause().await;
            }
            5 | 6 => Box::pin(self.ask_a_peer()).await,
            7 if self.dice.goes_wrong(Fault::Stop) => cx.stop(),
            _ => {}
        }
        if self.dice.goes_wrong(Fault::PanicLater) {
            yield_now().await;
            std::panic::panic_any(Planted);
        }
        self.served += 1;
        token
    }

    /// Now and then this closes a circle, and is refused.
    async fn ask_a_peer(&mut self) {
        if let Some(peer) = self.storm.some_worker(&mut self.dice) {
            let _told = ask(&peer, &self.storm.own.asks).await;
        }
    }
}

/// Asks a worker, and holds what is heard against the fate of the message.
pub(crate) async fn ask(worker: &Address<Worker>, book: &Book) -> Result<u64, AskError> {
    let token = book.token();
    let mut asking = Asking(Some(token.slip()));
    let answer = worker.ask(Work(token)).await;
    let told = match &answer {
        Ok(_) => Some(Told::Answered),
        Err(AskError::Panicked(_)) => Some(Told::Panicked),
        Err(
            AskError::Closed
            | AskError::Full
            | AskError::Overflow
            | AskError::Restarting
            | AskError::Cycle { .. }
            | AskError::DeadlineInMailbox,
        ) => Some(Told::Never),
        Err(AskError::DeadlineInHandler | AskError::Dropped) => Some(Told::Begun),
        Err(_) => None,
    };
    if let (Some(told), Some(slip)) = (told, asking.0.take()) {
        slip.told(told, book.ledger());
    }
    answer
}

/// Gives the message up with the call.
struct Asking(Option<Slip>);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(slip) = &self.0 {
            slip.give_up();
        }
    }
}

impl Actor for Worker {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        if self.dice.one_in(4) {
            yield_now().await;
            self.dice.may_panic(Fault::PanicStart);
            self.dice.may_fail()?;
        }
        if self.dice.one_in(4) {
            let timers = self.storm.own.timers.clone();
            let period = self.dice.upto(5) as u64;
            cx.every(period.millis(), move || Tick(timers.token()))?;
        }
        if self.dice.one_in(4) {
            let streams = self.storm.own.streams.clone();
            let items = self.dice.upto(32);
            cx.attach(stream::iter(0..items), move |_| Item(streams.token()));
        }
        Ok(())
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        let _ended = self.dice.pause().await;
    }
}

impl Handler<Work> for Worker {
    type Reply = u64;

    async fn handle(&mut self, Work(token): Work, cx: &mut ActorContext<Self>) -> u64 {
        self.work(token, cx).await
    }
}

impl Handler<Note> for Worker {
    type Reply = ();

    async fn handle(&mut self, Note(token): Note, cx: &mut ActorContext<Self>) {
        self.work(token, cx).await;
    }
}

impl HandlerLater<Later> for Worker {
    type Reply = u64;

    async fn handle(
        &mut self,
        Later(token): Later,
        reply: ReplyTo<u64>,
        cx: &mut ActorContext<Self>,
    ) {
        let served = self.work(token, cx).await;
        match self.dice.below(3) {
            0 => reply.send(served),
            // Its asker hears of it with a timer, or with this worker's end.
            1 => {
                self.waiting.push(reply);
                let delay = (self.dice.below(1_000) as u64).micros();
                cx.after(delay, Tick(self.storm.own.timers.token()));
            }
            _ => {
                let mut dice = self.dice.fork();
                let late = cx.scope().go(async move {
                    dice.pause().await?;
                    reply.send(served);
                    Ok(())
                });
                late.detach();
            }
        }
    }
}

impl HandlerLater<Hop> for Worker {
    type Reply = u64;

    async fn handle(&mut self, Hop(token): Hop, reply: ReplyTo<u64>, cx: &mut ActorContext<Self>) {
        let token = self.begin(token, cx).await;
        match self.storm.some_worker(&mut self.dice) {
            None => reply.send(self.served),
            Some(peer) => {
                let next = Work(self.storm.own.asks.token());
                if let Err(refused) = peer.forward(next, reply).await {
                    refused.into_inner().0.refused();
                }
            }
        }
        // Not before: it may be cut while it waits for room.
        token.handled();
    }
}

impl Handler<Tick> for Worker {
    type Reply = ();

    async fn handle(&mut self, Tick(token): Tick, cx: &mut ActorContext<Self>) {
        let served = self.work(token, cx).await;
        for waiting in self.waiting.drain(..) {
            waiting.send(served);
        }
    }
}

impl Handler<Item> for Worker {
    type Reply = ();

    async fn handle(&mut self, Item(token): Item, cx: &mut ActorContext<Self>) {
        self.work(token, cx).await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // During an unwind it would end the process, by Rust's own rules.
        if !std::thread::panicking() {
            self.dice.may_panic(Fault::PanicDrop);
        }
    }
}
