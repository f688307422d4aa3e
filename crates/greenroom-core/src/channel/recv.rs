//! The futures of a receive.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use super::chan::{Chan, Failed, Pending, Take};
use super::error::RecvError;
use super::state::{State, Step};
use crate::task::WaitKind;

/// Completes with the next value. Made by [`Receiver::recv`](super::Receiver::recv).
///
/// # Panics
/// If it is polled after completion.
///
/// # Cancel safety
/// Cancel safe: a value that was handed to it goes to the next receiver.
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a, T> {
    pub(super) chan: &'a Chan<T>,
    pub(super) pending: Pending,
}

/// Completes with the number of values received. Made by
/// [`Receiver::recv_many`](super::Receiver::recv_many).
///
/// # Panics
/// If it is polled after completion.
///
/// # Cancel safety
/// Cancel safe: a value that was handed to it goes to the next receiver, the buffer is as it was.
#[must_use = "futures do nothing unless polled"]
pub struct RecvMany<'a, T> {
    pub(super) chan: &'a Chan<T>,
    pub(super) many: Many<'a, T>,
    pub(super) pending: Pending,
}

impl<'a, T> Recv<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> Self {
        Self {
            chan,
            pending: Pending::new(WaitKind::Receive),
        }
    }
}

impl<'a, T> RecvMany<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, into: &'a mut Vec<T>, limit: usize) -> Self {
        Self {
            chan,
            many: Many { into, limit },
            pending: Pending::new(WaitKind::Receive),
        }
    }
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let chan = this.chan;
        let poll = this.pending.guard(|p| chan.poll_receive(&mut One, p, cx));
        poll.map_err(RecvError::from)
    }
}

impl<T> Future for RecvMany<'_, T> {
    type Output = Result<usize, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (chan, many) = (this.chan, &mut this.many);
        let poll = this.pending.guard(|p| chan.poll_receive(many, p, cx));
        poll.map_err(RecvError::from)
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        self.chan.abandon_receive(&mut self.pending.entry);
    }
}

impl<T> Drop for RecvMany<'_, T> {
    fn drop(&mut self) {
        self.chan.abandon_receive(&mut self.pending.entry);
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany").finish_non_exhaustive()
    }
}

impl From<Failed> for RecvError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Closed | Failed::Empty => Self::Closed,
            Failed::Ended(error) => error.into(),
        }
    }
}

/// Takes one value.
pub(super) struct One;

impl<T> Take<T> for One {
    type Output = T;

    fn take(&mut self, state: &mut State<T>, step: &mut Step, handed: Option<T>) -> Option<T> {
        handed.or_else(|| state.pull(step))
    }
}

/// Takes all that is there, up to a limit.
pub(super) struct Many<'a, T> {
    into: &'a mut Vec<T>,
    limit: usize,
}

impl<T> Many<'_, T> {
    pub(super) fn is_nothing(&self) -> bool {
        self.limit == 0
    }
}

impl<T> Take<T> for Many<'_, T> {
    type Output = usize;

    fn take(&mut self, state: &mut State<T>, step: &mut Step, handed: Option<T>) -> Option<usize> {
        let before = self.into.len();
        self.into.extend(handed);
        while self.into.len() - before < self.limit {
            match state.pull(step) {
                Some(value) => self.into.push(value),
                None => break,
            }
        }
        let taken = self.into.len() - before;
        (taken > 0 || self.limit == 0).then_some(taken)
    }
}
