//! The wait for a tick.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Instant;

use super::bell::Bell;
use crate::channel::Claim;
use crate::error::{Cause, ContextError};
use crate::id::Id;
use crate::select::{Attempt, Kernel, Kind};
use crate::task::WaitKind;
use crate::wait::Wait;

/// Why a wait for a tick ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TickError {
    /// The current context was cancelled.
    #[error("wait for a timer cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed.
    #[error("deadline exceeded while waiting for a timer")]
    Deadline,
}

impl From<ContextError> for TickError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

/// Completes with the next tick, and the instant at which it was due. Made by
/// [`Ticker::tick`](super::Ticker::tick) and [`Timer::fired`](super::Timer::fired).
///
/// By itself it ends with the current context. As a case of [`select!`](crate::select!) it never fails:
/// there the other cases watch the context.
///
/// Polled again after completion, it waits for the tick after that.
///
/// # Cancel safety
/// Cancel safe: a tick that was handed to it goes to the next who waits, or back.
#[must_use = "futures do nothing unless polled"]
pub struct Tick {
    bell: Arc<Bell>,
    entry: Option<usize>,
    wait: Wait,
}

impl Tick {
    pub(super) fn new(bell: &Arc<Bell>) -> Self {
        Self {
            bell: bell.clone(),
            entry: None,
            wait: Wait::new(WaitKind::Sleep),
        }
    }

    fn poll_tick(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<Instant, TickError>> {
        let taken = if self.entry.is_some() {
            self.bell.look(&mut self.entry, cx.waker())
        } else if let Some(ended) = Wait::ended() {
            return Poll::Ready(Err(ended.into()));
        } else {
            self.bell.take_or_wait(&mut self.entry, cx.waker())
        };
        if let Some(at) = taken {
            return Poll::Ready(Ok(at));
        }
        let bell = &self.bell;
        let ended = self.wait.poll(cx, || bell.id().cloned(), None);
        // A tick that came before the end of the context decides.
        ended.map(|error| match self.bell.leave(&mut self.entry) {
            Some(at) => Ok(at),
            None => Err(error.into()),
        })
    }
}

impl Future for Tick {
    type Output = Result<Instant, TickError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let poll = self.poll_tick(cx);
        if poll.is_ready() {
            self.wait.end();
        }
        poll
    }
}

impl Kernel for Tick {
    type Output = Result<Instant, TickError>;

    fn kind(&self) -> Kind {
        Kind::Tick
    }

    fn begin(&mut self) -> Option<Self::Output> {
        self.wait.end();
        self.bell.leave(&mut self.entry).map(Ok)
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        self.bell.attempt(unchanged).map(Ok)
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        self.bell.register(&mut self.entry, claim, case)
    }

    fn is_ready(&self, _claim: &Arc<Claim>) -> bool {
        self.bell.is_due()
    }

    fn leave(&mut self) {
        self.bell.abandon(&mut self.entry);
    }

    fn complete(&mut self) -> Self::Output {
        match self.bell.leave(&mut self.entry) {
            Some(at) => Ok(at),
            None => unreachable!("who claims for a tick hands it over"),
        }
    }

    fn fail(&mut self, _error: ContextError) -> Option<Self::Output> {
        None
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.bell).addr()
    }

    fn version(&self) -> u64 {
        self.bell.version()
    }

    fn id(&self) -> Option<&Id> {
        self.bell.id()
    }
}

impl Drop for Tick {
    fn drop(&mut self) {
        self.bell.abandon(&mut self.entry);
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tick").finish_non_exhaustive()
    }
}
