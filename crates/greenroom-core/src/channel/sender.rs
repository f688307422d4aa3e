//! The sending end.

use std::fmt;
use std::sync::{Arc, Weak};

use super::chan::Chan;
use super::closed::Closed;
use super::error::{SendBlockingError, TrySendError};
use super::send::{Send, SendFrom};
use super::sink::SenderSink;
use super::state::{Refused, State};
use crate::id::Id;
use crate::sync::atomic::Ordering;
use crate::{blocking, current};

/// The sending end of a channel. Cloning gives another handle to the same end.
///
/// The channel closes when [`close`](Self::close) is called on any sender, when the last sender is
/// dropped, or when the last receiver is. Use a [`WeakSender`] to hold the channel without keeping it
/// open.
pub struct Sender<T> {
    pub(super) chan: Arc<Chan<T>>,
}

/// A handle to a sending end that does not keep the channel open. Made by [`Sender::downgrade`].
pub struct WeakSender<T> {
    chan: Weak<Chan<T>>,
}

impl<T> Sender<T> {
    /// Sends a value: waits until the channel takes it.
    ///
    /// A rendezvous channel takes it when a receiver does, a bounded one when there is room, an
    /// unbounded one at once. Waiting senders are served in the order in which they began to wait.
    /// `Ok` means that a receiver has the value or the channel stores it. It does not mean that it
    /// will be received: the last receiver may be dropped, and stored values with it.
    ///
    /// # Errors
    /// The value comes back in each case, and nothing was put in.
    /// - [`SendError::Closed`](super::SendError::Closed): the channel is closed, or was closed while
    ///   the send waited.
    /// - [`SendError::Cancelled`](super::SendError::Cancelled),
    ///   [`SendError::Deadline`](super::SendError::Deadline): the current context ended first.
    ///
    /// # Cancel safety
    /// Dropped before the channel took the value, the future has put nothing in; the value is dropped
    /// with it and the place in the queue is lost. To keep the value use
    /// [`send_from`](Self::send_from).
    ///
    /// # Differences from Go
    /// A send on a closed channel is an error that hands the value back, not a panic.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::{channel::{self, SendError}, doc_support::block_on};
    /// # block_on(async {
    /// let (tx, rx) = channel::bounded(1);
    /// tx.send("kept").await?;
    /// tx.close();
    /// let error = tx.send("refused").await.unwrap_err();
    /// assert!(matches!(error, SendError::Closed("refused")));
    /// assert_eq!(rx.recv().await?, "kept");
    /// # Ok::<(), greenroom_core::Failure>(())
    /// # }).unwrap();
    /// ```
    pub fn send(&self, value: T) -> Send<'_, T> {
        Send::new(&self.chan, value)
    }

    /// Sends a value, blocking this thread until the channel takes it. For synchronous code.
    ///
    /// On the blocking pool of a runtime the wait ends with the caller's context.
    ///
    /// # Errors
    /// The value comes back in each case.
    /// - [`SendBlockingError::OnArbiter`]: this thread runs tasks; nothing was done.
    /// - [`SendBlockingError::Send`]: as [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::channel::{self, SendBlockingError, SendError};
    /// let (tx, rx) = channel::rendezvous();
    /// let receiver = std::thread::spawn(move || rx.recv_blocking().ok());
    /// assert!(tx.send_blocking(5).is_ok());
    /// assert_eq!(receiver.join().unwrap(), Some(5));
    /// let refused = tx.send_blocking(6).unwrap_err(); // The receiver has gone.
    /// assert_eq!(refused, SendBlockingError::Send(SendError::Closed(6)));
    /// ```
    pub fn send_blocking(&self, value: T) -> Result<(), SendBlockingError<T>> {
        if current::is_arbiter() {
            return Err(SendBlockingError::OnArbiter(value));
        }
        blocking::wait_anywhere(self.send(value)).map_err(SendBlockingError::Send)
    }

    /// Sends the value in a slot, and keeps it there if it is not sent.
    ///
    /// It waits like [`send`](Self::send). While it waits the slot is empty, since a receiver on
    /// another thread must be able to take the value.
    ///
    /// # Errors
    /// The value is back in the slot in each case, and nothing was put in.
    /// - [`SendFromError::Closed`](super::SendFromError::Closed): the channel is closed, or was closed
    ///   while the send waited.
    /// - [`SendFromError::Cancelled`](super::SendFromError::Cancelled),
    ///   [`SendFromError::Deadline`](super::SendFromError::Deadline): the current context ended first.
    /// - [`SendFromError::Empty`](super::SendFromError::Empty): there was no value in the slot.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped before the channel took the value, the future puts it back into the slot.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::{channel::{self, SendFromError}, doc_support::block_on};
    /// # block_on(async {
    /// let (tx, rx) = channel::bounded(1);
    /// let mut slot = Some(7);
    /// tx.send_from(&mut slot).await?;
    /// assert_eq!(slot, None);
    /// drop(rx);
    /// slot = Some(8);
    /// assert!(matches!(tx.send_from(&mut slot).await, Err(SendFromError::Closed)));
    /// assert_eq!(slot, Some(8));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// # }).unwrap();
    /// ```
    pub fn send_from<'a>(&'a self, slot: &'a mut Option<T>) -> SendFrom<'a, T> {
        SendFrom::new(&self.chan, slot)
    }

    /// Sends a value if the channel takes it at once.
    ///
    /// It never overtakes a waiting sender. On a rendezvous channel it succeeds only if a receiver
    /// waits. It does not ask the current context.
    ///
    /// # Errors
    /// The value comes back in each case.
    /// - [`TrySendError::Full`]: there is no room, or no waiting receiver.
    /// - [`TrySendError::Closed`]: the channel is closed, full or not.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::channel::{self, TrySendError};
    /// let (tx, _rx) = channel::bounded(1);
    /// assert_eq!(tx.try_send(1), Ok(()));
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let sent = self.chan.step(|state, step| state.push(value, step));
        sent.map_err(|(refused, value)| match refused {
            Refused::Full => TrySendError::Full(value),
            Refused::Closed => TrySendError::Closed(value),
        })
    }

    /// Sends a value at once, and takes the oldest stored ones out if there is no room for it.
    ///
    /// A bounded channel so keeps the newest values. What was taken out comes back, oldest first: one
    /// value, or more if senders wait, since they are not overtaken: each of them moves in first, at the
    /// cost of the oldest. It does not ask the current context.
    ///
    /// # Errors
    /// The value comes back, and nothing was taken out.
    /// - [`TrySendError::Full`]: on a rendezvous channel alone, which stores nothing, if no receiver waits.
    /// - [`TrySendError::Closed`]: the channel is closed.
    ///
    /// # Differences from Go
    /// Go needs a `select` that receives where it could not send, in a loop, and may lose a newer value.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::channel::{self, TrySendError};
    /// let (tx, rx) = channel::bounded(2);
    /// assert_eq!(tx.displace(1), Ok(vec![]));
    /// assert_eq!(tx.displace(2), Ok(vec![]));
    /// assert_eq!(tx.displace(3), Ok(vec![1]));
    /// assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(2), Ok(3)));
    /// tx.close();
    /// assert_eq!(tx.displace(4), Err(TrySendError::Closed(4)));
    /// ```
    pub fn displace(&self, value: T) -> Result<Vec<T>, TrySendError<T>> {
        self.displace_with(value, None)
    }

    /// As [`displace`](Self::displace), and takes every stored value out first that is stale beside the
    /// new one: `is_stale(stored, new)`.
    ///
    /// The channel is locked while `is_stale` runs: it is no place for a user's code.
    ///
    /// # Errors
    /// As for [`displace`](Self::displace).
    #[doc(hidden)]
    pub fn displace_stale(
        &self,
        value: T,
        is_stale: fn(&T, &T) -> bool,
    ) -> Result<Vec<T>, TrySendError<T>> {
        self.displace_with(value, Some(is_stale))
    }

    fn displace_with(
        &self,
        value: T,
        is_stale: Option<fn(&T, &T) -> bool>,
    ) -> Result<Vec<T>, TrySendError<T>> {
        let mut displaced = Vec::new();
        let sent =
            (self.chan).step(|state, step| state.displace(value, is_stale, &mut displaced, step));
        match sent {
            Ok(()) => Ok(displaced),
            Err((Refused::Full, value)) => Err(TrySendError::Full(value)),
            Err((Refused::Closed, value)) => Err(TrySendError::Closed(value)),
        }
    }

    /// Turns the sender into a sink of values.
    pub fn sink(self) -> SenderSink<T> {
        SenderSink::new(self)
    }

    /// Closes the channel, and returns whether this call did so.
    ///
    /// Stored values stay receivable. Every waiting sender gets its value back, every waiting receiver
    /// learns of the close.
    ///
    /// # Differences from Go
    /// Closing twice returns `false`; in Go it panics.
    pub fn close(&self) -> bool {
        self.chan.close()
    }

    /// Waits until the channel is closed.
    ///
    /// # Errors
    /// How the current context ended, if it did first.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future leaves nothing behind.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::{channel, doc_support::block_on};
    /// # block_on(async {
    /// let (tx, rx) = channel::rendezvous::<u8>();
    /// drop(rx);
    /// tx.closed().await?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// # }).unwrap();
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(&self.chan)
    }

    /// Returns whether the channel is closed. Values may still be stored.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.chan.look(|state| state.is_closed())
    }

    /// Returns how many values are stored. Values of waiting senders are not counted.
    ///
    /// It exceeds the capacity only while a value that a dropped receive gave back is among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chan.look(|state| state.len())
    }

    /// Returns how many values the channel can store: `Some(0)` for a rendezvous channel, `None` for
    /// an unbounded one.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.chan.capacity()
    }

    /// Returns whether no value is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether there is no room. A rendezvous channel is always full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.chan.look(|state| !state.has_room())
    }

    /// Returns how many values the channel has accepted since it was made: those that were received, are
    /// stored, were displaced, or were dropped with the last receiver.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.chan.look(State::accepted)
    }

    /// Returns whether both send into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }

    /// Returns the channel's id, or `None` if it was made outside a runtime.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.chan.id()
    }

    /// Makes a handle that does not keep the channel open.
    #[must_use]
    pub fn downgrade(&self) -> WeakSender<T> {
        // Seen by who has seen this handle go, which is after it in this thread or ordered by who got it.
        self.chan.was_weakened.store(true, Ordering::Relaxed);
        WeakSender {
            chan: Arc::downgrade(&self.chan),
        }
    }
}

