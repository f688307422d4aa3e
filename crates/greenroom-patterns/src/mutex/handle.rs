//! The handle to a mutex.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{Scope, SpawnError};
use greenroom_core::{Id, Result};

use super::lease::Lease;
use crate::condition::Condition;
use crate::lease::{
    Ask, Door, LeaseOptions, LeaseStatus, LockError, Sole, StatusError, TryLockError, named,
};

/// Describes a mutex: no lease time, cycles are reported, and nobody is told.
///
/// The name stands in reports, and is the registry's group of the owner.
///
/// # Examples
/// ```
/// # use greenroom_patterns::mutex::mutex;
/// use greenroom_core::{channel, time::Durations};
/// let (tx, _reports) = channel::bounded(16);
/// let accounts = mutex("accounts").lease_time(2.secs()).reports(tx);
/// # let _ = accounts;
/// ```
pub const fn mutex(name: &'static str) -> LeaseOptions {
    named(name)
}

/// Lends its value to one holder at a time. Cloning gives another handle to the same value.
///
/// The owner lives until the last handle and the last lease are gone, or its scope ends: then the value
/// is dropped, or with the lease that is out.
pub struct Mutex<T: Send + 'static>(Arc<Door<Sole<T>>>);

impl<T: Send + 'static> Mutex<T> {
    /// Starts the owner of a value.
    ///
    /// # Errors
    /// - [`SpawnError::Ended`]: the scope has ended; the value is dropped.
    /// - [`SpawnError::Cancelled`], [`SpawnError::Deadline`]: the context of the scope or of the caller
    ///   ended first; the value is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future drops the value, and ends an owner that was started.
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
        value: T,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T> {
        Self::spawn_with(scope, LeaseOptions::unnamed("mutex"), value)
    }

    /// Starts the owner of a value, as described.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); and [`SpawnError::Name`]: the name is empty, or contains `/`.
    ///
    /// # Cancel safety
    /// As [`spawn`](Self::spawn).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::{channel, time::{Durations, sleep}};
    /// use greenroom_patterns::mutex::{LeaseReport, Mutex, mutex};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let (tx, reports) = channel::bounded(16);
    /// let described = mutex("slow").lease_time(2.secs()).reports(tx);
    /// let slow = Mutex::spawn_with(&scope, described, 0).await?;
    /// let lease = slow.lock().await?;
    /// sleep(3.secs()).await?;
    /// let Ok(LeaseReport::Overdue { holder, .. }) = reports.try_recv() else { panic!("not told") };
    /// assert_eq!(holder.held, 2.secs());
    /// assert_eq!(*lease, 0); // It is still here.
    ///
    /// assert!(Mutex::spawn_with(&scope, mutex("a/b"), 0).await.is_err());
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn_with(
        scope: &Scope,
        options: LeaseOptions,
        value: T,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T> {
        let door = Door::spawn(scope, options, Sole::new(value));
        async move { Ok(Self(door.await?)) }
    }

    #[cfg(test)]
    pub(crate) fn of(door: Arc<Door<Sole<T>>>) -> Self {
        Self(door)
    }

    /// Waits for the value, behind those who asked before: Go's `mu.Lock()`.
    ///
    /// The lease is dropped to unlock. A task that locks twice waits for itself; see
    /// [`OnCycle`](super::OnCycle).
    ///
    /// # Errors
    /// - [`LockError::Poisoned`]: a holder panicked; use [`recover`](Self::recover).
    /// - [`LockError::Cycle`]: the wait would close a cycle, and the mutex refuses that.
    /// - [`LockError::Cancelled`], [`LockError::Deadline`]: the current context ended first.
    /// - [`LockError::Closed`]: the owner has ended, with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives the place in the line up. A lease that was granted and not
    /// taken goes to the next.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::mutex::{LockError, Mutex};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let names = Mutex::spawn(&scope, vec!["green"]).await?;
    /// let mut lease = names.lock().await?;
    /// lease.push("room");
    /// let hurried = scope.context().with_timeout(1.secs());
    /// assert!(matches!(hurried.run(names.lock()).await?, Err(LockError::Deadline)));
    /// drop(lease);
    /// assert_eq!(*names.lock().await?, ["green", "room"]);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = Result<Lease<T>, LockError>> + Send + use<T> {
        let lease = self.0.clone().ask(Ask::exclusive(Location::caller()));
        async move { Ok(Lease(lease.await?)) }
    }

    /// Takes the value if it is free: Go's `mu.TryLock()`.
    ///
    /// It asks the owner, and waits for that answer only.
    ///
    /// # Errors
    /// - [`TryLockError::Busy`]: the value is out.
    /// - [`TryLockError::Poisoned`]: a holder panicked; use [`recover`](Self::recover).
    /// - [`TryLockError::Cancelled`], [`TryLockError::Deadline`]: the current context ended first.
    /// - [`TryLockError::Closed`]: the owner has ended, with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe. A lease that was granted and not taken goes home.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::mutex::{Mutex, TryLockError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let count = Mutex::spawn(&scope, 1).await?;
    /// let lease = count.try_lock().await?;
    /// assert!(matches!(count.try_lock().await, Err(TryLockError::Busy)));
    /// drop(lease);
    /// assert_eq!(*count.try_lock().await?, 1);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn try_lock(&self) -> impl Future<Output = Result<Lease<T>, TryLockError>> + Send + use<T> {
        let ask = Ask::exclusive(Location::caller()).tries();
        let lease = self.0.clone().ask(ask);
        async move { Ok(Lease(lease.await?)) }
    }

    /// Waits for the value as [`lock`](Self::lock), poisoned or not, and takes the poison away.
    ///
    /// The holder is to make the value whole. If this lease is dropped by a panic too, it is poisoned
    /// anew.
    ///
    /// # Errors
    /// As [`lock`](Self::lock), without [`LockError::Poisoned`].
    ///
    /// # Cancel safety
    /// As [`lock`](Self::lock). If the lease was not taken, the poison stays.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::mutex::{LockError, Mutex};
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let sum = Mutex::spawn(&scope, 0).await?;
    /// let broken = sum.clone();
    /// let panicked = scope.scope(move |_inner| async move {
    ///     let mut lease = broken.lock().await?;
    ///     *lease += 1;
    ///     assert_eq!(*lease, 0, "half done");
    ///     Ok(())
    /// }).await;
    /// assert!(panicked.is_err());
    /// let Err(LockError::Poisoned(poison)) = sum.lock().await else { panic!("not told") };
    /// assert_eq!(poison.lease, 1);
    /// *sum.recover().await? = 0;
    /// assert_eq!(*sum.lock().await?, 0);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn recover(&self) -> impl Future<Output = Result<Lease<T>, LockError>> + Send + use<T> {
        let ask = Ask::exclusive(Location::caller()).recovers();
        let lease = self.0.clone().ask(ask);
        async move { Ok(Lease(lease.await?)) }
    }

    /// Makes a condition that waits with leases of this mutex: Go's `sync.NewCond(&mu)`.
    #[must_use]
    pub fn condition(&self) -> Condition<T> {
        Condition::new(&self.0)
    }

    /// Asks who holds the lease, for how long, and who waits.
    ///
    /// # Errors
    /// - [`StatusError::Cancelled`], [`StatusError::Deadline`]: the current context ended first.
    /// - [`StatusError::Closed`]: the owner has ended, with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::mutex::{Mutex, StatusError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # let kept = runtime.block_on(|scope| async move {
    /// let count = Mutex::spawn(&scope, 1).await?;
    /// let lease = count.lock().await?;
    /// let status = count.status().await?;
    /// assert_eq!(status.holders[0].lease, lease.number());
    /// assert!(status.waiters.is_empty());
    /// # drop(lease);
    /// # Ok(count)
    /// # })?;
    /// # runtime.block_on(|_| async move {
    /// // After the end of its scope:
    /// # let count = kept;
    /// assert!(matches!(count.status().await, Err(StatusError::Closed)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn status(&self) -> Result<LeaseStatus, StatusError> {
        self.0.status().await
    }

    /// Returns the id of the owner.
    #[must_use]
    pub fn id(&self) -> &Id {
        self.0.id()
    }
}

impl<T: Send + 'static> Clone for Mutex<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mutex({}, {})", self.0.name(), self.id())
    }
}
