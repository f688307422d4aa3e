//! The entries and the loads, as a state without a clock and without tasks.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use greenroom_core::Id;

use super::options::CacheOptions;
use super::tree::{Pair, Tree};

/// The value of an entry.
pub(super) struct Stored<V> {
    value: V,
    /// The number of its write.
    written: u64,
    /// From when on it is not read.
    over_at: Option<Instant>,
}

/// One version of the entries, as readers see it.
pub(super) type Entries<K, V> = Tree<K, Stored<V>>;

/// Reads the value of a key, unless its time is over.
pub(super) fn read<'a, K, V, Q>(
    entries: &'a Entries<K, V>,
    key: &Q,
    now: impl FnOnce() -> Instant,
) -> Option<&'a V>
where
    K: Ord + Borrow<Q>,
    Q: Ord + ?Sized,
{
    let stored = &entries.get(key)?.1;
    match stored.over_at {
        Some(over_at) if over_at <= now() => None,
        _ => Some(&stored.value),
    }
}

/// The entries by key and by age.
pub(super) struct Store<K, V> {
    options: CacheOptions,
    entries: Entries<K, V>,
    /// The same, by the number of their write, which is also the order in which their times are over.
    by_age: BTreeMap<u64, Pair<K, Stored<V>>>,
    next: u64,
}

impl<K: Ord, V> Store<K, V> {
    pub(super) fn new(options: CacheOptions) -> Self {
        Self {
            options,
            entries: Tree::new(),
            by_age: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn entries(&self) -> &Entries<K, V> {
        &self.entries
    }

    /// Writes an entry. The oldest makes room for it.
    ///
    /// The comparisons of keys come first: if one panics, nothing has changed.
    pub(super) fn set(&mut self, key: K, value: V, now: Instant) {
        let before = self.entries.get(&key).map(|pair| pair.1.written);
        let over_at = self
            .options
            .time_to_live
            // Later than the clock can tell is never.
            .and_then(|time| now.checked_add(time));
        let written = self.next;
        let pair = Pair::new((
            key,
            Stored {
                value,
                written,
                over_at,
            },
        ));
        let mut entries = self.entries.with(pair.clone());
        let oldest = match before {
            Some(before) => Some(before),
            None if self.entries.len() < self.options.capacity => None,
            None => self.by_age.first_key_value().map(|(written, oldest)| {
                if let Some(without) = entries.without(&oldest.0) {
                    entries = without;
                }
                *written
            }),
        };
        self.next += 1;
        self.entries = entries;
        if let Some(oldest) = oldest {
            self.by_age.remove(&oldest);
        }
        self.by_age.insert(written, pair);
    }

    /// Takes an entry out, and returns its value, unless its time is over.
    pub(super) fn remove(&mut self, key: &K, now: Instant) -> Option<V>
    where
        V: Clone,
    {
        let written = self.entries.get(key)?.1.written;
        let value = read(&self.entries, key, || now).cloned();
        self.entries = self.entries.without(key)?;
        self.by_age.remove(&written);
        value
    }

    pub(super) fn clear(&mut self) {
        self.entries = Tree::new();
        self.by_age.clear();
    }

    /// Takes out those whose time is over.
    pub(super) fn sweep(&mut self, now: Instant) {
        while let Some((&written, oldest)) = self.by_age.first_key_value()
            && oldest.1.over_at.is_some_and(|over_at| over_at <= now)
        {
            if let Some(without) = self.entries.without(&oldest.0) {
                self.entries = without;
            }
            self.by_age.remove(&written);
        }
    }

    /// Returns in how long a sweep is of use: when the oldest is over, but not again and again for each
    /// entry of a busy cache.
    pub(super) fn next_sweep(&self, now: Instant) -> Option<Duration> {
        let over_at = self.by_age.first_key_value()?.1.1.over_at?;
        let least = self.options.time_to_live? / 8;
        Some(over_at.saturating_duration_since(now).max(least))
    }
}

/// Who waits for which load.
pub(super) struct Loads<K, W> {
    /// The one load of a key whose value may be stored.
    current: BTreeMap<K, u64>,
    all: BTreeMap<u64, OneLoad<K, W>>,
    next: u64,
}

struct OneLoad<K, W> {
    key: K,
    task: Option<Id>,
    waiters: Vec<(W, Option<Id>)>,
    /// At this number of waiters those that gave up are looked for.
    sweep_at: usize,
}

/// What came of asking for a load.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<W> {
    /// A load of this number is to be started.
    Begins(u64),
    /// It waits for one that runs.
    Joins,
    /// It would wait for itself.
    Cycle(W),
}

const SWEEP: usize = 16;

impl<K: Ord + Clone, W> Loads<K, W> {
    pub(super) fn new() -> Self {
        Self {
            current: BTreeMap::new(),
            all: BTreeMap::new(),
            next: 0,
        }
    }

    /// Lets a waiter wait for the load of a key. `has_left` tells of one that gave up.
    pub(super) fn ask(
        &mut self,
        key: K,
        waiter: W,
        asker: Option<Id>,
        has_left: impl Fn(&W) -> bool,
    ) -> Asked<W> {
        // One that has gone was left behind by a comparison that panicked as it ended.
        let current = self.current.get(&key).copied();
        let Some(number) = current.filter(|number| self.all.contains_key(number)) else {
            let number = self.next;
            self.current.insert(key.clone(), number);
            self.next += 1;
            let load = OneLoad {
                key,
                task: None,
                waiters: vec![(waiter, asker)],
                sweep_at: SWEEP,
            };
            self.all.insert(number, load);
            return Asked::Begins(number);
        };
        if asker
            .as_ref()
            .is_some_and(|asker| self.waits_for(number, asker, &has_left))
        {
            return Asked::Cycle(waiter);
        }
        if let Some(load) = self.all.get_mut(&number) {
            if load.waiters.len() >= load.sweep_at {
                load.waiters.retain(|(waiter, _)| !has_left(waiter));
                load.sweep_at = (2 * load.waiters.len()).max(SWEEP);
            }
            load.waiters.push((waiter, asker));
        }
        Asked::Joins
    }

