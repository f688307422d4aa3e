//! Errors of a once.

use std::error::Error;
use std::fmt;

use greenroom_actor::AskError;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::{Failure, Panic};

use crate::flow::run::NoValue;

/// Why [`Once::get`](super::Once::get) gave no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OnceError {
    /// The run returned this error, which is the source of this one.
    Failed(Failure),
    /// The run panicked.
    Panicked(Panic),
    /// The run was cut short by the end of its context, which is the scope's.
    Cut(ContextError),
    /// The current context was cancelled first; the run goes on.
    Cancelled(Cause),
    /// The deadline of the current context passed first; the run goes on.
    Deadline,
    /// Called in the run itself, which would wait for its own value.
    Recursive,
    /// The scope has ended without a value.
    Closed,
}

impl fmt::Display for OnceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "the value could not be made: {failure}"),
            Self::Panicked(panic) => write!(f, "the value could not be made: {panic}"),
            Self::Cut(error) => write!(f, "the value was not finished: {error}"),
            Self::Cancelled(cause) => write!(f, "gave up waiting for the value: {cause}"),
            Self::Deadline => f.write_str("deadline exceeded while waiting for the value"),
            Self::Recursive => f.write_str("the run that makes the value asks for it"),
            Self::Closed => f.write_str("the scope has ended without a value"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`.
impl Error for OnceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure.as_error()),
            Self::Panicked(panic) => Some(panic),
            Self::Cut(error) => Some(error),
            Self::Cancelled(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<NoValue> for OnceError {
    fn from(why: NoValue) -> Self {
        match why {
            NoValue::Failed(failure) => Self::Failed(failure),
            NoValue::Panicked(panic) => Self::Panicked(panic),
            NoValue::Cut(error) => Self::Cut(error),
            NoValue::Gone => Self::Closed,
        }
    }
}

impl From<AskError> for OnceError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // It takes every message, and answers when the run ends: what is left is its end.
            _ => Self::Closed,
        }
    }
}
