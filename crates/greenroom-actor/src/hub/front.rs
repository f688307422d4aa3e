//! The hub as a driver in front of it holds it.

use std::sync::{Arc, Weak};
use std::time::Instant;

use greenroom_core::Driver;
use greenroom_core::driver::{Alarm, Event, TimerKey};
use greenroom_core::task::Task;

use super::{Clock, Hub};

/// Forwards to a hub without keeping it alive: the hub holds the driver in front of it.
///
/// What comes after the hub is gone is treated as a hub that has closed would.
pub(super) struct Behind {
    hub: Weak<Hub>,
    clock: Clock,
}

impl Behind {
    pub(super) fn new(hub: Weak<Hub>, clock: Clock) -> Self {
        Self { hub, clock }
    }
}

impl Driver for Behind {
    fn spawn(&self, task: Task) {
        if let Some(hub) = self.hub.upgrade() {
            hub.spawn(task);
        }
    }

    fn deliver(&self, event: Event) {
        event.take_effect();
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        match self.hub.upgrade() {
            Some(hub) => hub.sleep(until, alarm),
            None => TimerKey {
                at: until,
                sequence: 0,
            },
        }
    }

    fn forget(&self, timer: TimerKey) {
        if let Some(hub) = self.hub.upgrade() {
            hub.forget(timer);
        }
    }

    fn choose(&self, options: usize) -> usize {
        self.hub.upgrade().map_or(0, |hub| hub.choose(options))
    }
}
