//! Tasks of a scope that end, fail and are limited by themselves.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::Location;

use greenroom_core::error::{Cause, ContextError};
use greenroom_core::task::TaskKind;
use greenroom_core::{Context, Failure, Id, Result};

use super::body::{self, NotIdle};
use super::{JoinHandle, OnError, Place, Scope, ScopeError, place};

/// Tasks of a scope whose end, errors and limit are their own. Made by [`Scope::branch`].
///
/// The scope counts these tasks as its own: its end and its [`join`](Scope::join) wait for them. It does
/// not learn of their errors, which [`first_error`](Self::first_error) gives; until then they cancel the
/// other tasks of the branch only, see [`OnError`]. A branch has no end of its own, and costs nothing
/// while it has no tasks. Cloning gives another handle to the same branch.
///
/// It is what patterns are built on that run tasks for others. Use [`Scope::scope`] for a body whose
/// tasks end with it.
#[derive(Clone)]
pub struct Branch(Scope);

/// Why [`Branch::idle`] did not wait for the end of the tasks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdleError {
    /// The current context was cancelled first.
    #[error("gave up waiting for the tasks: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed first.
    #[error("deadline exceeded while waiting for the tasks")]
    Deadline,
    /// The wait is in one of the tasks: it would wait for itself.
    #[error("{branch} would wait for {waiter}, which waits for it")]
    Cycle {
        /// The branch.
        branch: Id,
        /// The task that waits.
        waiter: Id,
    },
}

impl Branch {
    pub(super) fn new(scope: Scope) -> Self {
        Self(scope)
    }

    /// Starts a task, as [`Scope::go`] does: under a limit it may be held back until there is room.
    ///
    /// If the scope has ended, the task is not started and the handle gives
    /// [`JoinError::Ended`](super::JoinError::Ended).
    #[track_caller]
    pub fn go<T, F>(&self, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.0.go(future)
    }

    /// Starts a task whose future is made on the thread that runs it, and need not be `Send`.
    ///
    /// Otherwise as [`go`](Self::go).
    #[track_caller]
    pub fn go_local<T, F, M>(&self, make: M) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + 'static,
        M: FnOnce() -> F + Send + 'static,
    {
        self.0.go_local(make)
    }

    /// Starts a task in a place that was taken before, which it gives back at its end.
    ///
    /// A place of another branch goes back there, and the task is started as by [`go`](Self::go).
    ///
    /// # Errors
    /// The future, if the scope has ended. It did not run.
    #[track_caller]
    pub fn go_in<T, F>(&self, place: Place, future: F) -> Result<JoinHandle<T>, F>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let place = place.is_of(&self.0).then_some(place);
        let started = self
            .0
            .try_launch(TaskKind::Task, Location::caller(), place, move || future);
        started.map_err(|make| make())
    }

    /// Returns this branch such that tasks started through the returned handle report `location` as the
    /// place where they were spawned.
    #[must_use]
    pub fn at(&self, location: &'static Location<'static>) -> Self {
        Self(self.0.at(location))
    }

    /// Waits for a place under the limit, first come, first served, together with the tasks that are held.
    ///
    /// Without a limit there is always one.
    ///
    /// # Errors
    /// [`ContextError`]: the current context ended first.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped, it leaves the queue, and a place that it was given goes to the next.
    pub async fn reserve(&self) -> Result<Place, ContextError> {
        place::reserve(self.0.inner()).await
    }

    /// Takes a place under the limit, if there is one that nobody waits for.
    pub fn try_reserve(&self) -> Option<Place> {
        let inner = self.0.inner();
        inner.try_place().then(|| Place::new(inner))
    }

    /// Waits until no task is left, whatever they gave.
    ///
    /// # Errors
    /// See [`IdleError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken.
    pub async fn idle(&self) -> Result<(), IdleError> {
        match body::idle(self.0.inner()).await {
            Ok(()) => Ok(()),
            Err(NotIdle::Cycle { waiter }) => Err(IdleError::Cycle {
                branch: self.id().clone(),
                waiter,
            }),
            Err(NotIdle::Ended(ContextError::Cancelled(cause))) => Err(IdleError::Cancelled(cause)),
            Err(NotIdle::Ended(ContextError::Deadline(_))) => Err(IdleError::Deadline),
        }
    }

    /// Returns the first error of a task so far. It stays.
    #[must_use]
    pub fn first_error(&self) -> Option<Failure> {
        self.0.inner().first_error()
    }

    /// Returns how the branch's context ended, if that cut a task short. A task that was cancelled by
    /// itself does not count.
    #[must_use]
    pub fn cut(&self) -> Option<ContextError> {
        self.0.inner().cut()
    }

    /// Chooses what the failure of a task does, for those that fail from now on.
    pub fn set_on_error(&self, on_error: OnError) {
        self.0.set_on_error(on_error);
    }

    /// Lets at most `limit` tasks run at a time, or any number. See [`Scope::set_limit`].
    ///
    /// # Errors
    /// [`ScopeError::ZeroLimit`]: nothing could ever run.
    pub fn set_limit(&self, limit: Option<usize>) -> Result<(), ScopeError> {
        let limit = limit
            .map(|limit| NonZeroUsize::new(limit).ok_or(ScopeError::ZeroLimit))
            .transpose()?;
        self.0.inner().set_limit(limit);
        Ok(())
    }

    /// Cancels the tasks, before it returns; it does not wait for their end.
    pub fn cancel(&self, cause: impl Into<Cause>) {
        self.0.cancel(cause);
    }

    /// Returns the context that those of the tasks are derived from.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.0.context()
    }

    /// Returns the id of the branch, the parent of the ids of its tasks.
    #[must_use]
    pub fn id(&self) -> &Id {
        self.0.id()
    }

    /// Returns how many tasks have not ended, those that are held included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether every task has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch")
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}
