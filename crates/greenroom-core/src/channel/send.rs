//! The futures of a send.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use super::chan::{Chan, Failed, Pending};
use super::error::{SendError, SendFromError};
use crate::task::WaitKind;
use crate::unwind;

/// Completes when the channel has taken the value. Made by [`Sender::send`](super::Sender::send).
///
/// # Panics
/// If it is polled after completion.
///
/// # Cancel safety
/// Dropped before the channel took the value, it has put nothing in and the value is dropped with it.
/// Dropped after a receiver took it, it changes nothing.
#[must_use = "futures do nothing unless polled"]
pub struct Send<'a, T> {
    pub(super) chan: &'a Chan<T>,
    pub(super) value: Option<T>,
    pub(super) pending: Pending,
}

/// Completes when the channel has taken the value from the slot. Made by
/// [`Sender::send_from`](super::Sender::send_from).
///
/// # Panics
/// If it is polled after completion.
///
/// # Cancel safety
/// Dropped before the channel took the value, it leaves the value in the slot. Dropped after a
/// receiver took it, the slot is empty.
#[must_use = "futures do nothing unless polled"]
pub struct SendFrom<'a, T> {
    pub(super) chan: &'a Chan<T>,
    pub(super) slot: &'a mut Option<T>,
    pub(super) pending: Pending,
}

impl<'a, T> Send<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, value: T) -> Self {
        Self {
            chan,
            value: Some(value),
            pending: Pending::new(WaitKind::Send),
        }
    }

    /// Puts the value that came back into the error.
    pub(super) fn give_up(&mut self, failed: Failed) -> SendError<T> {
        failed.with_value(self.value.take())
    }
}

impl<'a, T> SendFrom<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, slot: &'a mut Option<T>) -> Self {
        Self {
            chan,
            slot,
            pending: Pending::new(WaitKind::Send),
        }
    }
}

impl Failed {
    /// Makes the error of a send, with the value that came back.
    pub(super) fn with_value<T>(self, value: Option<T>) -> SendError<T> {
        let Some(value) = value else {
            unreachable!("a send that failed has its value back");
        };
        match self {
            Self::Closed | Self::Empty => SendError::Closed(value),
            Self::Ended(error) => SendError::ended(value, error),
        }
    }
}

impl From<Failed> for SendFromError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Closed => Self::Closed,
            Failed::Empty => Self::Empty,
            Failed::Ended(error) => error.into(),
        }
    }
}

impl<T> Future for Send<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (chan, value) = (this.chan, &mut this.value);
        let poll = this.pending.guard(|p| chan.poll_send(value, p, cx));
        poll.map_err(|failed| this.give_up(failed))
    }
}

impl<T> Future for SendFrom<'_, T> {
    type Output = Result<(), SendFromError>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (chan, slot) = (this.chan, &mut *this.slot);
        let poll = this.pending.guard(|p| chan.poll_send(slot, p, cx));
        poll.map_err(SendFromError::from)
    }
}

impl<T> Drop for Send<'_, T> {
    fn drop(&mut self) {
        self.chan
            .leave_send(&mut self.value, &mut self.pending.entry);
        if let Some(value) = self.value.take() {
            unwind::drop_apart(value, std::any::type_name::<T>());
        }
    }
}

impl<T> Drop for SendFrom<'_, T> {
    fn drop(&mut self) {
        self.chan.leave_send(self.slot, &mut self.pending.entry);
    }
}

// Nothing is pinned through either: a value moves in and out.
impl<T> Unpin for Send<'_, T> {}
impl<T> Unpin for SendFrom<'_, T> {}

impl<T> fmt::Debug for Send<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SendFrom<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFrom").finish_non_exhaustive()
    }
}
