//! The contexts that have a deadline.

use std::sync::Weak;
use std::time::Instant;

use dashmap::DashMap;

use super::{DeadlineRecord, Registry};
use crate::context::Node;
use crate::error::{Cause, ContextError};
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Names the entry of one context; entries made later have larger keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeadlineKey(u64);

#[derive(Default)]
pub(super) struct Deadlines {
    next: AtomicU64,
    entries: DashMap<DeadlineKey, Entry>,
}

struct Entry {
    at: Instant,
    node: Weak<Node>,
}

impl Registry {
    pub(crate) fn enter_deadline(&self, at: Instant, node: Weak<Node>) -> DeadlineKey {
        let table = &self.0.deadlines;
        let key = DeadlineKey(table.next.fetch_add(1, Relaxed));
        table.entries.insert(key, Entry { at, node });
        key
    }

    pub(crate) fn leave_deadline(&self, key: DeadlineKey) {
        let _gone = self.0.deadlines.entries.remove(&key);
    }

    /// Returns how many contexts with a deadline live.
    #[must_use]
    pub fn deadlines(&self) -> usize {
        self.0.deadlines.entries.len()
    }

    /// Returns the deadlines at or before `now`, earliest first.
    ///
    /// An entry leaves when its context ends, so one that stays here is late: its timer has not run.
    #[must_use]
    pub fn deadlines_due(&self, now: Instant) -> Vec<Instant> {
        let mut due: Vec<_> = self
            .0
            .deadlines
            .entries
            .iter()
            .filter(|entry| entry.at <= now)
            .map(|entry| (entry.at, *entry.key()))
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(at, _)| at).collect()
    }

    /// Cancels every context whose deadline is at or before `at`, with the given cause.
    pub fn cancel_deadlines(&self, at: Instant, cause: &Cause) {
        let mut due: Vec<_> = self
            .0
            .deadlines
            .entries
            .iter()
            .filter(|entry| entry.at <= at)
            .map(|entry| (entry.at, *entry.key(), entry.node.clone()))
            .collect();
        due.sort_unstable_by_key(|(at, key, _)| (*at, *key));
        for (_, _, node) in due {
            if let Some(node) = node.upgrade() {
                node.end(ContextError::Cancelled(cause.clone()));
            }
        }
    }

    pub(super) fn deadline_records(&self, now: Instant) -> Vec<DeadlineRecord> {
        let mut all: Vec<_> = self
            .0
            .deadlines
            .entries
            .iter()
            .map(|entry| (entry.at, *entry.key()))
            .collect();
        all.sort_unstable();
        all.into_iter()
            .map(|(at, key)| DeadlineRecord {
                number: key.0,
                remaining: at.saturating_duration_since(now),
            })
            .collect()
    }
}
