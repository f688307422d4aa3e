//! How a pool is described.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::{Result, current};

use super::item::Item;
use super::state::Rules;
use crate::caught::caught;

type Making<T> = Pin<Box<dyn Future<Output = Result<T>>>>;
type Make<T> = Box<dyn FnMut() -> Making<T> + Send>;
type Checking<T> = Pin<Box<dyn Future<Output = (Item<T>, bool)>>>;
type Check<T> = Arc<dyn Fn(Item<T>) -> Checking<T> + Send + Sync>;
type Reset<T> = Box<dyn FnMut(&mut T) + Send>;

/// The items that a pool has at most, unless it is told otherwise.
const MAX: usize = 16;

/// Describes a pool whose items are made by an async closure, when somebody asks and none is idle: Go's
/// `sync.Pool{New: ..}`.
///
/// It has at most 16 items, and keeps them as they come back.
///
/// # Examples
/// ```
/// # use greenroom_patterns::pool::pool_of;
/// let buffers = pool_of(|| async { Ok(Vec::<u8>::with_capacity(4096)) })
///     .max(8)
///     .reset(|buffer| buffer.clear());
/// # let _ = buffers;
/// ```
pub fn pool_of<T, F, Fut>(mut make: F) -> PoolOptions<T>
where
    T: Send + 'static,
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + 'static,
{
    PoolOptions {
        make: Some(Box::new(move || Box::pin(make()))),
        ..PoolOptions::new(Vec::new(), MAX)
    }
}

/// Describes a pool that makes no items: it has these, and those that are [put](super::Pool::put) into
/// it. Go counterpart: a `sync.Pool` without `New`.
///
/// It has at most 16 items, or as many as are given here if that is more.
///
/// # Examples
/// ```
/// # use greenroom_patterns::pool::pool_from;
/// let ports = pool_from([8001, 8002, 8003]);
/// # let _ = ports;
/// ```
pub fn pool_from<I>(items: I) -> PoolOptions<I::Item>
where
    I: IntoIterator,
    I::Item: Send + 'static,
{
    let items: Vec<_> = items.into_iter().map(Item::new).collect();
    let max = items.len().max(MAX);
    PoolOptions::new(items, max)
}

/// The description of a pool. Made by [`pool_of`] and [`pool_from`].
#[must_use = "a description does nothing until a pool is spawned"]
pub struct PoolOptions<T> {
    pub(super) items: Vec<Item<T>>,
    pub(super) make: Option<Make<T>>,
    pub(super) reset: Option<Reset<T>>,
    pub(super) check: Option<Check<T>>,
    pub(super) max: usize,
    pub(super) idle_for: Option<Duration>,
    pub(super) is_discarded_after_panic: bool,
}

impl<T: Send + 'static> PoolOptions<T> {
    fn new(items: Vec<Item<T>>, max: usize) -> Self {
        Self {
            items,
            make: None,
            reset: None,
            check: None,
            max,
            idle_for: None,
            is_discarded_after_panic: false,
        }
    }

    /// Sets how many items there are at most, in the pool and out of it. Zero is refused when the pool
    /// is spawned.
    pub fn max(mut self, items: usize) -> Self {
        self.max = items;
        self
    }

    /// Sets what is done with an item that comes back, before anybody else gets it: Go's `buf.Reset()`.
    ///
    /// It runs in the owner of the items, also after a panic of the holder, and must not block. An item
    /// whose reset panics is dropped, and its place is free.
    pub fn reset(mut self, reset: impl FnMut(&mut T) + Send + 'static) -> Self {
        self.reset = Some(Box::new(reset));
        self
    }

    /// Sets what is asked of an idle item before it is handed out. One that is not fit is dropped, and
    /// another takes its place.
    ///
    /// It runs in the caller's context. A check that panics, or is cut by the end of that context, counts
    /// as not fit. An item that was just made is not checked.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::pool::{Pool, TryGetError, pool_from};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let even = pool_from([1, 2, 3]).check(async |item| *item % 2 == 0);
    /// let pool = Pool::spawn(&scope, even).await?;
    /// assert_eq!(*pool.get().await?, 2);
    /// assert_eq!(pool.counts().await?.len(), 2, "3 was dropped, 1 was not looked at");
    /// let (even, odd) = (pool.get().await?, pool.try_get().await);
    /// assert!(*even == 2 && matches!(odd, Err(TryGetError::Empty)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn check<F>(mut self, is_fit: F) -> Self
    where
        F: AsyncFn(&mut T) -> bool + Send + Sync + 'static,
    {
        let is_fit = Arc::new(is_fit);
        self.check = Some(Arc::new(move |mut item| {
            let is_fit = is_fit.clone();
            Box::pin(async move {
                // Caught here, so that a panic does not take the item with it.
                let checked = caught(Box::pin(async { is_fit(item.get_mut()).await })).await;
                (
                    item,
                    checked.unwrap_or_else(|payload| {
                        current::tell_stray(payload, "check of an item");
                        false
                    }),
                )
            })
        }));
        self
    }

    /// Sets for how long an item may be idle, before it is dropped and its place is free. Without this
    /// it stays until the pool ends.
    pub fn idle_time_out(mut self, idle_for: Duration) -> Self {
        self.idle_for = Some(idle_for);
        self
    }

    /// Drops an item whose holder panicked, instead of keeping it for others: it may be half changed.
    pub fn discard_after_panic(mut self) -> Self {
        self.is_discarded_after_panic = true;
        self
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            max: self.max,
            checks: self.check.is_some(),
            makes: self.make.is_some(),
            idle_for: self.idle_for,
        }
    }
}

impl<T> fmt::Debug for PoolOptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolOptions")
            .field("items", &self.items.len())
            .field("makes", &self.make.is_some())
            .field("max", &self.max)
            .field("idle_for", &self.idle_for)
            .finish_non_exhaustive()
    }
}
