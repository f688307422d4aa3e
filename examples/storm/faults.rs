//! Chance, and what goes wrong by it.
//!
//! All choices come from `fastrand` (wyrand, 64 bits): the storm's seed makes the first dice, which are
//! forked for each part, client and actor. The choices of one client are the same in each storm of a
//! seed. How the clients meet is not: they run on real threads.

use std::array;
use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::Poll;

use fastrand::Rng;
use greenroom::prelude::*;
use greenroom::task::yield_now;

/// What goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A handler, a job or a stage panics before its first await.
    Panic,
    /// The same, after an await.
    PanicLater,
    /// A factory, or the hook `started`, panics.
    PanicStart,
    /// The drop of an actor's state panics.
    PanicDrop,
    /// A hook, a job or a stage returns an error.
    Error,
    /// The context of a call is cancelled, or has a deadline that is close.
    Cancel,
    /// The future of a call is dropped half-way.
    Leave,
    /// An actor is stopped, a pool closed, a task cancelled.
    Stop,
    /// Many messages at once, to one actor.
    Flood,
    /// A scope is cancelled, runs into its deadline, or its future is dropped.
    Scope,
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::Panic,
        Self::PanicLater,
        Self::PanicStart,
        Self::PanicDrop,
        Self::Error,
        Self::Cancel,
        Self::Leave,
        Self::Stop,
        Self::Flood,
        Self::Scope,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Panic => "panics",
            Self::PanicLater => "panics after an await",
            Self::PanicStart => "panics at a start",
            Self::PanicDrop => "panics in a drop",
            Self::Error => "errors",
            Self::Cancel => "cancels and deadlines",
            Self::Leave => "dropped calls",
            Self::Stop => "stops",
            Self::Flood => "floods",
            Self::Scope => "ended scopes",
        }
    }

    /// How often: once in so many chances.
    fn one_in(self) -> u32 {
        match self {
            Self::Panic => 150,
            Self::PanicLater => 300,
            Self::PanicStart => 12,
            Self::PanicDrop => 40,
            Self::Error => 100,
            Self::Cancel => 12,
            Self::Leave => 16,
            Self::Stop => 30,
            Self::Flood => 200,
            Self::Scope => 4,
        }
    }
}

/// How often each went wrong. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Faults(Arc<[AtomicU64; Fault::ALL.len()]>);

/// Throws for one task, actor or line.
#[derive(Debug)]
pub(crate) struct Dice {
    rng: Rng,
    faults: Faults,
}

/// What a planted panic carries.
#[derive(Debug)]
pub(crate) struct Planted;

impl Faults {
    pub(crate) fn new() -> Self {
        Self(Arc::new(array::from_fn(|_| AtomicU64::new(0))))
    }

    pub(crate) fn count(&self, fault: Fault) -> u64 {
        self.0[fault as usize].load(SeqCst)
    }

    pub(crate) fn note(&self, fault: Fault) {
        self.0[fault as usize].fetch_add(1, SeqCst);
    }
}

impl Dice {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let rng = Rng::with_seed(seed);
        Self { rng, faults }
    }

    /// Gives someone else dice.
    pub(crate) fn fork(&mut self) -> Self {
        Self {
            rng: self.rng.fork(),
            faults: self.faults.clone(),
        }
    }

    /// Returns a number from 0 to `end`, without it.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.rng.usize(..end)
    }

    /// Returns a number from 1 to `last`.
    pub(crate) fn upto(&mut self, last: usize) -> usize {
        self.rng.usize(1..=last)
    }

    /// Chooses something that is no fault.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    /// Chooses whether something goes wrong now.
    pub(crate) fn goes_wrong(&mut self, fault: Fault) -> bool {
        let goes_wrong = self.one_in(fault.one_in());
        if goes_wrong {
            self.faults.note(fault);
        }
        goes_wrong
    }

    /// Panics now and then.
    pub(crate) fn may_panic(&mut self, fault: Fault) {
        if self.goes_wrong(fault) {
            std::panic::panic_any(Planted);
        }
    }

    /// Fails now and then.
    pub(crate) fn may_fail(&mut self) -> Result<()> {
        match self.goes_wrong(Fault::Error) {
            true => Err(Failure::message("planted")),
            false => Ok(()),
        }
    }

    /// Lets others run now and then, or time pass.
    pub(crate) async fn pause(&mut self) -> Result<()> {
        match self.rng.u32(..64) {
            0..12 => yield_now().await,
            12 => sleep(self.rng.u64(50..1_500).micros()).await?,
            _ => {}
        }
        Ok(())
    }

    /// Runs a call to its end; or drops it after some polls, or ends its context. `None` if it was
    /// dropped, by either.
    pub(crate) async fn attempt<F: IntoFuture>(&mut self, call: F) -> Option<F::Output> {
        let call = call.into_future();
        if self.goes_wrong(Fault::Leave) {
            let limit = self.upto(4);
            return polls(limit, call).await;
        }
        if self.goes_wrong(Fault::Cancel) {
            let now = Context::current()?;
            if self.one_in(2) {
                let context = now.with_timeout(self.rng.u64(..2_000).micros());
                return context.run(call).await.ok();
            }
            let (context, cancel) = now.with_cancel();
            let limit = self.upto(4);
            let mut run = pin!(context.run(call));
            if let Some(ended) = polls(limit, run.as_mut()).await {
                return ended.ok();
            }
            cancel.cancel();
            return run.await.ok();
        }
        Some(call.await)
    }
}

/// Polls a future so many times at most, and gives it up then.
async fn polls<F: Future>(limit: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = limit;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        left -= 1;
        match left {
            0 => Poll::Ready(None),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Lets the hook tell of the panics that nobody planted, and counts them.
pub(crate) fn count_unplanted_panics() -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().is::<Planted>() {
            return;
        }
        counter.fetch_add(1, SeqCst);
        tell(info);
    }));
    count
}
