//! A sender as a sink.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};

use futures_sink::Sink;

use super::chan::{Failed, Pending};
use super::error::SendError;
use super::sender::Sender;
use crate::task::WaitKind;
use crate::unwind;

/// The sending end of a channel as a sink. Made by [`Sender::sink`].
///
/// It holds one item besides what the channel stores: ready means that the one before was taken, and
/// flushed means that this one was. Closing the sink flushes it and gives its sender up; the channel
/// stays open while there are others.
///
/// # Errors
/// [`SendError`], with the item that was not sent. After an error the sink can be used again, unless
/// the channel is closed.
///
/// # Cancel safety
/// A flush that is dropped sends nothing or goes on at the next poll. An item that was not flushed is
/// dropped with the sink.
///
/// # Examples
/// ```
/// # use greenroom_core::{channel, doc_support::block_on};
/// use futures_util::{SinkExt, StreamExt, stream};
/// # block_on(async {
/// let (tx, rx) = channel::unbounded();
/// let mut sink = tx.sink();
/// sink.send_all(&mut stream::iter([Ok(1), Ok(2)])).await?;
/// sink.close().await?;
/// assert_eq!(rx.stream().collect::<Vec<_>>().await, [1, 2]);
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
#[must_use = "sinks do nothing unless polled"]
pub struct SenderSink<T> {
    // None once it is closed.
    sender: Option<Sender<T>>,
    // Empty while the item waits in the channel's line.
    item: Option<T>,
    // Whether there is an item that was not taken, here or in the line.
    is_holding: bool,
    pending: Pending,
}

impl<T> SenderSink<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        Self {
            sender: Some(sender),
            item: None,
            is_holding: false,
            pending: Pending::new(WaitKind::Send),
        }
    }

    fn poll_taken(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let Some(sender) = self.sender.as_ref().filter(|_| self.is_holding) else {
            return Poll::Ready(Ok(()));
        };
        let polled = sender.chan.poll_send(&mut self.item, &mut self.pending, cx);
        if polled.is_ready() {
            self.pending.rest();
            self.is_holding = false;
        }
        polled.map_err(|failed| {
            let Some(item) = self.item.take() else {
                unreachable!("a send that failed has its value back");
            };
            match failed {
                Failed::Closed | Failed::Empty => SendError::Closed(item),
                Failed::Ended(error) => SendError::ended(item, error),
            }
        })
    }
}

impl<T> Sink<T> for SenderSink<T> {
    type Error = SendError<T>;

    fn poll_ready(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        self.get_mut().poll_taken(cx)
    }

    /// # Panics
    /// If the sink is not ready, which its caller asks first.
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Self::Error> {
        let this = self.get_mut();
        assert!(
            !this.is_holding,
            "greenroom: `start_send` on a sink that is not ready; wait for `poll_ready` first"
        );
        match &this.sender {
            Some(sender) if !sender.is_closed() => {
                this.item = Some(item);
                this.is_holding = true;
                Ok(())
            }
            _ => Err(SendError::Closed(item)),
        }
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        self.get_mut().poll_taken(cx)
    }

    fn poll_close(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        let flushed = this.poll_taken(cx);
        if flushed.is_ready() {
            this.sender = None;
        }
        flushed
    }
}

impl<T> Drop for SenderSink<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender
                .chan
                .leave_send(&mut self.item, &mut self.pending.entry);
        }
        // Before the sender goes; see `certain`, invariant 5.
        self.pending.rest();
        if let Some(item) = self.item.take() {
            unwind::drop_apart(item, std::any::type_name::<T>());
        }
    }
}

// Nothing is pinned through it: items move in and out.
impl<T> Unpin for SenderSink<T> {}

impl<T> fmt::Debug for SenderSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderSink")
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}
