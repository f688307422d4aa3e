//! What becomes of each value of a round.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The account of one round: its tokens, its faults, and what was found wrong.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Book>);

#[derive(Default)]
struct Book {
    entries: Mutex<Vec<Entry>>,
    live: AtomicUsize,
    breaches: Mutex<Vec<String>>,
    is_lossless: AtomicBool,
    may_drop: AtomicBool,
    faults: Faults,
}

/// What was done to a round.
#[derive(Debug, Default)]
struct Faults {
    panics: AtomicU64,
    cancels: AtomicU64,
    drops: AtomicU64,
    errors: AtomicU64,
}

/// How many faults there were, of a round or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) tokens: u64,
    pub(crate) panics: u64,
    pub(crate) cancels: u64,
    pub(crate) drops: u64,
    pub(crate) errors: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Panic,
    Cancel,
    Drop,
    Error,
}

/// What was said of one token.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    is_accepted: bool,
    received: u32,
    is_returned: bool,
    is_let_go: bool,
    is_dropped: bool,
}

/// A value that is accounted for.
pub(crate) struct Token {
    number: usize,
    ledger: Ledger,
}

/// Speaks of a token that is elsewhere.
pub(crate) struct Mark {
    number: usize,
    ledger: Ledger,
}

/// Counts what lives in a part of a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

/// One that lives.
#[derive(Debug)]
pub(crate) struct Held(Count);

impl Ledger {
    pub(crate) fn token(&self) -> Token {
        let mut entries = lock(&self.0.entries);
        let number = entries.len();
        entries.push(Entry::default());
        self.0.live.fetch_add(1, SeqCst);
        Token {
            number,
            ledger: self.clone(),
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.0.live.load(SeqCst)
    }

    pub(crate) fn fault(&self, fault: Fault) {
        let faults = &self.0.faults;
        let counter = match fault {
            Fault::Panic => &faults.panics,
            Fault::Cancel => &faults.cancels,
            Fault::Drop => &faults.drops,
            Fault::Error => &faults.errors,
        };
        counter.fetch_add(1, SeqCst);
    }

    pub(crate) fn breach(&self, what: impl Into<String>) {
        lock(&self.0.breaches).push(what.into());
    }

    /// Says that this pattern loses nothing that it has accepted, whatever happens.
    pub(crate) fn lossless(&self) {
        self.0.is_lossless.store(true, SeqCst);
    }

    /// Says that in this round values are dropped by design.
    pub(crate) fn may_drop(&self) {
        self.0.may_drop.store(true, SeqCst);
    }

    pub(crate) fn counts(&self) -> Counts {
        let faults = &self.0.faults;
        Counts {
            tokens: lock(&self.0.entries).len() as u64,
            panics: faults.panics.load(SeqCst),
            cancels: faults.cancels.load(SeqCst),
            drops: faults.drops.load(SeqCst),
            errors: faults.errors.load(SeqCst),
        }
    }

    /// Returns all that is wrong with the round, once it has ended.
    pub(crate) fn audit(&self) -> Vec<String> {
        let mut found = std::mem::take(&mut *lock(&self.0.breaches));
        let is_calm = self.counts().is_calm() && !self.0.may_drop.load(SeqCst);
        let is_lossless = self.0.is_lossless.load(SeqCst);
        for (number, entry) in lock(&self.0.entries).iter().enumerate() {
            for what in entry.faults(is_lossless, is_calm) {
                found.push(format!("token {number} {what}: {entry:?}"));
            }
        }
        found
    }
}

impl Entry {
    fn faults(self, is_lossless: bool, is_calm: bool) -> impl Iterator<Item = &'static str> {
        let has_come = self.received > 0 || self.is_returned;
        [
            (!self.is_dropped, "is leaked"),
            (self.received > 1, "was received twice"),
            (
                self.is_returned && (self.received > 0 || self.is_accepted),
                "was returned, and accepted as well",
            ),
            (
                is_lossless && self.is_accepted && !has_come,
                "was accepted and is lost",
            ),
            (
                is_calm && !has_come && !self.is_let_go,
                "is lost in a round without a fault",
            ),
        ]
        .into_iter()
        .filter_map(|(is_wrong, what)| is_wrong.then_some(what))
    }
}

impl Counts {
    /// Returns whether nothing was done to the round.
    pub(crate) fn is_calm(self) -> bool {
        self.panics + self.cancels + self.drops + self.errors == 0
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.panics += other.panics;
        self.cancels += other.cancels;
        self.drops += other.drops;
        self.errors += other.errors;
    }
}

impl Token {
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            number: self.number,
            ledger: self.ledger.clone(),
        }
    }

    /// It came out, or was still stored at the end.
    pub(crate) fn received(&self) {
        self.with(|entry| entry.received += 1);
    }

    /// It was refused, and handed back.
    pub(crate) fn returned(&self) {
        self.with(|entry| entry.is_returned = true);
    }

    /// It is dropped by the round's own choice.
    pub(crate) fn let_go(&self) {
        self.with(|entry| entry.is_let_go = true);
    }

    fn with(&self, f: impl FnOnce(&mut Entry)) {
        f(&mut lock(&self.ledger.0.entries)[self.number]);
    }
}

impl Mark {
    /// The pattern said that it has it.
    pub(crate) fn accepted(&self) {
        self.with(|entry| entry.is_accepted = true);
    }

    /// It is dropped by the round's own choice.
    pub(crate) fn let_go(&self) {
        self.with(|entry| entry.is_let_go = true);
    }

    /// Returns whether the pattern said that it has it.
    pub(crate) fn is_accepted(&self) -> bool {
        self.with(|entry| entry.is_accepted)
    }

    /// Returns whether it came out.
    pub(crate) fn is_received(&self) -> bool {
        self.with(|entry| entry.received > 0)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Entry) -> T) -> T {
        f(&mut lock(&self.ledger.0.entries)[self.number])
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.with(|entry| entry.is_dropped = true);
        self.ledger.0.live.fetch_sub(1, SeqCst);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.number)
    }
}

impl Count {
    pub(crate) fn hold(&self) -> Held {
        self.0.fetch_add(1, SeqCst);
        Held(self.clone())
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

/// Locks; a panic elsewhere is no reason to stop counting.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
