//! Which keys are in flight and who waits, as a pure state.

use std::collections::BTreeMap;

use greenroom_core::{current, unwind};

use super::message::Leaving;

/// The flights of all keys. `C` is a caller, `R` a run.
pub(super) struct Flights<K, C, R> {
    next: u64,
    /// The flight of a key that can be joined. Invariant 1.
    open: BTreeMap<K, u64>,
    flights: BTreeMap<u64, Flight<K, C, R>>,
    /// The flight of each call that waits.
    calls: BTreeMap<u64, u64>,
}

struct Flight<K, C, R> {
    key: K,
    // None until it has begun.
    run: Option<R>,
    callers: BTreeMap<u64, C>,
    is_called: bool,
    /// Several have called, whether or not they still wait.
    is_shared: bool,
    /// It goes on without callers.
    is_detached: bool,
}

impl<K: Ord + Clone, C, R> Flights<K, C, R> {
    pub(super) fn new() -> Self {
        Self {
            next: 0,
            open: BTreeMap::new(),
            flights: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Returns the number of the flight of a key, and whether that is a new one, whose run is to be
    /// started. A comparison or a clone that panics leaves everything as it was.
    pub(super) fn join(&mut self, key: K) -> (u64, bool) {
        if let Some(number) = self.open.get(&key)
            && self.flights.contains_key(number)
        {
            return (*number, false);
        }
        let number = self.next;
        let flight = Flight {
            key: key.clone(),
            run: None,
            callers: BTreeMap::new(),
            is_called: false,
            is_shared: false,
            is_detached: false,
        };
        self.open.insert(key, number);
        self.next += 1;
        self.flights.insert(number, flight);
        (number, true)
    }

    /// Returns the run of a flight.
    pub(super) fn run(&self, number: u64) -> Option<&R> {
        self.flights.get(&number)?.run.as_ref()
    }

    /// Takes a call of a flight.
    pub(super) fn enter(&mut self, number: u64, call: u64, caller: C) {
        if let Some(flight) = self.flights.get_mut(&number) {
            flight.callers.insert(call, caller);
            flight.is_shared |= std::mem::replace(&mut flight.is_called, true);
            self.calls.insert(call, number);
        }
    }

    /// Keeps the run of a flight.
    pub(super) fn begin(&mut self, number: u64, run: R) {
        if let Some(flight) = self.flights.get_mut(&number) {
            flight.run = Some(run);
        }
    }

    /// Takes a call out. Returns the run that nobody waits for any more, to be cancelled.
    pub(super) fn leave(&mut self, call: u64, how: Leaving) -> Option<R> {
        let number = self.calls.remove(&call)?;
        let flight = self.flights.get_mut(&number)?;
        flight.callers.remove(&call);
        flight.is_detached |= how == Leaving::Detaches;
        if flight.is_detached || !flight.callers.is_empty() {
            return None;
        }
        self.remove(number)?.run
    }

    /// Lets the next call of a key start a flight.
    pub(super) fn forget(&mut self, key: &K) {
        self.open.remove(key);
    }

    /// Ends a flight. Returns its callers, and whether they share the outcome.
    pub(super) fn end(&mut self, number: u64) -> Option<(Vec<C>, bool)> {
        let flight = self.remove(number)?;
        for call in flight.callers.keys() {
            self.calls.remove(call);
        }
        Some((flight.callers.into_values().collect(), flight.is_shared))
    }

    fn remove(&mut self, number: u64) -> Option<Flight<K, C, R>> {
        let flight = self.flights.remove(&number)?;
        let open = &mut self.open;
        // Invariant 3. A comparison that panics leaves the entry of a flight that has gone, for the next
        // of its key to replace. The wrong version lets it through: the callers are not answered.
        let struck_off = unwind::catch(|| {
            if open.get(&flight.key) == Some(&number) {
                open.remove(&flight.key);
            }
        });
        if let Err(payload) = struck_off {
            current::tell_stray(payload, "comparison of keys");
        }
        Some(flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Plain = Flights<&'static str, char, u8>;

    /// Takes a call. Returns the number of the flight if that is a new one.
    fn join(flights: &mut Plain, key: &'static str, call: u64, caller: char) -> Option<u64> {
        let (number, is_new) = flights.join(key);
        flights.enter(number, call, caller);
        is_new.then_some(number)
    }

    fn is_empty(flights: &Plain) -> bool {
        flights.open.is_empty() && flights.flights.is_empty() && flights.calls.is_empty()
    }

    #[test]
    fn calls_of_a_key_share_a_flight_until_it_ends() {
        let mut flights = Plain::new();
        assert_eq!(join(&mut flights, "k", 1, 'a'), Some(0));
        assert_eq!(join(&mut flights, "k", 2, 'b'), None);
        assert_eq!(join(&mut flights, "other", 3, 'c'), Some(1));
        assert_eq!(flights.end(0), Some((vec!['a', 'b'], true)));
        assert_eq!(flights.end(0), None);
        assert_eq!(join(&mut flights, "k", 4, 'd'), Some(2));
        assert_eq!(flights.end(1), Some((vec!['c'], false)));
        assert_eq!(flights.end(2), Some((vec!['d'], false)));
        assert!(is_empty(&flights));
    }

    #[test]
    fn the_end_of_a_forgotten_flight_leaves_the_new_one() {
        let mut flights = Plain::new();
        assert_eq!(join(&mut flights, "k", 1, 'a'), Some(0));
        flights.forget(&"k");
        assert_eq!(join(&mut flights, "k", 2, 'b'), Some(1));
        assert_eq!(flights.end(0), Some((vec!['a'], false)));
        assert_eq!(join(&mut flights, "k", 3, 'c'), None);
        assert_eq!(flights.end(1), Some((vec!['b', 'c'], true)));
        flights.forget(&"k");
        assert!(is_empty(&flights));
    }

    #[test]
    fn the_last_one_to_give_up_ends_the_flight() {
        let mut flights = Plain::new();
        assert_eq!(join(&mut flights, "k", 1, 'a'), Some(0));
        flights.begin(0, 7);
        assert_eq!(flights.run(0), Some(&7));
        assert_eq!(join(&mut flights, "k", 2, 'b'), None);
        assert_eq!(flights.leave(1, Leaving::GivesUp), None);
        assert_eq!(flights.leave(1, Leaving::GivesUp), None);
        assert_eq!(flights.leave(2, Leaving::GivesUp), Some(7));
        assert!(is_empty(&flights));
        assert_eq!(join(&mut flights, "k", 3, 'c'), Some(1));
    }

    #[test]
    fn a_detached_call_keeps_the_flight() {
        let mut flights = Plain::new();
        assert_eq!(join(&mut flights, "k", 1, 'a'), Some(0));
        flights.begin(0, 7);
        assert_eq!(flights.leave(1, Leaving::Detaches), None);
        assert_eq!(join(&mut flights, "k", 2, 'b'), None);
        assert_eq!(flights.leave(2, Leaving::GivesUp), None);
        assert_eq!(flights.end(0), Some((vec![], true)));
        assert!(is_empty(&flights));
    }
}
