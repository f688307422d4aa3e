//! Actors: a message that was taken is handled once, and a panic costs the message in flight.

use std::time::Duration;

use greenroom::prelude::*;
use greenroom::{AskError, TellError};

use crate::account::{Fault, Mark, Token};
use crate::dice::{Dice, Fuse};
use crate::flow::Flow;
use crate::frame::Round;

/// Keeps what it is given.
struct Store {
    kept: Kept<Vec<Token>>,
    waiting: Vec<ReplyTo<Token>>,
    dice: Dice,
    fuse: Fuse,
}

/// Keeps a token. One that is about to be lost by a panic says so.
struct Put(Token);

/// Gives the token back, at once or when the next message comes.
struct Echo(Token, Mark);

/// Takes out all that is kept.
struct TakeAll;

impl Actor for Store {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        self.dice.pause().await
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        let _ended = self.dice.pause().await;
    }
}

impl Handler<Put> for Store {
    type Reply = usize;

    async fn handle(&mut self, Put(token): Put, _cx: &mut ActorContext<Self>) -> usize {
        let _ended = self.dice.pause().await;
        if self.fuse.is_due() {
            token.received();
            drop(token);
            self.fuse.step();
            return 0;
        }
        self.fuse.step();
        self.kept.push(token);
        self.kept.len()
    }
}

struct Later(Token, ReplyTo<Token>);

impl HandlerLater<Echo> for Store {
    type Reply = Token;

    async fn handle(
        &mut self,
        Echo(token, _mark): Echo,
        reply: ReplyTo<Token>,
        cx: &mut ActorContext<Self>,
    ) {
        if self.dice.one_in(2) {
            reply.send(token);
        } else {
            cx.after(
                Duration::from_millis(self.dice.below(2) as u64),
                Later(token, reply),
            );
        }
    }
}

impl Handler<Later> for Store {
    type Reply = ();

    async fn handle(&mut self, Later(token, reply): Later, _cx: &mut ActorContext<Self>) {
        reply.send(token);
        self.waiting.clear();
    }
}

impl Handler<TakeAll> for Store {
    type Reply = Vec<Token>;

    async fn handle(&mut self, _: TakeAll, _cx: &mut ActorContext<Self>) -> Vec<Token> {
        std::mem::take(&mut self.kept)
    }
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let mut factory_dice = dice.fork();
    let builder = scope
        .supervise(Vec::new(), move |kept| Store {
            kept,
            waiting: Vec::new(),
            fuse: factory_dice.fuse(2),
            dice: factory_dice.fork(),
        })
        .intensity(usize::MAX, Duration::ZERO)
        .mailbox(dice.upto(3));
    let store = builder.await?;
    let mut callers = Vec::new();
    for _ in 0..dice.upto(3) {
        let tokens = (0..dice.below(5)).map(|_| round.token()).collect();
        let task = scope.go(call(store.clone(), tokens, round.clone(), dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        callers.push(task);
    }
    let stops = dice.fault(6);
    if stops {
        round.ledger().fault(Fault::Drop);
        dice.pause().await?;
        match dice.one_in(2) {
            true => store.stop(),
            // Who holds no address does not keep it from its end, once the callers are done.
            false => return Ok(()),
        }
    }
    for caller in callers {
        let _failed = caller.await;
    }
    match store.ask(TakeAll).await {
        Ok(all) => {
            all.iter().for_each(|token| token.received());
            // Nobody stopped it and nothing was cancelled: what it took is in it or was told of.
            round.ledger().lossless();
        }
        Err(AskError::Closed | AskError::Dropped) if stops => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn call(
    store: Address<Store>,
    tokens: Vec<Token>,
    round: Round,
    mut dice: Dice,
) -> Result<()> {
    let mut fuse = dice.fuse(12);
    for token in tokens {
        fuse.step();
        dice.pause().await?;
        let mark = token.mark();
        match dice.below(4) {
            0 => match dice.attempt(store.tell(Put(token))).await {
                // It may be dropped with its message's context, which is this task's.
                Some(Ok(())) => {}
                Some(Err(refused)) => back(refused),
                None => {}
            },
            1 => match store.try_tell(Put(token)) {
                Ok(()) => {}
                Err(greenroom::TryTellError::Full(put) | greenroom::TryTellError::Closed(put)) => {
                    put.0.returned();
                }
                Err(_) => {}
            },
            2 => match dice.attempt(store.ask(Put(token))).await {
                Some(Ok(_len)) => mark.accepted(),
                Some(Err(AskError::Panicked(_))) => {
                    round.check(mark.is_received(), || {
                        "another's panic answered this message".to_owned()
                    });
                }
                _ => {}
            },
            _ => {
                let echo = Echo(token, mark);
                if let Some(Ok(token)) = dice.attempt(store.ask(echo)).await {
                    token.received();
                }
            }
        }
    }
    Ok(())
}

fn back(refused: TellError<Put>) {
    refused.into_inner().0.returned();
}

struct Add(u64);
struct Fail;

#[derive(Default)]
struct Sum(u64);

impl Actor for Sum {}

impl Handler<Add> for Sum {
    type Reply = u64;

    async fn handle(&mut self, Add(value): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.0 += value;
        value
    }
}

impl Handler<Fail> for Sum {
    type Reply = ();

    async fn handle(&mut self, _: Fail, _cx: &mut ActorContext<Self>) {
        std::panic::resume_unwind(Box::new("planted"));
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let sum = scope
        .spawn(Sum::default)
        .intensity(usize::MAX, Duration::ZERO)
        .await?;
    for value in 1..=flow.items() {
        match value % 256 {
            // A restart now and then, and an actor that comes and goes.
            0 => drop(sum.ask(Fail).await),
            128 => drop(scope.spawn(Sum::default).await?),
            _ => {}
        }
        match value % 2 {
            0 => flow.passed(sum.ask(Add(value)).await?),
            _ => {
                sum.tell(Add(value)).await?;
                flow.passed(value);
            }
        }
    }
    Ok(())
}
