//! How rounds are run and looked at.
//!
//! A round is a function of the seed, the pattern and its number. Rounds run in batches, each in a
//! runtime of its own whose schedule follows from the seed as well; so a round is repeated by running its
//! batch up to it.

use std::future::Future;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::registry::Snapshot;
use greenroom::task::yield_now;
use greenroom::{OnError, Runtime, SingleThread};

use crate::account::{Counts, Fault, Ledger, Token, lock};
use crate::dice::{Dice, turns};
use crate::flow::Flow;
use crate::watchdog::{Watchdog, wait_on_thread};

pub(crate) type Running = Pin<Box<dyn Future<Output = Result<()>>>>;

/// What is put to the test.
#[derive(Clone, Copy)]
pub(crate) struct Pattern {
    pub(crate) name: &'static str,
    /// One round. Its values are tokens, its faults come from the dice.
    pub(crate) round: fn(Scope, Round) -> Running,
    /// Passes the flow's values through the pattern, and counts them where they come out.
    pub(crate) flow: fn(Scope, Flow) -> Running,
}

/// Rounds between two looks at who lives.
pub(crate) const BATCH: u64 = 100;

/// Until a round counts as hung: of virtual time, or of real time with threads.
const VIRTUAL_PATIENCE: Duration = Duration::from_secs(3600);
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Where and under which seed rounds are run.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) seed: u64,
    pub(crate) threads: bool,
    pub(crate) watchdog: Watchdog,
}

/// A round that went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) round: u64,
    pub(crate) what: Vec<String>,
}

/// What the body of a round gets.
#[derive(Clone)]
pub(crate) struct Round(Arc<Shared>);

struct Shared {
    ledger: Ledger,
    dice: Mutex<Dice>,
    afterwards: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    cut: Cut,
    collects: bool,
}

/// What is done to a round as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    None,
    /// Its scope is cancelled, after so many turns.
    Cancel(usize),
    /// A context around its scope is cancelled.
    CancelAround(usize),
    /// A context around its scope has a deadline, in milliseconds.
    Deadline(u64),
    /// The future of its scope is dropped.
    DropScope(usize),
    /// It has a runtime of its own, which is dropped.
    DropRuntime(usize),
    /// It has a runtime of its own, which is shut down.
    Shutdown(usize),
}

impl Round {
    fn new(frame: &Frame, pattern: &Pattern, number: u64) -> Self {
        let seed = mix(frame.seed, pattern.name, number);
        let mut rng = fastrand::Rng::with_seed(seed);
        let ledger = Ledger::default();
        let is_calm = rng.u32(..8) == 0;
        let turns = rng.usize(..40);
        let cut = match rng.u32(..64) {
            _ if is_calm => Cut::None,
            0..8 => Cut::Cancel(turns),
            8..14 => Cut::CancelAround(turns),
            14..18 => Cut::Deadline(rng.u64(..4)),
            18..26 => Cut::DropScope(turns),
            26 => Cut::DropRuntime(turns),
            27 => Cut::Shutdown(turns),
            _ => Cut::None,
        };
        Self(Arc::new(Shared {
            dice: Mutex::new(Dice::new(rng.u64(..), ledger.clone(), is_calm)),
            ledger,
            afterwards: Mutex::default(),
            cut,
            collects: rng.bool(),
        }))
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    pub(crate) fn token(&self) -> Token {
        self.0.ledger.token()
    }

    /// Gives dice. Call it in the body of the round only, so that the order of the calls is fixed.
    pub(crate) fn dice(&self) -> Dice {
        lock(&self.0.dice).fork()
    }

    /// Does something when the round has ended, however it has, before its account is looked at.
    pub(crate) fn afterwards(&self, f: impl FnOnce() + Send + 'static) {
        lock(&self.0.afterwards).push(Box::new(f));
    }

    /// Notes what must not be.
    pub(crate) fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.ledger.breach(what());
        }
    }

    /// Returns whether nothing was done to the round so far, and nothing will be from outside.
    pub(crate) fn is_calm(&self) -> bool {
        self.0.cut == Cut::None && self.0.ledger.counts().is_calm()
    }

    fn is_whole(&self) -> bool {
        matches!(self.0.cut, Cut::DropRuntime(_) | Cut::Shutdown(_))
    }

    /// Says what was done to it.
    fn told(&self) -> String {
        let (cut, counts) = (self.0.cut, self.0.ledger.counts());
        format!("cut: {cut:?}, {counts:?}")
    }

    fn run_afterwards(&self) {
        for last in std::mem::take(&mut *lock(&self.0.afterwards)) {
            last();
        }
    }

    /// Looks at the account of a round that has ended.
    fn audit(&self, error: Option<String>) -> Vec<String> {
        let mut found = self.0.ledger.audit();
        if let Some(error) = error.filter(|_| self.0.ledger.counts().is_calm()) {
            found.push(format!("it failed without a fault: {error}"));
        }
        found
    }
}