impl<T> WeakSender<T> {
    /// Returns how many values are stored, also if the last sender is gone; 0 once the receivers are, too.
    #[must_use]
    pub fn len(&self) -> usize {
        let chan = self.chan.upgrade();
        chan.map_or(0, |chan| chan.look(|state| state.len()))
    }

    /// Returns whether no value is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many values the channel can store, `None` for an unbounded one or if it is gone.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.chan.upgrade()?.capacity()
    }

    /// Makes a sender again, unless the last one is gone.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::channel;
    /// let (tx, _rx) = channel::rendezvous::<u8>();
    /// let weak = tx.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(tx);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let chan = self.chan.upgrade()?;
        // From zero there is no way back: that count has closed the channel.
        chan.senders
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count > 0).then_some(count + 1)
            })
            .ok()?;
        Some(Sender { chan })
    }

    /// Returns how many senders there are. A count of the past, for a report.
    #[must_use]
    pub fn senders(&self) -> usize {
        let chan = self.chan.upgrade();
        chan.map_or(0, |chan| chan.senders.load(Ordering::Relaxed))
    }
}

impl<T> WeakSender<T> {
    /// Returns how many values the channel has accepted; see [`Sender::accepted`]. `None` when both its
    /// ends are gone.
    #[must_use]
    pub fn accepted(&self) -> Option<u64> {
        let chan = self.chan.upgrade()?;
        Some(chan.look(State::accepted))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // The count cannot reach zero beside this handle, so nothing is ordered against it.
        self.chan.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            chan: self.chan.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.chan.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.chan.close();
        }
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self {
            chan: self.chan.clone(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chan.debug("Sender", f)
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}
