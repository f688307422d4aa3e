//! The handle to a cache.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use greenroom_actor::{Address, Scope};
use greenroom_core::watch::{self, Watch};
use greenroom_core::{Context, Result, channel, current};

use super::actor::{Held, Owner};
use super::error::{CacheError, LoadError, SpawnCacheError};
use super::message::{Clear, Load, Remove, Set};
use super::options::CacheOptions;
use super::state::{Entries, Loads, Store, read};

/// Reads and writes a map that one actor owns. Cloning gives another handle to the same map.
///
/// The owner lives until the last handle is gone, or its scope ends. After that writes fail, and reads
/// give what was there last.
///
/// Use a [`State`](crate::state::State) where a change depends on what is there, or the values are no
/// clones.
pub struct Cache<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    address: Address<Owner<K, V>>,
    entries: Watch<Entries<K, V>>,
    /// The scope's, for its clock.
    context: Context,
}

impl<K, V> Cache<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Starts the owner of an empty cache, an actor in the scope.
    ///
    /// # Errors
    /// - [`SpawnCacheError::ZeroCapacity`], [`SpawnCacheError::ZeroTimeToLive`]: it could hold nothing.
    /// - [`SpawnCacheError::Spawn`]: the scope has ended, or the caller's context did.
    ///
    /// # Cancel safety
    /// Dropping the future ends an owner that was started.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::cache::{Cache, SpawnCacheError, cache};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let items = Cache::spawn(&scope, cache().capacity(2)).await?;
    /// for key in 1..=3 {
    ///     items.set(key, key * 10).await?;
    /// }
    /// assert_eq!((items.get(&1), items.get(&3), items.len()), (None, Some(30), 2));
    ///
    /// let refused = Cache::<u8, u8>::spawn(&scope, cache().capacity(0)).await;
    /// assert!(matches!(refused, Err(SpawnCacheError::ZeroCapacity)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
        options: CacheOptions,
    ) -> impl Future<Output = Result<Self, SpawnCacheError>> + Send + use<K, V> {
        let spawned_at = Location::caller();
        let store = Store::new(options);
        let (publisher, entries) = watch::channel(store.entries().clone());
        let held = Held {
            store,
            loads: Loads::new(),
            publisher,
        };
        let (end, ended) = channel::unbounded();
        let builder = scope
            .supervise(held, move |held| Owner {
                held,
                end: end.clone(),
                ended: ended.clone(),
                spawned_at,
                is_sweep_set: false,
            })
            // What can panic is the users' code, and its callers are told: no number is too many.
            .intensity(usize::MAX, Duration::ZERO);
        let context = scope.context().clone();
        async move {
            if options.capacity == 0 {
                return Err(SpawnCacheError::ZeroCapacity);
            }
            if options.time_to_live == Some(Duration::ZERO) {
                return Err(SpawnCacheError::ZeroTimeToLive);
            }
            let address = builder.await?;
            Ok(Self {
                address,
                entries,
                context,
            })
        }
    }

    /// Returns a clone of the value of a key, from the last snapshot. It sends no message and waits for
    /// nobody.
    ///
    /// It sees each write that returned before, through any handle, as far as the caller can know of it.
    /// A write that has not returned yet it sees or not. It works anywhere, also after the cache has
    /// ended.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::cache::{Cache, cache};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let sessions = Cache::spawn(&scope, cache().time_to_live(60.secs())).await?;
    /// sessions.set(String::from("ada"), 1).await?;
    /// assert_eq!(sessions.get("ada"), Some(1));
    /// sleep(60.secs()).await?;
    /// assert_eq!(sessions.get("ada"), None);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        read(&self.entries.get(), key, || self.context.now()).cloned()
    }

    /// Writes an entry, in place of the one of the same key. It counts as written now, for the capacity
    /// and for the time to live.
    ///
    /// `Ok` means that every later read sees it, until it is written over, removed, or makes room.
    ///
    /// # Errors
    /// See [`CacheError`]. The value does not come back: it may have been written.
    ///
    /// # Cancel safety
    /// Dropped before the owner took it, nothing is written. After that it may be or not.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::cache::{Cache, CacheError, cache};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let items = Cache::spawn(&scope, cache()).await?;
    /// items.set("a", 1).await?;
    /// items.set("a", 2).await?;
    /// assert_eq!((items.get("a"), items.len()), (Some(2), 1));
    /// scope.cancel("enough");
    /// assert!(matches!(items.set("a", 3).await, Err(CacheError::Cancelled(_))));
    /// assert_eq!(items.get("a"), Some(2));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    // Not an `async fn`, here and below: that the future is `Send` is said, so that the compiler need not
    // find out anew in each task that awaits it. It fails to where a key is a `&'static str`.
    pub fn set(&self, key: K, value: V) -> impl Future<Output = Result<(), CacheError>> + Send {
        let asked = self.address.ask(Set(key, value));
        async move { Ok(asked.await?) }
    }

    /// Takes an entry out, and returns its value if it was there.
    ///
    /// A load of this key that runs goes on for those who wait for it; what it loads is not stored, and
    /// the next to ask begins another.
    ///
    /// # Errors
    /// See [`CacheError`].
    ///
    /// # Cancel safety
    /// As [`set`](Self::set).
    pub fn remove(&self, key: K) -> impl Future<Output = Result<Option<V>, CacheError>> + Send {
        let asked = self.address.ask(Remove(key));
        async move { Ok(asked.await?) }
    }

    /// Takes every entry out. Loads that run are not stored.
    ///
    /// # Errors
    /// See [`CacheError`].
    ///
    /// # Cancel safety
    /// As [`set`](Self::set).
    pub async fn clear(&self) -> Result<(), CacheError> {
        Ok(self.address.ask(Clear).await?)
    }

    /// Returns the value of a key; without one, loads and stores it first.
    ///
    /// However many ask for a key, one load of it runs at a time; they all get its value, or its error.
    /// It runs in a task of the cache's scope, in that scope's context: it goes on when a caller is
    /// cancelled, even the one who brought the loader. The other loaders are dropped uncalled. A value
    /// that is there is returned without a message.
    ///
    /// A load whose key was [set](Self::set), [removed](Self::remove) or [cleared](Self::clear) meanwhile
    /// answers those who wait for it, and is not stored. After a remove or a clear the next to ask begins
    /// a load beside it.
    ///
    /// # Errors
    /// See [`LoadError`]. Nothing is stored, and the next to ask loads again.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future ends this wait. A load that has begun goes on.
    ///
    /// # Differences from Go
    /// It is `singleflight.Do`, with the map behind it. There the function runs in the first caller, and
    /// its panic is everyone's.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::cache::{Cache, LoadError, cache};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pages = Cache::spawn(&scope, cache()).await?;
    /// let page = pages.get_or_insert_with("/", || async {
    ///     sleep(1.secs()).await?;
    ///     Ok("home")
    /// });
    /// assert_eq!(page.await?, "home");
    ///
    /// let failed = pages.get_or_insert_with("/gone", || async {
    ///     Err(std::io::Error::other("404").into())
    /// });
    /// assert!(matches!(failed.await, Err(LoadError::Failed(_))));
    /// assert_eq!((pages.get("/"), pages.get("/gone")), (Some("home"), None));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[allow(
        clippy::manual_async_fn,
        reason = "that the future is `Send` is said, so that no task that awaits it need find out"
    )]
    pub fn get_or_insert_with<F, Fut>(
        &self,
        key: K,
        loader: F,
    ) -> impl Future<Output = Result<V, LoadError>> + Send
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V>> + 'static,
    {
        async move {
            if let Some(value) = self.get(&key) {
                return Ok(value);
            }
            let asker = current::task_id();
            self.address.ask(Load { key, loader, asker }).await?
        }
    }

    /// Returns how many entries there are. Those whose time is over count until they are swept, which is
    /// an eighth of the time to live later at most.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.get().len()
    }

    /// Returns whether there are no entries, as [`len`](Self::len) counts them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Clone for Cache<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            entries: self.entries.clone(),
            context: self.context.clone(),
        }
    }
}

impl<K, V> fmt::Debug for Cache<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({})", self.address.id())
    }
}
