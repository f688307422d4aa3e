//! The choices of a round, and the faults that follow from them.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use fastrand::Rng;
use greenroom::prelude::*;
use greenroom::task::yield_now;

use crate::account::{Fault, Ledger};

/// Throws for one task of a round. All that happens in a round follows from its seed.
pub(crate) struct Dice {
    rng: Rng,
    ledger: Ledger,
    is_calm: bool,
}

/// Panics at a step chosen before, or never.
pub(crate) struct Fuse {
    steps: Option<u32>,
    ledger: Ledger,
}

/// What a planted panic carries.
#[derive(Debug)]
pub(crate) struct Planted;

impl Dice {
    /// Rounds that are calm get no fault at all: nothing may go missing there.
    pub(crate) fn new(seed: u64, ledger: Ledger, is_calm: bool) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            ledger,
            is_calm,
        }
    }

    /// Gives a task of the round dice of its own.
    pub(crate) fn fork(&mut self) -> Self {
        Self {
            rng: self.rng.fork(),
            ledger: self.ledger.clone(),
            is_calm: self.is_calm,
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

    /// Chooses whether something goes wrong. Whoever does it says so to the ledger, when it happens.
    pub(crate) fn fault(&mut self, one_in: u32) -> bool {
        !self.is_calm && self.one_in(one_in)
    }

    /// Fails now and then.
    pub(crate) fn may_fail(&mut self, one_in: u32) -> Result<()> {
        if self.fault(one_in) {
            self.ledger.fault(Fault::Error);
            return Err(Failure::message("planted"));
        }
        Ok(())
    }

    /// Returns a fuse that blows in one case of `n`, within some steps.
    pub(crate) fn fuse(&mut self, n: u32) -> Fuse {
        Fuse {
            steps: self.fault(n).then(|| self.rng.u32(..6)),
            ledger: self.ledger.clone(),
        }
    }

    /// Lets others run now and then, or the clock move.
    pub(crate) async fn pause(&mut self) -> Result<()> {
        match self.rng.u32(..48) {
            0..16 => yield_now().await,
            16..20 => {
                yield_now().await;
                yield_now().await;
            }
            20 => sleep(self.rng.u64(1..3).millis()).await?,
            _ => {}
        }
        Ok(())
    }

    /// Says that a party leaves before its time.
    pub(crate) fn leave(&self) {
        self.ledger.fault(Fault::Drop);
    }

    /// Runs a future to its end, or drops it after some polls, or after some turns of the other tasks,
    /// or ends its context. `None` if it was dropped.
    pub(crate) async fn attempt<F: Future>(&mut self, future: F) -> Option<F::Output> {
        if self.is_calm {
            return Some(future.await);
        }
        match self.rng.u32(..16) {
            0 | 1 => {
                let limit = self.rng.usize(1..4);
                self.told_drop(polls(limit, future).await)
            }
            2 => {
                let limit = self.rng.usize(0..8);
                self.told_drop(turns(limit, future).await)
            }
            3 => {
                let (context, cancel) = Context::current()?.with_cancel();
                let limit = self.rng.usize(0..5);
                let mut run = pin!(context.run(future));
                let early = turns(limit, run.as_mut()).await;
                let ended = match early {
                    Some(ended) => ended,
                    None => {
                        self.ledger.fault(Fault::Cancel);
                        cancel.cancel();
                        run.await
                    }
                };
                ended.ok()
            }
            4 => {
                let after = self.rng.u64(..3).millis();
                let context = Context::current()?.with_timeout(after);
                // Also if it is in time: what it has sent may ride with the deadline.
                self.ledger.fault(Fault::Cancel);
                context.run(future).await.ok()
            }
            _ => Some(future.await),
        }
    }

    fn told_drop<T>(&self, output: Option<T>) -> Option<T> {
        if output.is_none() {
            self.ledger.fault(Fault::Drop);
        }
        output
    }
}

impl Fuse {
    pub(crate) fn step(&mut self) {
        match &mut self.steps {
            Some(0) => {
                self.steps = None;
                self.ledger.fault(Fault::Panic);
                // Not `panic!`: the hook is for panics that nobody planted.
                std::panic::resume_unwind(Box::new(Planted));
            }
            Some(steps) => *steps -= 1,
            None => {}
        }
    }

    /// Returns whether the next step panics.
    pub(crate) fn is_due(&self) -> bool {
        self.steps == Some(0)
    }
}

/// Polls a future so many times at most, and drops it then.
pub(crate) async fn polls<F: Future>(limit: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|cx| {
        if polled == limit {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == limit => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Waits for a future while its task gets so many turns, and drops it then.
pub(crate) async fn turns<F: Future>(limit: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = limit;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
