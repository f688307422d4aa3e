//! The handle to a pool, and the guard of an item.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{Address, HandlerLater, Scope};
use greenroom_core::registry::{PermitNumbers, PermitParty};
use greenroom_core::{Context, Result, channel, unwind};

use super::actor::{Owner, Shelf};
use super::error::{GetError, PoolError, PutError, TryGetError, WatchPoolError};
use super::item::Item;
use super::message::{Close, Count, Forgo, Get, Leave, Put, Return, TryGet, WaitClosed};
use super::options::PoolOptions;
use crate::detached;

/// Lends items of type `T`, each to one holder at a time. Cloning gives another handle to the same pool.
///
/// The items live as long as a handle or a guard does, and at most as long as the scope.
///
/// Use a [worker pool](crate::worker_pool) where the resource is the right to work, and
/// [`State`](crate::state::State) where there is one value that all share.
///
/// # Differences from Go
/// See the [module](crate::pool).
pub struct Pool<T: Send + 'static> {
    address: Address<Owner<T>>,
    /// In which items come back, so that no cancel skips them. Invariant 3.
    detached: Context,
    /// For those who ask.
    numbers: Arc<PermitNumbers>,
}

impl<T: Send + 'static> Pool<T> {
    /// Starts the owner of the items, an actor in the scope. No item is made before somebody asks.
    ///
    /// # Errors
    /// The items that were given are dropped in each case.
    /// - [`PoolError::ZeroMax`]: the description allows none.
    /// - [`PoolError::TooMany`]: it allows fewer than it gives.
    /// - [`PoolError::Spawn`]: the scope has ended, or the caller's context ended first.
    ///
    /// # Cancel safety
    /// Dropping the future ends a pool that was started.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{Pool, PoolError, pool_of};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let buffers = pool_of(|| async { Ok(String::new()) }).reset(|text| text.clear());
    /// let buffers = Pool::spawn(&scope, buffers).await?;
    /// buffers.get().await?.push_str("used");
    /// assert_eq!(*buffers.get().await?, "", "it was reset on its way back");
    ///
    /// let refused = Pool::spawn(&scope, pool_of(|| async { Ok(()) }).max(0)).await;
    /// assert!(matches!(refused, Err(PoolError::ZeroMax)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
        options: PoolOptions<T>,
    ) -> impl Future<Output = Result<Self, PoolError>> + Send + use<T> {
        let spawned_at = Location::caller();
        let (max, given) = (options.max, options.items.len());
        let refused = if max == 0 {
            Some(PoolError::ZeroMax)
        } else {
            (given > max).then_some(PoolError::TooMany { max, given })
        };
        let shelf = Shelf::new(options, scope.context().now());
        let numbers = shelf.numbers.clone();
        // Without a bound, so that no item is refused on its way back: it holds one message for each
        // call and each guard.
        let builder = scope
            .supervise(shelf, move |shelf| Owner {
                shelf,
                cuts: std::collections::BTreeMap::new(),
                is_sweeping: false,
                spawned_at,
            })
            .unbounded_mailbox();
        let scope = scope.clone();
        async move {
            if let Some(refused) = refused {
                return Err(refused);
            }
            Ok(Self::new(builder.await?, &scope, numbers))
        }
    }

    pub(super) fn new(
        address: Address<Owner<T>>,
        scope: &Scope,
        numbers: Arc<PermitNumbers>,
    ) -> Self {
        Self {
            address,
            numbers,
            detached: scope.context().without_cancel(),
        }
    }

    /// Waits for an item: one that is idle, one that is made for this caller, or the next that comes
    /// back. First come, first served.
    ///
    /// An item is made if none is idle and there are fewer than [`max`](PoolOptions::max). It is made in
    /// the current context, beside the other work of the pool; it goes to whoever is first in line when
    /// it is there. The guard gives the item back when it is dropped.
    ///
    /// A task that holds an item and waits for another may wait for ever, if all do so.
    ///
    /// # Errors
    /// - [`GetError::Failed`], [`GetError::Panicked`]: the item that was to be made for this caller was
    ///   not. Its place is free, and the next in line has its own attempt.
    /// - [`GetError::Cancelled`], [`GetError::Deadline`]: the current context ended first.
    /// - [`GetError::Closed`]: the pool is closed, or has ended with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives the place in line up. An item that was granted already, or
    /// is being made, goes to the next in line, or is kept.
    ///
    /// # Differences from Go
    /// Go's `Get` never waits: it makes one more, without a bound.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{GetError, Pool, pool_of};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = Pool::spawn(&scope, pool_of(|| async { Ok(vec![0_u8; 8]) }).max(1)).await?;
    /// let mut buffer = pool.get().await?;
    /// buffer[0] = 7;
    /// let hurried = scope.context().with_timeout(std::time::Duration::from_secs(1));
    /// assert!(matches!(hurried.run(pool.get()).await?, Err(GetError::Deadline)));
    /// drop(buffer);
    /// assert_eq!(pool.get().await?[0], 7);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = Result<Pooled<T>, GetError>> + Send {
        self.get_from(Location::caller())
    }

    async fn get_from(&self, place: &'static Location<'static>) -> Result<Pooled<T>, GetError> {
        let (mut place, party) = self.place(place);
        let number = place.number;
        let got = self.address.ask(Get { number, party }).await?;
        place.is_given_up = false;
        Ok(got?.held())
    }

    fn place(&self, place: &'static Location<'static>) -> (Place<'_, T>, PermitParty) {
        let waiting = Place {
            pool: self,
            number: self.numbers.next(),
            is_given_up: true,
        };
        (waiting, PermitParty::current(1, place))
    }

    /// Takes an idle item, if there is one and nobody waits for it. None is made.
    ///
    /// It waits for no item, but for the answer of the owner, and for the [check](PoolOptions::check).
    ///
    /// # Errors
    /// - [`TryGetError::Empty`]: no item is idle and fit, or others wait for one.
    /// - [`TryGetError::Cancelled`], [`TryGetError::Deadline`]: the current context ended first.
    /// - [`TryGetError::Closed`]: the pool is closed, or has ended with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe: an item that was granted already is kept, or goes to the next in line.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{Pool, TryGetError, pool_from};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = Pool::spawn(&scope, pool_from(["a"])).await?;
    /// let item = pool.try_get().await?;
    /// assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
    /// drop(item);
    /// assert_eq!(*pool.try_get().await?, "a");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn try_get(&self) -> impl Future<Output = Result<Pooled<T>, TryGetError>> + Send {
        self.try_from(Location::caller())
    }

    async fn try_from(&self, place: &'static Location<'static>) -> Result<Pooled<T>, TryGetError> {
        let (mut place, party) = self.place(place);
        let number = place.number;
        let got = self.address.ask(TryGet { number, party }).await?;
        place.is_given_up = false;
        Ok(got?.held())
    }

    /// Brings an item from outside into the pool: Go's `Put` of a new value. It is reset first.
    ///
    /// An item that a guard holds comes back by itself; this is for others.
    ///
    /// # Errors
    /// The item comes back in each case.
    /// - [`PutError::Full`]: the pool has as many items as it may have, in it and out of it.
    /// - [`PutError::Closed`]: the pool is closed, or has ended with its scope.
    ///
    /// # Cancel safety
    /// From its first poll on it takes effect, also if it is dropped; then an item that is refused is
    /// dropped. It does not end with the context, and waits for the verdict only.
    ///
    /// # Differences from Go
    /// A put of nil is ignored there; here there is no such item.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{Pool, PutError, pool_from};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = Pool::spawn(&scope, pool_from([]).max(1)).await?;
    /// pool.put("a").await?;
    /// assert!(matches!(pool.put("b").await, Err(PutError::Full("b"))));
    /// assert_eq!(*pool.get().await?, "a");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn put(&self, item: T) -> Result<(), PutError<T>> {
        let (verdict, told) = channel::bounded(1);
        // Refused by an owner that has ended, it gives the item back as it is dropped.
        drop(self.tell(Put::new(Item::new(item), verdict)));
        match self.detached.run(told.recv()).await {
            Ok(Ok(Err(refused))) if !refused.is_closed => {
                Err(PutError::Full(refused.item.into_inner()))
            }
            Ok(Ok(Err(refused))) => Err(PutError::Closed(refused.item.into_inner())),
            // A put that is gone has told its verdict.
            _ => Ok(()),
        }
    }

    /// Takes no new callers from now on, through any handle. Those that wait are refused, idle items are
    /// dropped, and the others as they come back. It does not wait; see [`closed`](Self::closed). The
    /// second call does nothing.
    pub fn close(&self) {
        let _ended = self.tell(Close);
    }

    /// Waits until the pool is closed and every item is gone.
    ///
    /// # Errors
    /// - [`WatchPoolError::Cancelled`], [`WatchPoolError::Deadline`]: the current context ended first.
    /// - [`WatchPoolError::Ended`]: the pool has ended with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{GetError, Pool, WatchPoolError, pool_from};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = Pool::spawn(&scope, pool_from([1, 2])).await?;
    /// let item = pool.get().await?;
    /// pool.close();
    /// assert!(matches!(pool.get().await, Err(GetError::Closed)));
    /// let hurried = scope.context().with_timeout(std::time::Duration::from_secs(1));
    /// assert!(matches!(hurried.run(pool.closed()).await?, Err(WatchPoolError::Deadline)));
    /// drop(item);
    /// pool.closed().await?;
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn closed(&self) -> Result<(), WatchPoolError> {
        Ok(self.address.ask(WaitClosed).await?)
    }

    /// Returns how many items are where, and how many callers wait.
    ///
    /// What this task did to the pool before is counted.
    ///
    /// # Errors
    /// - [`WatchPoolError::Cancelled`], [`WatchPoolError::Deadline`]: the current context ended first.
    /// - [`WatchPoolError::Ended`]: the pool has ended with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe: it only looks.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{Pool, WatchPoolError, pool_from};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let kept = runtime.block_on(|scope| async move {
    ///     let pool = Pool::spawn(&scope, pool_from([1, 2, 3])).await?;
    ///     let _item = pool.get().await?;
    ///     let counts = pool.counts().await?;
    ///     assert_eq!((counts.idle, counts.in_use, counts.len()), (2, 1, 3));
    ///     Ok(pool)
    /// })?;
    /// let late = runtime.block_on(|_| async move { Ok(kept.counts().await) })?;
    /// assert!(matches!(late, Err(WatchPoolError::Ended)));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn counts(&self) -> Result<Counts, WatchPoolError> {
        Ok(self.address.ask(Count).await?)
    }

    /// Sends a message that counts, whatever becomes of the current context. It comes back if the pool
    /// has ended.
    fn tell<M>(&self, message: M) -> Result<(), M>
    where
        M: Send + 'static,
        Owner<T>: HandlerLater<M>,
    {
        detached::tell(&self.address, &self.detached, message)
    }
}

