//! Who holds, who waits and in which order, as a pure state. It knows numbers only.
//!
//! # Invariants
//! 1. An exclusive lease is out alone.
//! 2. While it is poisoned no lease is out.
//! 3. After the steps nobody waits who could go on.

use std::collections::BTreeMap;

use greenroom_core::registry::LeaseKind;

/// The holders of the leases of one owner, and the line of those who wait.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Counts arrivals.
    turn: u64,
    /// Everyone who holds or waits, by number.
    places: BTreeMap<u64, Place>,
    shared: usize,
    is_exclusive: bool,
    /// Those who wait for a shared lease, by arrival.
    readers: BTreeMap<u64, u64>,
    /// Those who wait for an exclusive one, by arrival.
    writers: BTreeMap<u64, u64>,
    /// Those who wait for a signal, by condition and arrival.
    parked: BTreeMap<u64, BTreeMap<u64, u64>>,
    /// A writer came back: the readers that wait go before the next one.
    is_readers_turn: bool,
    is_poisoned: bool,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It has its turn.
    Grant(u64, LeaseKind),
    /// Its turn, or its wait for a signal, is over: the value is poisoned.
    Poisoned(u64),
}

/// What someone who left had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: it is not known.
    Nothing,
    /// A place in a line. A signal that it had got went to another, who has a place now.
    Place { woken: Option<u64> },
    /// A lease, which is taken back. As above.
    Lease { woken: Option<u64> },
}

#[derive(Debug)]
enum Place {
    Held(LeaseKind, Option<Signalled>),
    Queued(Queued),
    Parked { condition: u64, turn: u64 },
}

#[derive(Debug)]
struct Queued {
    turn: u64,
    kind: LeaseKind,
    recovers: bool,
    signalled: Option<Signalled>,
}

/// A signal that is lost with its waiter unless it is passed on.
#[derive(Clone, Copy, Debug)]
struct Signalled {
    condition: u64,
    /// It was for those who had come before this turn.
    before: u64,
}

impl Line {
    /// Queues a request.
    pub(super) fn enter(&mut self, lease: u64, kind: LeaseKind, recovers: bool) {
        let turn = self.next_turn();
        self.queue(
            lease,
            Queued {
                turn,
                kind,
                recovers,
                signalled: None,
            },
        );
    }

    /// Returns whether a request would be granted at once, were the value not poisoned.
    pub(super) fn is_free(&self, kind: LeaseKind) -> bool {
        match kind {
            LeaseKind::Exclusive => !self.is_exclusive && self.shared == 0,
            LeaseKind::Shared => !self.is_exclusive && self.writers.is_empty(),
        }
    }

    /// Takes a lease back. Returns whether it is known.
    pub(super) fn give_back(&mut self, lease: u64) -> bool {
        let Some(Place::Held(kind, _)) = self.places.get(&lease) else {
            return false;
        };
        let kind = *kind;
        self.places.remove(&lease);
        self.end(kind);
        true
    }

    /// Says that a holder of the exclusive lease, which has come back, left the value half changed.
    pub(super) fn poison(&mut self) {
        self.is_poisoned = true;
    }

    /// Takes out who gives up, whatever it waits for or was granted.
    pub(super) fn leave(&mut self, lease: u64) -> Left {
        match self.places.remove(&lease) {
            None => Left::Nothing,
            Some(Place::Parked { condition, turn }) => {
                self.unpark(condition, turn);
                Left::Place { woken: None }
            }
            Some(Place::Queued(queued)) => {
                self.waiting_of(queued.kind).remove(&queued.turn);
                let woken = queued.signalled.and_then(|signal| self.pass_on(signal));
                Left::Place { woken }
            }
            Some(Place::Held(kind, signalled)) => {
                self.end(kind);
                let woken = signalled.and_then(|signal| self.pass_on(signal));
                Left::Lease { woken }
            }
        }
    }

    /// Lets someone wait for a signal.
    pub(super) fn park(&mut self, condition: u64, lease: u64) {
        let turn = self.next_turn();
        self.parked
            .entry(condition)
            .or_default()
            .insert(turn, lease);
        self.places.insert(lease, Place::Parked { condition, turn });
    }

    /// Wakes who has waited longest for a signal, and returns who that is.
    pub(super) fn signal(&mut self, condition: u64) -> Option<u64> {
        let before = self.turn + 1;
        self.pass_on(Signalled { condition, before })
    }

    /// Wakes all who wait for a signal, and returns them in the order of their arrival.
    pub(super) fn broadcast(&mut self, condition: u64) -> Vec<u64> {
        let parked = self.parked.remove(&condition).unwrap_or_default();
        let woken: Vec<u64> = parked.into_values().collect();
        for lease in &woken {
            self.enter(*lease, LeaseKind::Exclusive, false);
        }
        woken
    }

