//! What an actor is busy with, for who looks from outside.
//!
//! # Invariants
//! 1. Only the life of the actor writes; anybody may read, at any time.
//! 2. Names are only added, so that a place that was stored names the same text for ever.
//! 3. What is said for each message is one store at its begin and one at its end. A name is looked up
//!    under the lock only when it comes for the first time; the time is read only for a handler that is
//!    pending after its first poll.

use std::cell::RefCell;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use greenroom_core::registry::Doing;
use parking_lot::Mutex;

/// What anybody may read.
pub(crate) struct Work {
    // The place in `names` and one; 0 while it waits for a message.
    current: AtomicUsize,
    // Nanoseconds from `epoch` to the begin, and one; 0 while that was not timed.
    since: AtomicU64,
    epoch: Instant,
    names: Mutex<Vec<&'static str>>,
}

/// What the life knows of `names` without the lock.
#[derive(Default)]
pub(crate) struct Names(RefCell<Vec<&'static str>>);

impl Work {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            current: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            epoch,
            names: Mutex::default(),
        }
    }

    /// Notes what is begun now.
    #[inline]
    pub(crate) fn begin(&self, names: &Names, what: &'static str) {
        // The same text at another address is another name, which does no harm.
        let known = names.0.borrow();
        let place = known.iter().position(|name| std::ptr::eq(*name, what));
        drop(known);
        let place = match place {
            Some(place) => place,
            None => self.add(names, what),
        };
        self.current.store(place + 1, Release);
    }

    #[cold]
    fn add(&self, names: &Names, what: &'static str) -> usize {
        let mut known = names.0.borrow_mut();
        known.push(what);
        self.names.lock().push(what);
        known.len() - 1
    }

    /// Notes since when it is at what it has begun.
    pub(crate) fn timed(&self, since: Instant) {
        let since = since.saturating_duration_since(self.epoch).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX - 1);
        self.since.store(since + 1, Release);
    }

    /// Notes that it has ended what it had begun.
    #[inline]
    pub(crate) fn end(&self) {
        if self.since.load(Relaxed) != 0 {
            self.since.store(0, Release);
        }
        self.current.store(0, Release);
    }

    pub(crate) fn doing(&self) -> Option<Doing> {
        let current = self.current.load(Acquire);
        let since = self.since.load(Acquire);
        let is_same = self.current.load(Acquire) == current;
        let what = *self.names.lock().get(current.checked_sub(1)?)?;
        let since = (is_same && since != 0)
            .then(|| self.epoch.checked_add(Duration::from_nanos(since - 1)))
            .flatten();
        Some(Doing { what, since })
    }
}