impl<T: Send + 'static> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            detached: self.detached.clone(),
            numbers: self.numbers.clone(),
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({})", self.address.id())
    }
}

/// What the registry shows of a call that waits.
struct Place<'a, T: Send + 'static> {
    pool: &'a Pool<T>,
    number: u64,
    is_given_up: bool,
}

impl<T: Send + 'static> Drop for Place<'_, T> {
    fn drop(&mut self) {
        if self.is_given_up {
            let _ended = self.pool.tell(Leave(self.number));
        }
    }
}

/// How many items of a pool are where. Made by [`Pool::counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// How many there may be.
    pub max: usize,
    /// How many wait for somebody.
    pub idle: usize,
    /// How many are out.
    pub in_use: usize,
    /// How many are being made or checked.
    pub in_preparation: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

impl Counts {
    /// Returns how many items there are, those in preparation among them. Never more than `max`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.idle + self.in_use + self.in_preparation
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An item that is lent. It goes back to its pool when this is dropped: by a return, a panic, a cancel
/// or the end of the scope. Made by [`Pool::get`] and [`Pool::try_get`].
///
/// One that is forgotten (`mem::forget`) keeps its place until the pool ends. One that outlives its
/// pool drops the item. Until it is dropped, a snapshot shows it with the task that asked for it, wherever
/// it was moved since.
#[must_use = "an item goes back to its pool when it is dropped"]
pub struct Pooled<T: Send + 'static> {
    // Some until the drop, or until it is taken.
    item: Option<T>,
    /// What it is shown by.
    number: u64,
    pool: Pool<T>,
    /// Whether a caller has it. A call that is dropped by a panic drops one that nobody had.
    is_held: bool,
}

