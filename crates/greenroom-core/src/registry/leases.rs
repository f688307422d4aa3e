//! Who holds a lease, who waits for one, and who so waits for whom.
//!
//! An owner of leases (a mutex, say) shows its holders and waiters on a [`LeaseBoard`]. A task that
//! waits for a lease waits for each task that holds one of the same owner; these are the edges in which
//! a deadlock between lockers shows as a cycle.
//!
//! # Invariants
//! 1. Waits are entered and searched under one lock, so that of the waits of a cycle the one that is
//!    entered last finds it. The wrong version locks each board by itself: two tasks that wait at the
//!    same time may each look before the other has entered.
//! 2. That lock comes before a board's; of the boards one is locked at a time. No foreign code runs
//!    under either.
//! 3. A lease that nobody waits for costs the lock of its own board, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use serde::Serializer;

use super::Registry;
use crate::id::Id;
use crate::sync::Mutex;

/// Whether a lease is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseKind {
    /// Its holder is the only one.
    Exclusive,
    /// There may be others of this kind at the same time.
    Shared,
}

/// Someone who holds a lease, or waits for one.
#[derive(Clone, Debug)]
pub struct LeaseParty {
    /// Whether the lease is shared.
    pub kind: LeaseKind,
    /// The task that asked for it, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it was asked for.
    pub place: &'static Location<'static>,
    /// From when on it is held or waited for, in the runtime's time.
    pub since: Instant,
}

/// One step of a cycle: a task that waits for a lease which another holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub struct LeaseHop {
    /// Who waits.
    pub task: Id,
    /// Where it asked for the lease.
    #[serde(serialize_with = "place")]
    pub waits_at: &'static Location<'static>,
    /// The owner of the lease.
    pub owner: Id,
    /// The name of the owner.
    pub name: &'static str,
    /// The number of the lease that is held.
    pub lease: u64,
    /// Who holds it: the task of the next step, or, in the last one, of the first.
    pub holder: Id,
    /// Where the holder asked for it.
    #[serde(serialize_with = "place")]
    pub held_at: &'static Location<'static>,
}

impl fmt::Display for LeaseHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            task,
            waits_at,
            owner,
            name,
            lease,
            holder,
            held_at,
        } = self;
        write!(
            f,
            "{task} waits at {waits_at} for {name} ({owner}), whose lease {lease} {holder} took at {held_at}"
        )
    }
}

/// An owner of leases, as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct LeaseRecord {
    /// The owner.
    pub owner: Id,
    /// Its name.
    pub name: &'static str,
    /// Who holds a lease, in the order of the numbers.
    pub holders: Vec<LeasePartyRecord>,
    /// Who waits for one, in the order of arrival.
    pub waiters: Vec<LeasePartyRecord>,
}

/// A holder or a waiter, as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct LeasePartyRecord {
    /// The number of its lease.
    pub lease: u64,
    /// Whether the lease is shared.
    pub kind: LeaseKind,
    /// The task that asked for it, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it was asked for, as `file:line:column`.
    pub place: String,
    /// For how long it is held or waited for, in the runtime's time; serialized as seconds.
    #[serde(serialize_with = "super::snapshot::seconds")]
    pub lasts: Duration,
}

/// What one owner of leases shows. Made by [`Registry::enter_leases`]; it leaves when it is dropped.
pub struct LeaseBoard {
    registry: Registry,
    board: Arc<Board>,
}

#[derive(Default)]
pub(super) struct Leases {
    boards: DashMap<Id, Weak<Board>>,
    waits: Mutex<Waits>,
}

struct Board {
    owner: Id,
    name: &'static str,
    parties: Mutex<Parties>,
}

#[derive(Default)]
struct Parties {
    holders: BTreeMap<u64, LeaseParty>,
    // By the order of arrival. Written only while the waits are locked.
    waiters: BTreeMap<u64, (u64, LeaseParty)>,
    // The arrivals of the waiters, by the numbers of their leases.
    arrivals: BTreeMap<u64, u64>,
}