impl Frame {
    /// Runs rounds of a pattern, from the beginning of a batch on, and adds up what was done to them.
    pub(crate) fn rounds(
        &self,
        pattern: &Pattern,
        rounds: Range<u64>,
        counts: &mut Counts,
    ) -> Result<(), Failed> {
        let mut start = rounds.start;
        while start < rounds.end {
            let end = rounds.end.min(start - start % BATCH + BATCH);
            self.batch(pattern, start..end, counts)?;
            start = end;
        }
        Ok(())
    }

    fn batch(
        &self,
        pattern: &Pattern,
        rounds: Range<u64>,
        counts: &mut Counts,
    ) -> Result<(), Failed> {
        let runtime = self.runtime(mix(self.seed, pattern.name, !rounds.start));
        let mut next = rounds.start;
        while next < rounds.end {
            self.watchdog
                .watch(pattern.name, next, Some(runtime.handle()));
            let (pattern, frame, end) = (*pattern, self.clone(), rounds.end);
            let (reached, more, failed) = runtime.run(move |outer, runtime| async move {
                frame.some(&outer, &runtime, &pattern, next..end).await
            });
            *counts += more;
            if let Some(failed) = failed {
                return Err(failed);
            }
            next = reached;
            if next < rounds.end {
                self.watchdog.watch(pattern.name, next, None);
                self.whole(&pattern, next, counts)?;
                next += 1;
            }
        }
        self.watchdog.rest();
        Ok(())
    }

    /// Runs rounds up to one that needs a runtime of its own. Returns which that is.
    async fn some(
        &self,
        outer: &Scope,
        runtime: &Runtime,
        pattern: &Pattern,
        rounds: Range<u64>,
    ) -> (u64, Counts, Option<Failed>) {
        let mut counts = Counts::default();
        let mut number = rounds.start;
        while number < rounds.end {
            let round = Round::new(self, pattern, number);
            if round.is_whole() {
                break;
            }
            self.watchdog.beat(number);
            let what = self.one(outer, runtime, pattern, &round, number).await;
            counts += round.ledger().counts();
            if let Some(mut what) = what {
                what.push(round.told());
                // Else its scope would be waited for.
                outer.cancel("a round failed");
                return (
                    number,
                    counts,
                    Some(Failed {
                        round: number,
                        what,
                    }),
                );
            }
            number += 1;
        }
        let left = self.left(outer, runtime).await;
        let failed = left.map(|what| Failed {
            round: number.saturating_sub(1),
            what: vec![what],
        });
        (number, counts, failed)
    }

    /// Runs a round, and returns what is wrong with it.
    async fn one(
        &self,
        outer: &Scope,
        runtime: &Runtime,
        pattern: &Pattern,
        round: &Round,
        number: u64,
    ) -> Option<Vec<String>> {
        let patience = match self.threads {
            true => PATIENCE,
            false => VIRTUAL_PATIENCE,
        };
        // By reference: one that hangs must live until it was looked at.
        let mut played = pin!(play(outer, pattern, round));
        let ended = greenroom::select! {
            biased;
            result = played.as_mut() => Some(result),
            after(patience) => None,
        };
        let Some(result) = ended else {
            let snapshot = runtime.snapshot(1.secs()).await;
            let what = format!("it hangs ({})\n{}", round.told(), told(&snapshot));
            self.watchdog.bark(pattern.name, number, &what);
            return Some(vec![what]);
        };
        // As a text: an error may hold a value that came back.
        let error = result.and_then(Result::err);
        let error = error.map(|error| format!("{error:?}"));
        self.settle(outer, round).await;
        let what = round.audit(error);
        (!what.is_empty()).then_some(what)
    }

