//! Errors of a pool, of a get, and of a put.

use std::error::Error;
use std::fmt;

use greenroom_actor::{AskError, SpawnError};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::{Failure, Panic};

/// Why a pool was not started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Without a place no item could ever be handed out.
    #[error("a pool of at most 0 items would hand out none")]
    ZeroMax,
    /// More items were given than the pool may have. They are dropped.
    #[error("a pool of at most {max} items was given {given}")]
    TooMany {
        /// How many items the pool may have.
        max: usize,
        /// How many it was given.
        given: usize,
    },
    /// The owner of the items was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Why [`Pool::get`](super::Pool::get) gave no item. The pool is as if it had not been asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum GetError {
    /// The pool is closed, or has ended with its scope.
    Closed,
    /// The current context was cancelled before there was an item.
    Cancelled(Cause),
    /// The deadline of the current context passed before there was an item.
    Deadline,
    /// The item that was to be made for this caller was not: the closure returned this error.
    Failed(Failure),
    /// The item that was to be made for this caller was not: the closure panicked.
    Panicked(Panic),
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("get from a closed pool"),
            Self::Cancelled(cause) => write!(f, "get cancelled: {cause}"),
            Self::Deadline => {
                f.write_str("deadline exceeded while waiting for an item of the pool")
            }
            Self::Failed(failure) => write!(f, "the pool could not make an item: {failure}"),
            Self::Panicked(panic) => write!(f, "the pool could not make an item: {panic}"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`: without a source the user's error would be lost to
// `downcast_ref` where `?` makes a failure of this one.
impl Error for GetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure.as_error()),
            Self::Panicked(panic) => Some(panic),
            Self::Cancelled(cause) => Some(cause),
            _ => None,
        }
    }
}

impl GetError {
    pub(super) fn ended(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

impl From<AskError> for GetError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // The owner takes every message and answers it: what is left is its end.
            _ => Self::Closed,
        }
    }
}

/// Why [`Pool::try_get`](super::Pool::try_get) gave no item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryGetError {
    /// No item is idle, or others wait for one.
    #[error("no item of the pool is idle")]
    Empty,
    /// The pool is closed, or has ended with its scope.
    #[error("get from a closed pool")]
    Closed,
    /// The current context was cancelled before the owner answered.
    #[error("get cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the owner answered.
    #[error("deadline exceeded while asking the pool for an item")]
    Deadline,
}

impl From<AskError> for TryGetError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            _ => Self::Closed,
        }
    }
}

/// Why [`Pool::put`](super::Pool::put) did not take an item. It comes back.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PutError<T> {
    /// The pool has as many items as it may have, in it or out of it.
    #[error("the pool has all the items that it may have")]
    Full(T),
    /// The pool is closed, or has ended with its scope.
    #[error("put into a closed pool")]
    Closed(T),
}

impl<T> PutError<T> {
    /// Returns the item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

/// Why [`Pool::counts`](super::Pool::counts) or [`Pool::closed`](super::Pool::closed) gave up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchPoolError {
    /// The current context was cancelled first.
    #[error("gave up watching the pool: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed first.
    #[error("deadline exceeded while watching the pool")]
    Deadline,
    /// The pool has ended with its scope.
    #[error("the pool has ended")]
    Ended,
}

impl From<AskError> for WatchPoolError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            _ => Self::Ended,
        }
    }
}
