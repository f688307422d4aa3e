//! The handle to a broadcast.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use greenroom_actor::{Address, Scope, TellError};
use greenroom_core::channel::{self, Receiver, RecvError};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::wait::Wait;
use greenroom_core::{Context, Result};

use super::actor::Owner;
use super::error::{BroadcastError, PublishError, SubscribeError, TryPublishError};
use super::message::{Close, Count, Offer, Refused, Subscribe, Verdict};
use super::options::BroadcastOptions;
use super::state::Audience;
use super::subscription::Subscription;
use crate::caught::let_go;

/// Sends values to all subscribers. Cloning gives another handle to the same broadcast.
///
/// When the last handle is gone the broadcast is closed, as by [`close`](Self::close).
///
/// Use [`fan_out`](crate::fan) where each value is for one of several receivers, and a
/// [watch](greenroom_core::watch) where only the last value counts.
pub struct Broadcast<T: Clone + Send + 'static> {
    address: Address<Owner<T>>,
    /// In which a close is told, and the verdict on a value that was taken, so that no cancel skips it.
    detached: Context,
}

impl<T: Clone + Send + 'static> Broadcast<T> {
    /// Starts the owner of a broadcast, an actor in the scope, without subscribers.
    ///
    /// # Errors
    /// - [`BroadcastError::ZeroBuffer`], [`BroadcastError::ReplayTooLong`]: the description cannot be
    ///   kept to.
    /// - [`BroadcastError::Spawn`]: the scope has ended, or the caller's context did.
    ///
    /// # Cancel safety
    /// Dropping the future ends an owner that was started.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::broadcast::{Broadcast, BroadcastError, broadcast};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let news = Broadcast::spawn(&scope, broadcast()).await?;
    /// let mut reader = news.subscribe().await?;
    /// news.send("hello").await?;
    /// assert_eq!(reader.recv().await?, "hello");
    ///
    /// let refused = Broadcast::<u8>::spawn(&scope, broadcast().buffer(0)).await;
    /// assert!(matches!(refused, Err(BroadcastError::ZeroBuffer)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
        options: BroadcastOptions,
    ) -> impl Future<Output = Result<Self, BroadcastError>> + Send + use<T> {
        let spawned_at = Location::caller();
        let (nudge, room) = channel::bounded(1);
        let builder = scope
            .supervise(Audience::new(options, nudge), move |audience| Owner {
                audience,
                room: room.clone(),
                spawned_at,
            })
            // What can panic is the values' code, and its callers are told: no number is too many.
            .intensity(usize::MAX, Duration::ZERO);
        let detached = scope.context().without_cancel();
        async move {
            let BroadcastOptions { buffer, replay, .. } = options;
            if buffer == 0 {
                return Err(BroadcastError::ZeroBuffer);
            }
            if replay > buffer {
                return Err(BroadcastError::ReplayTooLong { replay, buffer });
            }
            let address = builder.await?;
            Ok(Self { address, detached })
        }
    }

    /// Sends a value to every subscriber, and returns how many have it.
    ///
    /// Under [`Slow::Wait`](super::Slow::Wait) it waits until each of them has room, and then reaches
    /// all in one step. Otherwise it waits for the owner only. Without subscribers it is `Ok(0)`, and the
    /// value is dropped, unless it is kept for a [replay](BroadcastOptions::replay). `Ok` means that
    /// their buffers have the value, not that it will be received.
    ///
    /// # Errors
    /// The value comes back in each case, and no subscriber has it. See [`PublishError`].
    ///
    /// # Cancel safety
    /// Dropped before the owner took the value, it has reached nobody; after that it reaches all. It is
    /// never some of them.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::broadcast::{Broadcast, PublishError, broadcast};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let news = Broadcast::spawn(&scope, broadcast().buffer(1)).await?;
    /// assert_eq!(news.send(0).await?, 0);
    /// let mut reader = news.subscribe().await?;
    /// assert_eq!(news.send(1).await?, 1);
    /// let hurried = scope.context().with_timeout(1.secs());
    /// assert!(matches!(hurried.run(news.send(2)).await?, Err(PublishError::Deadline(2))));
    /// assert_eq!(reader.recv().await?, 1);
    /// assert!(reader.try_recv().is_err());
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn send(&self, value: T) -> impl Future<Output = Result<usize, PublishError<T>>> + Send {
        let offered = self.offer(value, true);
        async move {
            offered.await.map_err(|error| match error {
                TryPublishError::Publish(error) => error,
                TryPublishError::Full(_) => {
                    unreachable!("a send that waits is not refused for want of room")
                }
            })
        }
    }

    /// Sends a value to every subscriber if each has room now, and returns how many have it.
    ///
    /// It waits for the owner's answer, never for a subscriber, and never overtakes a send that waits.
    /// Only under [`Slow::Wait`](super::Slow::Wait) is a buffer too full for it.
    ///
    /// # Errors
    /// The value comes back in each case, and no subscriber has it.
    /// - [`TryPublishError::Full`]: a subscriber has no room, or an earlier send waits.
    /// - [`TryPublishError::Publish`]: as for [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::broadcast::{Broadcast, TryPublishError, broadcast};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let news = Broadcast::spawn(&scope, broadcast().buffer(1)).await?;
    /// let reader = news.subscribe().await?;
    /// assert_eq!(news.try_send(1).await?, 1);
    /// assert!(matches!(news.try_send(2).await, Err(TryPublishError::Full(2))));
    /// drop(reader);
    /// assert_eq!(news.try_send(3).await?, 0);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn try_send(
        &self,
        value: T,
    ) -> impl Future<Output = Result<usize, TryPublishError<T>>> + Send {
        self.offer(value, false)
    }

    /// Begins a subscription: it gets the values that are sent from now on, and before them those that
    /// are [replayed](BroadcastOptions::replay).
    ///
    /// # Errors
    /// See [`SubscribeError`]. There is no new subscriber.
    ///
    /// # Cancel safety
    /// Dropping the future ends a subscription that was made.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::broadcast::{Broadcast, SubscribeError, broadcast};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let news = Broadcast::spawn(&scope, broadcast().replay(1)).await?;
    /// news.send(1).await?;
    /// news.send(2).await?;
    /// let mut late = news.subscribe().await?;
    /// assert_eq!(late.recv().await?, 2);
    /// news.close().await;
    /// assert!(matches!(news.subscribe().await, Err(SubscribeError::Closed)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn subscribe(
        &self,
    ) -> impl Future<Output = Result<Subscription<T>, SubscribeError>> + Send {
        let asked = self.address.ask(Subscribe);
        async move { asked.await? }
    }

    /// Returns how many subscribers there are now. None are left once the broadcast is closed.
    ///
    /// # Errors
    /// See [`SubscribeError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn subscribers(&self) -> Result<usize, SubscribeError> {
        Ok(self.address.ask(Count).await?)
    }

    /// Closes the broadcast, and returns whether this call did so.
    ///
    /// When it returns, every send fails, those that waited too, and get their values back. Subscribers
    /// receive what is stored for them, then learn of the close. It works in a context that has ended,
    /// and waits for the owner only.
    ///
    /// # Cancel safety
    /// From its first poll on it closes, also if it is dropped, unless 64 calls were queued before it.
    ///
    /// # Differences from Go
    /// Closing twice returns `false`; in Go it panics.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::broadcast::{Broadcast, PublishError, ReceiveError, broadcast};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let news = Broadcast::spawn(&scope, broadcast()).await?;
    /// let mut reader = news.subscribe().await?;
    /// news.send(1).await?;
    /// assert!(news.close().await);
    /// assert!(!news.close().await);
    /// assert!(matches!(news.send(2).await, Err(PublishError::Closed(2))));
    /// assert_eq!(reader.recv().await?, 1);
    /// assert!(matches!(reader.recv().await, Err(ReceiveError::Closed)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn close(&self) -> impl Future<Output = bool> + Send {
        let closed = self.detached.run(self.address.ask(Close));
        async move { matches!(closed.await, Ok(Ok(true))) }
    }

    // Not an `async fn`, here and above: that the future is `Send` is said, so that the compiler need not
    // find out anew in each task that awaits it. It fails to where a value is a `&'static str`.
    fn offer(
        &self,
        value: T,
        waits: bool,
    ) -> impl Future<Output = Result<usize, TryPublishError<T>>> + Send {
        self.offer_now(value, waits)
    }

    async fn offer_now(&self, value: T, waits: bool) -> Result<usize, TryPublishError<T>> {
        let offered = Offered::new(value);
        let (told, verdict) = channel::bounded(1);
        let slot = offered.0.clone();
        let offer = Offer { slot, told, waits };
        let given_up = match self.address.tell(offer).await {
            Err(error) => GaveUp::from(error),
            Ok(()) => match verdict.recv().await {
                Ok(verdict) => return offered.judge(verdict),
                Err(error) => GaveUp::from(error),
            },
        };
        if let Some(value) = offered.take_back() {
            return Err(given_up.with(value).into());
        }
        // The owner was faster: they all have it, and it tells so at once.
        match self.detached.run(verdict.recv()).await {
            Ok(Ok(verdict)) => offered.judge(verdict),
            _ => unreachable!("who takes a value out of its slot tells what became of it"),
        }
    }
}

