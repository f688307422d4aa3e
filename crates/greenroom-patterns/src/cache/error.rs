//! Errors of a cache, of a write, of a load.

use std::error::Error;
use std::fmt;

use greenroom_actor::{AskError, SpawnError};
use greenroom_core::error::Cause;
use greenroom_core::{Failure, Panic};

/// Why a cache was not started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnCacheError {
    /// It could hold nothing.
    #[error("a cache of 0 entries would hold none")]
    ZeroCapacity,
    /// Every entry would be over at once.
    #[error("a cache whose entries live for no time would hold none")]
    ZeroTimeToLive,
    /// The owner was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Why a write was not confirmed.
///
/// In `Closed` and `DeadlineInMailbox` it has not taken effect; in `Panicked` neither, since a key's
/// comparison panicked; `DeadlineInHandler` means that it has; `Cancelled` does not say.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The cache has ended, with its scope.
    #[error("the cache has ended")]
    Closed,
    /// The current context was cancelled.
    #[error("write to the cache cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the owner took the write.
    #[error("deadline exceeded before the cache took the write")]
    DeadlineInMailbox,
    /// The deadline of the current context passed when the owner had taken the write.
    #[error("deadline exceeded while the cache wrote")]
    DeadlineInHandler,
    /// The comparison of keys panicked.
    #[error("{0}")]
    Panicked(#[source] Panic),
}

impl From<AskError> for CacheError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox => Self::DeadlineInMailbox,
            AskError::DeadlineInHandler => Self::DeadlineInHandler,
            AskError::Panicked(panic) => Self::Panicked(panic),
            // The owner waits for room, is not given up, and answers what it begins.
            _ => Self::Closed,
        }
    }
}

/// Why [`Cache::get_or_insert_with`](super::Cache::get_or_insert_with) gave no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LoadError {
    /// The loader returned this error. All who waited for this load get it.
    Failed(Failure),
    /// The loader panicked. All who waited for this load get it.
    Panicked(Panic),
    /// The task of the load was ended before the loader was done.
    Abandoned,
    /// The load would wait for itself: its loader, or one that it waits for, asks for its key.
    Cycle,
    /// The cache has ended, with its scope.
    Closed,
    /// The current context was cancelled; the load is not affected.
    Cancelled(Cause),
    /// The deadline of the current context passed; the load is not affected, if it had begun.
    Deadline,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "load failed: {failure}"),
            Self::Panicked(panic) => fmt::Display::fmt(panic, f),
            Self::Abandoned => f.write_str("the load was ended before it was done"),
            Self::Cycle => f.write_str("the load would wait for itself"),
            Self::Closed => f.write_str("the cache has ended"),
            Self::Cancelled(cause) => write!(f, "gave up waiting for the load: {cause}"),
            Self::Deadline => f.write_str("deadline exceeded while waiting for the load"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`: without a source the user's error would be lost to
// `downcast_ref` where `?` makes a failure of this one.
impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure.as_error()),
            Self::Panicked(panic) => Some(panic),
            Self::Cancelled(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<AskError> for LoadError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            AskError::Panicked(panic) => Self::Panicked(panic),
            // What a handler leaves unanswered waits for its load, which a panic of a key's comparison,
            // or the end of the owner, has let go of.
            AskError::Dropped => Self::Abandoned,
            _ => Self::Closed,
        }
    }
}
