//! The storm as a whole: rounds of load, each in a scope of its own that ends in one of several ways.

use std::pin::pin;
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::task::TaskKind;
use greenroom::{Living, OnError};

use super::account::Account;
use super::faults::{Dice, Fault, Faults};
use super::letters::{Letters, Undertaker};
use super::memory::Memory;
use super::progress::{PROGRESS, Progress};
use super::storm::{Part, Storm};

/// How long the load of a round lasts.
const ROUND: Duration = Duration::from_secs(2);

/// How long a round may take to end when its load has, before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) lasts: Duration,
    pub(crate) seed: u64,
    pub(crate) parts: &'static [Part],
    pub(crate) faults: Faults,
    pub(crate) progress: Progress,
}

/// What the rounds have shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rounds: u64,
    pub(crate) account: Account,
    pub(crate) memory: Memory,
    pub(crate) letters: Letters,
    /// What must not be, with the number of the round.
    pub(crate) wrong: Vec<String>,
}

/// How a round ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// The load stops, and all is drained.
    Drained,
    /// The scope is cancelled.
    Cancelled,
    /// A context around the scope runs into its deadline.
    Overdue,
    /// The future of the scope is dropped.
    Dropped,
}

/// Runs rounds until the time is up, the context ends, or something is wrong.
pub(crate) async fn run(outer: Scope, runtime: Runtime, stop: Context, plan: Plan) -> Outcome {
    let mut dice = Dice::new(plan.seed, plan.faults.clone());
    let mut outcome = Outcome::default();
    let until = outer.context().now() + plan.lasts;
    while !stop.is_done() && outcome.wrong.is_empty() {
        let left = until.saturating_duration_since(outer.context().now());
        if left.is_zero() {
            break;
        }
        // Four at least, so that the memory can be compared.
        let length = left.min(ROUND).min(plan.lasts / 4);
        let round = Round {
            storm: Storm::new(
                runtime.clone(),
                plan.faults.clone(),
                stop.with_timeout(length),
            ),
            number: outcome.rounds + 1,
            length,
            parts: plan.parts,
        };
        plan.progress.watch(&round.storm.ledger, &outcome.account);
        let wrong = round.play(&outer, &mut dice, &mut outcome.letters).await;
        let number = round.number;
        let named = wrong
            .into_iter()
            .map(|what| format!("round {number}: {what}"));
        outcome.wrong.extend(named);
        outcome.account.add(&round.storm.ledger.account());
        round.storm.ledger.close();
        outcome.rounds += 1;
        outcome.memory.note();
    }
    outcome
}

struct Round {
    storm: Storm,
    number: u64,
    length: Duration,
    parts: &'static [Part],
}

impl Round {
    /// Plays the round, and returns what is wrong with it.
    async fn play(&self, outer: &Scope, dice: &mut Dice, letters: &mut Letters) -> Vec<String> {
        let ending = match dice.below(8) {
            0 | 1 => Ending::Cancelled,
            2 => Ending::Overdue,
            3 => Ending::Dropped,
            _ => Ending::Drained,
        };
        let mut wrong = Vec::new();
        {
            // By reference: one that hangs must live until it was looked at.
            let mut played = pin!(self.to_its_end(outer, ending, dice.fork(), letters));
            let is_over = select! {
                more = played.as_mut() => { wrong.extend(more); true },
                after(self.length + 2 * PATIENCE) => false,
            };
            if !is_over {
                wrong.push(format!("it hangs ({ending:?})\n{}", self.seen().await));
                // It is not waited for: the program ends with what it knows.
                super::report::hung(&wrong);
            }
        }
        wrong.extend(self.storm.ledger.all_wrong());
        wrong.truncate(20);
        wrong
    }

    /// Plays the round until nothing of it is left, and reads the dead letters meanwhile.
    async fn to_its_end(
        &self,
        outer: &Scope,
        ending: Ending,
        dice: Dice,
        letters: &mut Letters,
    ) -> Option<String> {
        let (storm, mut undertaker) = (&self.storm, Undertaker::new(&self.storm.runtime));
        let left = {
            let mut played = pin!(async {
                self.end(outer, ending, dice).await;
                self.left(outer).await
            });
            select! {
                left = played.as_mut() => left,
                _ended = undertaker.read() => played.await,
            }
        };
        undertaker.read_rest();
        letters.add(&undertaker);
        if left.is_none() {
            undertaker.compare(&storm.runtime, &storm.ledger.account(), &storm.ledger);
        }
        left
    }

    async fn end(&self, outer: &Scope, ending: Ending, dice: Dice) {
        let (storm, parts) = (self.storm.clone(), self.parts);
        let load = self.storm.load.clone();
        if !matches!(ending, Ending::Drained) {
            storm.faults.note(Fault::Scope);
        }
        let body = move |scope: Scope| async move {
            scope.set_on_error(OnError::Collect);
            let begun = start(&scope, &storm, parts, dice).await;
            if let Err(failure) = begun
                && storm.is_on()
                && !scope.context().is_done()
            {
                let what = format!("a part did not start: {failure}");
                storm.ledger.wrong(what);
            }
            load.done().await;
            if matches!(ending, Ending::Cancelled) {
                scope.cancel("the round is over");
            }
            Ok(())
        };
        // Its errors are those that were planted.
        match ending {
            Ending::Drained | Ending::Cancelled => {
                let _planted = outer.scope(body).await;
            }
            Ending::Overdue => {
                let overdue = self.storm.load.clone();
                let _planted = overdue.run(outer.scope(body)).await;
            }
            Ending::Dropped => {
                select! {
                    _planted = outer.scope(body) => {}
                    after(self.length) => {}
                }
            }
        }
    }

    /// Waits for what nobody waits for: functions after a context, scopes whose futures were dropped.
    /// Returns what is left even then.
    async fn left(&self, outer: &Scope) -> Option<String> {
        let until = outer.context().now() + PATIENCE;
        loop {
            let alive = self.storm.runtime.alive().await;
            let is_other = |living: &&Living| {
                let task = &living.task;
                let is_known = task.kind == TaskKind::Kernel
                    || task.id == *outer.id()
                    || task.id.name() == PROGRESS;
                living.is_leak || !is_known
            };
            let others = alive.living.iter().filter(is_other).count();
            if others == 0 && self.storm.ledger.account().is_even() {
                return None;
            }
            if outer.context().now() >= until {
                let live = self.storm.ledger.account().total().live();
                let seen = self.seen().await;
                return Some(format!(
                    "{live} messages and values are missing, and {others} live that should not\n{seen}"
                ));
            }
            let _awake = sleep(1.millis()).await;
        }
    }

    async fn seen(&self) -> String {
        let alive = self.storm.runtime.alive().await;
        let graph = self.storm.runtime.wait_graph().await;
        format!("{alive}\n{graph}")
    }
}

async fn start(scope: &Scope, storm: &Storm, parts: &[Part], mut dice: Dice) -> Result<()> {
    for part in parts {
        let placed = scope.on(Placement::Spread);
        (part.start)(placed, storm.clone(), dice.fork()).await?;
    }
    Ok(())
}
