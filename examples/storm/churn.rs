//! Actors and tasks that come and go: stopped, let go of, cancelled, or in a scope that is cut.

use std::time::Duration;

use greenroom::prelude::*;

use super::account::{Book, Kind};
use super::actors::{self, Note, Worker};
use super::faults::{Dice, Fault};
use super::scopes;
use super::storm::Storm;

/// Starts it, on each arbiter.
pub(crate) async fn start(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    for _ in 0..2 {
        let churn = run(scope.clone(), storm.clone(), dice.fork());
        scope.on(Placement::Spread).go(churn).detach();
    }
    Ok(())
}

async fn run(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    let (asks, tells) = (
        storm.ledger.book(Kind::Asks),
        storm.ledger.book(Kind::Tells),
    );
    while storm.is_on() {
        let inner = Crowd {
            storm: storm.clone(),
            asks: asks.clone(),
            tells: tells.clone(),
            dice: dice.fork(),
        };
        scopes::play(&scope, &mut dice, move |scope| inner.gather(scope)).await;
        dice.pause().await?;
    }
    Ok(())
}

struct Crowd {
    storm: Storm,
    asks: Book,
    tells: Book,
    dice: Dice,
}

impl Crowd {
    async fn gather(mut self, scope: Scope) -> Result<()> {
        for _ in 0..self.dice.upto(6) {
            let factory = Worker::factory(&self.storm, &mut self.dice);
            let builder = scope
                .spawn(factory)
                .on(Placement::Spread)
                .mailbox(self.dice.below(4))
                .intensity(usize::MAX, Duration::ZERO)
                .shutdown(10.millis());
            // It may panic at its start.
            let Some(Ok(worker)) = self.dice.attempt(builder).await else {
                continue;
            };
            self.use_up(&scope, worker).await?;
        }
        let ticker = tick(1.millis())?;
        for _ in 0..self.dice.below(3) {
            let _at = ticker.tick().await;
        }
        Ok(())
    }

    /// Uses a worker, and then stops it, lets go of it, or leaves it to the scope.
    async fn use_up(&mut self, scope: &Scope, worker: Address<Worker>) -> Result<()> {
        for _ in 0..self.dice.below(8) {
            if self.dice.one_in(3) {
                let _heard = self.dice.attempt(actors::ask(&worker, &self.asks)).await;
            } else if let Err(refused) = worker.tell(Note(self.tells.token())).await {
                refused.into_inner().0.refused();
            }
        }
        match self.dice.below(4) {
            0 if self.dice.goes_wrong(Fault::Stop) => worker.stop(),
            0 => drop(worker),
            1 => {
                let (asks, storm) = (self.asks.clone(), self.storm.clone());
                let mut dice = self.dice.fork();
                let task = scope.go(async move {
                    while storm.is_on() && !dice.goes_wrong(Fault::Stop) {
                        let _heard = dice.attempt(actors::ask(&worker, &asks)).await;
                    }
                    dice.may_panic(Fault::PanicLater);
                    Ok(())
                });
                match self.dice.one_in(2) {
                    true => task.cancel("planted"),
                    false => task.detach(),
                }
            }
            2 => {
                let (context, cancel) = scope.context().with_cancel();
                let (tells, last) = (self.tells.clone(), worker);
                let _registered = context.after_func(async move {
                    if let Err(refused) = last.tell(Note(tells.token())).await {
                        refused.into_inner().0.refused();
                    }
                });
                cancel.cancel();
            }
            _ => {}
        }
        Ok(())
    }
}
