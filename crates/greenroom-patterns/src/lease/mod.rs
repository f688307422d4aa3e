//! Leases from an owner: what [`mutex`](crate::mutex), [`rw_mutex`](crate::rw_mutex) and
//! [`condition`](crate::condition) share.
//!
//! The owner is an actor. A lease carries the value to its holder, or a share of it, and its drop sends
//! that home. The public modules say what is promised; here is how.
//!
//! # Invariants
//! 1. The value is in one place: with the owner, in the slot of a granted request, in a lease, or in a
//!    message that brings it home.
//! 2. The owner keeps one end of each slot. A request whose future is dropped says so, and what it was
//!    granted is taken out of the slot again. The wrong version puts the lease into the answer of an
//!    ask: a future that is dropped by an unwind drops a lease in it that nobody had, and the value is
//!    taken for poisoned.
//! 3. What brings a lease home, or a request back, is sent in a context without cancel, to a mailbox
//!    without a bound: it is neither refused nor skipped while the owner lives. The mailbox holds two
//!    messages at most for each call and lease.
//! 4. All that the owner knows is kept over its restarts, so that it knows the leases from before.

mod actor;
mod book;
mod error;
mod held;
mod line;
mod message;
mod options;
mod report;
mod vault;

#[cfg(test)]
mod tests;

pub(crate) use error::Path;
pub use error::{LockError, Poison, StatusError, TryLockError};
pub(crate) use held::{Ask, Door, Held};
pub(crate) use message::Wake;
pub(crate) use options::named;
pub use options::{LeaseOptions, OnCycle, ReportTo};
pub use report::{HolderStatus, LeaseReport, LeaseStatus, WaiterStatus};
pub(crate) use vault::{Common, Sole};
