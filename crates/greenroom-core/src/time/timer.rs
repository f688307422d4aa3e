//! A timer that fires once and can be set anew.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Tick;
use super::bell::Bell;
use super::schedule::Schedule;
use crate::current;
use crate::driver::{AlarmKind, AlarmOrigin};

/// Makes a timer that fires once, after a duration of the runtime's time.
///
/// Use [`after`](super::after) where nobody stops it or sets it anew, and [`sleep`](super::sleep) to
/// just wait. It is a value and no task; with the last handle it is gone.
///
/// # Panics
/// If it is called outside a runtime, where there is no clock.
#[must_use]
#[track_caller]
pub fn timer(duration: Duration) -> Timer {
    let Some(driver) = current::driver() else {
        panic!("greenroom: `timer` outside a runtime; call it in a task of a scope");
    };
    let now = driver.now();
    let schedule = Schedule::once(now, duration);
    let origin = AlarmOrigin::current(AlarmKind::Timer, Location::caller(), now);
    Timer {
        bell: Bell::new("timer", driver, schedule, origin),
    }
}

/// Fires once, and can be stopped and set anew. Made by [`timer`]; cloning gives another handle to the
/// same timer.
///
/// It is never early. Timers fire in the order of their deadlines, and of two with the same deadline the
/// one that was set first. If several tasks wait, one of them gets it: the one who began first.
///
/// # Differences from Go
/// Go counterpart: `time.Timer`, as of Go 1.23: after a stop or a reset there is no value of before.
/// There is no channel in it: [`fired`](Self::fired) waits. For `time.AfterFunc` see the
/// [module](super).
///
/// # Examples
/// ```
/// # use greenroom_core::{current, doc_support::{Manual, block_on}, select};
/// # use greenroom_core::time::{Durations, timer};
/// # let clock = Manual::new();
/// # let _entered = current::enter_driver(current::Handle::new(clock.clone(), false));
/// # block_on(async {
/// let idle = timer(30.secs());
/// assert!(idle.reset(10.secs()));
/// # clock.advance(10.secs());
/// idle.fired().await?; // 10 s after the reset
/// assert!(!idle.stop(), "it has fired, and was taken");
/// let is_there = select! {
///     idle.fired() => true,
///     default => false,
/// };
/// assert!(!is_there);
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Timer {
    bell: Arc<Bell>,
}

impl Timer {
    /// Waits until the timer fires, or takes it if it has, and gives the instant at which it was due.
    ///
    /// Each firing is taken once: after that, or on a stopped timer, it waits until that is reset.
    ///
    /// # Errors
    /// [`TickError::Cancelled`](super::TickError::Cancelled),
    /// [`TickError::Deadline`](super::TickError::Deadline): the current context ended first. As a case
    /// of [`select!`](crate::select!) it never fails; there the other cases watch the context.
    ///
    /// # Cancel safety
    /// Cancel safe: a firing that was handed to the future goes to the next who waits, or back.
    pub fn fired(&self) -> Tick {
        Tick::new(&self.bell)
    }

    /// Stops the timer. Returns whether it was still to fire, or had fired and nobody had taken it:
    /// then nobody will.
    ///
    /// Who waits goes on waiting, until a reset or the end of the context.
    pub fn stop(&self) -> bool {
        self.bell.stop()
    }

    /// Sets the timer anew, to fire once after a duration from now. Returns what [`stop`](Self::stop)
    /// would; a firing of before is gone.
    ///
    /// Who waits already waits for the new one.
    pub fn reset(&self, duration: Duration) -> bool {
        self.bell.reset(duration)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("id", &self.bell.id())
            .finish_non_exhaustive()
    }
}
