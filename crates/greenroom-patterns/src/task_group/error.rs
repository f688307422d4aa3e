//! Errors of a task group.

use std::error::Error;
use std::fmt;

use greenroom_actor::IdleError;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::{Failure, Id, Panic};

/// Why [`TaskGroup::go`](super::TaskGroup::go) started nothing. The future was dropped, and did not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GoError {
    /// The current context was cancelled before there was a place.
    #[error("cancelled while waiting for a place in the group: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before there was a place.
    #[error("deadline exceeded while waiting for a place in the group")]
    Deadline,
    /// The scope of the group has ended.
    #[error("the scope of the group has ended; the task was not started")]
    Closed,
}

impl From<ContextError> for GoError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

/// Why [`TaskGroup::try_go`](super::TaskGroup::try_go) started nothing. The future comes back, and did not
/// run.
#[derive(Clone, Copy, thiserror::Error)]
#[non_exhaustive]
pub enum TryGoError<F> {
    /// As many tasks run as the limit lets, or others wait for a place.
    #[error("the group has no place for another task")]
    Full(F),
    /// The scope of the group has ended.
    #[error("the scope of the group has ended; the task was not started")]
    Closed(F),
}

impl<F> TryGoError<F> {
    /// Returns the future.
    pub fn into_inner(self) -> F {
        match self {
            Self::Full(future) | Self::Closed(future) => future,
        }
    }

    /// Returns whether there was no place.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Drops the future and keeps the reason, so that `?` works where the future is not `Sync`.
    pub fn without_future(self) -> TryGoError<()> {
        match self {
            Self::Full(_) => TryGoError::Full(()),
            Self::Closed(_) => TryGoError::Closed(()),
        }
    }
}

impl<F> fmt::Debug for TryGoError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

/// Why [`TaskGroup::set_limit`](super::TaskGroup::set_limit) changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// A limit of zero tasks would let nothing run.
    #[error("a limit of 0 tasks would let nothing run")]
    Zero,
    /// So many tasks of the group have not ended.
    #[error("the limit of a group cannot change while {0} of its tasks are active")]
    Active(usize),
}

/// What a group has come to, or why [`TaskGroup::wait`](super::TaskGroup::wait) gave up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WaitError {
    /// A task returned this error, the first one of the group. It is the source of this one.
    Failed(Failure),
    /// A task panicked, which was the first error of the group.
    Panicked(Panic),
    /// No task failed, but the group's context ended, by a cancel or from above, and cut one short.
    Cut(ContextError),
    /// The context of the waiter was cancelled first; the group goes on.
    Cancelled(Cause),
    /// The deadline of the waiter's context passed first; the group goes on.
    Deadline,
    /// The waiter is a task of the group, and would wait for itself.
    Cycle(Id),
}

impl WaitError {
    pub(super) fn from_first(failure: Failure) -> Self {
        match failure.as_error().downcast_ref::<Panic>() {
            Some(panic) => Self::Panicked(panic.clone()),
            None => Self::Failed(failure),
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "a task of the group failed: {failure}"),
            Self::Panicked(panic) => fmt::Display::fmt(panic, f),
            Self::Cut(error) => write!(f, "the group ended before its tasks were done: {error}"),
            Self::Cancelled(cause) => write!(f, "gave up waiting for the group: {cause}"),
            Self::Deadline => f.write_str("deadline exceeded while waiting for the group"),
            Self::Cycle(id) => write!(f, "{id} would wait for its own group"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`.
impl Error for WaitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure.as_error()),
            Self::Panicked(panic) => Some(panic),
            Self::Cut(error) => Some(error),
            Self::Cancelled(cause) => Some(cause),
            Self::Deadline | Self::Cycle(_) => None,
        }
    }
}

impl From<IdleError> for WaitError {
    fn from(error: IdleError) -> Self {
        match error {
            IdleError::Cancelled(cause) => Self::Cancelled(cause),
            IdleError::Cycle { waiter, .. } => Self::Cycle(waiter),
            _ => Self::Deadline,
        }
    }
}