    /// Does the next step that is due, until there is none.
    pub(super) fn step(&mut self) -> Option<Step> {
        if self.is_poisoned
            && let Some((condition, turn, lease)) = self.first_parked()
        {
            self.unpark(condition, turn);
            self.places.remove(&lease);
            return Some(Step::Poisoned(lease));
        }
        if self.is_exclusive {
            return None;
        }
        let reader = self.readers.first_key_value().map(|(_, lease)| *lease);
        let writer = self.writers.first_key_value().map(|(_, lease)| *lease);
        let next = match (reader, writer) {
            (Some(reader), None) => reader,
            (Some(reader), Some(_)) if self.is_readers_turn => reader,
            (_, Some(writer)) if self.shared == 0 => writer,
            _ => {
                self.is_readers_turn = false;
                return None;
            }
        };
        if reader != Some(next) {
            self.is_readers_turn = false;
        }
        Some(self.admit(next))
    }

    /// Returns whether it waits for its turn.
    pub(super) fn is_queued(&self, lease: u64) -> bool {
        matches!(self.places.get(&lease), Some(Place::Queued(_)))
    }

    /// Returns whether it holds a lease.
    pub(super) fn is_held(&self, lease: u64) -> bool {
        matches!(self.places.get(&lease), Some(Place::Held(..)))
    }

    /// Returns those who wait for their turn, in the order of arrival.
    pub(super) fn queued(&self) -> Vec<u64> {
        let mut all: Vec<_> = self.readers.iter().chain(&self.writers).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, lease)| *lease).collect()
    }

    /// Returns how many wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.readers.len() + self.writers.len()
    }

    /// Returns how many wait for a signal.
    pub(super) fn parked(&self) -> usize {
        self.parked.values().map(BTreeMap::len).sum()
    }

    fn admit(&mut self, lease: u64) -> Step {
        let Some(Place::Queued(queued)) = self.places.remove(&lease) else {
            unreachable!("who is in a line has a place in it")
        };
        self.waiting_of(queued.kind).remove(&queued.turn);
        if self.is_poisoned && !queued.recovers {
            return Step::Poisoned(lease);
        }
        self.is_poisoned = false;
        match queued.kind {
            LeaseKind::Exclusive => self.is_exclusive = true,
            LeaseKind::Shared => self.shared += 1,
        }
        self.places
            .insert(lease, Place::Held(queued.kind, queued.signalled));
        Step::Grant(lease, queued.kind)
    }

    fn end(&mut self, kind: LeaseKind) {
        match kind {
            LeaseKind::Exclusive => {
                self.is_exclusive = false;
                self.is_readers_turn = true;
            }
            LeaseKind::Shared => self.shared -= 1,
        }
    }

    /// Gives a signal to the first of those for whom it was. Without one it is lost.
    fn pass_on(&mut self, signal: Signalled) -> Option<u64> {
        let parked = self.parked.get(&signal.condition)?;
        let (turn, lease) = parked.first_key_value().map(|(t, l)| (*t, *l))?;
        if turn >= signal.before {
            return None;
        }
        self.unpark(signal.condition, turn);
        let turn = self.next_turn();
        self.queue(
            lease,
            Queued {
                turn,
                kind: LeaseKind::Exclusive,
                recovers: false,
                signalled: Some(signal),
            },
        );
        Some(lease)
    }

    fn queue(&mut self, lease: u64, queued: Queued) {
        self.waiting_of(queued.kind).insert(queued.turn, lease);
        self.places.insert(lease, Place::Queued(queued));
    }

    fn unpark(&mut self, condition: u64, turn: u64) {
        if let Some(parked) = self.parked.get_mut(&condition) {
            parked.remove(&turn);
            if parked.is_empty() {
                self.parked.remove(&condition);
            }
        }
    }

    fn first_parked(&self) -> Option<(u64, u64, u64)> {
        let (condition, parked) = self.parked.first_key_value()?;
        let (turn, lease) = parked.first_key_value()?;
        Some((*condition, *turn, *lease))
    }

    fn waiting_of(&mut self, kind: LeaseKind) -> &mut BTreeMap<u64, u64> {
        match kind {
            LeaseKind::Exclusive => &mut self.writers,
            LeaseKind::Shared => &mut self.readers,
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }
}

#[cfg(test)]
mod tests {
    use super::LeaseKind::{Exclusive, Shared};
    use super::*;

    fn steps(line: &mut Line) -> Vec<Step> {
        std::iter::from_fn(|| line.step()).collect()
    }

