//! What an owner of leases tells.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use greenroom_core::Id;
use greenroom_core::registry::{LeaseHop, LeaseKind};

use super::error::{Path, Poison};

/// What an owner of leases reports by itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LeaseReport {
    /// A lease is held for longer than the [lease time](super::LeaseOptions::lease_time). Told once for
    /// each lease, which stays with its holder.
    Overdue {
        /// The owner.
        owner: Id,
        /// The owner's name.
        name: &'static str,
        /// The lease, and who holds it.
        holder: HolderStatus,
        /// How many wait for their turn.
        waiting: usize,
    },
    /// Tasks wait for each other's leases, in a circle. Told when the wait that closes it begins.
    Cycle {
        /// Who waits for whom; the last one waits for the first.
        path: Vec<LeaseHop>,
        /// Whether the wait that closes it was refused; see [`OnCycle`](super::OnCycle).
        is_refused: bool,
    },
    /// A holder panicked, and the value is poisoned.
    Poisoned {
        /// The owner.
        owner: Id,
        /// The owner's name.
        name: &'static str,
        /// Whose panic it was.
        poison: Poison,
    },
    /// A lease came back that the owner does not know. It was refused, and its value dropped.
    Refused {
        /// The owner.
        owner: Id,
        /// The owner's name.
        name: &'static str,
        /// The number of the lease.
        lease: u64,
    },
}

impl fmt::Display for LeaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overdue {
                owner,
                name,
                holder,
                waiting,
            } => write!(
                f,
                "{name} ({owner}): {holder} for {:?}, and {waiting} wait",
                holder.held
            ),
            Self::Cycle { path, is_refused } => {
                let outcome = if *is_refused { "refused" } else { "waiting" };
                write!(f, "lockers in a circle, {outcome}: {}", Path(path))
            }
            Self::Poisoned {
                owner,
                name,
                poison,
            } => write!(f, "{name} ({owner}) is poisoned: {poison}"),
            Self::Refused { owner, name, lease } => {
                write!(f, "{name} ({owner}) does not know lease {lease}")
            }
        }
    }
}

/// Who holds the leases of an owner, and who waits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LeaseStatus {
    /// The owner.
    pub owner: Id,
    /// Its name.
    pub name: &'static str,
    /// Who holds a lease, in the order of the numbers.
    pub holders: Vec<HolderStatus>,
    /// Who waits for a turn, in the order of arrival.
    pub waiters: Vec<WaiterStatus>,
    /// How many wait for a signal of a condition.
    pub parked: usize,
    /// Whose panic the value is poisoned by, if it is.
    pub poison: Option<Poison>,
    /// How many reports did not reach whom they were for.
    pub reports_lost: u64,
}

/// Someone who holds a lease.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HolderStatus {
    /// The number of the lease.
    pub lease: u64,
    /// Whether it is shared.
    pub kind: LeaseKind,
    /// The task that asked for it, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it asked.
    pub place: &'static Location<'static>,
    /// For how long it is held.
    pub held: Duration,
    /// Whether that was reported as too long.
    pub is_overdue: bool,
}

impl fmt::Display for HolderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lease {}, taken at {}, is held", self.lease, self.place)?;
        match &self.task {
            Some(task) => write!(f, " by {task}"),
            None => f.write_str(" outside the runtime"),
        }
    }
}

/// Someone who waits for a lease.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WaiterStatus {
    /// The number of the lease, once it is granted.
    pub lease: u64,
    /// Whether it is shared.
    pub kind: LeaseKind,
    /// The task that asks for it, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it asked.
    pub place: &'static Location<'static>,
    /// For how long it has waited.
    pub waited: Duration,
}
