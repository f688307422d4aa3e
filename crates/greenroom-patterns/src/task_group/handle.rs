//! The handle to a group.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use greenroom_actor::{Branch, JoinHandle, OnError, Scope, ScopeError};
use greenroom_core::error::Cause;
use greenroom_core::{Context, Result, current};

use super::error::{GoError, LimitError, TryGoError, WaitError};

/// Runs tasks that fail as one. Cloning gives another handle to the same group.
#[derive(Clone)]
pub struct TaskGroup {
    branch: Branch,
    ends_with_wait: bool,
}

impl TaskGroup {
    /// Makes a group whose first error cancels its context: Go's `errgroup.WithContext`.
    ///
    /// The context is derived from the current one, or from the scope's outside its runtime. Tasks are placed
    /// and named as this handle to the scope says, and do not count under the scope's own limit. Nothing is
    /// started, and a group without tasks leaves nothing behind.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::Failure;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::task_group::{TaskGroup, WaitError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = TaskGroup::new(&scope);
    /// let seven = group.go(async { Ok(7) }).await?;
    /// assert_eq!(seven.await?, 7);
    /// group.go(async { Ok(sleep(60.secs()).await?) }).await?; // Ends with the other's error.
    /// group.go::<(), _>(async { Err(Failure::message("no such host")) }).await?;
    /// match group.wait().await {
    ///     Err(WaitError::Failed(failure)) => assert_eq!(failure.to_string(), "no such host"),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[must_use]
    pub fn new(scope: &Scope) -> Self {
        Self {
            branch: branch(scope),
            ends_with_wait: true,
        }
    }

    /// Makes a group whose tasks go on after an error: Go's zero `errgroup.Group`.
    ///
    /// Its [`wait`](Self::wait) gives the first error when all have ended, and leaves the context: it may
    /// be used for one round after the other, as long as none fails.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::Failure;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::task_group::TaskGroup;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = TaskGroup::keep_going(&scope);
    /// group.go(async { Ok(()) }).await?;
    /// group.wait().await?;
    /// group.go::<(), _>(async { Err(Failure::message("no such host")) }).await?;
    /// let slow = group.go(async {
    ///     sleep(1.secs()).await?;
    ///     Ok("done")
    /// }).await?;
    /// assert!(group.wait().await.is_err());
    /// assert_eq!(slow.await?, "done");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[must_use]
    pub fn keep_going(scope: &Scope) -> Self {
        let branch = branch(scope);
        branch.set_on_error(OnError::KeepFirst);
        Self {
            branch,
            ends_with_wait: false,
        }
    }

