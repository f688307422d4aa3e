//! The handle to a value.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{Address, Scope, SpawnError};
use greenroom_core::watch::{self, Watch};
use greenroom_core::{Result, current};

use super::actor::{Launch, Life, Owner};
use super::error::OnceError;
use super::message::Get;
use super::state::{OnFailure, Outcome, Phase};
use crate::flow::run::Runs;

/// A value that is made once, when it is first asked for. Cloning gives another handle to it.
pub struct Once<T: Send + Sync + 'static> {
    address: Address<Owner<T>>,
    finished: Watch<Option<Outcome<T>>>,
}

impl<T: Send + Sync + 'static> Once<T> {
    /// Prepares a value whose one run is the only one: Go's `sync.OnceValue`.
    ///
    /// Nothing is run before the first [`get`](Self::get). What the run comes to is kept, be it an error or
    /// a panic. For a run without a value, Go's `sync.Once`, let it return `Ok(())`.
    ///
    /// # Errors
    /// - [`SpawnError::Ended`]: the scope has ended.
    /// - [`SpawnError::Cancelled`], [`SpawnError::Deadline`]: the context of the scope or of the caller
    ///   ended first.
    ///
    /// # Cancel safety
    /// Dropping the future drops the closure; nothing was run.
    ///
    /// # Differences from Go
    /// A panic of the run is an error of every `get`; Go panics again in each caller.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::Failure;
    /// use greenroom_patterns::once::{Once, OnceError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let answer = Once::spawn(&scope, || async { Ok(42) }).await?;
    /// assert!(answer.try_get().is_none());
    /// assert_eq!(*answer.get().await?, 42);
    ///
    /// let broken = Once::<u8>::spawn(&scope, || async { Err(Failure::message("no config")) }).await?;
    /// for _ in 0..2 {
    ///     assert!(matches!(broken.get().await, Err(OnceError::Failed(_))));
    /// }
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn<F, Fut>(
        scope: &Scope,
        init: F,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T, F, Fut>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        let mut init = Some(init);
        let launch: Launch<T> =
            Box::new(move |runs, tell| init.take().map(|init| runs.start(init, tell)));
        Self::start(scope, OnFailure::Keep, launch)
    }

    /// Prepares a value whose runs are repeated until one succeeds.
    ///
    /// A run that fails, panics or is cut short gives its error to all who waited for it; the next one to
    /// ask starts another. After a success there is none.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    /// Dropping the future drops the closure; nothing was run.
    ///
    /// # Differences from Go
    /// Go's once has no second run.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::Failure;
    /// use greenroom_patterns::once::{Once, OnceError};
    /// # use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// # static RUNS: AtomicU32 = AtomicU32::new(0);
    /// # async fn connect() -> greenroom_core::Result<&'static str> {
    /// #     match RUNS.fetch_add(1, SeqCst) { 0 => Err(Failure::message("refused")), _ => Ok("connected") }
    /// # }
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let link = Once::spawn_retrying(&scope, || async { connect().await }).await?;
    /// assert!(matches!(link.get().await, Err(OnceError::Failed(_))));
    /// assert_eq!(*link.get().await?, "connected");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn_retrying<F, Fut>(
        scope: &Scope,
        init: F,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T, F, Fut>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        let init = Arc::new(init);
        let launch: Launch<T> = Box::new(move |runs, tell| {
            let init = init.clone();
            Some(runs.start(move || init(), tell))
        });
        Self::start(scope, OnFailure::Retry, launch)
    }

    /// Waits for the value; the first call starts its run.
    ///
    /// When the value is there, this gives it at once, without a message, also after the scope has ended
    /// and in a context that has. All get the same value.
    ///
    /// # Errors
    /// - [`OnceError::Failed`], [`OnceError::Panicked`], [`OnceError::Cut`]: what the run came to.
    /// - [`OnceError::Cancelled`], [`OnceError::Deadline`]: the current context ended first. The run, and
    ///   those who wait for it, go on.
    /// - [`OnceError::Recursive`]: called in the run itself.
    /// - [`OnceError::Closed`]: the scope has ended without a value.
    ///
    /// # Cancel safety
    /// Cancel safe. A run that it has started goes on, as a task of the scope.
    ///
    /// # Differences from Go
    /// A recursive call is an error, not a deadlock.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::once::{Once, OnceError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let slow = Once::spawn(&scope, || async {
    ///     sleep(5.secs()).await?;
    ///     Ok("done")
    /// }).await?;
    /// let hurried = scope.context().with_timeout(1.secs());
    /// assert!(matches!(hurried.run(slow.get()).await?, Err(OnceError::Deadline)));
    /// assert_eq!(*slow.get().await?, "done"); // After four more seconds, of the same run.
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn get(&self) -> impl Future<Output = Result<Arc<T>, OnceError>> + Send + use<T> {
        // Not an async function: one that held the handle would not be `Send` in a task if `T` has a
        // lifetime, be it `'static`.
        let there = match self.try_get() {
            Some(outcome) => Ok(outcome),
            None => Err(self.clone()),
        };
        async move {
            match there {
                Ok(outcome) => outcome,
                Err(once) => once.ask().await,
            }
        }
    }

    /// Returns what the run came to, or `None` while there is nothing that lasts. It starts no run.
    ///
    /// An error of a [retrying](Self::spawn_retrying) value does not last.
    ///
    /// # Errors
    /// What the run came to, as [`get`](Self::get) tells it.
    #[must_use]
    pub fn try_get(&self) -> Option<Result<Arc<T>, OnceError>> {
        (*self.finished.get()).clone()
    }

    async fn ask(self) -> Outcome<T> {
        let asker = current::task_id();
        match self.address.ask(Get { asker }).await {
            Ok(outcome) => outcome,
            // Its owner may have ended just after it was made.
            Err(error) => match (OnceError::from(error), self.try_get()) {
                (OnceError::Closed, Some(outcome)) => outcome,
                (error, _) => Err(error),
            },
        }
    }

    #[track_caller]
    fn start(
        scope: &Scope,
        on_failure: OnFailure,
        launch: Launch<T>,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<T> {
        let (publisher, finished) = watch::channel(None);
        let life = Life {
            phase: Phase::Idle,
            launch,
            runs: Runs::new(scope, "once", Location::caller()),
            on_failure,
            finished: publisher,
            detached: scope.context().without_cancel(),
        };
        // Without a bound, so that the end of a run is not refused: it holds one message for each call
        // that waits.
        let builder = scope.supervise(life, Owner).unbounded_mailbox();
        async move {
            let address = builder.await?;
            Ok(Self { address, finished })
        }
    }
}

impl<T: Send + Sync + 'static> Clone for Once<T> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            finished: self.finished.clone(),
        }
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Once({})", self.address.id())
    }
}
