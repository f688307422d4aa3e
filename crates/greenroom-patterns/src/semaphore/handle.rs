//! The handle to a semaphore, and the guard of its permits.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{Address, HandlerLater, Scope, SpawnError};
use greenroom_core::registry::{PermitNumbers, PermitParty};
use greenroom_core::wait::Wait;
use greenroom_core::{Context, Result};

use super::actor::{Book, Owner};
use super::error::{AcquireError, CountError, ResizeError, SplitError, TryAcquireError};
use super::message::{Acquire, Close, Leave, Look, Release, Resize, TryAcquire};
use crate::detached;

/// Has a number of permits, and lets wait who asks for more than are free. Cloning gives another handle
/// to the same semaphore.
#[derive(Clone)]
pub struct Semaphore(Arc<Link>);

/// Shared by handles, requests and permits, so that each of them costs one reference.
struct Link {
    address: Address<Owner>,
    /// In which permits come back, so that no cancel skips them. Invariant 4.
    detached: Context,
    /// For those who ask.
    numbers: PermitNumbers,
}

impl Semaphore {
    /// Starts a semaphore with so many permits: Go's `semaphore.NewWeighted`.
    ///
    /// One without permits refuses every request until it is [resized](Self::resize).
    ///
    /// # Errors
    /// - [`SpawnError::Ended`]: the scope has ended.
    /// - [`SpawnError::Cancelled`], [`SpawnError::Deadline`]: the context of the scope or of the caller
    ///   ended first.
    ///
    /// # Cancel safety
    /// Dropping the future ends a semaphore that was started.
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
        permits: usize,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<> {
        // Without a bound, so that no permit is refused on its way back: it holds a message for each
        // permit, and one for each call that waits.
        let builder = scope
            .supervise(Book::new(permits), Owner)
            .unbounded_mailbox();
        let detached = scope.context().without_cancel();
        async move {
            let address = builder.await?;
            Ok(Self(Arc::new(Link {
                address,
                detached,
                numbers: PermitNumbers::default(),
            })))
        }
    }

