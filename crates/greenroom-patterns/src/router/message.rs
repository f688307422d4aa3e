//! What the owner of the list is sent.

use greenroom_actor::{Actor, Address};
use greenroom_core::Id;

/// Takes a member in.
pub(super) struct Add<A: Actor>(pub(super) Address<A>);

/// Takes a member out.
pub(super) struct Remove(pub(super) Id);

/// Spawns members, or takes out the newest, until there are so many.
pub(super) struct Resize(pub(super) usize);

/// Tells that a member has ended for good.
pub(super) struct Ended(pub(super) u64);
