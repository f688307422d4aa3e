//! The timer of a context with a deadline, and its entry in the registry.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::node::{Node, Root};
use crate::driver::{Alarm, AlarmOrigin, TimerKey};
use crate::error::{Cause, ContextError};
use crate::id::Id;
use crate::registry::DeadlineKey;
use crate::unwind;

pub(super) struct Deadline {
    timer: TimerKey,
    entry: DeadlineKey,
}

impl Deadline {
    pub(super) fn set(node: &Arc<Node>, at: Instant, cause: Cause, origin: AlarmOrigin) {
        let root = &node.root;
        let entry = root.registry.enter_deadline(at, Arc::downgrade(node));
        let alarm = Arc::new(Expiry {
            node: Arc::downgrade(node),
            cause,
            origin,
            root: root.id.clone(),
        });
        let timer = root.driver.driver().sleep(at, alarm);
        let deadline = Self { timer, entry };
        if let Err(late) = node.keep_deadline(deadline) {
            // It fired, or was cancelled, before it could be kept.
            late.forget(root);
        }
    }

    pub(super) fn forget(self, root: &Root) {
        root.driver.driver().forget(self.timer);
        root.registry.leave_deadline(self.entry);
    }
}

struct Expiry {
    node: Weak<Node>,
    cause: Cause,
    origin: AlarmOrigin,
    root: Id,
}

impl Alarm for Expiry {
    fn fire(self: Arc<Self>) {
        if let Some(node) = self.node.upgrade() {
            node.end(ContextError::Deadline(self.cause.clone()));
        }
    }

    fn owner(&self) -> Option<Id> {
        Some(self.root.clone())
    }

    fn origin(&self) -> Option<AlarmOrigin> {
        Some(self.origin.clone())
    }
}

/// Dropped before it has fired, it is of a driver that has closed. A context in the runtime's tree has
/// ended by then, one without cancel above it has not, and holds itself while it has after-functions:
/// it would never go.
impl Drop for Expiry {
    fn drop(&mut self) {
        if let Some(node) = self.node.upgrade() {
            node.end(ContextError::Cancelled(Cause::Shutdown));
        }
        let cause = std::mem::replace(&mut self.cause, Cause::Deadline);
        unwind::drop_apart(cause, "drop of a cause");
    }
}
