//! Who has the items, and who waits for one, as a pure state.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use greenroom_core::error::ContextError;
use greenroom_core::{Failure, Panic};

/// Someone who asked for an item.
pub(super) trait Asker {
    /// What a preparation for it runs in.
    type Context;

    fn context(&self) -> Self::Context;

    /// Returns whether it has given up.
    fn has_left(&self) -> bool;
}

/// What the owner is to do next.
pub(super) enum Act<T, A: Asker> {
    /// Hand an item over.
    Hand(T, A),
    /// Tell an asker why it gets none.
    Refuse(A, Why),
    /// Check an idle item.
    Check(u64, T, A::Context),
    /// Make an item.
    Make(u64, A::Context),
}

/// Why an asker gets no item.
#[derive(Debug)]
pub(super) enum Why {
    Closed,
    Empty,
    Unmade(Unmade),
}

/// Why an item was not made.
#[derive(Debug)]
pub(super) enum Unmade {
    Failed(Failure),
    Panicked(Panic),
    Ended(ContextError),
}

/// What became of a preparation.
pub(super) enum Prepared<T> {
    /// An item to hand out.
    Ready(T),
    /// The idle item was not fit, and has been dropped.
    Broken,
    /// No item.
    Unmade(Unmade),
}

/// What the pool is described by, as far as it decides who gets what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) max: usize,
    pub(super) checks: bool,
    pub(super) makes: bool,
    pub(super) idle_for: Option<Duration>,
}

/// The items and the askers of a pool.
///
/// A place is held by an item that is idle, out, or being prepared; there are `max` of them. A
/// preparation is begun for one asker, and its item goes to whoever is first in line when it is there.
pub(super) struct Store<T, A> {
    rules: Rules,
    /// By the time since when they are idle; the last one is handed out first.
    idle: VecDeque<(Instant, T)>,
    out: usize,
    preparing: usize,
    /// Those that wait for their turn, the first one first.
    line: VecDeque<Waiting<A>>,
    /// Those that do not wait, but for a check, by the number of that.
    trying: BTreeMap<u64, A>,
    next: u64,
    is_closed: bool,
    /// At this length of the line those that gave up are looked for.
    sweep_at: usize,
}

struct Waiting<A> {
    asker: A,
    /// The preparation that was begun for it and has not ended.
    preparation: Option<u64>,
}

const SWEEP: usize = 16;

