//! The handles that cancel a context.

use std::fmt;
use std::sync::{Arc, Weak};

use super::node::Node;
use crate::error::{Cause, ContextError};

/// Cancels the context it was made with. Go counterpart: `CancelFunc`.
///
/// It does not keep the context alive. Dropping it does not cancel.
#[derive(Clone)]
pub struct CancelHandle(CancelCauseHandle);

impl CancelHandle {
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Self(CancelCauseHandle::new(node))
    }

    /// Cancels the context and everything derived from it, before it returns.
    ///
    /// It does not wait for the work to stop. The second call does nothing, as does the first if the
    /// context has ended otherwise.
    pub fn cancel(&self) {
        self.0.cancel(Cause::Cancelled);
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelHandle")
    }
}

/// Cancels the context it was made with, with a cause. Go counterpart: `CancelCauseFunc`.
///
/// It does not keep the context alive. Dropping it does not cancel.
#[derive(Clone)]
pub struct CancelCauseHandle(Weak<Node>);

impl CancelCauseHandle {
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Self(Arc::downgrade(node))
    }

    /// Cancels the context and everything derived from it with this cause, before it returns.
    ///
    /// The first cause wins: a context that has ended keeps its own.
    pub fn cancel(&self, cause: impl Into<Cause>) {
        if let Some(node) = self.0.upgrade() {
            node.end(ContextError::Cancelled(cause.into()));
        }
    }
}

impl CancelCauseHandle {
    /// Returns whether the context ends by a time as well.
    pub(crate) fn has_deadline(&self) -> bool {
        self.0.upgrade().is_some_and(|node| node.deadline.is_some())
    }
}

impl fmt::Debug for CancelCauseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelCauseHandle")
    }
}