impl<T: Send + 'static> Pooled<T> {
    pub(super) fn new(item: T, number: u64, pool: Pool<T>) -> Self {
        Self {
            item: Some(item),
            number,
            pool,
            is_held: false,
        }
    }

    fn held(mut self) -> Self {
        self.is_held = true;
        self
    }

    /// Takes the item out of the pool for good. Its place is free: the pool may make another.
    ///
    /// An associated function, so that it hides no method of the item: `Pooled::into_inner(item)`.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{Pool, Pooled, TryGetError, pool_from};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = Pool::spawn(&scope, pool_from(["a"])).await?;
    /// let own: &str = Pooled::into_inner(pool.get().await?);
    /// assert_eq!(own, "a");
    /// assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[must_use = "drop the item to say that it is not wanted"]
    pub fn into_inner(mut pooled: Self) -> T {
        match pooled.item.take() {
            Some(item) => {
                let _ended = pooled.pool.tell(Forgo(pooled.number));
                item
            }
            None => unreachable!("the item is there until the drop"),
        }
    }
}

impl<T: Send + 'static> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.item {
            Some(item) => item,
            None => unreachable!("the item is there until the drop"),
        }
    }
}

impl<T: Send + 'static> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.item {
            Some(item) => item,
            None => unreachable!("the item is there until the drop"),
        }
    }
}

impl<T: Send + 'static> Drop for Pooled<T> {
    fn drop(&mut self) {
        let Some(item) = self.item.take() else {
            return;
        };
        let returned = Return {
            number: self.number,
            item: Item::new(item),
            is_after_panic: self.is_held && unwind::is_unwinding(),
        };
        if let Err(returned) = self.pool.tell(returned) {
            // The pool has ended: the item is its holder's, and so is the drop, unless that is one of an
            // unwinding.
            match unwind::is_unwinding() {
                true => drop(returned),
                false => drop(returned.item.into_inner()),
            }
        }
    }
}

impl<T: Send + fmt::Debug + 'static> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pooled").field(&**self).finish()
    }
}