    /// Waits for one permit. Like [`acquire_many`](Self::acquire_many) otherwise.
    ///
    /// # Errors
    /// See [`AcquireError`]. Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives up the place in the queue, and a permit that was granted.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::semaphore::{AcquireError, Semaphore};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let semaphore = Semaphore::spawn(&scope, 1).await?;
    /// let permit = semaphore.acquire().await?;
    /// let hurried = scope.context().with_timeout(1.secs());
    /// let refused = hurried.run(semaphore.acquire()).await?;
    /// assert!(matches!(refused, Err(AcquireError::Deadline)));
    /// drop(permit);
    /// drop(semaphore.acquire().await?);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<Permit, AcquireError>> + Send {
        self.acquire_many(1)
    }

    /// Waits for so many permits, all of them at once: Go's `Acquire`.
    ///
    /// Requests are granted in order, also if a later one would fit. A request for 0 waits for those
    /// before it, and takes nothing.
    ///
    /// # Errors
    /// - [`AcquireError::TooLarge`]: more than there are, or than a [`resize`](Self::resize) has left.
    /// - [`AcquireError::Cancelled`], [`AcquireError::Deadline`]: the current context ended first, or had
    ///   ended already; then nothing is taken, even if permits are free.
    /// - [`AcquireError::Closed`]: the semaphore was closed, or has ended with its scope.
    ///
    /// Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives up the place in the queue, and permits that were granted;
    /// those behind it go on at once.
    ///
    /// # Differences from Go
    /// A request larger than the size is an error at once; Go lets it wait for its context.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::semaphore::{AcquireError, Semaphore};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let memory = Semaphore::spawn(&scope, 1024).await?;
    /// let large = memory.acquire_many(1000).await?;
    /// assert_eq!(memory.available().await?, 24);
    /// let refused = memory.acquire_many(2000).await;
    /// assert!(matches!(refused, Err(AcquireError::TooLarge { asked: 2000, size: 1024 })));
    /// # drop(large);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn acquire_many(
        &self,
        permits: usize,
    ) -> impl Future<Output = Result<Permit, AcquireError>> + Send {
        self.acquire_from(permits, Location::caller())
    }

    async fn acquire_from(
        &self,
        permits: usize,
        place: &'static Location<'static>,
    ) -> Result<Permit, AcquireError> {
        let number = self.0.numbers.next();
        // Dropped after the ask, whose end is what the owner looks at when it is told.
        let mut waiting = Place {
            semaphore: self,
            number,
            is_given_up: true,
        };
        let asked = Acquire {
            number,
            party: PermitParty::current(permits, place),
            semaphore: self.clone(),
        };
        let granted = self.0.address.ask(asked).await?;
        waiting.is_given_up = false;
        // The context may have ended between the grant and this poll: the permits go back then.
        match Wait::ended() {
            Some(ended) if granted.is_ok() => Err(ended.into()),
            _ => granted,
        }
    }

    /// Takes one permit if it is free. Like [`try_acquire_many`](Self::try_acquire_many) otherwise.
    ///
    /// # Errors
    /// See [`TryAcquireError`]. Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives back a permit that was taken.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::semaphore::{Semaphore, TryAcquireError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let semaphore = Semaphore::spawn(&scope, 1).await?;
    /// let permit = semaphore.try_acquire().await?;
    /// assert!(matches!(semaphore.try_acquire().await, Err(TryAcquireError::NoPermits)));
    /// # drop(permit);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn try_acquire(&self) -> impl Future<Output = Result<Permit, TryAcquireError>> + Send {
        self.try_acquire_many(1)
    }

    /// Takes so many permits if they are free and nobody waits: Go's `TryAcquire`.
    ///
    /// It waits for the answer of the owner, never for permits.
    ///
    /// # Errors
    /// - [`TryAcquireError::NoPermits`]: too few are free, or others wait already.
    /// - [`TryAcquireError::TooLarge`]: more than there are.
    /// - [`TryAcquireError::Cancelled`], [`TryAcquireError::Deadline`]: the current context ended first, or
    ///   had ended already.
    /// - [`TryAcquireError::Closed`]: the semaphore was closed, or has ended with its scope.
    ///
    /// Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives back permits that were taken.
    ///
    /// # Differences from Go
    /// Go's asks no context.
    #[track_caller]
    pub fn try_acquire_many(
        &self,
        permits: usize,
    ) -> impl Future<Output = Result<Permit, TryAcquireError>> + Send {
        self.try_from(permits, Location::caller())
    }

    async fn try_from(
        &self,
        permits: usize,
        place: &'static Location<'static>,
    ) -> Result<Permit, TryAcquireError> {
        let asked = TryAcquire {
            number: self.0.numbers.next(),
            party: PermitParty::current(permits, place),
            semaphore: self.clone(),
        };
        match self.0.address.ask(asked).await {
            Ok(answer) => answer,
            Err(error) => Err(AcquireError::from(error).into()),
        }
    }

    /// Changes how many permits there are.
    ///
    /// It is in force when the call returns, for every later call. More of them let waiters in, in order.
    /// Fewer take nothing from those who hold some: until enough have come back, nobody is let in. Waiters
    /// that ask for more than the new size get [`AcquireError::TooLarge`].
    ///
    /// # Errors
    /// [`ResizeError::Closed`]: the semaphore has ended, with its scope.
    ///
    /// # Differences from Go
    /// Go's semaphore keeps its size.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::semaphore::{ResizeError, Semaphore, TryAcquireError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let kept = runtime.block_on(|scope| async move {
    ///     let semaphore = Semaphore::spawn(&scope, 1).await?;
    ///     let first = semaphore.acquire().await?;
    ///     semaphore.resize(2)?;
    ///     let second = semaphore.acquire().await?;
    ///     semaphore.resize(1)?;
    ///     drop(first);
    ///     assert!(matches!(semaphore.try_acquire().await, Err(TryAcquireError::NoPermits)));
    ///     drop(second);
    ///     drop(semaphore.try_acquire().await?);
    ///     Ok(semaphore)
    /// })?;
    /// assert_eq!(kept.resize(3), Err(ResizeError::Closed));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn resize(&self, permits: usize) -> Result<(), ResizeError> {
        if self.tell(Resize(permits)) {
            Ok(())
        } else {
            Err(ResizeError::Closed)
        }
    }

    /// Lets nobody in any more: those who wait, and every later call, get `Closed`.
    ///
    /// It is in force when the call returns. Permits that are out stay valid, and may be given back. To
    /// close twice is to close once.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::semaphore::{AcquireError, Semaphore};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let semaphore = Semaphore::spawn(&scope, 2).await?;
    /// let permit = semaphore.acquire().await?;
    /// semaphore.close();
    /// assert!(matches!(semaphore.acquire().await, Err(AcquireError::Closed)));
    /// drop(permit);
    /// assert_eq!(semaphore.available().await?, 2);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn close(&self) {
        // Refused only if it has ended: then it lets nobody in.
        let _ended = self.tell(Close);
    }

    /// Returns how many permits are free: 0 after a shrink below what is out. A count of the past, for a
    /// report; to act on it use [`try_acquire`](Self::try_acquire).
    ///
    /// # Errors
    /// See [`CountError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only looks.
    pub async fn available(&self) -> Result<usize, CountError> {
        Ok(self.look().await?.available)
    }

    /// Returns how many permits there are, free and taken.
    ///
    /// # Errors
    /// See [`CountError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only looks.
    pub async fn size(&self) -> Result<usize, CountError> {
        Ok(self.look().await?.size)
    }

    /// Returns how many requests wait.
    ///
    /// # Errors
    /// See [`CountError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only looks.
    pub async fn waiting(&self) -> Result<usize, CountError> {
        Ok(self.look().await?.waiting)
    }

    async fn look(&self) -> Result<Census, CountError> {
        Ok(self.0.address.ask(Look).await?)
    }

    pub(super) fn granted(self, number: u64, permits: usize) -> Permit {
        Permit {
            semaphore: self,
            number,
            permits,
        }
    }

    /// Sends a message that counts. Returns whether the semaphore takes any.
    fn tell<M>(&self, message: M) -> bool
    where
        M: Send + 'static,
        Owner: HandlerLater<M>,
    {
        detached::tell(&self.0.address, &self.0.detached, message).is_ok()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Semaphore({})", self.0.address.id())
    }
}

