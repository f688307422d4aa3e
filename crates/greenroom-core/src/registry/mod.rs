//! Who lives in a runtime, and which deadlines are due.
//!
//! It is a value of the runtime, never a `static`. Actors, names, groups, deadlines, leases and permits are in its maps;
//! tasks stay with their hubs, which are asked for them.
//!
//! # Invariants
//! 1. No guard of a map and no lock is held across a call to foreign code (a [`Registered`], a
//!    [`TaskSource`], a waker, a driver) or an await: what is to be called is collected first.
//! 2. The order in which a map iterates decides nothing: whatever leaves here is sorted.
//! 3. While an actor's entry is locked, names and groups may be locked after it, one at a time. Nothing
//!    is locked after those, and no map is locked twice by one thread. Leases and permits have locks of
//!    their own, under which none of these is taken.
//! 4. A name or a place in a group belongs to an entered actor: it comes after the entry, and goes with
//!    it in one step.
//! 5. The counts of an actor that leaves are added to those of the gone in the step that takes its entry
//!    out, under the lock of that sum. Whoever adds up all of them collects the living under that lock:
//!    each actor is in one of the two. That lock comes before an entry.
//!
//! # Deadlock safety
//! By invariants 3 and 5 every thread locks the sum first, then an entry, then a name or a group, and never
//! two of a kind.

mod actors;
mod deadlines;
mod error;
mod graph;
mod groups;
mod knots;
mod leases;
mod messages;
mod permits;
mod registered;
mod reply;
mod snapshot;
mod sources;
mod stuck;

use std::fmt;
use std::sync::Arc;

pub(crate) use deadlines::DeadlineKey;
pub use error::RegistryError;
pub use graph::{WaitCircle, WaitEdge, WaitGraph};
pub use knots::{Knot, KnotTask, Progress, Why};
pub use leases::{LeaseBoard, LeaseHop, LeaseKind, LeaseParty, LeasePartyRecord, LeaseRecord};
pub use messages::MessageCounts;
pub use permits::{
    PermitBoard, PermitKind, PermitNumbers, PermitParty, PermitPartyRecord, PermitRecord,
};
pub use registered::{ActorState, Doing, Registered};
pub use reply::Reply;
pub(crate) use snapshot::seconds;
pub use snapshot::{ActorRecord, AddressRecord, DeadlineRecord, Snapshot, TaskRecord};
pub use sources::{Cancelling, Present, Search, TaskQuery, TaskSource};

/// The registry of one runtime: look-up, groups, cancellation by id, and snapshots. Cloning shares it.
///
/// It keeps nothing alive: of an actor it holds the status, of a hub a weak reference.
///
/// # Examples
/// ```
/// # use greenroom_core::doc_support::block_on;
/// use greenroom_core::registry::Registry;
/// use greenroom_core::{Id, Name, error::Cause};
/// let registry = Registry::new();
/// assert!(registry.whereis(&Name::new("store")?).is_none());
/// let nobody = Id::root().child("store");
/// assert!(!block_on(registry.cancel(&nobody, Cause::from("maintenance"))));
/// # Ok::<(), greenroom_core::error::NameError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry(Arc<Tables>);

#[derive(Default)]
struct Tables {
    actors: actors::Actors,
    groups: groups::Groups,
    leases: leases::Leases,
    permits: permits::Permits,
    sources: sources::Sources,
    deadlines: deadlines::Deadlines,
}

impl Registry {
    /// Makes an empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registry")
    }
}
