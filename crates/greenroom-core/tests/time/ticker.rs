//! Tickers by themselves.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use greenroom_core::Driver;
use greenroom_core::current;
use greenroom_core::doc_support::Manual;
use greenroom_core::driver::{Alarm, Event, TimerKey};
use greenroom_core::task::Task;
use greenroom_core::time::{Durations, TickError, TickerError, tick};

use crate::Clock;
use crate::common::{Counter, now, poll, poll_with};

#[test]
fn ticks_lie_on_the_grid_and_are_never_early() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    for n in 1..=4 {
        let mut next = ticker.tick();
        assert_eq!(clock.poll(&mut next), None);
        clock.advance(4);
        assert_eq!(clock.poll(&mut next), None);
        clock.advance(1);
        assert_eq!(clock.poll(&mut next), Some(5 * n));
    }
}

#[test]
fn a_slow_consumer_misses_ticks_and_does_not_pile_them_up() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    clock.advance(23);
    assert_eq!(clock.poll(&mut ticker.tick()), Some(5));
    let mut next = ticker.tick();
    assert_eq!(clock.poll(&mut next), None);
    clock.advance(2);
    assert_eq!(clock.poll(&mut next), Some(25));
}

#[test]
fn a_stop_takes_the_pending_tick_away_and_a_reset_starts_again() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    clock.advance(7);
    ticker.stop();
    ticker.stop();
    let mut next = ticker.tick();
    assert_eq!(clock.poll(&mut next), None);
    clock.advance(50);
    assert_eq!((clock.poll(&mut next), clock.timers()), (None, 0));
    ticker.reset(8.millis()).unwrap();
    clock.advance(7);
    assert_eq!(clock.poll(&mut next), None);
    clock.advance(1);
    assert_eq!(clock.poll(&mut next), Some(65));
}

#[test]
fn a_reset_takes_the_pending_tick_away_and_begins_a_new_rhythm() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    clock.advance(7);
    ticker.reset(40.millis()).unwrap();
    let mut next = ticker.tick();
    clock.advance(39);
    assert_eq!(clock.poll(&mut next), None);
    clock.advance(1);
    assert_eq!(clock.poll(&mut next), Some(47));
    clock.advance(40);
    assert_eq!(clock.poll(&mut ticker.tick()), Some(87));
}

#[test]
fn a_period_of_zero_is_an_error_and_changes_nothing() {
    let clock = Clock::new();
    assert_eq!(tick(0.millis()).unwrap_err(), TickerError::ZeroPeriod);
    let ticker = tick(5.millis()).unwrap();
    clock.advance(4);
    assert_eq!(ticker.reset(Duration::ZERO), Err(TickerError::ZeroPeriod));
    clock.advance(1);
    assert_eq!(clock.poll(&mut ticker.tick()), Some(5));
}

#[test]
fn a_ticker_needs_a_runtime() {
    assert_eq!(tick(1.millis()).unwrap_err(), TickerError::Outside);
}

#[test]
fn a_tick_goes_to_the_one_who_began_to_wait_first() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    let counters = [Counter::new(), Counter::new()];
    let (mut first, mut second) = (ticker.tick(), ticker.clone().tick());
    assert!(poll_with(&mut first, &counters[0]).is_pending());
    assert!(poll_with(&mut second, &counters[1]).is_pending());
    clock.advance(5);
    assert_eq!(counters.each_ref().map(|c| c.count()), [1, 0]);
    // Nor is it overtaken by who comes later, or by who is polled first.
    let mut third = ticker.tick();
    assert_eq!(clock.poll(&mut third), None);
    assert_eq!(clock.poll(&mut second), None);
    clock.advance(5);
    assert_eq!(clock.poll(&mut second), Some(10));
    assert_eq!(clock.poll(&mut first), Some(5));
    assert_eq!(clock.poll(&mut third), None);
}

/// A driver whose alarms come late, and which does something once while it sets one.
struct Slow {
    manual: Arc<Manual>,
    late: Duration,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Slow {
    fn by(manual: &Arc<Manual>, late: Duration) -> Arc<Self> {
        Arc::new(Self {
            manual: manual.clone(),
            late,
            meanwhile: Mutex::default(),
        })
    }
}

impl Driver for Slow {
    fn spawn(&self, _: Task) {}

    fn deliver(&self, event: Event) {
        event.take_effect();
    }

    fn now(&self) -> Instant {
        self.manual.now() + self.late
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.manual.sleep(until + self.late, alarm)
    }

    fn forget(&self, timer: TimerKey) {
        self.manual.forget(timer);
    }

