//! Errors of a state.

use greenroom_actor::AskError;
use greenroom_core::error::Cause;
use greenroom_core::{Id, Panic};

/// Why a call gave no result.
///
/// Whether the closure ran: in `Closed`, `DeadlineInMailbox` and `Cycle` it did not; in `Panicked` it
/// had begun; `DeadlineInHandler` means that it ran although nobody waits any more; `Cancelled` does not
/// say.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The owner has ended, with its scope.
    #[error("the state's owner has ended")]
    Closed,
    /// The caller's context was cancelled.
    #[error("call of the state cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the caller's context passed before the closure ran.
    #[error("deadline exceeded before the state's owner took the call")]
    DeadlineInMailbox,
    /// The deadline of the caller's context passed when the closure had begun.
    #[error("deadline exceeded while the state's owner ran the call")]
    DeadlineInHandler,
    /// The closure panicked, or a copy or a drop of the value that it asked for did.
    #[error("{0}")]
    Panicked(#[source] Panic),
    /// The call was made by the owner itself, which would wait for itself.
    #[error("the state's owner would wait for itself")]
    Cycle {
        /// Who waits for whom; the first and the last are the same.
        path: Vec<Id>,
    },
}

impl From<AskError> for StateError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox => Self::DeadlineInMailbox,
            AskError::DeadlineInHandler => Self::DeadlineInHandler,
            AskError::Panicked(panic) => Self::Panicked(panic),
            AskError::Cycle { path } => Self::Cycle { path },
            // The owner waits for room, is not given up, and answers what it begins: what is left is
            // that it went away.
            _ => Self::Closed,
        }
    }
}

/// Why [`State::try_update`](super::State::try_update) changed nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TryUpdateError<E> {
    /// The closure returned this error.
    #[error("the update was refused by its closure")]
    Refused(E),
    /// The closure gave no result.
    #[error(transparent)]
    State(#[from] StateError),
}

impl<E> TryUpdateError<E> {
    /// Returns the closure's error, if it was that.
    pub fn into_refused(self) -> Option<E> {
        match self {
            Self::Refused(error) => Some(error),
            Self::State(_) => None,
        }
    }
}
