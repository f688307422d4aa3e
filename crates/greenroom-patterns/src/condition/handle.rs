//! The handle to a condition.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use greenroom_core::Result;

use super::error::{HandedBack, WaitError};
use crate::lease::{Ask, Door, LockError, Sole, Wake};
use crate::mutex::Lease;

/// Lets holders of a mutex wait for each other. Made by [`Mutex::condition`](crate::mutex::Mutex::condition).
///
/// Cloning gives another handle to the same condition. A mutex may have several.
pub struct Condition<T: Send + 'static> {
    door: Arc<Door<Sole<T>>>,
    number: u64,
}

impl<T: Send + 'static> Condition<T> {
    pub(crate) fn new(door: &Arc<Door<Sole<T>>>) -> Self {
        Self {
            door: door.clone(),
            number: door.number("condition"),
        }
    }

    /// Sends the lease home, waits for a signal, and then for a lease: Go's `cond.Wait()`.
    ///
    /// What was waited for may be gone again when it returns, since others may have had the lease since
    /// the signal. Look again, or use [`wait_while`](Self::wait_while).
    ///
    /// # Errors
    /// - [`WaitError::OtherMutex`]: the lease is of another mutex; it comes back.
    /// - [`WaitError::Poisoned`]: a holder panicked.
    /// - [`WaitError::Cycle`]: the wait for the lease would close a cycle, and the mutex refuses that.
    /// - [`WaitError::Cancelled`], [`WaitError::Deadline`]: the current context ended first.
    /// - [`WaitError::Closed`]: the owner has ended, with its scope.
    ///
    /// But for the first, the lease is not held any more.
    ///
    /// # Cancel safety
    /// Dropping the future sends the lease home, or the one that was granted; a signal that it had got
    /// goes to the next.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::{condition::WaitError, mutex::Mutex};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let ready = Mutex::spawn(&scope, false).await?;
    /// let changed = ready.condition();
    /// let (waiting, signal) = (ready.clone(), changed.clone());
    /// let waiter = scope.go(async move {
    ///     let lease = signal.wait(waiting.lock().await?).await?;
    ///     Ok(*lease)
    /// });
    /// greenroom_core::time::sleep(1.secs()).await?;
    /// *ready.lock().await? = true;
    /// changed.signal();
    /// assert!(waiter.await?);
    ///
    /// let hurried = scope.context().with_timeout(1.secs());
    /// let lease = ready.lock().await?;
    /// assert!(matches!(hurried.run(changed.wait(lease)).await?, Err(WaitError::Deadline)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn wait(
        &self,
        lease: Lease<T>,
    ) -> impl Future<Output = Result<Lease<T>, WaitError<T>>> + Send + use<T> {
        let (door, number) = (self.door.clone(), self.number);
        let place = Location::caller();
        async move {
            if !lease.0.is_of(&door) {
                return Err(WaitError::OtherMutex(HandedBack::new(lease)));
            }
            drop(door);
            let lease = lease.0.park(number, Ask::exclusive(place)).await;
            Ok(Lease(lease.map_err(LockError::from)?))
        }
    }

    /// Waits as long as a closure says so of the value: Go's `for condition() { cond.Wait() }`.
    ///
    /// The closure is called with the lease held, at once and after each signal. If it panics, the value
    /// is poisoned.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::{condition::WaitError, mutex::Mutex};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let count = Mutex::spawn(&scope, 3).await?;
    /// let changed = count.condition();
    /// let lease = changed.wait_while(count.lock().await?, |n| *n < 3).await?;
    /// let hurried = scope.context().with_timeout(1.secs());
    /// let late = hurried.run(changed.wait_while(lease, |n| *n < 4)).await?;
    /// assert!(matches!(late, Err(WaitError::Deadline)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn wait_while<F>(
        &self,
        mut lease: Lease<T>,
        mut condition: F,
    ) -> impl Future<Output = Result<Lease<T>, WaitError<T>>> + Send + use<T, F>
    where
        F: FnMut(&mut T) -> bool + Send,
    {
        let (door, number) = (self.door.clone(), self.number);
        let ask = Ask::exclusive(Location::caller());
        async move {
            if !lease.0.is_of(&door) {
                return Err(WaitError::OtherMutex(HandedBack::new(lease)));
            }
            drop(door);
            while condition(&mut lease) {
                let next = lease.0.park(number, ask).await;
                lease = Lease(next.map_err(LockError::from)?);
            }
            Ok(lease)
        }
    }

    /// Wakes the one that has waited longest: Go's `cond.Signal()`. Without one it is lost.
    ///
    /// It need not hold the lease, and never waits.
    pub fn signal(&self) {
        self.wake(false);
    }

    /// Wakes all who wait: Go's `cond.Broadcast()`.
    ///
    /// It need not hold the lease, and never waits.
    pub fn broadcast(&self) {
        self.wake(true);
    }

    fn wake(&self, all: bool) {
        let wake = Wake {
            condition: self.number,
            all,
        };
        // Refused only if the owner has ended: then nobody waits.
        let _ended = self.door.tell(wake);
    }
}

impl<T: Send + 'static> Clone for Condition<T> {
    fn clone(&self) -> Self {
        Self {
            door: self.door.clone(),
            number: self.number,
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Condition({}, {}, {})",
            self.number,
            self.door.name(),
            self.door.id()
        )
    }
}