    /// Waits for what goes on without being waited for: after functions, and scopes whose futures were
    /// dropped. The account says what has not ended even then.
    async fn settle(&self, outer: &Scope, round: &Round) {
        for _ in 0..self.looks() {
            if outer.is_empty() {
                break;
            }
            let _awake = sleep(1.millis()).await;
        }
        round.run_afterwards();
        for _ in 0..self.looks() {
            if round.ledger().live() == 0 {
                break;
            }
            let _awake = sleep(1.millis()).await;
        }
    }

    /// Returns who lives beside the outer scope.
    async fn left(&self, outer: &Scope, runtime: &Runtime) -> Option<String> {
        for look in 1.. {
            let snapshot = runtime.snapshot(10.secs()).await;
            let is_bare = snapshot.actors.is_empty()
                && snapshot.tasks.iter().all(|task| task.id == *outer.id())
                && snapshot.deadlines.is_empty()
                && snapshot.groups.is_empty()
                && snapshot.unanswered.is_empty();
            if is_bare {
                return None;
            }
            if look == self.looks() {
                return Some(format!("after its batch there live\n{}", told(&snapshot)));
            }
            let _awake = sleep(1.millis()).await;
        }
        None
    }

    /// How often to look whether something has ended, with a millisecond in between. That of a paused
    /// clock passes only when nothing can run.
    fn looks(&self) -> usize {
        if self.threads { 5_000 } else { 4 }
    }

