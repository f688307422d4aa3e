//! The local executor of one arbiter, and the production [`Driver`].
//!
//! A hub is one task on the arbiter's own loop. Scopes' tasks and actors run inside it, beside
//! whatever foreign tasks the arbiter has.
//!
//! # Invariants
//! 1. A task is in the ready queue at most once: the one who sets `queued` puts it there.
//! 2. A waker names its task's cell, never a slot. When the task has ended the cell is marked done, so
//!    a waker kept longer reaches nobody, whoever has the slot by then.
//! 3. A future is polled and dropped only by its own hub's thread, with no lock held and no slot
//!    borrowed: it may wake, spawn, cancel or drop anything, itself included.
//! 4. The hub parks only after it has published its waker and seen the queue empty under the same
//!    lock. Whoever fills the queue takes the waker, so no wake-up is lost.
//! 5. After at most [`TURN`](executor::TURN) polls the hub gives way to the arbiter's timers, input and
//!    foreign tasks.
//!
//! # Ordering
//! Tasks become ready in the order of their wake-ups and are polled in that order, unless the driver
//! in front of the hub, or a seed, chooses otherwise.

mod clock;
mod executor;
mod front;
mod query;
mod queue;
mod timers;

use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use greenroom_core::current::Handle;
use greenroom_core::driver::{Alarm, Event, TimerKey};
use greenroom_core::strays::Strays;
use greenroom_core::task::{Task, TaskInfo};
use greenroom_core::{Driver, Panic};
use parking_lot::Mutex;

pub(crate) use clock::Clock;
use queue::{Queue, TaskCell};
use timers::Timers;

/// How a hub orders its ready tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// First ready, first polled.
    Arrival,
    /// As the driver chooses.
    Chosen,
}

/// The part of a hub that any thread may use. The futures live in its [`run`](Self::run).
pub(crate) struct Hub {
    name: String,
    clock: Clock,
    order: Order,
    queue: Queue,
    timers: Timers,
    rng: Mutex<fastrand::Rng>,
    // The driver in front of this hub, set before it runs, if there is one.
    foreign: OnceLock<Arc<dyn Driver>>,
    // What runs in each slot, for reports while the hub itself cannot answer.
    tasks: Mutex<Vec<Option<Arc<TaskInfo>>>>,
    // The slot that is being polled.
    polling: AtomicUsize,
    // When its present turn began, in nanoseconds from `epoch`.
    turned: AtomicU64,
    epoch: Instant,
    // Panics that no scope, actor or handle was there to take.
    strays: Arc<Strays>,
    // Set once, when the tasks are dropped.
    is_cleared: AtomicBool,
    me: Weak<Hub>,
}

impl Hub {
    pub(crate) fn new(name: String, clock: Clock, order: Order, rng: fastrand::Rng) -> Arc<Self> {
        let epoch = clock.now();
        Arc::new_cyclic(|me| Self {
            name,
            clock,
            order,
            queue: Queue::default(),
            timers: Timers::default(),
            rng: Mutex::new(rng),
            foreign: OnceLock::new(),
            tasks: Mutex::default(),
            polling: AtomicUsize::new(queue::NO_SLOT),
            turned: AtomicU64::new(0),
            epoch,
            strays: Arc::default(),
            is_cleared: AtomicBool::new(false),
            me: me.clone(),
        })
    }

    /// Puts a driver in front of the hub, made from what it forwards to. Called once, before the hub
    /// runs.
    pub(crate) fn set_front(&self, make: impl FnOnce(Arc<dyn Driver>) -> Arc<dyn Driver>) {
        let front = make(Arc::new(front::Behind::new(
            self.me.clone(),
            self.clock.clone(),
        )));
        let _first = self.foreign.set(front);
    }

    /// Returns the driver that the kernel is to use for this hub.
    pub(crate) fn handle(self: &Arc<Self>) -> Handle {
        let handle = match self.foreign.get() {
            Some(front) => Handle::new(front.clone(), true),
            None => Handle::new(self.clone(), false),
        };
        handle.with_strays(self.strays.clone())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the hub end at its next turn, dropping every task. New ones are dropped at once.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Returns whether it has dropped its tasks.
    pub(crate) fn is_cleared(&self) -> bool {
        self.is_cleared.load(Acquire)
    }

    /// Returns what is being polled at this moment, if anything is.
    pub(crate) fn polling(&self) -> Option<Arc<TaskInfo>> {
        let slot = self.polling.load(Relaxed);
        self.tasks.lock().get(slot)?.clone()
    }

    /// Returns when the turn began in which it polls what it does.
    pub(crate) fn turned(&self) -> Instant {
        let turned = Duration::from_nanos(self.turned.load(Relaxed));
        self.epoch.checked_add(turned).unwrap_or(self.epoch)
    }

    /// Notes, and returns, the time at which a turn begins.
    fn note_turn(&self) -> Instant {
        let now = self.now();
        let since = now.saturating_duration_since(self.epoch).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.turned.store(since, Relaxed);
        now
    }

    /// Returns what runs here and what is ready to begin, without waiting for the hub. What became ready
    /// for the first time just before something held the hub up may be missing.
    pub(crate) fn list(&self) -> Vec<Arc<TaskInfo>> {
        let mut list: Vec<_> = self.tasks.lock().iter().flatten().cloned().collect();
        list.extend(self.queue.ready());
        list
    }

    /// Returns the timers that are set, in the order in which they fire.
    pub(crate) fn timers(&self) -> Vec<(Instant, Arc<dyn Alarm>)> {
        self.timers.list()
    }

    /// Takes the panics that nobody else was there to take.
    pub(crate) fn take_strays(&self) -> Vec<Panic> {
        self.strays.take()
    }

    fn observer(&self) -> Option<&Arc<dyn Driver>> {
        self.foreign.get()
    }
}

impl Driver for Hub {
    fn spawn(&self, task: Task) {
        if let Some(me) = self.me.upgrade() {
            self.queue.push(TaskCell::new(task, me));
        }
    }

    fn deliver(&self, event: Event) {
        event.take_effect();
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        let (key, is_first) = self.timers.set(until, alarm);
        if is_first {
            self.queue.wake();
        }
        key
    }

    fn forget(&self, timer: TimerKey) {
        self.timers.forget(timer);
    }

    fn choose(&self, options: usize) -> usize {
        self.rng.lock().usize(..options.max(1))
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
