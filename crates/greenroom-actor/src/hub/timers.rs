//! The timers of a hub, in the order in which they fire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use greenroom_core::driver::{Alarm, TimerKey};

use crate::sync::Mutex;

/// All timers of a hub; the arbiter's own clock is asked for the first one only.
#[derive(Default)]
pub(super) struct Timers(Mutex<Wheel>);

#[derive(Default)]
struct Wheel {
    next: u64,
    // Ordered by instant, then by the order in which they were set.
    set: BTreeMap<TimerKey, Arc<dyn Alarm>>,
}

impl Timers {
    /// Sets a timer, and tells whether it is now the first to fire.
    pub(super) fn set(&self, at: Instant, alarm: Arc<dyn Alarm>) -> (TimerKey, bool) {
        let mut wheel = self.0.lock();
        let key = TimerKey {
            at,
            sequence: wheel.next,
        };
        wheel.next += 1;
        wheel.set.insert(key, alarm);
        let is_first = wheel.set.first_key_value().is_some_and(|(k, _)| *k == key);
        (key, is_first)
    }

    pub(super) fn forget(&self, key: TimerKey) {
        let gone = self.0.lock().set.remove(&key);
        drop(gone);
    }

    /// Returns when the first timer fires.
    pub(super) fn first(&self) -> Option<Instant> {
        self.0.lock().set.first_key_value().map(|(key, _)| key.at)
    }

    /// Takes the first timer if it is due.
    pub(super) fn pop_due(&self, now: Instant) -> Option<Arc<dyn Alarm>> {
        let mut wheel = self.0.lock();
        let (key, _) = wheel.set.first_key_value()?;
        if key.at > now {
            return None;
        }
        wheel.set.pop_first().map(|(_, alarm)| alarm)
    }

    /// Returns what is set, in the order in which it fires.
    pub(super) fn list(&self) -> Vec<(Instant, Arc<dyn Alarm>)> {
        let wheel = self.0.lock();
        let set = wheel.set.iter();
        set.map(|(key, alarm)| (key.at, alarm.clone())).collect()
    }

    pub(super) fn clear(&self) {
        let gone = std::mem::take(&mut self.0.lock().set);
        drop(gone);
    }
}