#[derive(Default)]
struct Waits {
    entered: u64,
    by_task: BTreeMap<Id, Vec<Edge>>,
}

struct Edge {
    arrival: u64,
    place: &'static Location<'static>,
    board: Arc<Board>,
}

impl Registry {
    /// Enters an owner of leases.
    #[must_use]
    pub fn enter_leases(&self, owner: Id, name: &'static str) -> LeaseBoard {
        let board = Arc::new(Board {
            owner: owner.clone(),
            name,
            parties: Mutex::default(),
        });
        let _other = self.0.leases.boards.insert(owner, Arc::downgrade(&board));
        LeaseBoard {
            registry: self.clone(),
            board,
        }
    }

    /// Returns the owners whose leases are held or waited for, sorted by id.
    ///
    /// `now` is the runtime's time, from which it is told how long that lasts.
    #[must_use]
    pub fn leases(&self, now: Instant) -> Vec<LeaseRecord> {
        let mut boards: Vec<_> = self
            .0
            .leases
            .boards
            .iter()
            .filter_map(|entry| entry.upgrade())
            .collect();
        boards.sort_unstable_by(|a, b| a.owner.cmp(&b.owner));
        boards
            .iter()
            .map(|board| board.record(now))
            .filter(|record| !record.holders.is_empty() || !record.waiters.is_empty())
            .collect()
    }

    /// Returns the cycles of tasks that wait for each other's leases, sorted, each from its least task
    /// on.
    ///
    /// A cycle is a deadlock if each of its tasks does nothing else meanwhile. A task that polls
    /// several futures, or that gave its lease to another, may still move.
    #[must_use]
    pub fn lease_cycles(&self) -> Vec<Vec<LeaseHop>> {
        let waits = self.0.leases.waits.lock();
        let mut found = Vec::new();
        for task in waits.by_task.keys() {
            if let Some(mut path) = waits.cycle(task, None) {
                let least = (0..path.len()).min_by_key(|&at| &path[at].task);
                path.rotate_left(least.unwrap_or(0));
                found.push(path);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl LeaseBoard {
    /// Returns the id of the owner.
    #[must_use]
    pub fn owner(&self) -> &Id {
        &self.board.owner
    }

    /// Returns the name of the owner.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.board.name
    }

    /// Shows a holder that did not wait.
    pub fn hold(&self, lease: u64, party: LeaseParty) {
        self.board.parties.lock().holders.insert(lease, party);
    }

    /// Shows a waiter. Returns the cycle that this wait closes, from its task on.
    #[must_use]
    pub fn wait(&self, lease: u64, party: LeaseParty) -> Option<Vec<LeaseHop>> {
        let mut waits = self.registry.0.leases.waits.lock();
        waits.entered += 1;
        let arrival = waits.entered;
        if let Some(task) = &party.task {
            let edge = Edge {
                arrival,
                place: party.place,
                board: self.board.clone(),
            };
            waits.by_task.entry(task.clone()).or_default().push(edge);
        }
        let task = party.task.clone();
        let mut parties = self.board.parties.lock();
        parties.waiters.insert(arrival, (lease, party));
        parties.arrivals.insert(lease, arrival);
        drop(parties);
        waits.cycle(&task?, Some(arrival))
    }

    /// Makes a waiter a holder, since `now`. Returns a cycle that this closes, from its task on: one
    /// that waits elsewhere too, since it polls several futures, may get here what others wait for.
    #[must_use]
    pub fn grant(&self, lease: u64, now: Instant) -> Option<Vec<LeaseHop>> {
        let mut waits = self.registry.0.leases.waits.lock();
        let mut party = waits.leave(&self.board, lease)?;
        party.since = now;
        let task = party.task.clone();
        let mut parties = self.board.parties.lock();
        parties.holders.insert(lease, party);
        let is_awaited = !parties.waiters.is_empty();
        drop(parties);
        is_awaited.then(|| waits.cycle(&task?, None)).flatten()
    }

    /// Takes a holder out.
    pub fn give_back(&self, lease: u64) {
        let _holder = self.board.parties.lock().holders.remove(&lease);
    }

    /// Takes a waiter out.
    pub fn leave(&self, lease: u64) {
        let _waiter = self
            .registry
            .0
            .leases
            .waits
            .lock()
            .leave(&self.board, lease);
    }
}

impl Drop for LeaseBoard {
    fn drop(&mut self) {
        let table = &self.registry.0.leases;
        let own = Arc::downgrade(&self.board);
        let _left = table
            .boards
            .remove_if(&self.board.owner, |_, board| board.ptr_eq(&own));
        let mut waits = table.waits.lock();
        let waiters = std::mem::take(&mut self.board.parties.lock().waiters);
        for (arrival, (_, party)) in waiters {
            waits.remove(party.task.as_ref(), arrival);
        }
    }
}

impl fmt::Debug for LeaseBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseBoard")
            .field("owner", self.owner())
            .finish_non_exhaustive()
    }
}

impl Board {
    fn record(&self, now: Instant) -> LeaseRecord {
        let parties = self.parties.lock();
        let record = |lease: u64, party: &LeaseParty| LeasePartyRecord {
            lease,
            kind: party.kind,
            task: party.task.clone(),
            place: party.place.to_string(),
            lasts: now.saturating_duration_since(party.since),
        };
        LeaseRecord {
            owner: self.owner.clone(),
            name: self.name,
            holders: parties
                .holders
                .iter()
                .map(|(lease, party)| record(*lease, party))
                .collect(),
            waiters: parties
                .waiters
                .values()
                .map(|(lease, party)| record(*lease, party))
                .collect(),
        }
    }
}

impl Waits {
    fn leave(&mut self, board: &Board, lease: u64) -> Option<LeaseParty> {
        let mut parties = board.parties.lock();
        let arrival = parties.arrivals.remove(&lease)?;
        let (_, party) = parties.waiters.remove(&arrival)?;
        drop(parties);
        self.remove(party.task.as_ref(), arrival);
        Some(party)
    }

