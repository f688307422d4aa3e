//! Errors of leases.

use std::fmt;
use std::panic::Location;

use greenroom_actor::AskError;
use greenroom_core::Id;
use greenroom_core::channel::RecvError;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::registry::LeaseHop;

use super::message::Refusal;

/// Whose panic left a value half changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Poison {
    /// The task that had asked for the lease, or `None` outside our tasks.
    pub holder: Option<Id>,
    /// Where it had asked.
    pub place: &'static Location<'static>,
    /// The number of the lease.
    pub lease: u64,
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => write!(f, "{holder}")?,
            None => f.write_str("a holder outside the runtime")?,
        }
        write!(f, " panicked with the lease taken at {}", self.place)
    }
}

/// Why a call gave no lease. The caller has left the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// A holder panicked, and may have left the value half changed. `recover` gives the lease in spite
    /// of it.
    #[error("poisoned: {0}")]
    Poisoned(Poison),
    /// The caller would wait for itself, by way of other lockers, and
    /// [`OnCycle::Refuse`](super::OnCycle::Refuse) is set.
    #[error("deadlock: {}", Path(path))]
    Cycle {
        /// Who waits for whom, from the caller back to it.
        path: Vec<LeaseHop>,
    },
    /// The current context was cancelled.
    #[error("wait for a lease cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed.
    #[error("deadline exceeded while waiting for a lease")]
    Deadline,
    /// The owner has ended, with its scope.
    #[error("the owner of the lease has ended")]
    Closed,
}

/// Why a try gave no lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryLockError {
    /// It is held, or others wait for it: a `lock` would wait.
    #[error("the lease is not free")]
    Busy,
    /// A holder panicked, and may have left the value half changed.
    #[error("poisoned: {0}")]
    Poisoned(Poison),
    /// The current context was cancelled.
    #[error("try for a lease cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the owner answered.
    #[error("deadline exceeded before the owner of the lease answered")]
    Deadline,
    /// The owner has ended, with its scope.
    #[error("the owner of the lease has ended")]
    Closed,
}

/// Why there is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The current context was cancelled.
    #[error("question for a status cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the owner answered.
    #[error("deadline exceeded before the owner of the lease answered")]
    Deadline,
    /// The owner has ended, with its scope.
    #[error("the owner of the lease has ended")]
    Closed,
}

impl From<AskError> for StatusError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // It takes every message, and answers this one: what is left is its end.
            _ => Self::Closed,
        }
    }
}

/// Why a request gave no lease, whatever it asked for.
pub(crate) enum Denied {
    Refused(Refusal),
    Cancelled(Cause),
    Deadline,
    Closed,
}

impl From<ContextError> for Denied {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

impl From<RecvError> for Denied {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Cancelled(cause) => Self::Cancelled(cause),
            RecvError::Deadline => Self::Deadline,
            RecvError::Closed => Self::Closed,
        }
    }
}

impl From<Denied> for LockError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(Refusal::Poisoned(poison)) => Self::Poisoned(poison),
            Denied::Refused(Refusal::Cycle(path)) => Self::Cycle { path },
            Denied::Refused(Refusal::Busy) => unreachable!("a try alone is told so"),
            Denied::Cancelled(cause) => Self::Cancelled(cause),
            Denied::Deadline => Self::Deadline,
            Denied::Closed => Self::Closed,
        }
    }
}

impl From<Denied> for TryLockError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(Refusal::Busy) => Self::Busy,
            Denied::Refused(Refusal::Poisoned(poison)) => Self::Poisoned(poison),
            Denied::Refused(Refusal::Cycle(_)) => unreachable!("a try does not wait"),
            Denied::Cancelled(cause) => Self::Cancelled(cause),
            Denied::Deadline => Self::Deadline,
            Denied::Closed => Self::Closed,
        }
    }
}

/// Shows a cycle, one step after the other.
pub(crate) struct Path<'a>(pub(crate) &'a [LeaseHop]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, hop) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{hop}")?;
        }
        Ok(())
    }
}
