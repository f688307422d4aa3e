//! A receiver as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};

use futures_core::Stream;

use super::Receiver;
use super::chan::{Failed, Pending};
use super::recv::One;
use crate::task::WaitKind;

/// The values of a channel as a stream, which ends when the channel is closed and drained. Made by
/// [`Receiver::stream`].
///
/// When the current context ends the stream does *not* end, since that would look like a complete one:
/// it stays pending, and the task that polls it is dropped by its context. Where nothing drops the
/// task, use [`Receiver::recv`], which tells how the context ended.
///
/// Between two polls it may hold a value that was handed to it, which other receivers do not see until
/// the stream is polled again, dropped, or taken apart by [`into_inner`](Self::into_inner). That is
/// why a [`Receiver`] is not a stream by itself.
///
/// # Cancel safety
/// Cancel safe: when it is dropped, a value that was handed to it goes to the next receiver.
///
/// # Examples
/// ```
/// # use greenroom_core::{channel, doc_support::block_on};
/// use futures_util::StreamExt;
/// # block_on(async {
/// let (tx, rx) = channel::bounded(2);
/// tx.send(1).await?;
/// tx.send(2).await?;
/// tx.close();
/// assert_eq!(rx.stream().collect::<Vec<_>>().await, [1, 2]);
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct ReceiverStream<T> {
    receiver: Receiver<T>,
    pending: Pending,
    ended: bool,
}

impl<T> ReceiverStream<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        Self {
            receiver,
            pending: Pending::new(WaitKind::Receive),
            ended: false,
        }
    }

    /// Returns a receiver of the same channel; a value that was handed to the stream is put back first.
    #[must_use]
    pub fn into_inner(self) -> Receiver<T> {
        self.receiver.clone()
    }
}

impl<T> Stream for ReceiverStream<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let poll = this
            .receiver
            .chan
            .poll_receive(&mut One, &mut this.pending, cx);
        if poll.is_ready() {
            this.pending.rest();
        }
        match poll {
            Poll::Ready(Ok(value)) => Poll::Ready(Some(value)),
            Poll::Ready(Err(Failed::Ended(_))) | Poll::Pending => Poll::Pending,
            Poll::Ready(Err(Failed::Closed | Failed::Empty)) => {
                this.ended = true;
                Poll::Ready(None)
            }
        }
    }
}

impl<T> Drop for ReceiverStream<T> {
    fn drop(&mut self) {
        self.receiver.chan.abandon_receive(&mut self.pending.entry);
        // Before the receiver goes; see `certain`, invariant 5.
        self.pending.rest();
    }
}

impl<T> fmt::Debug for ReceiverStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverStream")
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}
