//! Errors of a wait group.

use greenroom_actor::AskError;
use greenroom_core::error::Cause;

/// Why [`WaitGroup::add`](super::WaitGroup::add) counted nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The group has ended, with its scope.
    #[error("the wait group has ended")]
    Closed,
}

/// Why [`WaitGroup::done`](super::WaitGroup::done) counted nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DoneError {
    /// The counter is zero: nobody is left who could be done.
    #[error("done without a member: the counter would be negative")]
    NotAMember,
    /// The group has ended, with its scope.
    #[error("the wait group has ended")]
    Closed,
}

/// Why [`WaitGroup::wait`](super::WaitGroup::wait) gave up. The counter is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The current context was cancelled before the counter was zero.
    #[error("wait cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the counter was zero.
    #[error("deadline exceeded while waiting for the group")]
    Deadline,
    /// The group has ended, with its scope.
    #[error("the wait group has ended")]
    Closed,
}

impl From<AskError> for WaitError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // It takes every message, and answers when it is at zero: what is left is its end.
            _ => Self::Closed,
        }
    }
}
