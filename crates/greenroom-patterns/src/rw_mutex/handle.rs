//! The handle to a mutex with readers.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{Scope, SpawnError};
use greenroom_core::{Id, Result};

use super::lease::{ReadLease, WriteLease};
use crate::lease::{
    Ask, Common, Door, LeaseOptions, LeaseStatus, LockError, StatusError, TryLockError, named,
};

/// Describes a mutex with readers, as [`mutex`](crate::mutex::mutex) describes one without.
///
/// # Examples
/// ```
/// # use greenroom_patterns::rw_mutex::rw_mutex;
/// use greenroom_core::time::Durations;
/// let cache = rw_mutex("cache").lease_time(100.millis());
/// # let _ = cache;
/// ```
pub const fn rw_mutex(name: &'static str) -> LeaseOptions {
    named(name)
}

/// Lends its value to many readers, or to one writer. Cloning gives another handle to the same value.
///
/// The owner lives until the last handle and the last lease are gone, or its scope ends.
pub struct RwMutex<T: Send + Sync + 'static>(Arc<Door<Common<T>>>);

impl<T: Send + Sync + 'static> RwMutex<T> {
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
        Self::spawn_with(scope, LeaseOptions::unnamed("rw_mutex"), value)
    }

    /// Starts the owner of a value, as described.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); and [`SpawnError::Name`]: the name is empty, or contains `/`.
    ///
    /// # Cancel safety
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_with(
        scope: &Scope,
        options: LeaseOptions,
        value: T,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T> {
        let door = Door::spawn(scope, options, Common::Here(value));
        async move { Ok(Self(door.await?)) }
    }

    /// Waits for a share of the value, behind the writers that wait: Go's `mu.RLock()`.
    ///
    /// # Errors
    /// - [`LockError::Poisoned`]: a writer panicked; use [`recover`](Self::recover).
    /// - [`LockError::Cycle`]: the wait would close a cycle, and the mutex refuses that.
    /// - [`LockError::Cancelled`], [`LockError::Deadline`]: the current context ended first.
    /// - [`LockError::Closed`]: the owner has ended, with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives the place in the line up, or the share that was granted.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::rw_mutex::{LockError, RwMutex};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let name = RwMutex::spawn(&scope, String::from("green")).await?;
    /// let (one, other) = (name.read().await?, name.read().await?);
    /// assert_eq!(*one, *other);
    /// drop((one, other));
    ///
    /// let writer = name.write().await?;
    /// let hurried = scope.context().with_timeout(1.secs());
    /// assert!(matches!(hurried.run(name.read()).await?, Err(LockError::Deadline)));
    /// # drop(writer);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = Result<ReadLease<T>, LockError>> + Send + use<T> {
        let lease = self.0.clone().ask(Ask::shared(Location::caller()));
        async move { Ok(ReadLease(lease.await?)) }
    }

    /// Waits for the value alone: Go's `mu.Lock()`. Readers that come later wait behind it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives the place in the line up, and lets the readers behind it
    /// in; a lease that was granted and not taken goes to the next.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::rw_mutex::{LockError, RwMutex};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let name = RwMutex::spawn(&scope, String::from("green")).await?;
    /// name.write().await?.push_str("room");
    /// let reader = name.read().await?;
    /// assert_eq!(*reader, "greenroom");
    /// let hurried = scope.context().with_timeout(1.secs());
    /// assert!(matches!(hurried.run(name.write()).await?, Err(LockError::Deadline)));
    /// # drop(reader);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = Result<WriteLease<T>, LockError>> + Send + use<T> {
        let lease = self.0.clone().ask(Ask::exclusive(Location::caller()));
        async move { Ok(WriteLease(lease.await?)) }
    }

    /// Takes a share of the value if no writer has it or waits for it: Go's `mu.TryRLock()`.
    ///
    /// It asks the owner, and waits for that answer only.
    ///
    /// # Errors
    /// - [`TryLockError::Busy`]: a writer has the value, or waits for it.
    /// - [`TryLockError::Poisoned`]: a writer panicked; use [`recover`](Self::recover).
    /// - [`TryLockError::Cancelled`], [`TryLockError::Deadline`]: the current context ended first.
    /// - [`TryLockError::Closed`]: the owner has ended, with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe. A share that was granted and not taken goes home.
    #[track_caller]
    pub fn try_read(
        &self,
    ) -> impl Future<Output = Result<ReadLease<T>, TryLockError>> + Send + use<T> {
        let ask = Ask::shared(Location::caller()).tries();
        let lease = self.0.clone().ask(ask);
        async move { Ok(ReadLease(lease.await?)) }
    }

    /// Takes the value if nobody has any of it: Go's `mu.TryLock()`.
    ///
    /// It asks the owner, and waits for that answer only.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read); [`TryLockError::Busy`] also if a reader has a share.
    ///
    /// # Cancel safety
    /// Cancel safe. A lease that was granted and not taken goes home.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::rw_mutex::{RwMutex, TryLockError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let count = RwMutex::spawn(&scope, 1).await?;
    /// let reader = count.try_read().await?;
    /// assert!(matches!(count.try_write().await, Err(TryLockError::Busy)));
    /// drop(reader);
    /// *count.try_write().await? += 1;
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn try_write(
        &self,
    ) -> impl Future<Output = Result<WriteLease<T>, TryLockError>> + Send + use<T> {
        let ask = Ask::exclusive(Location::caller()).tries();
        let lease = self.0.clone().ask(ask);
        async move { Ok(WriteLease(lease.await?)) }
    }

    /// Waits for the value as [`write`](Self::write), poisoned or not, and takes the poison away.
    ///
    /// The holder is to make the value whole. If this lease is dropped by a panic too, it is poisoned
    /// anew.
    ///
    /// # Errors
    /// As [`write`](Self::write), without [`LockError::Poisoned`].
    ///
    /// # Cancel safety
    /// As [`write`](Self::write). If the lease was not taken, the poison stays.
    #[track_caller]
    pub fn recover(
        &self,
    ) -> impl Future<Output = Result<WriteLease<T>, LockError>> + Send + use<T> {
        let ask = Ask::exclusive(Location::caller()).recovers();
        let lease = self.0.clone().ask(ask);
        async move { Ok(WriteLease(lease.await?)) }
    }

    /// Asks who holds a lease, for how long, and who waits.
    ///
    /// # Errors
    /// - [`StatusError::Cancelled`], [`StatusError::Deadline`]: the current context ended first.
    /// - [`StatusError::Closed`]: the owner has ended, with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn status(&self) -> Result<LeaseStatus, StatusError> {
        self.0.status().await
    }

    /// Returns the id of the owner.
    #[must_use]
    pub fn id(&self) -> &Id {
        self.0.id()
    }
}

impl<T: Send + Sync + 'static> Clone for RwMutex<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for RwMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RwMutex({}, {})", self.0.name(), self.id())
    }
}
