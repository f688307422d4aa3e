//! Who holds permits and pool items, and who waits for them.
//!
//! An owner (a semaphore, a pool) shows what is out on a [`PermitBoard`]. Unlike a lease, a permit may
//! come back from any of its holders, so that a wait for one is no part of a certain circle: it is only
//! shown.
//!
//! # Invariants
//! 1. A number is in one of the two lists at most. What it had is gone when its weight is zero.
//! 2. Each board has a lock of its own, under which nothing else is locked and no foreign code runs.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::sync::Mutex;
use dashmap::DashMap;

use super::Registry;
use crate::current;
use crate::id::Id;

/// What an owner lends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PermitKind {
    /// Permits of a semaphore.
    Permit,
    /// Items of a pool.
    Item,
}

/// Someone who holds permits, or waits for some.
#[derive(Clone, Debug)]
pub struct PermitParty {
    /// How many permits it asked for.
    pub weight: usize,
    /// The task that asked, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it asked.
    pub place: &'static Location<'static>,
    /// From when on it holds or waits, in the runtime's time: that at which the turn of its arbiter began.
    pub since: Instant,
}

impl PermitParty {
    /// Describes the current task, that asks now for so many.
    #[must_use]
    pub fn current(weight: usize, place: &'static Location<'static>) -> Self {
        Self {
            weight,
            task: current::task_id(),
            place,
            since: current::turn(),
        }
    }
}

/// An owner of permits, as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct PermitRecord {
    /// The owner.
    pub owner: Id,
    /// What it lends.
    pub kind: PermitKind,
    /// How many there are, lent or not; of a pool, how many there may be.
    pub size: usize,
    /// Who holds some, in the order in which they asked.
    pub holders: Vec<PermitPartyRecord>,
    /// Who waits, in the order in which they asked.
    pub waiters: Vec<PermitPartyRecord>,
}

/// A holder or a waiter, as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct PermitPartyRecord {
    /// Tells it from the others of this owner.
    pub number: u64,
    /// How many it holds, or waits for.
    pub weight: usize,
    /// The task that asked, or `None` outside our tasks. What it holds may be elsewhere by now.
    pub task: Option<Id>,
    /// Where it asked, as `file:line:column`.
    pub place: String,
    /// For how long it holds or waits, in the runtime's time; serialized as seconds.
    #[serde(serialize_with = "super::snapshot::seconds")]
    pub lasts: Duration,
}

/// Numbers those who ask one owner.
#[derive(Debug, Default)]
pub struct PermitNumbers(AtomicU64);

impl PermitNumbers {
    /// Returns a number that it has not given before.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed)
    }
}

/// What one owner of permits shows. Made by [`Registry::enter_permits`]; it leaves when it is dropped.
pub struct PermitBoard {
    registry: Registry,
    board: Arc<Board>,
}

#[derive(Default)]
pub(super) struct Permits {
    boards: DashMap<Id, Weak<Board>>,
}

struct Board {
    owner: Id,
    kind: PermitKind,
    parties: Mutex<Parties>,
}

#[derive(Default)]
struct Parties {
    size: usize,
    holders: BTreeMap<u64, PermitParty>,
    waiters: BTreeMap<u64, PermitParty>,
}

impl Registry {
    /// Enters an owner that lends so many permits.
    #[must_use]
    pub fn enter_permits(&self, owner: Id, kind: PermitKind, size: usize) -> PermitBoard {
        let board = Arc::new(Board {
            owner: owner.clone(),
            kind,
            parties: Mutex::new(Parties {
                size,
                ..Parties::default()
            }),
        });
        let _other = self.0.permits.boards.insert(owner, Arc::downgrade(&board));
        PermitBoard {
            registry: self.clone(),
            board,
        }
    }

    /// Returns the owners whose permits are held or waited for, sorted by id.
    ///
    /// `now` is the runtime's time, from which it is told how long that lasts.
    #[must_use]
    pub fn permits(&self, now: Instant) -> Vec<PermitRecord> {
        let boards = self.0.permits.boards.iter();
        let mut boards: Vec<_> = boards.filter_map(|entry| entry.upgrade()).collect();
        boards.sort_unstable_by(|a, b| a.owner.cmp(&b.owner));
        boards
            .iter()
            .map(|board| board.record(now))
            .filter(|record| !record.holders.is_empty() || !record.waiters.is_empty())
            .collect()
    }
}

impl PermitBoard {
    /// Returns the id of the owner.
    #[must_use]
    pub fn owner(&self) -> &Id {
        &self.board.owner
    }

    /// Shows how many there are now.
    pub fn resize(&self, size: usize) {
        self.board.parties.lock().size = size;
    }

    /// Shows a holder that did not wait. One that holds nothing is not shown.
    pub fn hold(&self, number: u64, party: PermitParty) {
        if party.weight > 0 {
            self.board.parties.lock().holders.insert(number, party);
        }
    }

    /// Shows a waiter.
    pub fn wait(&self, number: u64, party: PermitParty) {
        self.board.parties.lock().waiters.insert(number, party);
    }

    /// Makes a waiter a holder, since `now`.
    pub fn grant(&self, number: u64, now: Instant) {
        let mut parties = self.board.parties.lock();
        if let Some(mut party) = parties.waiters.remove(&number)
            && party.weight > 0
        {
            party.since = now;
            parties.holders.insert(number, party);
        }
    }

    /// Takes so many from a holder.
    pub fn give_back(&self, number: u64, weight: usize) {
        let mut parties = self.board.parties.lock();
        let Some(party) = parties.holders.get_mut(&number) else {
            return;
        };
        party.weight = party.weight.saturating_sub(weight);
        if party.weight == 0 {
            parties.holders.remove(&number);
        }
    }

    /// Takes a waiter out, if it is one.
    pub fn leave(&self, number: u64) {
        self.board.parties.lock().waiters.remove(&number);
    }
}

impl Drop for PermitBoard {
    fn drop(&mut self) {
        let own = Arc::downgrade(&self.board);
        let _left = (self.registry.0.permits.boards)
            .remove_if(&self.board.owner, |_, board| board.ptr_eq(&own));
    }
}

impl fmt::Debug for PermitBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitBoard")
            .field("owner", self.owner())
            .finish_non_exhaustive()
    }
}

impl Board {
    fn record(&self, now: Instant) -> PermitRecord {
        let parties = self.parties.lock();
        let records = |of: &BTreeMap<u64, PermitParty>| {
            of.iter()
                .map(|(number, party)| PermitPartyRecord {
                    number: *number,
                    weight: party.weight,
                    task: party.task.clone(),
                    place: party.place.to_string(),
                    lasts: now.saturating_duration_since(party.since),
                })
                .collect()
        };
        PermitRecord {
            owner: self.owner.clone(),
            kind: self.kind,
            size: parties.size,
            holders: records(&parties.holders),
            waiters: records(&parties.waiters),
        }
    }
}