    /// Starts a task, and waits for a place before if as many run as the limit lets: Go's `group.Go`.
    ///
    /// Without a [limit](Self::set_limit) it does not wait. The handle gives the task's value, and may be
    /// dropped. Called in a task of the group itself it never waits, since that may hold the last place:
    /// the new task is held until there is one.
    ///
    /// # Errors
    /// The future was dropped, and did not run.
    /// - [`GoError::Cancelled`], [`GoError::Deadline`]: the current context ended first. A group whose
    ///   context has ended still takes tasks, from a context that has not.
    /// - [`GoError::Closed`]: the scope has ended.
    ///
    /// # Cancel safety
    /// Dropped while it waits, it starts nothing, and the place in the queue is lost. Nothing is started
    /// before the first poll.
    ///
    /// # Differences from Go
    /// A nested call under a full limit deadlocks in Go.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::task_group::{GoError, TaskGroup};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = TaskGroup::new(&scope);
    /// group.set_limit(1)?;
    /// group.go(async { Ok(sleep(5.secs()).await?) }).await?;
    /// let hurried = scope.context().with_timeout(1.secs());
    /// let refused = hurried.run(group.go(async { Ok(()) })).await?;
    /// assert!(matches!(refused, Err(GoError::Deadline)));
    /// group.go(async { Ok(()) }).await?; // After four more seconds.
    /// group.wait().await?;
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn go<T, F>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<JoinHandle<T>, GoError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let branch = self.branch.at(Location::caller());
        async move {
            if is_member(&branch) {
                let handle = branch.go(future);
                return match handle.id() {
                    Some(_) => Ok(handle),
                    None => Err(GoError::Closed),
                };
            }
            let place = branch.reserve().await?;
            branch
                .go_in(place, future)
                .map_err(|_future| GoError::Closed)
        }
    }

    /// Starts a task if there is a place for it now: Go's `group.TryGo`.
    ///
    /// # Errors
    /// The future comes back in each case, and did not run.
    /// - [`TryGoError::Full`]: as many tasks run as the limit lets, or others wait for a place.
    /// - [`TryGoError::Closed`]: the scope has ended.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::task_group::{TaskGroup, TryGoError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = TaskGroup::new(&scope);
    /// group.set_limit(1)?;
    /// let five = async {
    ///     sleep(1.secs()).await?;
    ///     Ok(5)
    /// };
    /// assert!(group.try_go(five).is_ok());
    /// let Err(TryGoError::Full(six)) = group.try_go(async { Ok(6) }) else { unreachable!() };
    /// assert_eq!(group.go(six).await?.await?, 6);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn try_go<T, F>(&self, future: F) -> Result<JoinHandle<T>, TryGoError<F>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match self.branch.try_reserve() {
            Some(place) => self.branch.go_in(place, future).map_err(TryGoError::Closed),
            None => Err(TryGoError::Full(future)),
        }
    }

    /// Lets at most `limit` tasks run at a time, or any number: Go's `group.SetLimit`.
    ///
    /// # Errors
    /// - [`LimitError::Active`]: tasks of the group have not ended, as of the call.
    /// - [`LimitError::Zero`]: nothing could ever run.
    ///
    /// # Differences from Go
    /// `None` is Go's negative limit. A limit of zero is an error, where Go makes every `Go` wait for ever.
    /// A change while tasks run is an error, not a panic.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::task_group::{LimitError, TaskGroup};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = TaskGroup::new(&scope);
    /// group.set_limit(2)?;
    /// group.set_limit(None)?;
    /// assert_eq!(group.set_limit(0), Err(LimitError::Zero));
    /// group.go(async { Ok(()) }).await?;
    /// assert_eq!(group.set_limit(2), Err(LimitError::Active(1)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn set_limit(&self, limit: impl Into<Option<usize>>) -> Result<(), LimitError> {
        let limit = limit.into();
        match self.branch.len() {
            _ if limit == Some(0) => Err(LimitError::Zero),
            0 => self
                .branch
                .set_limit(limit)
                .map_err(|_: ScopeError| LimitError::Zero),
            active => Err(LimitError::Active(active)),
        }
    }

    /// Waits until every task has ended, and gives the first error: Go's `group.Wait`.
    ///
    /// A group without tasks has a result at once. Any number may wait, again and again: the first error
    /// stays. A wait of a group made by [`new`](Self::new) that got to the end also ends the group's
    /// context, as in Go, with the plain [`Cause::Cancelled`] if no task failed.
    ///
    /// # Errors
    /// - [`WaitError::Failed`], [`WaitError::Panicked`]: the first error of a task, in time.
    /// - [`WaitError::Cut`]: none failed, but the group's context ended and cut a task short.
    /// - [`WaitError::Cancelled`], [`WaitError::Deadline`]: the current context ended before the tasks,
    ///   which go on.
    /// - [`WaitError::Cycle`]: called in a task of the group.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::task_group::{TaskGroup, WaitError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let group = TaskGroup::new(&scope);
    /// group.wait().await?;
    /// group.go::<(), _>(async { panic!("a bug") }).await?;
    /// for _ in 0..2 {
    ///     match group.wait().await {
    ///         Err(WaitError::Panicked(panic)) => assert_eq!(panic.message(), Some("a bug")),
    ///         other => unreachable!("{other:?}"),
    ///     }
    /// }
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn wait(&self) -> Result<(), WaitError> {
        self.branch.idle().await?;
        let result = match (self.branch.first_error(), self.branch.cut()) {
            (Some(failure), _) => Err(WaitError::from_first(failure)),
            (None, Some(ended)) => Err(WaitError::Cut(ended)),
            (None, None) => Ok(()),
        };
        if self.ends_with_wait {
            self.branch.cancel(Cause::Cancelled);
        }
        result
    }

    /// Cancels the group's context with a cause, before it returns. It does not wait for the tasks.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::Result;
    /// use greenroom_patterns::task_group::{TaskGroup, WaitError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = TaskGroup::new(&scope);
    /// group.go(std::future::pending::<Result<()>>()).await?;
    /// group.cancel("enough");
    /// assert_eq!(group.context().cause().map(|cause| cause.to_string()), Some("enough".into()));
    /// assert!(matches!(group.wait().await, Err(WaitError::Cut(_))));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn cancel(&self, cause: impl Into<Cause>) {
        self.branch.cancel(cause);
    }

    /// Returns the group's context, from which those of its tasks are derived: the second result of Go's
    /// `errgroup.WithContext`.
    ///
    /// Its cause is [`Cause::SiblingFailed`] after an error, with that inside.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.branch.context()
    }
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskGroup({})", self.branch.id())
    }
}

fn branch(scope: &Scope) -> Branch {
    let context = Context::current();
    scope.branch("group", context.as_ref().unwrap_or(scope.context()))
}

/// Whether the current task is one of the group's.
fn is_member(branch: &Branch) -> bool {
    current::with_task(|task| task.id.is_within(branch.id())).unwrap_or(false)
}
