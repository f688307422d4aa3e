//! What became of the messages of one actor.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use greenroom_core::registry::MessageCounts;

/// The counts of one actor, over its restarts.
///
/// The mailbox counts what gets in, under the lock that it has anyway; the actor counts what it takes out.
/// A reader looks at the outcomes first: then whatever has one was accepted before.
#[derive(Default)]
pub(crate) struct Tally {
    /// Of its own timers and streams, which no mailbox counts.
    pub(crate) own: Count,
    pub(crate) handled: Count,
    pub(crate) expired: Count,
    pub(crate) abandoned: Count,
    pub(crate) refused: Count,
    pub(crate) lost: Count,
    pub(crate) set_aside: Count,
    // Written by senders, but only when a mailbox overflows.
    turned_away: AtomicU64,
    displaced: AtomicU64,
    // What the mailbox had accepted when its actor ended.
    last: AtomicU64,
}

/// A count with one writer, the actor, wherever its life is.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds one. Two writers at a time would lose some.
    #[inline]
    pub(crate) fn add(&self) {
        // Its partner is the load in `get`: who sees the outcome of a message sees it accepted.
        self.0.store(self.0.load(Relaxed) + 1, Release);
    }

    fn get(&self) -> u64 {
        self.0.load(Acquire)
    }
}

impl Tally {
    /// Counts a message that a full mailbox did not take.
    pub(crate) fn turn_away(&self) {
        self.turned_away.fetch_add(1, Release);
    }

    /// Counts a message that made room for another.
    pub(crate) fn displace(&self) {
        self.displaced.fetch_add(1, Release);
    }

    /// Notes what the mailbox has accepted; it takes no more.
    pub(crate) fn close(&self, accepted: u64) {
        self.last.store(accepted, Release);
    }

    /// Returns the counts; `accepted` is what the mailbox has accepted so far, if it is still there.
    pub(crate) fn counts(&self, accepted: impl FnOnce() -> Option<u64>) -> MessageCounts {
        let turned_away = self.turned_away.load(Acquire);
        let mut counts = MessageCounts::default();
        counts.handled = self.handled.get();
        counts.expired = self.expired.get();
        counts.abandoned = self.abandoned.get();
        counts.refused = self.refused.get();
        counts.lost = self.lost.get();
        counts.set_aside = self.set_aside.get();
        counts.dropped = turned_away + self.displaced.load(Acquire);
        let by_mailbox = accepted().unwrap_or_else(|| self.last.load(Acquire));
        counts.accepted = by_mailbox + turned_away + self.own.get();
        counts
    }
}
