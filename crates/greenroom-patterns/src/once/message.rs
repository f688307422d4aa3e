//! What the owner of a value is sent.

use greenroom_core::Id;

use super::state::Outcome;

/// Asks for the outcome, and for a run if there was none.
pub(super) struct Get {
    /// The task that asks.
    pub(super) asker: Option<Id>,
}

/// A run has ended.
pub(super) struct Ended<T>(pub(super) Outcome<T>);
