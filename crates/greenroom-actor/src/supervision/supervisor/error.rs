//! Errors of supervisors.

use std::error::Error;
use std::fmt;

use greenroom_core::error::NameError;
use greenroom_core::{ExitReason, Id, Name};

use crate::address::AskError;
use crate::supervision::SpawnError;

/// Why the record of a child, or of a supervisor, is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The id is not a name.
    #[error(transparent)]
    Name(NameError),
    /// A permanent child never ends, so that its end cannot mean anything.
    #[error("the child {0} is permanent, so it cannot be significant")]
    PermanentSignificant(Name),
    /// The supervisor never ends by itself, so that no child is significant.
    #[error("the child {0} is significant, but its supervisor never shuts down by itself")]
    NeverSignificant(Name),
    /// Two children have this id.
    #[error("two children have the id {0}")]
    Duplicate(Name),
}

/// Why a supervisor, or a child of one, was not started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The record is not one.
    #[error(transparent)]
    Spec(SpecError),
    /// A child with this id runs, or is about to be restarted.
    #[error("the child {0} runs already")]
    AlreadyRunning(Name),
    /// There is a record of a child with this id, which has ended: restart or delete that one.
    #[error("there is a child {0} which has ended: restart it, or delete it first")]
    AlreadyPresent(Name),
    /// There is no child with this id.
    #[error("there is no child {0}")]
    NotFound(Name),
    /// The supervisor has as many children as it may have.
    #[error("there are {0} children, which is the limit")]
    AtCapacity(usize),
    /// The supervisor was told to end while the child started.
    #[error("the supervisor ends, so the child was not started")]
    Stopping,
    /// It could not start.
    #[error(transparent)]
    Spawn(SpawnError),
    /// The supervisor could not be asked.
    #[error(transparent)]
    Ask(AskError),
}

/// Why a supervisor did not do something with a child.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The text is not an id.
    #[error(transparent)]
    Name(NameError),
    /// There is no child with this id.
    #[error("there is no child {0}")]
    NotFound(Name),
    /// The child runs: terminate it first.
    #[error("the child {0} runs")]
    Running(Name),
    /// The child is about to be restarted: terminate it first.
    #[error("the child {0} is about to be restarted")]
    Restarting(Name),
    /// The child has ended, and has no address.
    #[error("the child {0} has ended")]
    Ended(Name),
    /// The child is of another type.
    #[error("the child {child} is a {found}")]
    OtherType {
        /// The child.
        child: Name,
        /// Its type.
        found: &'static str,
    },
    /// The supervisor could not be asked.
    #[error(transparent)]
    Ask(AskError),
}

/// A supervisor failed: a child had to be restarted too often, or could not start at first.
#[derive(Debug, Clone)]
pub struct GaveUp {
    pub(super) supervisor: Id,
    pub(super) child: Name,
    pub(super) reason: ExitReason,
}

impl GaveUp {
    /// Returns the supervisor that gave up.
    #[must_use]
    pub fn supervisor(&self) -> &Id {
        &self.supervisor
    }

    /// Returns the child that it gave up.
    #[must_use]
    pub fn child(&self) -> &Name {
        &self.child
    }

    /// Returns how the child ended the last time.
    #[must_use]
    pub fn reason(&self) -> &ExitReason {
        &self.reason
    }
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            supervisor,
            child,
            reason,
        } = self;
        write!(f, "{supervisor} gave up its child {child}: {reason}")
    }
}

// By hand, since a `Failure` is not itself an `Error`.
impl Error for GaveUp {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            ExitReason::Failed(failure) => Some(failure.as_error()),
            ExitReason::Panicked(panic) => Some(panic),
            ExitReason::Cancelled(cause) => Some(cause),
            ExitReason::Linked(linked) => Some(linked),
            _ => None,
        }
    }
}