    /// Runs a round in a runtime of its own, which ends in the middle of it.
    fn whole(&self, pattern: &Pattern, number: u64, counts: &mut Counts) -> Result<(), Failed> {
        let round = Round::new(self, pattern, number);
        let runtime = self.runtime(mix(self.seed, pattern.name, number));
        round.ledger().fault(Fault::Drop);
        let report = match round.0.cut {
            Cut::Shutdown(limit) => {
                runtime.leave(limit, *pattern, round.clone());
                Some(runtime.shutdown())
            }
            Cut::DropRuntime(limit) => {
                runtime.leave(limit, *pattern, round.clone());
                drop(runtime);
                None
            }
            _ => None,
        };
        round.run_afterwards();
        for _ in 0..self.looks() {
            if round.ledger().live() == 0 {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let mut what = round.audit(None);
        if let Some(report) = report.filter(|report| !report.stuck.is_empty()) {
            what.push(format!("its shutdown left someone behind: {report:?}"));
        }
        *counts += round.ledger().counts();
        if what.is_empty() {
            return Ok(());
        }
        what.push(round.told());
        Err(Failed {
            round: number,
            what,
        })
    }

    pub(crate) fn runtime(&self, seed: u64) -> Host {
        let builder = Runtime::builder();
        if self.threads {
            return Host::Threads(builder.arbiters(3).build().expect("the threads start"));
        }
        let single = builder.single_thread().paused().seed(seed).build();
        Host::Single(single.expect("a single-threaded runtime starts"))
    }
}

/// A runtime of either kind.
pub(crate) enum Host {
    Single(SingleThread),
    Threads(Runtime),
}

impl Host {
    pub(crate) fn handle(&self) -> Runtime {
        match self {
            Self::Single(single) => Runtime::clone(single),
            Self::Threads(runtime) => runtime.clone(),
        }
    }

    /// Runs what looks after the rounds, and cannot fail itself.
    pub(crate) fn run<T, F, Fut>(&self, body: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Scope, Runtime) -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
    {
        let runtime = self.handle();
        let output = Arc::new(Mutex::new(None));
        let inside = output.clone();
        let body = move |scope| async move {
            let value = body(scope, runtime).await;
            *lock(&inside) = Some(value);
            Ok(())
        };
        // It fails if a round failed, which it has told by then.
        let result = match self {
            Self::Single(single) => single.block_on(body),
            Self::Threads(runtime) => runtime.block_on(body),
        };
        let output = lock(&output).take();
        output.unwrap_or_else(|| panic!("the frame itself failed: {result:?}"))
    }

    /// Begins a round in a scope of its own, and leaves that to itself after some turns.
    fn leave(&self, limit: usize, pattern: Pattern, round: Round) {
        let body = move |scope: Scope| begin(scope, pattern, round);
        match self {
            Self::Single(single) => {
                let runtime = self.handle();
                let _left = single.block_on(move |_scope| async move {
                    let _dropped = turns(limit, runtime.scope(body)).await;
                    Ok(())
                });
            }
            Self::Threads(runtime) => {
                let _dropped = wait_on_thread(turns(limit, runtime.scope(body)), PATIENCE);
            }
        }
    }

    fn shutdown(self) -> greenroom::ShutdownReport {
        let patience = Duration::from_millis(2);
        match self {
            Self::Single(single) => single.shutdown(patience),
            Self::Threads(runtime) => match wait_on_thread(runtime.shutdown(patience), PATIENCE) {
                Some(report) => report,
                None => panic!("a shutdown hangs"),
            },
        }
    }
}

fn begin(scope: Scope, pattern: Pattern, round: Round) -> Running {
    if round.0.collects {
        scope.set_on_error(OnError::Collect);
    }
    (pattern.round)(scope, round)
}

/// Runs a round as its cut wants it. `None` if the future of its scope was dropped.
async fn play(outer: &Scope, pattern: &Pattern, round: &Round) -> Option<Result<()>> {
    let (pattern, inside) = (*pattern, round.clone());
    let ledger = round.ledger().clone();
    let body = move |scope: Scope| begin(scope, pattern, inside);
    match round.0.cut {
        Cut::Cancel(limit) => {
            let canceller = outer.clone();
            let body = move |scope: Scope| {
                let target = scope.clone();
                let task = canceller.go(async move {
                    wait_turns(limit).await;
                    ledger.fault(Fault::Cancel);
                    target.cancel("planted");
                    Ok(())
                });
                task.detach();
                body(scope)
            };
            Some(outer.scope(body).await)
        }
        Cut::CancelAround(limit) => {
            let (context, cancel) = outer.context().with_cancel();
            let canceller = outer.go(async move {
                wait_turns(limit).await;
                ledger.fault(Fault::Cancel);
                cancel.cancel();
                Ok(())
            });
            let result = context.run(outer.scope(body)).await;
            let _done = canceller.await;
            Some(flat(result))
        }
        Cut::Deadline(millis) => {
            let context = outer.context().with_timeout(millis.millis());
            let result = context.run(outer.scope(body)).await;
            if context.is_done() {
                ledger.fault(Fault::Cancel);
            }
            Some(flat(result))
        }
        Cut::DropScope(limit) => {
            let result = turns(limit, outer.scope(body)).await;
            if result.is_none() {
                ledger.fault(Fault::Drop);
            }
            result
        }
        Cut::None | Cut::DropRuntime(_) | Cut::Shutdown(_) => Some(outer.scope(body).await),
    }
}

async fn wait_turns(limit: usize) {
    for _ in 0..limit {
        yield_now().await;
    }
}

fn flat<E: std::error::Error + Send + Sync + 'static>(
    result: std::result::Result<Result<()>, E>,
) -> Result<()> {
    result?
}

/// Says who lives, and what each waits for.
pub(crate) fn told(snapshot: &Snapshot) -> String {
    let mut lines = Vec::new();
    let actors = snapshot.actors.iter().map(|actor| &actor.task);
    for task in actors.chain(&snapshot.tasks) {
        let waiting = match &task.waiting {
            Some(waiting) => format!("waits: {waiting:?}"),
            None => "runs, or waits for something foreign".to_owned(),
        };
        lines.push(format!(
            "  {} ({:?}, spawned at {}) {waiting}",
            task.id, task.kind, task.spawned_at
        ));
    }
    lines.push(format!(
        "  deadlines: {:?}, groups: {:?}, unanswered: {:?}",
        snapshot.deadlines, snapshot.groups, snapshot.unanswered
    ));
    lines.join("\n")
}

/// Mixes a seed from what names a round.
fn mix(seed: u64, name: &str, number: u64) -> u64 {
    let mut mixed = seed ^ 0x9e37_79b9_7f4a_7c15;
    for part in name.bytes().map(u64::from).chain([number]) {
        mixed = (mixed ^ part)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(29);
        mixed ^= mixed >> 31;
    }
    mixed
}
