//! The handle to a state.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use greenroom_actor::{Address, HandlerLater, Scope, SpawnError};
use greenroom_core::Id;
use greenroom_core::watch::Watch;

use super::actor::Owner;
use super::error::{StateError, TryUpdateError};
use super::message::{Read, Replace, Subscribe, TryUpdate, Update};
use super::owned::Owned;

/// Reads and changes a value that one actor owns. Cloning gives another handle to the same value.
///
/// The owner lives until the last handle is gone, or its scope ends: then it serves what is queued
/// first, and the value is dropped. Calls wait while 64 others are queued.
///
/// Use a [watch](Self::watch) where readers are many and the last value will do; use an
/// [actor](greenroom_actor::Actor) of your own where changes are better named than passed as closures.
pub struct State<T: Send + 'static> {
    address: Address<Owner<T>>,
}

impl<T: Send + 'static> State<T> {
    /// Starts the owner of a value, whose updates take effect whole or not at all.
    ///
    /// Each update works on a clone, which becomes the value when the closure has returned. So a panic,
    /// or a [refusal](Self::try_update), leaves the last good value. A clone is what it costs: for a
    /// large value use parts that are cheap to clone (`Arc`), or [`spawn_uncloned`](Self::spawn_uncloned).
    ///
    /// # Errors
    /// - [`SpawnError::Ended`]: the scope has ended; the value is dropped.
    /// - [`SpawnError::Cancelled`], [`SpawnError::Deadline`]: the context of the scope or of the caller
    ///   ended first; the value is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future drops the value, and ends an owner that was started.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::state::{State, StateError};
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let list = State::spawn(&scope, vec![1]).await?;
    /// let panicked = list.update(|list| {
    ///     list.push(2);
    ///     assert!(list.is_empty(), "half done");
    /// }).await;
    /// assert!(matches!(panicked, Err(StateError::Panicked(_))));
    /// assert_eq!(list.read(Vec::clone).await?, [1]);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
        value: T,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T>
    where
        T: Clone,
    {
        Self::start(scope, Owned::new(value, Some(T::clone)))
    }

    /// Starts the owner of a value that updates change in place.
    ///
    /// It costs no clone, and needs none. What a closure had changed before it panicked, or refused,
    /// stays changed, as with a Rust mutex whose poison is ignored.
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    /// Dropping the future drops the value, and ends an owner that was started.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::state::State;
    /// struct Log(Vec<String>);
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let log = State::spawn_uncloned(&scope, Log(vec![])).await?;
    /// log.update(|log| log.0.push("begun".into())).await?;
    /// let panicked = log.update(|log| {
    ///     log.0.push("half".into());
    ///     assert!(log.0.is_empty(), "in the middle");
    /// });
    /// assert!(panicked.await.is_err());
    /// assert_eq!(log.read(|log| log.0.len()).await?, 2);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn_uncloned(
        scope: &Scope,
        value: T,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T> {
        Self::start(scope, Owned::new(value, None))
    }

    #[track_caller]
    fn start(
        scope: &Scope,
        owned: Owned<T>,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T> {
        // A panic is the closure's, and its caller is told: no number of them is too many.
        let builder = scope
            .supervise(owned, Owner)
            .intensity(usize::MAX, Duration::ZERO);
        async move {
            let address = builder.await?;
            Ok(Self { address })
        }
    }

    /// Shows the value to a closure, and returns what that returns.
    ///
    /// The closure runs in the owner, and holds up every other call: copy out what needs more time.
    ///
    /// # Errors
    /// See [`StateError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::state::{State, StateError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # let kept = runtime.block_on(|scope| async move {
    /// let name = State::spawn(&scope, String::from("green")).await?;
    /// assert_eq!(name.read(|name| name.len()).await?, 5);
    /// # Ok(name)
    /// # })?;
    /// # runtime.block_on(|_| async move {
    /// // After the end of its scope:
    /// # let name = kept;
    /// assert!(matches!(name.read(|name| name.len()).await, Err(StateError::Closed)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn read<R, F>(&self, f: F) -> impl Future<Output = Result<R, StateError>> + Send
    where
        R: Send + 'static,
        F: FnOnce(&T) -> R + Send + 'static,
    {
        self.ask(Read(f, PhantomData))
    }

    /// Lets a closure change the value, and returns what that returns.
    ///
    /// `Ok` means that the change has taken effect, and every later read sees it.
    ///
    /// # Errors
    /// See [`StateError`]. After [`Panicked`](StateError::Panicked) the value is as before, or, if it was
    /// [spawned uncloned](Self::spawn_uncloned), as the closure left it. In one case the change has taken
    /// effect all the same: the destructor of the value it replaced panicked.
    ///
    /// # Cancel safety
    /// Dropping the future before the owner took the call changes nothing. After that the change may
    /// take effect or not; it is never done by half.
    ///
    /// # Differences from Go
    /// What is between `Lock` and `Unlock` is the closure. It cannot wait.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::state::{State, StateError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let count = State::spawn(&scope, 0).await?;
    /// assert_eq!(count.update(|n| { *n += 1; *n }).await?, 1);
    ///
    /// let late = scope.context().with_timeout(std::time::Duration::ZERO);
    /// let refused = late.run(count.update(|n| *n = 100)).await?;
    /// assert!(matches!(refused, Err(StateError::DeadlineInMailbox)));
    /// assert_eq!(count.read(|n| *n).await?, 1);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn update<R, F>(&self, f: F) -> impl Future<Output = Result<R, StateError>> + Send
    where
        R: Send + 'static,
        F: FnOnce(&mut T) -> R + Send + 'static,
    {
        self.ask(Update(f, PhantomData))
    }

    /// Lets a closure change the value, or refuse to by an error.
    ///
    /// The closure's error leaves the value as it was, and watchers see nothing. If it was
    /// [spawned uncloned](Self::spawn_uncloned) what the closure had changed stays, and is seen.
    ///
    /// # Errors
    /// - [`TryUpdateError::Refused`]: the closure's own error.
    /// - [`TryUpdateError::State`]: it gave no result; see [`StateError`].
    ///
    /// # Cancel safety
    /// As [`update`](Self::update).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::state::State;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let balance = State::spawn(&scope, 10_u32).await?;
    /// let pay = |n: u32| balance.try_update(move |balance| {
    ///     *balance = balance.checked_sub(n).ok_or("too little")?;
    ///     Ok(*balance)
    /// });
    /// assert_eq!(pay(7).await.ok(), Some(3));
    /// let refused = pay(7).await.expect_err("only 3 are left");
    /// assert_eq!(refused.into_refused(), Some("too little"));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn try_update<R, E, F>(
        &self,
        f: F,
    ) -> impl Future<Output = Result<R, TryUpdateError<E>>> + Send
    where
        R: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&mut T) -> Result<R, E> + Send + 'static,
    {
        let result = self.ask(TryUpdate(f, PhantomData));
        async move { result.await?.map_err(TryUpdateError::Refused) }
    }

    /// Puts a value in the place of the one there, and returns that.
    ///
    /// It costs no clone, unless the value is watched.
    ///
    /// # Errors
    /// See [`StateError`]. The value does not come back: it may have been put in place.
    ///
    /// # Cancel safety
    /// As [`update`](Self::update); the value that was replaced is then dropped.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::state::{State, StateError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let config = State::spawn(&scope, "old").await?;
    /// assert_eq!(config.replace("new").await?, "old");
    /// scope.cancel("enough");
    /// assert!(matches!(config.replace("newer").await, Err(StateError::Cancelled(_))));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn replace(&self, value: T) -> Result<T, StateError> {
        self.ask(Replace(value)).await
    }

    /// Returns a handle that reads the value, and waits for changes, without a call.
    ///
    /// It gives snapshots, each a clone that never changes; the one of now counts as seen. From the first
    /// watch on every update publishes one, which costs a clone. A slow watcher misses values between, it
    /// never holds up an update. When the owner has ended the last value stays readable.
    ///
    /// # Errors
    /// See [`StateError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    ///
    /// # Differences from Go
    /// A reader of an `RWMutex` keeps writers out while it reads. A watcher keeps nobody out.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_core::watch::WatchError;
    /// # use greenroom_patterns::state::State;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let level = State::spawn(&scope, 1).await?;
    /// let watch = level.watch().await?;
    /// assert_eq!(*watch.get(), 1);
    /// level.replace(2).await?;
    /// assert_eq!(*watch.changed().await?, 2);
    /// drop(level);
    /// assert!(matches!(watch.changed().await, Err(WatchError::Closed)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn watch(&self) -> Result<Watch<T>, StateError>
    where
        T: Clone + Sync,
    {
        self.ask(Subscribe).await
    }

    /// Returns the id of the owner.
    #[must_use]
    pub fn id(&self) -> &Id {
        self.address.id()
    }

    // Not an `async fn`, here and above: that the future is `Send` is said, so that the compiler need not
    // find out anew in each task that awaits it. It fails to where a closure holds a `&'static str`.
    fn ask<M>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<<Owner<T> as HandlerLater<M>>::Reply, StateError>> + Send
    where
        M: Send + 'static,
        Owner<T>: HandlerLater<M>,
    {
        let asked = self.address.ask(message);
        async move { Ok(asked.await?) }
    }
}

impl<T: Send + 'static> Clone for State<T> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
        }
    }
}

impl<T: Send + 'static> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({})", self.id())
    }
}