    fn remove(&mut self, task: Option<&Id>, arrival: u64) {
        if let Some(task) = task
            && let Some(edges) = self.by_task.get_mut(task)
        {
            edges.retain(|edge| edge.arrival != arrival);
            if edges.is_empty() {
                self.by_task.remove(task);
            }
        }
    }

    /// Searches a way from a task back to it; the first step is the given wait, if one is given.
    #[allow(
        clippy::mutable_key_type,
        reason = "what is counted in an id has no part in its order"
    )]
    fn cycle(&self, start: &Id, first: Option<u64>) -> Option<Vec<LeaseHop>> {
        let mut seen = BTreeSet::from([start.clone()]);
        let mut path: Vec<LeaseHop> = Vec::new();
        // The steps from each task of the path that are still to be tried.
        let mut ahead = vec![self.steps(start, first)];
        while let Some(steps) = ahead.last_mut() {
            let Some(step) = steps.next() else {
                ahead.pop();
                path.pop();
                continue;
            };
            if step.holder == *start {
                path.push(step);
                return Some(path);
            }
            if seen.insert(step.holder.clone()) {
                let next = self.steps(&step.holder, None);
                path.push(step);
                ahead.push(next);
            }
        }
        None
    }

    fn steps(&self, task: &Id, only: Option<u64>) -> std::vec::IntoIter<LeaseHop> {
        let edges = self.by_task.get(task).map_or(&[][..], Vec::as_slice);
        let mut steps = Vec::new();
        for edge in edges {
            if only.is_some_and(|only| only != edge.arrival) {
                continue;
            }
            let parties = edge.board.parties.lock();
            steps.extend(parties.holders.iter().filter_map(|(lease, party)| {
                Some(LeaseHop {
                    task: task.clone(),
                    waits_at: edge.place,
                    owner: edge.board.owner.clone(),
                    name: edge.board.name,
                    lease: *lease,
                    holder: party.task.clone()?,
                    held_at: party.place,
                })
            }));
        }
        steps.into_iter()
    }
}

fn place<S: Serializer>(
    place: &&'static Location<'static>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(place)
}
