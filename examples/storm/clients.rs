//! Those who ask, tell and flood the workers, from every arbiter.

use futures_util::future::join_all;
use greenroom::prelude::*;

use super::account::{Book, Kind, Told};
use super::actors::{self, Hop, Later, Note, WORKERS, Worker};
use super::faults::{Dice, Fault};
use super::storm::Storm;

/// How many messages a flood is.
const FLOOD: usize = 500;

/// How many askers a crowd is.
const CROWD: usize = 100;

/// How many calls a client makes before it looks again whom there is.
const LOOK: usize = 50;

struct Client {
    storm: Storm,
    dice: Dice,
    asks: Book,
    tells: Book,
    routed: Book,
    router: Router<Worker>,
}

/// Starts clients, each on the next arbiter.
pub(crate) async fn start(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    let options = router("routed")
        .actors(3)
        .mailbox(16)
        .by(Route::LeastLoaded);
    let (members, throws) = (storm.clone(), std::sync::Mutex::new(dice.fork()));
    let router = Router::spawn(&scope, options, move |_index| {
        let mut dice = super::account::lock(&throws);
        Worker::new(&members, &mut dice)
    });
    // A member may panic at its start, and then there is no router.
    let router = match router.await {
        Ok(router) => router,
        Err(_) if !storm.is_on() => return Ok(()),
        Err(_) => return Box::pin(start(scope, storm, dice)).await,
    };
    for _ in 0..dice.upto(8) {
        let client = Client {
            asks: storm.ledger.book(Kind::Asks),
            tells: storm.ledger.book(Kind::Tells),
            routed: storm.ledger.book(Kind::Routed),
            storm: storm.clone(),
            dice: dice.fork(),
            router: router.clone(),
        };
        scope.on(Placement::Spread).go(client.run()).detach();
    }
    Ok(())
}

impl Client {
    async fn run(mut self) -> Result<()> {
        while self.storm.is_on() {
            let workers = self.storm.runtime.group::<Worker>(WORKERS)?;
            if workers.is_empty() {
                sleep(1.millis()).await?;
            }
            for _ in 0..LOOK {
                if workers.is_empty() || !self.storm.is_on() {
                    break;
                }
                let worker = &workers[self.dice.below(workers.len())];
                self.dice.pause().await?;
                self.call(worker).await;
            }
        }
        Ok(())
    }

    /// Makes one call, of which nothing but the account is to be known.
    async fn call(&mut self, worker: &Address<Worker>) {
        if self.dice.goes_wrong(Fault::Flood) {
            return self.flood(worker).await;
        }
        let (asks, tells, routed) = (&self.asks, &self.tells, &self.routed);
        match self.dice.below(16) {
            0..5 => {
                let _heard = self.dice.attempt(actors::ask(worker, asks)).await;
            }
            5..9 => {
                let tell = async {
                    if let Err(refused) = worker.tell(Note(tells.token())).await {
                        refused.into_inner().0.refused();
                    }
                };
                let _told = self.dice.attempt(tell).await;
            }
            9 | 10 => try_tell(worker, tells),
            11 => {
                let ask = async {
                    let token = asks.token();
                    let slip = token.slip();
                    if worker.ask(Later(token)).await.is_ok() {
                        slip.told(Told::Answered, asks.ledger());
                    }
                };
                let _heard = self.dice.attempt(ask).await;
            }
            12 => {
                // Answered by another, which tells nothing of this message.
                let ask = async { worker.ask(Hop(asks.token())).await };
                let _heard = self.dice.attempt(ask).await;
            }
            13 => {
                let key = self.dice.below(8);
                let router = &self.router;
                let tell = async {
                    let told = router.key(&key).tell(Note(routed.token())).await;
                    if let Err(refused) = told {
                        refused.into_inner().0.refused();
                    }
                };
                let _told = self.dice.attempt(tell).await;
            }
            14 => {
                if let Err(refused) = self.router.try_tell(Note(routed.token())) {
                    refused.into_inner().0.refused();
                }
            }
            _ => {
                let size = self.dice.upto(4);
                let _resized = self.dice.attempt(self.router.resize(size)).await;
            }
        }
    }

    /// Many at once: tells that do not wait, or a crowd of askers.
    async fn flood(&mut self, worker: &Address<Worker>) {
        if self.dice.one_in(2) {
            (0..FLOOD).for_each(|_| try_tell(worker, &self.tells));
        } else {
            let asks = (0..CROWD).map(|_| actors::ask(worker, &self.asks));
            let crowd = Box::pin(join_all(asks));
            let _heard = self.dice.attempt(crowd).await;
        }
    }
}

fn try_tell(worker: &Address<Worker>, book: &Book) {
    if let Err(refused) = worker.try_tell(Note(book.token())) {
        refused.into_inner().0.refused();
    }
}
