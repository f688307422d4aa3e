//! A small driver for the examples in these docs and for the tests of this crate. Not for use.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::current::{self, Handle};
use crate::driver::{Alarm, Driver, Event, TimerKey};
use crate::registry::Registry;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::task::Task;
use crate::{Context, Id};

/// Keeps spawned tasks until [`run_spawned`](Self::run_spawned), and virtual time that only
/// [`advance`](Self::advance) moves.
pub struct Manual {
    start: Instant,
    passed: Mutex<Duration>,
    next: AtomicU64,
    timers: Mutex<BTreeMap<TimerKey, Arc<dyn Alarm>>>,
    tasks: Mutex<Vec<Task>>,
}

impl Manual {
    /// Makes a driver at its virtual start.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            passed: Mutex::default(),
            next: AtomicU64::new(0),
            timers: Mutex::default(),
            tasks: Mutex::default(),
        })
    }

    /// Makes a root context on this driver.
    #[must_use]
    pub fn root(self: &Arc<Self>) -> Context {
        Context::root(
            Id::root(),
            Handle::new(self.clone(), false),
            Registry::new(),
        )
        .0
    }

    /// Moves the time on, firing what is due in order.
    pub fn advance(&self, by: Duration) {
        *self.passed.lock() += by;
        loop {
            let due = {
                let mut timers = self.timers.lock();
                match timers.first_key_value() {
                    Some((key, _)) if key.at <= self.now() => timers.pop_first(),
                    _ => None,
                }
            };
            match due {
                Some((_, alarm)) => alarm.fire(),
                None => return,
            }
        }
    }

    /// Returns how many timers are set.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.timers.lock().len()
    }

    /// Runs each spawned task to its end, and returns how many there were.
    pub fn run_spawned(&self) -> usize {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        let count = tasks.len();
        for task in tasks {
            let _entered = current::enter_task(task.info, task.context);
            block_on((task.make)());
        }
        count
    }
}

impl Driver for Manual {
    fn spawn(&self, task: Task) {
        self.tasks.lock().push(task);
    }

    fn deliver(&self, event: Event) {
        event.take_effect();
    }

    fn now(&self) -> Instant {
        self.start + *self.passed.lock()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        let key = TimerKey {
            at: until,
            sequence: self.next.fetch_add(1, Relaxed),
        };
        self.timers.lock().insert(key, alarm);
        key
    }

    fn forget(&self, timer: TimerKey) {
        let gone = self.timers.lock().remove(&timer);
        drop(gone);
    }

    fn choose(&self, _options: usize) -> usize {
        0
    }
}

impl std::fmt::Debug for Manual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Manual")
    }
}

/// Makes a root context on a manual driver.
#[must_use]
pub fn root() -> Context {
    Manual::new().root()
}

/// Polls a future on this thread until it is done.
pub fn block_on<F: Future>(future: F) -> F::Output {
    crate::blocking::wait_anywhere(future)
}