    fn choose(&self, _: usize) -> usize {
        0
    }
}

#[test]
fn nobody_is_overtaken_when_the_alarm_is_late() {
    let manual = Manual::new();
    let slow = Slow::by(&manual, 2.millis());
    let _entered = current::enter_driver(current::Handle::new(slow, false));
    let ticker = tick(5.millis()).unwrap();
    let counter = Counter::new();
    let (mut first, mut second) = (ticker.tick(), ticker.tick());
    assert!(poll_with(&mut first, &counter).is_pending());
    manual.advance(5.millis());
    assert_eq!(counter.count(), 0);
    assert!(poll(&mut second).is_pending());
    assert_eq!(counter.count(), 1);
    assert!(poll(&mut first).is_ready());
}

#[test]
fn a_stop_while_the_alarm_is_being_set_leaves_none() {
    let manual = Manual::new();
    let slow = Slow::by(&manual, Duration::ZERO);
    let _entered = current::enter_driver(current::Handle::new(slow.clone(), false));
    let ticker = tick(5.millis()).unwrap();
    let other = ticker.clone();
    *slow.meanwhile.lock().unwrap() = Some(Box::new(move || other.stop()));
    ticker.reset(7.millis()).unwrap();
    let mut wait = ticker.tick();
    assert!(poll(&mut wait).is_pending());
    assert_eq!(manual.timers(), 0);
    manual.advance(7.millis());
    assert!(poll(&mut wait).is_pending());
}

#[test]
fn a_dropped_wait_passes_its_tick_on_or_back() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    let counter = Counter::new();
    let (mut first, mut second) = (ticker.tick(), ticker.tick());
    assert!(poll(&mut first).is_pending());
    assert!(poll_with(&mut second, &counter).is_pending());
    clock.advance(5);
    drop(first);
    assert_eq!(counter.count(), 1);
    drop(second);
    assert_eq!(clock.poll(&mut ticker.tick()), Some(5));
    assert_eq!(clock.poll(&mut ticker.tick()), None);
}

#[test]
fn a_tick_that_comes_back_after_a_stop_or_reset_is_gone() {
    for resets in [false, true] {
        let clock = Clock::new();
        let ticker = tick(5.millis()).unwrap();
        let (mut first, mut second) = (ticker.tick(), ticker.tick());
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        clock.advance(5);
        if resets {
            ticker.reset(9.millis()).unwrap();
        } else {
            ticker.stop();
        }
        drop(first);
        assert_eq!(clock.poll(&mut second), None);
        clock.advance(9);
        assert_eq!(clock.poll(&mut second), resets.then_some(14));
    }
}

#[test]
fn a_ticker_whose_ticks_nobody_takes_sets_no_alarm() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    assert_eq!(clock.timers(), 1);
    clock.advance(5);
    assert_eq!(clock.timers(), 0);
    clock.advance(50);
    assert_eq!(clock.poll(&mut ticker.tick()), Some(5));
    let mut next = ticker.tick();
    assert_eq!(clock.poll(&mut next), None);
    assert_eq!(clock.timers(), 1);
    drop(next);
    // Kept for the next who waits.
    assert!(poll(&mut ticker.tick()).is_pending());
    assert_eq!(clock.timers(), 1);
    let other = ticker.clone();
    drop(ticker);
    assert_eq!(clock.timers(), 1);
    drop(other);
    assert_eq!(clock.timers(), 0);
}

#[test]
fn a_wait_ends_with_its_context_and_takes_no_tick() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    let (context, cancel) = clock.manual.root().with_cancel();
    let _inside = current::enter_context(context);
    let counter = Counter::new();
    let mut waits = ticker.tick();
    assert!(poll_with(&mut waits, &counter).is_pending());
    cancel.cancel();
    assert_eq!(counter.count(), 1);
    clock.advance(5);
    // It came before the wait was looked at, and counts.
    assert!(poll(&mut waits).is_ready());
    clock.advance(5);
    assert!(matches!(now(ticker.tick()), Err(TickError::Cancelled(_))));
    let _late = current::enter_context(clock.manual.root().with_timeout(Duration::ZERO));
    assert!(matches!(now(ticker.tick()), Err(TickError::Deadline)));
    let _alive = current::enter_context(clock.manual.root());
    assert_eq!(clock.poll(&mut ticker.tick()), Some(10));
}

#[test]
fn a_stream_gives_tick_after_tick() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    let mut stream = ticker.clone().stream();
    for n in 1..4 {
        assert!(poll(&mut stream.next()).is_pending());
        clock.advance(5);
        let at = now(stream.next()).unwrap();
        assert_eq!(clock.since(at), 5 * n);
    }
    assert!(poll(&mut stream.next()).is_pending());
    clock.advance(5);
    drop(stream);
    assert_eq!(clock.poll(&mut ticker.tick()), Some(20));
}

#[test]
fn a_period_shorter_than_the_time_between_looks_and_one_beyond_the_clock() {
    let clock = Clock::new();
    let fine = tick(Duration::from_nanos(1)).unwrap();
    clock.advance(1000);
    assert_eq!(clock.poll(&mut fine.tick()), Some(0));
    assert_eq!(clock.poll(&mut fine.tick()), None);
    let never = tick(Duration::MAX).unwrap();
    assert_eq!(clock.poll(&mut never.tick()), None);
    never.reset(1.millis()).unwrap();
    clock.advance(1);
    assert_eq!(clock.poll(&mut never.tick()), Some(1001));
}