    fn granted(line: &mut Line) -> Vec<u64> {
        steps(line)
            .into_iter()
            .map(|step| match step {
                Step::Grant(lease, _) => lease,
                Step::Poisoned(lease) => unreachable!("{lease} is told of a poison"),
            })
            .collect()
    }

    /// A line after requests that came one after the other, and who was granted a lease.
    fn line(requests: &[(u64, LeaseKind)]) -> (Line, Vec<u64>) {
        let mut line = Line::default();
        let mut holders = Vec::new();
        for (lease, kind) in requests {
            line.enter(*lease, *kind, false);
            holders.extend(granted(&mut line));
        }
        (line, holders)
    }

    #[test]
    fn exclusive_leases_go_in_the_order_of_arrival() {
        let (mut line, holders) = line(&[(5, Exclusive), (3, Exclusive), (4, Exclusive)]);
        assert_eq!(holders, [5]);
        assert!(!line.is_free(Exclusive));
        assert!(line.give_back(5));
        assert_eq!(granted(&mut line), [3]);
        assert!(line.give_back(3));
        assert_eq!(granted(&mut line), [4]);
        assert!(line.give_back(4) && line.is_free(Exclusive));
        assert!(!line.give_back(4), "it was given back");
        assert!(!line.give_back(9), "nobody knows it");
    }

    #[test]
    fn a_waiting_writer_holds_back_later_readers_and_lets_them_go_before_the_next_writer() {
        let (mut line, holders) = line(&[(1, Shared), (2, Shared), (3, Exclusive), (4, Shared)]);
        assert_eq!(holders, [1, 2]);
        assert!(!line.is_free(Shared));
        line.give_back(1);
        assert_eq!(granted(&mut line), [] as [u64; 0]);
        line.give_back(2);
        assert_eq!(granted(&mut line), [3]);
        line.enter(5, Exclusive, false);
        line.enter(6, Shared, false);
        line.give_back(3);
        assert_eq!(granted(&mut line), [4, 6]);
        line.enter(7, Shared, false);
        assert_eq!(granted(&mut line), [] as [u64; 0]);
        line.give_back(4);
        line.give_back(6);
        assert_eq!(granted(&mut line), [5]);
    }

    #[test]
    fn a_waiting_writer_that_leaves_lets_the_readers_behind_it_in() {
        let (mut line, holders) = line(&[(1, Shared), (2, Exclusive), (3, Shared)]);
        assert_eq!(holders, [1]);
        assert_eq!(line.leave(2), Left::Place { woken: None });
        assert_eq!(granted(&mut line), [3]);
        assert_eq!(line.leave(2), Left::Nothing);
    }

    #[test]
    fn a_poison_is_told_to_all_who_wait_until_one_recovers() {
        let (mut line, holders) = line(&[(1, Exclusive)]);
        assert_eq!(holders, [1]);
        line.park(0, 9);
        line.enter(2, Exclusive, false);
        line.enter(3, Shared, false);
        line.enter(4, Exclusive, true);
        line.enter(5, Exclusive, false);
        line.give_back(1);
        line.poison();
        assert_eq!(
            steps(&mut line),
            [
                Step::Poisoned(9),
                Step::Poisoned(3),
                Step::Poisoned(2),
                Step::Grant(4, Exclusive)
            ]
        );
        line.give_back(4);
        assert_eq!(granted(&mut line), [5]);
    }

    #[test]
    fn a_signal_wakes_the_first_and_a_broadcast_the_rest() {
        let (mut line, holders) = line(&[(1, Exclusive)]);
        assert_eq!(holders, [1]);
        assert_eq!(line.signal(0), None, "nobody waits: it is lost");
        for lease in 2..6 {
            line.park(0, lease);
        }
        line.park(7, 10);
        assert_eq!(line.signal(0), Some(2));
        assert_eq!(line.broadcast(0), [3, 4, 5]);
        assert_eq!((line.waiting(), line.parked()), (4, 1));
        line.give_back(1);
        assert_eq!(granted(&mut line), [2]);
    }

    #[test]
    fn a_signal_outlives_its_waiter_and_goes_to_one_for_whom_it_was() {
        let (mut line, holders) = line(&[(1, Exclusive)]);
        assert_eq!(holders, [1]);
        line.park(0, 2);
        line.park(0, 3);
        assert_eq!(line.signal(0), Some(2));
        line.park(0, 4);
        assert_eq!(line.leave(2), Left::Place { woken: Some(3) });
        line.give_back(1);
        assert_eq!(granted(&mut line), [3]);
        // 4 came after the signal.
        assert_eq!(line.leave(3), Left::Lease { woken: None });
        assert_eq!(line.parked(), 1);
        assert_eq!(line.leave(4), Left::Place { woken: None });
        assert_eq!(line.parked(), 0);
    }
}
