//! The receiving end.

use std::fmt;
use std::sync::Arc;

use super::chan::Chan;
use super::error::{RecvBlockingError, TryRecvError};
use super::recv::{Recv, RecvMany};
use super::stream::ReceiverStream;
use crate::blocking::{self, OnArbiter};
use crate::id::Id;
use crate::sync::atomic::Ordering;

/// The receiving end of a channel. Cloning gives another handle to the same end: each value goes to
/// one receiver.
///
/// Closing is a sender's right; a receiver can only be dropped. When the last one is, the channel
/// closes and what it stores is dropped.
pub struct Receiver<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> Receiver<T> {
    /// Receives the oldest value: waits until there is one.
    ///
    /// Waiting receivers are served in the order in which they began to wait. After a close the stored
    /// values come first, then the error.
    ///
    /// # Errors
    /// - [`RecvError::Closed`](super::RecvError::Closed): the channel is closed and drained.
    /// - [`RecvError::Cancelled`](super::RecvError::Cancelled),
    ///   [`RecvError::Deadline`](super::RecvError::Deadline): the current context ended first; nothing
    ///   was taken.
    ///
    /// # Cancel safety
    /// Cancel safe: a value that was handed to the dropped future goes to the next receiver, before
    /// all younger ones. The place in the queue is lost. If the channel was closed meanwhile, others may
    /// have been told so already; the value is stored then, and the next receive gets it.
    ///
    /// # Differences from Go
    /// Closed is an error, not a zero value with a flag.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::{channel::{self, RecvError}, doc_support::block_on};
    /// # block_on(async {
    /// let (tx, rx) = channel::unbounded();
    /// tx.send(0).await?;
    /// drop(tx);
    /// assert_eq!(rx.recv().await?, 0);
    /// assert!(matches!(rx.recv().await, Err(RecvError::Closed)));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// # }).unwrap();
    /// ```
    pub fn recv(&self) -> Recv<'_, T> {
        Recv::new(&self.chan)
    }

    /// Receives the oldest value, blocking this thread until there is one. For synchronous code.
    ///
    /// On the blocking pool of a runtime the wait ends with the caller's context.
    ///
    /// # Errors
    /// - [`RecvBlockingError::OnArbiter`]: this thread runs tasks; nothing was done.
    /// - [`RecvBlockingError::Recv`]: as [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::channel;
    /// let (tx, rx) = channel::rendezvous();
    /// let sender = std::thread::spawn(move || greenroom_core::blocking::wait(tx.send(5)).is_ok());
    /// assert_eq!(rx.recv_blocking().ok(), Some(5));
    /// # assert!(sender.join().unwrap());
    /// ```
    pub fn recv_blocking(&self) -> Result<T, RecvBlockingError> {
        match blocking::wait(self.recv()) {
            Ok(received) => received.map_err(RecvBlockingError::Recv),
            Err(OnArbiter) => Err(RecvBlockingError::OnArbiter),
        }
    }

    /// Receives a value if there is one now.
    ///
    /// It takes from a waiting sender too, and it never overtakes a waiting receiver. It does not ask
    /// the current context.
    ///
    /// # Errors
    /// - [`TryRecvError::Empty`]: no value is stored and no sender waits.
    /// - [`TryRecvError::Closed`]: the channel is closed and drained.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::channel::{self, TryRecvError};
    /// let (tx, rx) = channel::bounded(1);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// assert_eq!(tx.try_send(1), Ok(()));
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.chan.step(|state, step| match state.pull(step) {
            Some(value) => Ok(value),
            None if state.is_closed() => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        })
    }

    /// Receives all the values that are there, up to `limit`: waits for the first one only.
    ///
    /// They are added to the end of `into`, oldest first, and counted in the result. Waiting senders
    /// are admitted in the same step, and their values taken too. A limit of 0 gives 0 at once.
    ///
    /// # Errors
    /// As for [`recv`](Self::recv); `into` is then as it was.
    ///
    /// # Cancel safety
    /// Cancel safe, as [`recv`](Self::recv) is; `into` is then as it was.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::{channel::{self, RecvError}, doc_support::block_on};
    /// # block_on(async {
    /// let (tx, rx) = channel::unbounded();
    /// for n in 0..5 {
    ///     tx.send(n).await?;
    /// }
    /// let mut batch = Vec::new();
    /// assert_eq!(rx.recv_many(&mut batch, 3).await?, 3);
    /// assert_eq!(rx.recv_many(&mut batch, 3).await?, 2);
    /// assert_eq!(batch, [0, 1, 2, 3, 4]);
    /// tx.close();
    /// assert!(matches!(rx.recv_many(&mut batch, 3).await, Err(RecvError::Closed)));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// # }).unwrap();
    /// ```
    pub fn recv_many<'a>(&'a self, into: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany::new(&self.chan, into, limit)
    }

    /// Turns the receiver into a stream of its values.
    pub fn stream(self) -> ReceiverStream<T> {
        ReceiverStream::new(self)
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

    /// Returns whether no value is stored. A sender may wait with one all the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many values the channel has accepted; see [`Sender::accepted`](super::Sender::accepted).
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.chan.look(super::state::State::accepted)
    }

    /// Returns whether both receive from the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }

    /// Returns the channel's id, or `None` if it was made outside a runtime.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.chan.id()
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        // The count cannot reach zero beside this handle, so nothing is ordered against it.
        self.chan.receivers.fetch_add(1, Ordering::Relaxed);
        Self {
            chan: self.chan.clone(),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.chan.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.chan.hang_up();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chan.debug("Receiver", f)
    }
}
