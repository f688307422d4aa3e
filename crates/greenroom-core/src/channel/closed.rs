//! The future that completes with the close of a channel.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use super::chan::Chan;
use crate::error::ContextError;
use crate::task::WaitKind;
use crate::wait::Wait;

/// Completes when the channel is closed. Made by [`Sender::closed`](super::Sender::closed).
///
/// # Cancel safety
/// Cancel safe: dropping it leaves nothing behind.
#[must_use = "futures do nothing unless polled"]
pub struct Closed<'a, T> {
    chan: &'a Chan<T>,
    entry: Option<usize>,
    wait: Wait,
}

impl<'a, T> Closed<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> Self {
        Self {
            chan,
            entry: None,
            wait: Wait::new(WaitKind::Join),
        }
    }

    fn leave(&mut self) {
        if let Some(key) = self.entry.take() {
            let _waker = self.chan.step(|state, _| state.leave_closing(key));
        }
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = Result<(), ContextError>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.entry.is_none()
            && let Some(ended) = Wait::ended()
        {
            return Poll::Ready(Err(ended));
        }
        let entry = this.entry;
        let (closed, _old) = this.chan.step(|state, _| {
            if state.is_closed() {
                return (true, None);
            }
            match entry.and_then(|key| state.closing_waker(key)) {
                Some(Some(there)) if there.will_wake(cx.waker()) => (false, None),
                Some(there) => (false, there.replace(cx.waker().clone())),
                None => {
                    this.entry = Some(state.wait_for_close(cx.waker().clone()));
                    (false, None)
                }
            }
        });
        let poll = if closed {
            Poll::Ready(Ok(()))
        } else {
            let id = this.chan.id();
            this.wait.poll(cx, || id.cloned(), None).map(Err)
        };
        if poll.is_ready() {
            this.wait.end();
            this.leave();
        }
        poll
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}