/// Permits that are out, which go back when this is dropped: by a return, a panic or a cancel. Made by
/// [`Semaphore::acquire`] and its like; may be moved into a task.
///
/// It is valid also after the semaphore was closed or has ended. Until it is dropped, a snapshot shows it
/// with the task that asked for it, wherever it was moved since.
///
/// # Differences from Go
/// It is `Acquire` and `defer Release` in one. A part goes back earlier by [`split`](Self::split).
#[must_use = "a permit goes back when it is dropped"]
pub struct Permit {
    semaphore: Semaphore,
    /// What it is shown by; one that was split off has the same.
    number: u64,
    permits: usize,
}

impl Permit {
    /// Returns how many permits this holds.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.permits
    }

    /// Takes so many permits off into a guard of their own, to be given back or moved apart.
    ///
    /// # Errors
    /// [`SplitError`]: this holds fewer. It keeps what it has.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::semaphore::{Semaphore, SplitError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let semaphore = Semaphore::spawn(&scope, 5).await?;
    /// let mut all = semaphore.acquire_many(5).await?;
    /// drop(all.split(2)?); // Go's `Release(2)`.
    /// assert_eq!((all.permits(), semaphore.available().await?), (3, 2));
    /// assert_eq!(all.split(4).unwrap_err(), SplitError { asked: 4, held: 3 });
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn split(&mut self, permits: usize) -> Result<Self, SplitError> {
        let Some(rest) = self.permits.checked_sub(permits) else {
            let (asked, held) = (permits, self.permits);
            return Err(SplitError { asked, held });
        };
        self.permits = rest;
        Ok(self.semaphore.clone().granted(self.number, permits))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.permits > 0 {
            // Refused only if the semaphore has ended: then nobody waits.
            let _ended = self.semaphore.tell(Release {
                number: self.number,
                permits: self.permits,
            });
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.semaphore.0.address.id();
        write!(f, "Permit({} of {id})", self.permits)
    }
}

/// A place in the queue. Invariant 4.
struct Place<'a> {
    semaphore: &'a Semaphore,
    number: u64,
    is_given_up: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_given_up {
            let _ended = self.semaphore.tell(Leave(self.number));
        }
    }
}

/// How things stand.
pub(super) struct Census {
    pub(super) size: usize,
    pub(super) available: usize,
    pub(super) waiting: usize,
}
