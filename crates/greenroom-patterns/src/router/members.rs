//! The members of a router: one snapshot, and how one of them is chosen.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_actor::{Actor, Address};

use super::hash::Ring;
use super::options::Route;

/// The members by their numbers, which are given in the order in which they came and never again.
pub(super) struct Members<A: Actor> {
    by_number: BTreeMap<u64, Address<A>>,
    ring: Ring,
}

/// A member that was chosen.
pub(super) type Chosen<A> = Option<(u64, Address<A>)>;

impl<A: Actor> Members<A> {
    pub(super) fn new(by_number: BTreeMap<u64, Address<A>>) -> Self {
        let ring = Ring::of(by_number.keys().copied());
        Self { by_number, ring }
    }

    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.by_number.contains_key(&number)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address<A>> {
        self.by_number.values()
    }

    /// Returns a number at some place of the list.
    pub(super) fn number_at(&self, place: usize) -> Option<u64> {
        self.by_number.keys().nth(place).copied()
    }

    /// Chooses the member for a message whose turn it is, without those that were tried.
    pub(super) fn in_turn(&self, route: Route, turn: u64, tried: &BTreeSet<u64>) -> Chosen<A> {
        let from_turn = self
            .by_number
            .range(turn..)
            .chain(self.by_number.range(..turn));
        let mut open =
            from_turn.filter(|(number, address)| !tried.contains(number) && !address.is_closed());
        let chosen = match route {
            Route::InTurn => open.next(),
            // The first of the least, so that equals have their turns.
            Route::LeastLoaded => open.min_by_key(|(_, address)| address.queued()),
        };
        chosen.map(|(number, address)| (*number, address.clone()))
    }

    /// Chooses the member of a key, without those that were tried.
    pub(super) fn by_key(&self, key: u64, tried: &BTreeSet<u64>) -> Chosen<A> {
        self.ring
            .members(key)
            .filter(|number| !tried.contains(number))
            .filter_map(|number| Some((number, self.by_number.get(&number)?)))
            .find(|(_, address)| !address.is_closed())
            .map(|(number, address)| (number, address.clone()))
    }
}
