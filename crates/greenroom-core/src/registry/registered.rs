//! What the registry knows of a living actor.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::{AddressRecord, MessageCounts};
use crate::error::Cause;
use crate::task::TaskInfo;

/// The status of a living actor, as its owner keeps it for the registry.
///
/// The registry holds it strongly from [`enter_actor`](super::Registry::enter_actor) to
/// [`leave_actor`](super::Registry::leave_actor). So it must be a cell beside the actor which does not
/// keep the actor alive: a strong address comes from a weak one, when it is asked for.
///
/// No map of the registry is locked while one of these methods runs. They may be called from any
/// thread, and should not block.
pub trait Registered: Send + Sync + 'static {
    /// Returns the facts of the actor's task; their id is the one it was entered with.
    fn info(&self) -> &Arc<TaskInfo>;

    /// Returns what the actor does now.
    fn state(&self) -> ActorState;

    /// Returns how many messages its mailbox holds, and how many fit (`None`: no bound).
    fn mailbox(&self) -> (usize, Option<usize>);

    /// Returns the name of its type.
    fn actor_type(&self) -> &'static str;

    /// Returns how often it was rebuilt after a failure.
    fn restarts(&self) -> u64;

    /// Returns what became of its messages. Final when it leaves the registry.
    fn messages(&self) -> MessageCounts {
        MessageCounts::default()
    }

    /// Returns the name of its strategy, if it supervises others: its children are those whose parent it
    /// is.
    fn strategy(&self) -> Option<&'static str> {
        None
    }

    /// Returns what its owner links it to others by, with its type erased; `None` if it cannot be linked.
    fn bond(&self) -> Option<Box<dyn Any + Send + Sync>> {
        None
    }

    /// Returns what it is busy with, if it does not wait for a message.
    fn doing(&self) -> Option<Doing> {
        None
    }

    /// Returns how many strong addresses keep it alive, if that is known.
    fn addresses(&self) -> Option<usize> {
        None
    }

    /// Returns who has them, the oldest first, if that is known.
    fn address_records(&self, _now: Instant) -> Vec<AddressRecord> {
        Vec::new()
    }

    /// Cancels its context with this cause. It does not wait for the actor to end.
    fn cancel(&self, cause: Cause);

    /// Returns a strong address, with its type erased, or `None` when the last one is gone.
    fn address(&self) -> Option<Box<dyn Any + Send + Sync>>;
}

impl fmt::Debug for dyn Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("id", &self.info().id)
            .finish_non_exhaustive()
    }
}

/// What an actor is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doing {
    /// The type of the message, or the part of its life that runs, such as `started`.
    pub what: &'static str,
    /// Since when, in the runtime's time. A handler is not timed before it comes to an await.
    pub since: Option<Instant>,
}

/// What an actor does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorState {
    /// It is being made and has handled no message yet.
    Starting,
    /// It handles messages, or waits for one.
    Running,
    /// It failed and is being rebuilt, or waits for that; its mailbox takes messages.
    Restarting,
    /// It takes no new messages and finishes what it has.
    Stopping,
    /// It has ended and will leave the registry.
    Stopped,
}
