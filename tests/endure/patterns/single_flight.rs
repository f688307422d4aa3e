//! Single flights: one run for a key, whose outcome all its callers get.

use std::sync::Arc;

use greenroom::patterns::single_flight::FlightError;
use greenroom::prelude::*;

use crate::account::{Count, Token};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

type Flights = SingleFlight<usize, Arc<Token>>;

#[derive(Clone)]
struct Party {
    flights: Flights,
    // For each key, what runs.
    running: [Count; 2],
    forgets: bool,
    round: Round,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    // Of a value that is shared nobody is the receiver.
    round.ledger().may_drop();
    let party = Party {
        flights: SingleFlight::spawn(&scope).await?,
        running: Default::default(),
        forgets: dice.one_in(3),
        round: round.clone(),
    };
    let mut callers = Vec::new();
    for _ in 0..dice.upto(4) {
        let task = scope.go(party.clone().call(dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        callers.push(task);
    }
    for caller in callers {
        let _failed = caller.await;
    }
    // The keys are free again.
    for key in 0..2 {
        let flown = party.flights.call(key, party.run(key, dice.fork())).await;
        round.check(!matches!(flown, Err(FlightError::Taken)), || {
            format!("a call for {key} got another's outcome: {flown:?}")
        });
    }
    Ok(())
}

impl Party {
    fn run(
        &self,
        key: usize,
        mut dice: Dice,
    ) -> impl FnOnce() -> std::pin::Pin<Box<dyn Future<Output = Result<Arc<Token>>> + Send>> + Send + use<>
    {
        let party = self.clone();
        move || {
            Box::pin(async move {
                let _running = party.running[key].hold();
                let running = party.running[key].get();
                // A run that was cancelled may not have ended yet when the next begins.
                let is_alone = running == 1 || party.forgets || !party.round.is_calm();
                party
                    .round
                    .check(is_alone, || format!("{running} run for key {key}"));
                dice.pause().await?;
                dice.fuse(12).step();
                dice.may_fail(12)?;
                dice.pause().await?;
                Ok(Arc::new(party.round.token()))
            })
        }
    }

    async fn call(self, mut dice: Dice) -> Result<()> {
        let mut fuse = dice.fuse(12);
        for _ in 0..dice.below(5) {
            fuse.step();
            dice.pause().await?;
            let key = dice.below(2);
            let run = self.run(key, dice.fork());
            if self.forgets && dice.one_in(3) {
                self.flights.forget(key);
            }
            let outcome = if dice.one_in(2) {
                dice.attempt(self.flights.call(key, run)).await
            } else {
                let ticket = self.flights.start(key, run);
                match dice.below(6) {
                    0 => {
                        ticket.detach();
                        continue;
                    }
                    // The run is cancelled then, if nobody else waits.
                    1 if dice.fault(1) => {
                        dice.leave();
                        continue;
                    }
                    _ => dice.attempt(ticket.wait()).await,
                }
            };
            match outcome {
                // Twice would be seen.
                Some(Ok(flown)) if !flown.is_shared => flown.value.received(),
                Some(Err(FlightError::Taken | FlightError::Recursive)) => {
                    self.round
                        .check(false, || "an outcome was taken twice".to_owned());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let flights = SingleFlight::spawn(&scope).await?;
    for value in 1..=flow.items() {
        let flown = flights
            .call(value % 7, move || async move { Ok(value) })
            .await?;
        flow.passed(flown.value);
    }
    Ok(())
}