    /// Says which task carries a load out.
    pub(super) fn carried_by(&mut self, number: u64, task: Option<Id>) {
        if let Some(load) = self.all.get_mut(&number) {
            load.task = task;
        }
    }

    /// Ends a load. Returns who waited, and the key if the value may be stored.
    pub(super) fn end(&mut self, number: u64) -> (Vec<W>, Option<K>) {
        let Some(load) = self.all.remove(&number) else {
            return (Vec::new(), None);
        };
        let waiters = load.waiters.into_iter().map(|(waiter, _)| waiter).collect();
        let is_current = self.current.get(&load.key) == Some(&number);
        if is_current {
            self.current.remove(&load.key);
        }
        (waiters, is_current.then_some(load.key))
    }

    /// Forgets the load of a key: its value is not stored, and the next to ask begins another.
    pub(super) fn forget(&mut self, key: &K) {
        self.current.remove(key);
    }

    pub(super) fn forget_all(&mut self) {
        self.current.clear();
    }

    /// Returns whether a load is carried out by a task, or waits for another that is.
    fn waits_for(&self, number: u64, task: &Id, has_left: &impl Fn(&W) -> bool) -> bool {
        let is_by =
            |load: &OneLoad<K, W>, task: &Id| load.task.as_ref().is_some_and(|by| by.is_same(task));
        if !self.all.values().any(|load| is_by(load, task)) {
            return false;
        }
        let mut seen = BTreeSet::from([number]);
        let mut open = vec![number];
        while let Some(load) = open.pop().and_then(|number| self.all.get(&number)) {
            if is_by(load, task) {
                return true;
            }
            for (number, other) in &self.all {
                let waits = other.waiters.iter().any(|(waiter, asker)| {
                    asker.as_ref().is_some_and(|asker| is_by(load, asker)) && !has_left(waiter)
                });
                if waits && seen.insert(*number) {
                    open.push(*number);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::cache;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    // A pure state needs some instant to count from.
    fn start() -> Instant {
        greenroom_core::current::now()
    }

    #[test]
    fn the_oldest_write_makes_room() {
        let now = start();
        let mut store = Store::new(cache().capacity(2));
        store.set('a', 1, now);
        store.set('b', 2, now);
        store.set('a', 3, now);
        store.set('c', 4, now);
        let get = |store: &Store<_, _>, key| read(store.entries(), &key, || now).copied();
        assert_eq!(
            [get(&store, 'a'), get(&store, 'b'), get(&store, 'c')],
            [Some(3), None, Some(4)]
        );
        assert_eq!(store.remove(&'a', now), Some(3));
        assert_eq!(store.remove(&'a', now), None);
        assert_eq!((store.entries().len(), store.by_age.len()), (1, 1));
    }

    #[test]
    fn what_is_over_is_not_read_and_is_swept() {
        let begin = start();
        let mut store = Store::new(cache().time_to_live(Duration::from_secs(8)));
        store.set(1, 'a', begin);
        store.set(2, 'b', at(begin, 4));
        assert_eq!(store.next_sweep(at(begin, 4)), Some(Duration::from_secs(4)));
        assert_eq!(read(store.entries(), &1, || at(begin, 7)), Some(&'a'));
        assert_eq!(read(store.entries(), &1, || at(begin, 8)), None);
        assert_eq!(store.remove(&1, at(begin, 8)), None);
        store.sweep(at(begin, 11));
        assert_eq!(store.entries().len(), 1);
        // Not at once again, though one is over.
        assert_eq!(
            store.next_sweep(at(begin, 20)),
            Some(Duration::from_secs(1))
        );
        store.sweep(at(begin, 12));
        assert_eq!(store.next_sweep(at(begin, 12)), None);
    }

    #[test]
    fn a_load_that_was_forgotten_answers_and_is_not_stored() {
        let mut loads = Loads::new();
        let stays = |_: &char| false;
        assert_eq!(loads.ask(1, 'a', None, stays), Asked::Begins(0));
        assert_eq!(loads.ask(1, 'b', None, stays), Asked::Joins);
        loads.forget(&1);
        assert_eq!(loads.ask(1, 'c', None, stays), Asked::Begins(1));
        assert_eq!(loads.end(0), (vec!['a', 'b'], None));
        assert_eq!(loads.end(1), (vec!['c'], Some(1)));
        assert_eq!(loads.end(1), (vec![], None));
    }

    #[test]
    fn a_load_that_waits_for_itself_is_found_over_others() {
        let mut loads = Loads::new();
        let stays = |_: &char| false;
        let root = Id::root();
        let task = |name| root.child(name);
        let (one, two) = (task("one"), task("two"));
        loads.ask(1, 'a', None, stays);
        loads.carried_by(0, Some(one.clone()));
        loads.ask(2, 'b', Some(one.clone()), stays);
        loads.carried_by(1, Some(two.clone()));
        assert_eq!(
            loads.ask(1, 'c', Some(one), stays),
            Asked::Cycle('c'),
            "its own key"
        );
        assert_eq!(
            loads.ask(1, 'd', Some(two.clone()), stays),
            Asked::Cycle('d')
        );
        assert_eq!(loads.ask(1, 'e', Some(task("three")), stays), Asked::Joins);
        // The first has given up to wait for the second.
        assert_eq!(
            loads.ask(1, 'f', Some(two), |waiter| *waiter == 'b'),
            Asked::Joins
        );
    }
}
