//! Errors of a call.

use std::error::Error;
use std::fmt;

use greenroom_core::error::{Cause, ContextError};
use greenroom_core::{Failure, Panic};

use crate::flow::run::NoValue;

/// Why a call gave no value. Every caller of a flight gets the same error of its run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FlightError {
    /// The run returned this error, which is the source of this one.
    Failed(Failure),
    /// The run panicked, or a comparison of the key did.
    Panicked(Panic),
    /// The run was cut short by the end of the scope's context.
    Cut(ContextError),
    /// The current context was cancelled first; the run goes on for the others.
    Cancelled(Cause),
    /// The deadline of the current context passed first; the run goes on for the others.
    Deadline,
    /// Called in the run of the same key, which would wait for itself.
    Recursive,
    /// The scope has ended without a value.
    Closed,
    /// The outcome was taken by an earlier wait.
    Taken,
}

impl fmt::Display for FlightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "the shared run failed: {failure}"),
            Self::Panicked(panic) => fmt::Display::fmt(panic, f),
            Self::Cut(error) => write!(f, "the shared run was not finished: {error}"),
            Self::Cancelled(cause) => write!(f, "gave up waiting for the shared run: {cause}"),
            Self::Deadline => f.write_str("deadline exceeded while waiting for the shared run"),
            Self::Recursive => f.write_str("the shared run calls for its own key"),
            Self::Closed => f.write_str("the scope has ended without a value"),
            Self::Taken => f.write_str("the outcome was taken before"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`.
impl Error for FlightError {
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

impl From<NoValue> for FlightError {
    fn from(why: NoValue) -> Self {
        match why {
            NoValue::Failed(failure) => Self::Failed(failure),
            NoValue::Panicked(panic) => Self::Panicked(panic),
            NoValue::Cut(error) => Self::Cut(error),
            NoValue::Gone => Self::Closed,
        }
    }
}

impl From<ContextError> for FlightError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}