impl<T: Clone + Send + 'static> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            detached: self.detached.clone(),
        }
    }
}

impl<T: Clone + Send + 'static> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broadcast({})", self.address.id())
    }
}

/// A value in its slot, which its sender and the owner may take, whoever is first. Taken back when this
/// is dropped.
struct Offered<T>(Receiver<T>);

impl<T> Offered<T> {
    fn new(value: T) -> Self {
        let (put, slot) = channel::bounded(1);
        // There is room for one.
        let _stored = put.try_send(value);
        Self(slot)
    }

    fn take_back(&self) -> Option<T> {
        self.0.try_recv().ok()
    }

    fn judge(&self, verdict: Verdict<T>) -> Result<usize, TryPublishError<T>> {
        let refused = match verdict {
            Ok(reached) => return Ok(reached),
            Err(Refused::Panicked(value, panic)) => {
                return Err(PublishError::Panicked(value, panic).into());
            }
            Err(refused) => refused,
        };
        match (self.take_back(), refused) {
            (Some(value), Refused::Full) => Err(TryPublishError::Full(value)),
            (Some(value), _) => Err(PublishError::Closed(value).into()),
            (None, _) => unreachable!("a value that was refused is still in its slot"),
        }
    }
}

impl<T> Drop for Offered<T> {
    fn drop(&mut self) {
        if let Some(value) = self.take_back() {
            let_go(value);
        }
    }
}

/// Why a sender stopped waiting for the verdict.
enum GaveUp {
    Closed,
    Ended(ContextError),
}

impl GaveUp {
    fn with<T>(self, value: T) -> PublishError<T> {
        match self {
            // The owner skips the offer of a context that has ended: then that is the reason.
            Self::Closed => match Wait::ended() {
                Some(ended) => PublishError::ended(value, ended),
                None => PublishError::Closed(value),
            },
            Self::Ended(ended) => PublishError::ended(value, ended),
        }
    }
}

impl<M> From<TellError<M>> for GaveUp {
    fn from(error: TellError<M>) -> Self {
        match error {
            TellError::Cancelled(_, cause) => Self::Ended(ContextError::Cancelled(cause)),
            TellError::Deadline(_) => Self::Ended(ContextError::Deadline(Cause::Deadline)),
            _ => Self::Closed,
        }
    }
}

impl From<RecvError> for GaveUp {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Cancelled(cause) => Self::Ended(ContextError::Cancelled(cause)),
            RecvError::Deadline => Self::Ended(ContextError::Deadline(Cause::Deadline)),
            RecvError::Closed => Self::Closed,
        }
    }
}
