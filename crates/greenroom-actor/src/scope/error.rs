//! Errors of scopes.

use greenroom_core::{Failure, Id};

/// Why a scope refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// The scope has ended, or is about to.
    #[error("the scope has ended")]
    Ended,
    /// The runtime is shutting down, or has done so.
    #[error("the runtime has shut down")]
    ShutDown,
    /// The wait is in something that the scope waits for: it would wait for itself.
    #[error("the scope {scope} would wait for {waiter}, which waits for it")]
    Cycle {
        /// The scope.
        scope: Id,
        /// Who waits.
        waiter: Id,
    },
    /// A limit of zero tasks would let nothing run.
    #[error("a limit of 0 tasks would let nothing run")]
    ZeroLimit,
}

/// What failed in a scope that collects its errors.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} of the scope's children failed, the first being {}: {}", .errors.len(), .errors[0].0, .errors[0].1)]
pub struct CollectedErrors {
    pub(crate) errors: Vec<(Id, Failure)>,
}

impl CollectedErrors {
    /// Returns who failed, and how, in the order in which it happened. Never empty.
    #[must_use]
    pub fn errors(&self) -> &[(Id, Failure)] {
        &self.errors
    }
}
