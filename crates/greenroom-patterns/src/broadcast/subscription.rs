//! The end of a subscriber.

use std::convert::Infallible;
use std::fmt;

use greenroom_core::channel::{Receiver, RecvError, Sender, TryRecvError};
use greenroom_core::wait::Wait;

use super::error::{ReceiveError, TryReceiveError};
use super::message::Item;

/// Receives the values of a broadcast from its subscription on. Made by
/// [`Broadcast::subscribe`](super::Broadcast::subscribe).
///
/// Dropping it ends the subscription: its place is free, and a send that waited for it goes on. It does
/// not keep the broadcast open.
///
/// In a [`select!`](greenroom_core::select!) `subscription.recv()` is a future as any other: one that
/// loses has taken nothing.
pub struct Subscription<T> {
    values: Receiver<Item<T>>,
    /// Some until the drop.
    present: Option<Sender<Infallible>>,
    room: Sender<()>,
    /// At this length of the buffer senders wait.
    full_at: Option<usize>,
    /// The number of the next value.
    next: u64,
    /// A value that came after a gap, which is told first.
    held: Option<T>,
    end: Option<End>,
}

#[derive(Clone, Copy)]
enum End {
    Closed,
    TooSlow,
}

/// What came out of the buffer.
enum Got<T> {
    Value(T),
    Lagged(u64),
    End(End),
}

impl<T> Subscription<T> {
    pub(super) fn new(
        values: Receiver<Item<T>>,
        present: Sender<Infallible>,
        room: Sender<()>,
        full_at: Option<usize>,
        next: u64,
    ) -> Self {
        Self {
            values,
            present: Some(present),
            room,
            full_at,
            next,
            held: None,
            end: None,
        }
    }

    /// Receives the next value: waits until there is one.
    ///
    /// # Errors
    /// - [`ReceiveError::Lagged`]: values were missed in this place; the next receive goes on behind
    ///   them.
    /// - [`ReceiveError::TooSlow`]: it was disconnected, and its buffer is drained.
    /// - [`ReceiveError::Closed`]: the broadcast is closed, and the buffer is drained.
    /// - [`ReceiveError::Cancelled`], [`ReceiveError::Deadline`]: the current context ended first;
    ///   nothing was taken.
    ///
    /// `TooSlow` and `Closed` come again and again.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped receive has taken nothing.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::select;
    /// use greenroom_core::time::{Durations, after};
    /// use greenroom_patterns::broadcast::{Broadcast, ReceiveError, broadcast};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let news = Broadcast::spawn(&scope, broadcast()).await?;
    /// let mut reader = news.subscribe().await?;
    /// news.send("one").await?;
    /// select! {
    ///     text = reader.recv() => assert_eq!(text?, "one"),
    ///     after(1.secs()) => unreachable!("it is there"),
    /// }
    /// drop(news);
    /// assert!(matches!(reader.recv().await, Err(ReceiveError::Closed)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn recv(&mut self) -> Result<T, ReceiveError> {
        if let Some(ended) = Wait::ended() {
            return Err(ended.into());
        }
        let got = match self.known() {
            Some(known) => known,
            None => match self.values.recv().await {
                Ok(item) => self.take(item),
                Err(RecvError::Closed) => self.end(End::Closed),
                Err(ended) => return Err(ended.into()),
            },
        };
        match got {
            Got::Value(value) => Ok(value),
            Got::Lagged(missed) => Err(ReceiveError::Lagged(missed)),
            Got::End(End::Closed) => Err(ReceiveError::Closed),
            Got::End(End::TooSlow) => Err(ReceiveError::TooSlow),
        }
    }

    /// Receives the next value if it is there now. It does not ask the current context.
    ///
    /// # Errors
    /// - [`TryReceiveError::Empty`]: there is none yet.
    /// - The others as for [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::broadcast::{Broadcast, TryReceiveError, broadcast};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let news = Broadcast::spawn(&scope, broadcast()).await?;
    /// let mut reader = news.subscribe().await?;
    /// assert_eq!(reader.try_recv(), Err(TryReceiveError::Empty));
    /// news.send(1).await?;
    /// assert_eq!(reader.try_recv(), Ok(1));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryReceiveError> {
        let got = match self.known() {
            Some(known) => known,
            None => match self.values.try_recv() {
                Ok(item) => self.take(item),
                Err(TryRecvError::Closed) => self.end(End::Closed),
                Err(empty) => return Err(empty.into()),
            },
        };
        match got {
            Got::Value(value) => Ok(value),
            Got::Lagged(missed) => Err(TryReceiveError::Lagged(missed)),
            Got::End(End::Closed) => Err(TryReceiveError::Closed),
            Got::End(End::TooSlow) => Err(TryReceiveError::TooSlow),
        }
    }

    /// What an earlier receive left to be said.
    fn known(&mut self) -> Option<Got<T>> {
        if let Some(value) = self.held.take() {
            self.next += 1;
            return Some(Got::Value(value));
        }
        self.end.map(Got::End)
    }

    fn take(&mut self, item: Item<T>) -> Got<T> {
        self.tell_room();
        match item {
            Item::Value(number, value) if number == self.next => {
                self.next += 1;
                Got::Value(value)
            }
            Item::Value(number, value) => {
                self.held = Some(value);
                self.lag(number)
            }
            Item::End { next, is_too_slow } => {
                let end = if is_too_slow {
                    End::TooSlow
                } else {
                    End::Closed
                };
                self.end = Some(end);
                if next == self.next {
                    Got::End(end)
                } else {
                    self.lag(next)
                }
            }
        }
    }

    fn lag(&mut self, number: u64) -> Got<T> {
        let missed = number - self.next;
        self.next = number;
        Got::Lagged(missed)
    }

    fn end(&mut self, end: End) -> Got<T> {
        self.end = Some(end);
        Got::End(end)
    }

    /// Wakes the owner if it may have seen this buffer full, which is so if it is at most one below. The
    /// wrong version asks whether it is exactly one below: the owner, on another arbiter, saw it full,
    /// then the value was taken, then the owner put another in.
    fn tell_room(&self) {
        if self
            .full_at
            .is_some_and(|full_at| self.values.len() + 1 >= full_at)
        {
            // Full means that the owner is going to look anyway.
            let _looks_anyway = self.room.try_send(());
        }
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        // The owner drops its end of the buffer, and with it what is stored, when it has seen this.
        self.present = None;
        let _looks_anyway = self.room.try_send(());
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("stored", &self.values.len())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