impl<T, A: Asker> Store<T, A> {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            idle: VecDeque::new(),
            out: 0,
            preparing: 0,
            line: VecDeque::new(),
            trying: BTreeMap::new(),
            next: 0,
            is_closed: false,
            sweep_at: SWEEP,
        }
    }

    /// Lets an asker wait for an item.
    pub(super) fn get(&mut self, asker: A) -> Option<Act<T, A>> {
        if self.is_closed {
            return Some(Act::Refuse(asker, Why::Closed));
        }
        if self.line.len() >= self.sweep_at {
            self.line.retain(|waiting| !waiting.asker.has_left());
            self.sweep_at = (2 * self.line.len()).max(SWEEP);
        }
        self.line.push_back(Waiting {
            asker,
            preparation: None,
        });
        None
    }

    /// Gives an asker an idle item, or nothing.
    pub(super) fn try_get(&mut self, asker: A) -> Act<T, A> {
        if self.is_closed {
            return Act::Refuse(asker, Why::Closed);
        }
        self.skip_left();
        if !self.line.is_empty() {
            return Act::Refuse(asker, Why::Empty);
        }
        let Some((_, item)) = self.idle.pop_back() else {
            return Act::Refuse(asker, Why::Empty);
        };
        if !self.rules.checks {
            return self.hand(item, asker);
        }
        let (number, context) = (self.begin(), asker.context());
        self.trying.insert(number, asker);
        Act::Check(number, item, context)
    }

    /// Returns what is to be done next; called until there is nothing.
    pub(super) fn next(&mut self) -> Option<Act<T, A>> {
        self.skip_left();
        if !self.rules.checks
            && !self.line.is_empty()
            && let Some((_, item)) = self.idle.pop_back()
        {
            let waiting = self.line.pop_front()?;
            return Some(self.hand(item, waiting.asker));
        }
        let is_ready = self.rules.checks && !self.idle.is_empty();
        let has_room = self.rules.makes && self.len() < self.rules.max;
        // One that was begun for an asker which was served otherwise is for the next in line.
        while (is_ready || has_room) && self.preparing - self.trying.len() < self.line.len() {
            let of_none = |waiting: &Waiting<A>| waiting.preparation.is_none();
            let place = self.line.iter().position(of_none)?;
            if self.line[place].asker.has_left() {
                self.line.remove(place);
                continue;
            }
            let (number, context) = (self.begin(), self.line[place].asker.context());
            self.line[place].preparation = Some(number);
            return Some(match self.idle.pop_back() {
                Some((_, item)) => Act::Check(number, item, context),
                None => Act::Make(number, context),
            });
        }
        None
    }

    /// Takes what a preparation gave. Its error is that of the asker for whom it was begun, and of
    /// nobody if that was served before.
    pub(super) fn prepared(
        &mut self,
        number: u64,
        prepared: Prepared<T>,
        now: Instant,
    ) -> Option<Act<T, A>> {
        self.preparing -= 1;
        if let Some(asker) = self.trying.remove(&number) {
            return match prepared {
                Prepared::Ready(item) if self.is_closed => {
                    self.keep(item, now);
                    Some(Act::Refuse(asker, Why::Closed))
                }
                Prepared::Ready(item) if asker.has_left() => {
                    self.keep(item, now);
                    None
                }
                Prepared::Ready(item) => Some(self.hand(item, asker)),
                // Else the check of the next one would be cut as well, and so on.
                Prepared::Broken | Prepared::Unmade(_) if asker.has_left() => None,
                // The next idle one, until there is none.
                Prepared::Broken | Prepared::Unmade(_) => Some(self.try_get(asker)),
            };
        }
        let of_it = |waiting: &Waiting<A>| waiting.preparation == Some(number);
        let place = self.line.iter().position(of_it);
        if let Some(place) = place {
            self.line[place].preparation = None;
        }
        match prepared {
            Prepared::Ready(item) => {
                self.skip_left();
                match self.line.pop_front() {
                    Some(first) => return Some(self.hand(item, first.asker)),
                    None => self.keep(item, now),
                }
            }
            Prepared::Broken => {}
            Prepared::Unmade(why) => {
                let unserved = place.and_then(|place| self.line.remove(place))?;
                return Some(Act::Refuse(unserved.asker, Why::Unmade(why)));
            }
        }
        None
    }

    /// Takes an item back; `None` if its place is to be freed.
    pub(super) fn returned(&mut self, item: Option<T>, now: Instant) {
        self.out = self.out.saturating_sub(1);
        if let Some(item) = item {
            self.keep(item, now);
        }
    }

    /// Takes an item from outside. There must be room for it.
    pub(super) fn put(&mut self, item: T, now: Instant) {
        self.keep(item, now);
    }

    pub(super) fn has_room(&self) -> bool {
        self.len() < self.rules.max
    }

    /// Takes no more askers. Returns the items that are idle, and those who wait.
    pub(super) fn close(&mut self) -> (Vec<T>, Vec<A>) {
        self.is_closed = true;
        let items = self.idle.drain(..).map(|(_, item)| item).collect();
        let askers = self.line.drain(..).map(|waiting| waiting.asker).collect();
        (items, askers)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns the items that are idle for too long.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<T> {
        let mut expired = Vec::new();
        while self.expiry().is_some_and(|at| at <= now) {
            expired.extend(self.idle.pop_front().map(|(_, item)| item));
        }
        expired
    }

    /// Returns when the next item is idle for too long.
    pub(super) fn expiry(&self) -> Option<Instant> {
        let (since, _) = self.idle.front()?;
        since.checked_add(self.rules.idle_for?)
    }

    /// Forgets the preparations of an earlier incarnation, which have ended with it.
    pub(super) fn forget_preparations(&mut self) {
        self.preparing = 0;
        self.trying.clear();
        for waiting in &mut self.line {
            waiting.preparation = None;
        }
    }

    /// Returns how many places are held.
    pub(super) fn len(&self) -> usize {
        self.idle.len() + self.out + self.preparing
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    pub(super) fn out(&self) -> usize {
        self.out
    }

    pub(super) fn waiting(&self) -> usize {
        let waits = |waiting: &&Waiting<A>| !waiting.asker.has_left();
        self.line.iter().filter(waits).count()
    }

    fn begin(&mut self) -> u64 {
        self.preparing += 1;
        self.next += 1;
        self.next
    }

    fn hand(&mut self, item: T, asker: A) -> Act<T, A> {
        self.out += 1;
        Act::Hand(item, asker)
    }

    fn keep(&mut self, item: T, now: Instant) {
        if !self.is_closed {
            self.idle.push_back((now, item));
        }
    }

    fn skip_left(&mut self) {
        while self
            .line
            .front()
            .is_some_and(|waiting| waiting.asker.has_left())
        {
            self.line.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::{Rc, Weak};

    use super::*;

    /// An asker of the tests, by its name. It may leave.
    #[derive(Debug)]
    struct Named(char, Option<Weak<()>>);

    impl Asker for Named {
        type Context = char;

        fn context(&self) -> char {
            self.0
        }

        fn has_left(&self) -> bool {
            self.1
                .as_ref()
                .is_some_and(|ticket| ticket.strong_count() == 0)
        }
    }

    fn named(name: char) -> Named {
        Named(name, None)
    }

    /// An asker that has left when its ticket is dropped.
    fn leaving(name: char) -> (Rc<()>, Named) {
        let ticket = Rc::new(());
        let named = Named(name, Some(Rc::downgrade(&ticket)));
        (ticket, named)
    }

    fn store(max: usize, checks: bool, makes: bool) -> Store<u8, Named> {
        Store::new(Rules {
            max,
            checks,
            makes,
            idle_for: None,
        })
    }

    /// What is to be done, in short.
    fn shown(act: Option<Act<u8, Named>>) -> String {
        match act {
            None => "-".into(),
            Some(Act::Hand(item, asker)) => format!("hand {item} to {}", asker.0),
            Some(Act::Refuse(asker, why)) => format!("refuse {}: {why:?}", asker.0),
            Some(Act::Check(number, item, of)) => format!("check {item} for {of} as {number}"),
            Some(Act::Make(number, of)) => format!("make for {of} as {number}"),
        }
    }

    fn now() -> Instant {
        greenroom_core::current::now()
    }

    #[test]
    fn a_returned_item_goes_to_the_first_in_line_and_what_is_made_for_it_to_the_next() {
        let mut store = store(2, false, true);
        for name in ['a', 'b', 'c'] {
            assert!(store.get(named(name)).is_none());
        }
        assert_eq!(shown(store.next()), "make for a as 1");
        assert_eq!(shown(store.next()), "make for b as 2");
        assert_eq!(shown(store.next()), "-", "there are two places");
        let ready = store.prepared(2, Prepared::Ready(7), now());
        assert_eq!(shown(ready), "hand 7 to a");
        store.returned(Some(7), now());
        assert_eq!(shown(store.next()), "hand 7 to b");
        let ready = store.prepared(1, Prepared::Ready(8), now());
        assert_eq!(shown(ready), "hand 8 to c");
        assert_eq!((store.out(), store.len()), (2, 2));
    }

    #[test]
    fn an_error_is_that_of_its_asker_and_of_nobody_if_that_was_served() {
        let mut store = store(2, false, true);
        store.get(named('a'));
        store.get(named('b'));
        assert_eq!(shown(store.next()), "make for a as 1");
        assert_eq!(shown(store.next()), "make for b as 2");
        let ready = store.prepared(2, Prepared::Ready(7), now());
        assert_eq!(shown(ready), "hand 7 to a");
        assert_eq!(shown(store.next()), "-", "the one for a is b's now");
        let unmade = || Prepared::Unmade(Unmade::Failed(Failure::message("no")));
        assert_eq!(shown(store.prepared(1, unmade(), now())), "-");
        assert_eq!(shown(store.next()), "make for b as 3");
        let refused = shown(store.prepared(3, unmade(), now()));
        assert!(refused.starts_with("refuse b: Unmade"), "{refused}");
        assert_eq!((shown(store.next()), store.len()), ("-".into(), 1));
    }

    #[test]
    fn an_asker_that_left_gets_nothing_and_its_item_goes_on() {
        let mut store = store(1, false, true);
        let ((gone, a), (next, b)) = (leaving('a'), leaving('b'));
        store.get(a);
        assert_eq!(shown(store.next()), "make for a as 1");
        drop(gone);
        store.get(b);
        assert_eq!(shown(store.next()), "-", "one is being made");
        drop(next);
        let ready = store.prepared(1, Prepared::Ready(7), now());
        assert_eq!((shown(ready), store.idle()), ("-".into(), 1));
        assert_eq!(shown(Some(store.try_get(named('c')))), "hand 7 to c");
    }

    #[test]
    fn an_item_that_is_not_fit_makes_way_for_the_next_and_then_for_a_new_one() {
        let mut store = store(2, true, true);
        store.put(1, now());
        store.put(2, now());
        store.get(named('a'));
        assert_eq!(shown(store.next()), "check 2 for a as 1");
        assert!(store.prepared(1, Prepared::Broken, now()).is_none());
        assert_eq!(shown(store.next()), "check 1 for a as 2");
        assert!(store.prepared(2, Prepared::Broken, now()).is_none());
        assert_eq!(shown(store.next()), "make for a as 3");
        let ready = store.prepared(3, Prepared::Ready(9), now());
        assert_eq!(shown(ready), "hand 9 to a");
    }

    #[test]
    fn a_try_looks_at_each_idle_item_and_makes_none() {
        let mut store = store(3, true, true);
        store.put(1, now());
        store.put(2, now());
        let tried = store.try_get(named('a'));
        assert_eq!(shown(Some(tried)), "check 2 for a as 1");
        let again = store.prepared(1, Prepared::Broken, now());
        assert_eq!(shown(again), "check 1 for a as 2");
        let empty = store.prepared(2, Prepared::Broken, now());
        assert_eq!(shown(empty), "refuse a: Empty");
        assert_eq!((shown(store.next()), store.len()), ("-".into(), 0));
    }

    #[test]
    fn what_is_checked_for_a_try_holds_up_nobody_else() {
        let mut store = store(3, true, true);
        store.put(1, now());
        let tried = store.try_get(named('a'));
        assert_eq!(shown(Some(tried)), "check 1 for a as 1");
        store.get(named('b'));
        assert_eq!(shown(store.next()), "make for b as 2");
    }

    #[test]
    fn a_closed_store_keeps_nothing() {
        let mut store = store(3, false, true);
        store.put(1, now());
        store.put(2, now());
        store.get(named('a'));
        assert_eq!(shown(store.next()), "hand 2 to a");
        let (items, askers) = store.close();
        assert_eq!((items, askers.len()), (vec![1], 0));
        assert_eq!(shown(store.get(named('b'))), "refuse b: Closed");
        store.returned(Some(2), now());
        assert_eq!(store.len(), 0);
    }

    #[test]
    fn items_expire_in_the_order_in_which_they_came_back() {
        let mut store = Store::<u8, Named>::new(Rules {
            max: 3,
            checks: false,
            makes: false,
            idle_for: Some(Duration::from_secs(10)),
        });
        let start = now();
        let at = |seconds| start + Duration::from_secs(seconds);
        store.put(1, at(0));
        store.put(2, at(5));
        assert_eq!(store.expiry(), Some(at(10)));
        assert_eq!(store.expired(at(9)), Vec::<u8>::new());
        assert_eq!(store.expired(at(10)), [1]);
        assert_eq!(store.expiry(), Some(at(15)));
        assert_eq!(store.expired(at(60)), [2]);
        assert_eq!(store.expiry(), None);
    }

    #[test]
    fn askers_that_left_do_not_pile_up() {
        let mut store = store(1, false, false);
        for n in 0..10_000 {
            store.get(if n == 0 { named('a') } else { leaving('b').1 });
        }
        assert!(store.line.len() < 50, "{}", store.line.len());
        assert_eq!(store.waiting(), 1);
    }
}
