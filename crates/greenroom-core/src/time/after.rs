//! A timer that fires once and belongs to who waits for it.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};

use crate::channel::Claim;
use crate::current;
use crate::driver::{Alarm, AlarmKind, AlarmOrigin, Driver, TimerKey};
use crate::id::Id;
use crate::select::{Signal, Watcher};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::unwind;

/// Completes once, after a duration of the runtime's time, with the instant at which it did.
///
/// Made for a case of [`select!`](crate::select!), where the other cases watch the context; by itself
/// it does not end with the context, use [`sleep`](super::sleep()) for that. The duration counts from the call.
/// Go counterpart: `time.After`, but an `after` that is not waited for leaves nothing behind.
///
/// # Panics
/// If it is called outside a runtime, where there is no clock.
#[track_caller]
pub fn after(duration: Duration) -> After {
    match current::driver() {
        Some(driver) => After::new(driver, duration, Location::caller()),
        None => panic!("greenroom: `after` outside a runtime; call it in a task of a scope"),
    }
}

/// A future that completes after a duration. Made by [`after`].
///
/// # Cancel safety
/// Cancel safe: dropping it forgets the timer. It may be kept and polled again by a later select, as
/// `&mut timer`.
#[must_use = "futures do nothing unless polled"]
pub struct After {
    driver: Arc<dyn Driver>,
    at: Option<Instant>,
    timer: Option<TimerKey>,
    /// Whether a case of a select is in the ring.
    entered: bool,
    ring: Arc<Ring>,
}

impl After {
    pub(crate) fn new(
        driver: Arc<dyn Driver>,
        duration: Duration,
        place: &'static Location<'static>,
    ) -> Self {
        let now = driver.now();
        Self {
            // Later than the clock can tell is never.
            at: now.checked_add(duration),
            driver,
            timer: None,
            entered: false,
            ring: Arc::new(Ring {
                origin: AlarmOrigin::current(AlarmKind::Sleep, place, now),
                rung: AtomicBool::new(false),
                watcher: Mutex::new(None),
            }),
        }
    }

    /// Sets the timer, when the ring knows whom to tell.
    fn start(&mut self, at: Instant) {
        if self.timer.is_none() {
            self.timer = Some(self.driver.sleep(at, self.ring.clone()));
        }
    }
}

impl Future for After {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Instant> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        if self.look() || !self.ring.wake_later(cx.waker()) {
            return Poll::Ready(at);
        }
        self.start(at);
        Poll::Pending
    }
}

impl Signal for After {
    type Output = Instant;

    fn has_fired(&self) -> bool {
        self.ring.has_rung()
    }

    /// A timer that is set tells; without one, the clock does.
    fn look(&mut self) -> bool {
        if self.has_fired() {
            return true;
        }
        let is_due = self.timer.is_none() && self.at.is_some_and(|at| at <= self.driver.now());
        if is_due {
            self.ring.rung.store(true, Ordering::Release);
        }
        is_due
    }

    fn enter(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        let Some(at) = self.at else { return true };
        self.entered = self.ring.watch(Watcher::Select(claim.clone(), case));
        if self.entered {
            self.start(at);
        }
        self.entered
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.entered) {
            let _watcher = self.ring.watcher.lock().take();
        }
    }

    fn output(&mut self) -> Instant {
        match self.at {
            Some(at) => at,
            None => unreachable!("what is never does not fire"),
        }
    }
}

impl Drop for After {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.driver.forget(timer);
        }
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("After")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

struct Ring {
    origin: AlarmOrigin,
    // Set once, under the lock of the watcher if a timer sets it; read without.
    rung: AtomicBool,
    watcher: Mutex<Option<Watcher>>,
}

impl Ring {
    fn has_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Says whom to tell in place of an earlier one. Returns false if it has rung.
    fn watch(&self, watcher: Watcher) -> bool {
        let mut place = self.watcher.lock();
        if self.has_rung() {
            drop(place);
            return false;
        }
        let replaced = place.replace(watcher);
        // Outside the lock: the destructor of a foreign waker may make this timer fire.
        drop(place);
        drop(replaced);
        true
    }

    fn wake_later(&self, waker: &Waker) -> bool {
        let known = self.watcher.lock();
        if known.as_ref().is_some_and(|w| w.is_task(waker)) {
            return !self.has_rung();
        }
        drop(known);
        self.watch(Watcher::Task(waker.clone()))
    }
}

impl Alarm for Ring {
    fn fire(self: Arc<Self>) {
        let watcher = {
            let mut place = self.watcher.lock();
            if let Some(watcher) = &mut *place {
                watcher.claim();
            }
            self.rung.store(true, Ordering::Release);
            place.take()
        };
        unwind::wake_all(watcher.and_then(Watcher::into_waker));
    }

    fn owner(&self) -> Option<Id> {
        self.origin.task.clone()
    }

    fn origin(&self) -> Option<AlarmOrigin> {
        Some(self.origin.clone())
    }
}
