//! Timers by themselves.

use std::time::Duration;

use std::future::Future;

use greenroom_core::time::{Durations, Timer, timer};

use crate::Clock;
use crate::common::{Counter, poll, poll_with};

#[test]
fn it_fires_once_and_not_early() {
    let clock = Clock::new();
    let once = timer(3.millis());
    let mut first = once.fired();
    clock.advance(2);
    assert_eq!(clock.poll(&mut first), None);
    clock.advance(1);
    assert_eq!(clock.poll(&mut first), Some(3));
    let mut second = once.fired();
    assert_eq!(clock.poll(&mut second), None);
    clock.advance(100);
    assert_eq!((clock.poll(&mut second), clock.timers()), (None, 0));
}

#[test]
fn stop_says_whether_it_kept_the_timer_from_being_taken() {
    let clock = Clock::new();
    let before = timer(3.millis());
    assert!(before.stop());
    assert!(!before.stop());

    // Expired, and nobody has taken it.
    let expired = timer(3.millis());
    clock.advance(5);
    assert!(expired.stop());
    assert_eq!(clock.poll(&mut expired.fired()), None);

    let taken = timer(3.millis());
    clock.advance(5);
    assert_eq!(clock.poll(&mut taken.fired()), Some(8));
    assert!(!taken.stop());
    assert_eq!(clock.timers(), 0);
}

#[test]
fn reset_says_the_same_and_sets_it_anew() {
    let clock = Clock::new();
    let once = timer(3.millis());
    assert!(once.reset(10.millis()));
    clock.advance(9);
    assert_eq!(clock.poll(&mut once.fired()), None);
    clock.advance(1);
    // Expired: the firing of before is gone.
    assert!(once.reset(10.millis()));
    assert_eq!(clock.poll(&mut once.fired()), None);
    clock.advance(10);
    assert_eq!(clock.poll(&mut once.fired()), Some(20));
    assert!(!once.reset(1.millis()));
    clock.advance(1);
    assert_eq!(clock.poll(&mut once.fired()), Some(21));
    assert_eq!(clock.timers(), 0);
}

#[test]
fn a_reset_while_somebody_waits_moves_that_wait() {
    let clock = Clock::new();
    let once = timer(3.millis());
    let counter = Counter::new();
    let mut waits = once.fired();
    assert!(poll_with(&mut waits, &counter).is_pending());
    assert!(once.reset(10.millis()));
    clock.advance(9);
    assert_eq!((clock.poll(&mut waits), counter.count()), (None, 0));
    assert!(once.reset(2.millis()));
    clock.advance(2);
    assert_eq!(clock.poll(&mut waits), Some(11));
}

#[test]
fn a_stop_leaves_who_waits_waiting_until_a_reset() {
    let clock = Clock::new();
    let once = timer(3.millis());
    let counter = Counter::new();
    let mut waits = once.fired();
    assert!(poll_with(&mut waits, &counter).is_pending());
    assert!(once.stop());
    clock.advance(100);
    assert!(poll_with(&mut waits, &counter).is_pending());
    assert!(!once.reset(0.millis()));
    assert_eq!((counter.count(), clock.poll(&mut waits)), (1, Some(100)));
}

#[test]
fn a_firing_that_somebody_holds_counts_as_taken() {
    let clock = Clock::new();
    let once = timer(3.millis());
    let mut waits = once.fired();
    assert!(poll(&mut waits).is_pending());
    clock.advance(3);
    assert!(!once.stop());
    assert_eq!(clock.poll(&mut waits), Some(3));
}

#[test]
fn one_of_zero_is_there_at_once_and_one_beyond_the_clock_never() {
    let clock = Clock::new();
    assert_eq!(clock.poll(&mut timer(Duration::ZERO).fired()), Some(0));
    let never = timer(Duration::MAX);
    assert_eq!(clock.poll(&mut never.fired()), None);
    assert!(never.stop());
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines_and_then_of_their_making() {
    let clock = Clock::new();
    let delays = [9, 3, 7, 3, 1, 9, 5];
    let timers: Vec<Timer> = delays.map(|d| timer(Duration::from_millis(d))).into();
    let mut waits: Vec<_> = timers.iter().map(Timer::fired).collect();
    let (order, woken) = std::sync::mpsc::channel();
    struct Tells(usize, std::sync::mpsc::Sender<usize>);
    impl std::task::Wake for Tells {
        fn wake(self: std::sync::Arc<Self>) {
            self.1.send(self.0).unwrap();
        }
    }
    // They begin to wait in another order.
    for (n, wait) in waits.iter_mut().enumerate().rev() {
        let waker = std::sync::Arc::new(Tells(n, order.clone())).into();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(std::pin::Pin::new(wait).poll(&mut cx).is_pending());
    }
    clock.advance(9);
    assert_eq!(woken.try_iter().collect::<Vec<_>>(), [4, 1, 3, 6, 2, 0, 5]);
}
