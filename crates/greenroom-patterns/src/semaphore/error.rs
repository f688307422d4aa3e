//! Errors of a semaphore.

use greenroom_actor::AskError;
use greenroom_core::error::{Cause, ContextError};

/// Why [`acquire`](super::Semaphore::acquire) gave no permit. Nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// More was asked for than there is, or a [`resize`](super::Semaphore::resize) has made it so: a wait
    /// would never end.
    #[error("{asked} permits asked of a semaphore of {size}")]
    TooLarge {
        /// How many permits were asked for.
        asked: usize,
        /// How many there are, free and taken.
        size: usize,
    },
    /// The current context was cancelled before the permits were granted.
    #[error("acquire cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the permits were granted.
    #[error("deadline exceeded while waiting for a permit")]
    Deadline,
    /// The semaphore was closed, or has ended with its scope.
    #[error("the semaphore is closed")]
    Closed,
}

impl From<ContextError> for AcquireError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

impl From<AskError> for AcquireError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // The owner takes every message, and answers each waiter: what is left is its end.
            _ => Self::Closed,
        }
    }
}

/// Why [`try_acquire`](super::Semaphore::try_acquire) gave no permit. Nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// Too few are free, or others wait already and are not overtaken.
    #[error("no permits are free")]
    NoPermits,
    /// More was asked for than there is.
    #[error("{asked} permits asked of a semaphore of {size}")]
    TooLarge {
        /// How many permits were asked for.
        asked: usize,
        /// How many there are, free and taken.
        size: usize,
    },
    /// The current context was cancelled before the owner had answered.
    #[error("acquire cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the owner had answered.
    #[error("deadline exceeded while asking for a permit")]
    Deadline,
    /// The semaphore was closed, or has ended with its scope.
    #[error("the semaphore is closed")]
    Closed,
}

impl From<AcquireError> for TryAcquireError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::TooLarge { asked, size } => Self::TooLarge { asked, size },
            AcquireError::Cancelled(cause) => Self::Cancelled(cause),
            AcquireError::Deadline => Self::Deadline,
            AcquireError::Closed => Self::Closed,
        }
    }
}

/// Why [`resize`](super::Semaphore::resize) changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// The semaphore has ended, with its scope.
    #[error("the semaphore has ended")]
    Closed,
}

/// Why a number could not be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// The current context was cancelled before the owner had answered.
    #[error("count cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the owner had answered.
    #[error("deadline exceeded while asking for a count")]
    Deadline,
    /// The semaphore has ended, with its scope.
    #[error("the semaphore has ended")]
    Closed,
}

impl From<AskError> for CountError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            _ => Self::Closed,
        }
    }
}

/// Why [`Permit::split`](super::Permit::split) took nothing off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{asked} permits asked of a guard of {held}")]
pub struct SplitError {
    /// How many permits were asked for.
    pub asked: usize,
    /// How many the guard holds.
    pub held: usize,
}
