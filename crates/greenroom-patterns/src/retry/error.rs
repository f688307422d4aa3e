//! Why it was given up.

use std::error::Error;
use std::fmt;

use greenroom_core::Failure;
use greenroom_core::error::Cause;

/// Why [`retry`](super::retry) gave up: the number of attempts, and the last error, which is the source of
/// this one, so that [`Failure::downcast_ref`] finds it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RetryError {
    /// As many attempts as the policy allows have failed.
    Exhausted {
        /// How many were made.
        attempts: u32,
        /// What the last one returned.
        last: Failure,
    },
    /// The next attempt would begin after the time that the policy allows.
    OutOfTime {
        /// How many were made.
        attempts: u32,
        /// What the last one returned.
        last: Failure,
    },
    /// The policy does not retry this error.
    NotRetried {
        /// How many were made.
        attempts: u32,
        /// What the last one returned.
        last: Failure,
    },
    /// The current context was cancelled.
    Cancelled {
        /// Why.
        cause: Cause,
        /// How many attempts were made.
        attempts: u32,
        /// What the last one returned, if one was made.
        last: Option<Failure>,
    },
    /// The deadline of the current context passed.
    Deadline {
        /// How many attempts were made.
        attempts: u32,
        /// What the last one returned, if one was made.
        last: Option<Failure>,
    },
    /// The call was made outside a runtime, where there is no clock to wait by.
    Outside {
        /// How many attempts were made.
        attempts: u32,
        /// What the last one returned.
        last: Failure,
    },
}

impl RetryError {
    /// Returns how many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Exhausted { attempts, .. }
            | Self::OutOfTime { attempts, .. }
            | Self::NotRetried { attempts, .. }
            | Self::Cancelled { attempts, .. }
            | Self::Deadline { attempts, .. }
            | Self::Outside { attempts, .. } => *attempts,
        }
    }

    /// Returns what the last attempt returned, or `None` if none was made.
    #[must_use]
    pub fn last(&self) -> Option<&Failure> {
        match self {
            Self::Exhausted { last, .. }
            | Self::OutOfTime { last, .. }
            | Self::NotRetried { last, .. }
            | Self::Outside { last, .. } => Some(last),
            Self::Cancelled { last, .. } | Self::Deadline { last, .. } => last.as_ref(),
        }
    }
}

impl fmt::Display for RetryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = match self.attempts() {
            0 => "before the first attempt".to_owned(),
            attempts => format!("after attempt {attempts}"),
        };
        match self {
            Self::Exhausted { .. } => write!(f, "gave up {until}"),
            Self::OutOfTime { .. } => write!(f, "out of time {until}"),
            Self::NotRetried { .. } => write!(f, "not to be retried {until}"),
            Self::Cancelled { cause, .. } => write!(f, "retry cancelled {until}: {cause}"),
            Self::Deadline { .. } => write!(f, "deadline exceeded {until}"),
            Self::Outside { .. } => f.write_str(
                "retry outside a runtime: call it in a task of a scope, where there is a clock",
            ),
        }?;
        match self.last() {
            Some(last) => write!(f, "; the last error: {last}"),
            None => Ok(()),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`.
impl Error for RetryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last().map(Failure::as_error)
    }
}
