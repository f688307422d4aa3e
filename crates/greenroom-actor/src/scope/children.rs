//! An actor as its scope sees it.

use greenroom_core::Id;
use greenroom_core::error::Cause;

/// What a scope may do with an actor in it.
pub(crate) trait Child: Send + Sync {
    /// Returns the actor's id.
    fn id(&self) -> &Id;

    /// Refuses new messages, lets the queued ones be handled, then ends it.
    fn drain(&self);

    /// Ends it now: the running handler is dropped at its next await.
    fn cancel(&self, cause: Cause);
}
