//! Errors of a rate limiter.

use std::time::Duration;

use greenroom_actor::AskError;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::time::SleepError;

use super::state::Refusal;

/// Why [`wait`](super::RateLimiter::wait) gave up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// More was asked for than the bucket ever holds. Nothing was taken.
    #[error("{asked} tokens asked of a burst of {burst}")]
    TooLarge {
        /// How many tokens were asked for.
        asked: usize,
        /// How many there may be.
        burst: usize,
    },
    /// The wait would be over after the deadline of the current context only. Nothing was taken.
    #[error("a wait of {wait:?} would exceed the context's deadline")]
    PastDeadline {
        /// How long it would take.
        wait: Duration,
    },
    /// The limit is zero, or so low that it would take centuries. Nothing was taken.
    #[error("the limit brings no token")]
    Never,
    /// The current context was cancelled before the wait was over. The tokens went back, as far as no
    /// later one counts upon them.
    #[error("wait cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context had passed, or passed before the limiter had answered. The
    /// tokens went back, as far as no later one counts upon them.
    #[error("deadline exceeded while waiting for a token")]
    Deadline,
    /// The limiter has ended, with its scope.
    #[error("the rate limiter has ended")]
    Closed,
}

impl From<Refusal> for WaitError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge { asked, burst } => Self::TooLarge { asked, burst },
            Refusal::TooLate { wait } => Self::PastDeadline { wait },
            Refusal::Never => Self::Never,
        }
    }
}

impl From<AskError> for WaitError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // It takes every message and answers at once: what is left is its end.
            _ => Self::Closed,
        }
    }
}

impl From<SleepError> for WaitError {
    fn from(error: SleepError) -> Self {
        match error {
            SleepError::Cancelled(cause) => Self::Cancelled(cause),
            SleepError::Deadline => Self::Deadline,
            // The clock is the one of the limiter's runtime.
            _ => Self::Closed,
        }
    }
}

impl From<ContextError> for WaitError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

/// Why [`try_acquire`](super::RateLimiter::try_acquire) took nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// Too few tokens are there.
    #[error("rate limited; the tokens are there in {retry_after:?}")]
    Limited {
        /// When they are there, if nobody else takes them before.
        retry_after: Duration,
    },
    /// More was asked for than the bucket ever holds.
    #[error("{asked} tokens asked of a burst of {burst}")]
    TooLarge {
        /// How many tokens were asked for.
        asked: usize,
        /// How many there may be.
        burst: usize,
    },
    /// The limit is zero, or so low that it would take centuries.
    #[error("the limit brings no token")]
    Never,
    /// The current context was cancelled before the limiter had answered.
    #[error("acquire cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the limiter had answered.
    #[error("deadline exceeded while asking for a token")]
    Deadline,
    /// The limiter has ended, with its scope.
    #[error("the rate limiter has ended")]
    Closed,
}

impl From<WaitError> for TryAcquireError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::PastDeadline { wait } => Self::Limited { retry_after: wait },
            WaitError::TooLarge { asked, burst } => Self::TooLarge { asked, burst },
            WaitError::Never => Self::Never,
            WaitError::Cancelled(cause) => Self::Cancelled(cause),
            WaitError::Deadline => Self::Deadline,
            WaitError::Closed => Self::Closed,
        }
    }
}

/// Why [`reserve`](super::RateLimiter::reserve) took nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// More was asked for than the bucket ever holds.
    #[error("{asked} tokens asked of a burst of {burst}")]
    TooLarge {
        /// How many tokens were asked for.
        asked: usize,
        /// How many there may be.
        burst: usize,
    },
    /// The limit is zero, or so low that it would take centuries.
    #[error("the limit brings no token")]
    Never,
    /// The current context was cancelled before the limiter had answered.
    #[error("reservation cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the limiter had answered.
    #[error("deadline exceeded while asking for a reservation")]
    Deadline,
    /// The limiter has ended, with its scope.
    #[error("the rate limiter has ended")]
    Closed,
}

impl From<WaitError> for ReserveError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::TooLarge { asked, burst } => Self::TooLarge { asked, burst },
            // It sets no time, so that none is passed.
            WaitError::Never | WaitError::PastDeadline { .. } => Self::Never,
            WaitError::Cancelled(cause) => Self::Cancelled(cause),
            WaitError::Deadline => Self::Deadline,
            WaitError::Closed => Self::Closed,
        }
    }
}

/// Why a setting was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The limiter has ended, with its scope.
    #[error("the rate limiter has ended")]
    Closed,
}

/// Why a setting or a number could not be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// The current context was cancelled before the limiter had answered.
    #[error("look at a rate limiter cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the limiter had answered.
    #[error("deadline exceeded while looking at a rate limiter")]
    Deadline,
    /// The limiter has ended, with its scope.
    #[error("the rate limiter has ended")]
    Closed,
}

impl From<AskError> for LookError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            _ => Self::Closed,
        }
    }
}
