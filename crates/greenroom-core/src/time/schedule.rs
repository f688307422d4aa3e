//! When a timer or a ticker is due. It reads no clock and wakes nobody.
//!
//! # Invariants
//! 1. At most one tick is there to be taken: those that come due meanwhile are gone.
//! 2. A ticker's times lie on the grid of its period, from when it was set.
//! 3. A tick that comes back is of use only to the setting that gave it: a stop or a reset begins a
//!    new one.

use std::time::{Duration, Instant};

/// When it is due, and what is there to be taken.
#[derive(Debug)]
pub(super) struct Schedule {
    next: Next,
    period: Option<Duration>,
    /// A tick that its receiver did not take up.
    returned: Option<Instant>,
    setting: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    /// It has been stopped, or its one tick was taken.
    Idle,
    At(Instant),
    /// Later than the clock can tell.
    Never,
}

/// One tick, and the setting it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ring {
    pub(super) at: Instant,
    setting: u64,
}

impl Schedule {
    /// Ticks once, so long after now.
    pub(super) fn once(now: Instant, delay: Duration) -> Self {
        Self::new(now, delay, None)
    }

    /// Ticks in a rhythm. The period must not be zero.
    pub(super) fn every(now: Instant, period: Duration) -> Self {
        Self::new(now, period, Some(period))
    }

    fn new(now: Instant, delay: Duration, period: Option<Duration>) -> Self {
        Self {
            next: later(now, delay),
            period,
            returned: None,
            setting: 0,
        }
    }

    /// Returns the time of the next tick, unless there will be none.
    pub(super) fn next(&self) -> Option<Instant> {
        match self.next {
            Next::At(at) => Some(at),
            Next::Idle | Next::Never => None,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.returned.is_some() || self.next().is_some_and(|at| at <= now)
    }

    pub(super) fn take(&mut self, now: Instant) -> Option<Ring> {
        let due = self.next().filter(|&at| at <= now);
        let at = self.returned.take().or(due)?;
        if let Some(due) = due {
            // Invariant 1.
            self.next = match self.period {
                Some(period) => beat_after(due, period, now),
                None => Next::Idle,
            };
        }
        Some(Ring {
            at,
            setting: self.setting,
        })
    }

    /// Takes back a tick that was given out but not taken up. Returns whether it is of use.
    pub(super) fn give_back(&mut self, ring: Ring) -> bool {
        let is_current = ring.setting == self.setting;
        if is_current {
            let older = self.returned.map_or(ring.at, |at| at.min(ring.at));
            self.returned = Some(older);
        }
        is_current
    }

    /// Stops. Returns whether a tick was still to come or to be taken.
    pub(super) fn stop(&mut self) -> bool {
        let was_set = self.next != Next::Idle || self.returned.is_some();
        self.next = Next::Idle;
        self.returned = None;
        self.setting += 1;
        was_set
    }

    /// Begins anew, in the given rhythm if it has one. Returns what [`stop`](Self::stop) would.
    pub(super) fn reset(&mut self, now: Instant, delay: Duration) -> bool {
        let was_set = self.stop();
        self.next = later(now, delay);
        if let Some(period) = &mut self.period {
            *period = delay;
        }
        was_set
    }
}

fn later(now: Instant, delay: Duration) -> Next {
    now.checked_add(delay).map_or(Next::Never, Next::At)
}

/// The first beat of the rhythm that lies after now.
fn beat_after(last: Instant, period: Duration, now: Instant) -> Next {
    let late = now.saturating_duration_since(last).as_nanos();
    let past = late % period.as_nanos();
    let Ok(past) = u64::try_from(past) else {
        // Late by more than half a millennium.
        return later(now, period);
    };
    // From now back to the last beat, then one on.
    let beat = now.checked_sub(Duration::from_nanos(past));
    beat.map_or(Next::Never, |beat| later(beat, period))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn taken(schedule: &mut Schedule, start: Instant, now: u64) -> Option<u128> {
        let ring = schedule.take(start + ms(now))?;
        Some((ring.at - start).as_millis())
    }

    #[test]
    fn a_slow_consumer_gets_the_first_tick_and_then_the_grid_again() {
        let start = Instant::now();
        let mut every = Schedule::every(start, ms(5));
        assert_eq!(taken(&mut every, start, 4), None);
        assert_eq!(taken(&mut every, start, 23), Some(5));
        assert_eq!(taken(&mut every, start, 24), None);
        assert_eq!(taken(&mut every, start, 25), Some(25));
        assert_eq!(taken(&mut every, start, 26), None);
        assert_eq!(taken(&mut every, start, 30), Some(30));
    }

    #[test]
    fn a_tick_that_comes_back_is_one_with_those_that_came_due() {
        let start = Instant::now();
        let mut every = Schedule::every(start, ms(5));
        let ring = every.take(start + ms(5)).expect("it is due");
        assert!(every.give_back(ring));
        assert_eq!(taken(&mut every, start, 12), Some(5));
        assert_eq!(taken(&mut every, start, 14), None);
        assert_eq!(taken(&mut every, start, 15), Some(15));
    }

    #[test]
    fn a_stop_and_a_reset_leave_no_old_tick() {
        let start = Instant::now();
        let mut once = Schedule::once(start, ms(5));
        let ring = once.take(start + ms(5)).expect("it is due");
        assert!(!once.stop());
        assert!(!once.give_back(ring));
        assert!(!once.is_due(start + ms(9)));
        assert!(!once.reset(start + ms(9), ms(1)));
        assert!(once.reset(start + ms(20), ms(1)));
        assert_eq!(taken(&mut once, start, 20), None);
        assert_eq!(taken(&mut once, start, 21), Some(21));
        assert!(!once.stop());
    }

    #[test]
    fn a_time_beyond_the_clock_is_never_and_can_be_stopped() {
        let start = Instant::now();
        let mut once = Schedule::once(start, Duration::MAX);
        assert_eq!(once.next(), None);
        assert!(once.stop());
        let mut every = Schedule::every(start, Duration::from_nanos(1));
        assert_eq!(taken(&mut every, start, 0), None);
        assert_eq!(taken(&mut every, start, 1 << 40), Some(0));
        assert!(every.take(start + ms(1 << 40)).is_none());
    }
}
