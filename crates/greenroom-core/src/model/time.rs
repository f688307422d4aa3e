//! Timers and tickers that tasks share.

use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::atomic::{AtomicUsize, Ordering};

use super::check;
use super::table::{Table, block_on, join, poll_once};
use crate::current;
use crate::time::{tick, timer};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_timer_that_is_set_again_and_again_serves_all_who_wait() {
    check(|| {
        let table = Table::new();
        let _entered = current::enter_driver(table.handle());
        let timer = Arc::new(timer(SECOND));
        let served = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (timer, served) = (timer.clone(), served.clone());
                table.spawn(move || {
                    assert!(block_on(timer.fired()).is_ok());
                    served.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        while served.load(Ordering::SeqCst) < 2 {
            table.advance(SECOND);
            timer.reset(SECOND);
            shuttle::thread::yield_now();
        }
        waiting.into_iter().for_each(join);
        timer.stop();
        assert_eq!(table.timers(), 0);
    });
}

#[test]
fn a_tick_that_was_handed_to_one_who_left_goes_to_the_next() {
    check(|| {
        let table = Table::new();
        let _entered = current::enter_driver(table.handle());
        let timer = Arc::new(timer(SECOND));
        let leaving = {
            let timer = timer.clone();
            table.spawn(move || {
                let mut fired = timer.fired();
                poll_once(&mut fired).is_ready()
            })
        };
        let waiting = {
            let timer = timer.clone();
            table.spawn(move || block_on(timer.fired()).is_ok())
        };
        table.advance(SECOND);
        if join(leaving) {
            timer.reset(SECOND);
            table.advance(SECOND);
        }
        assert!(join(waiting));
        drop(timer);
        assert_eq!(table.timers(), 0);
    });
}

#[test]
fn after_a_stop_nothing_fires() {
    check(|| {
        let table = Table::new();
        let _entered = current::enter_driver(table.handle());
        let timer = Arc::new(timer(SECOND));
        let ticking = {
            let table = table.clone();
            table.clone().spawn(move || table.advance(SECOND))
        };
        let resetting = {
            let timer = timer.clone();
            table.spawn(move || timer.reset(SECOND * 5))
        };
        join(resetting);
        timer.stop();
        let mut fired = timer.fired();
        assert!(poll_once(&mut fired).is_pending());
        join(ticking);
        assert!(poll_once(&mut fired).is_pending());
        drop(fired);
        drop(timer);
        assert_eq!(table.timers(), 0);
    });
}

#[test]
fn a_ticker_serves_who_waits_whoever_sets_the_alarm() {
    check(|| {
        let table = Table::new();
        let _entered = current::enter_driver(table.handle());
        let Ok(ticker) = tick(SECOND) else {
            panic!("a second is a period");
        };
        let ticker = Arc::new(ticker);
        let served = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (ticker, served) = (ticker.clone(), served.clone());
                table.spawn(move || {
                    let first = block_on(ticker.tick());
                    let second = block_on(ticker.tick());
                    assert!(matches!((first, second), (Ok(a), Ok(b)) if a < b));
                    served.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        while served.load(Ordering::SeqCst) < 2 {
            table.advance(SECOND);
            shuttle::thread::yield_now();
        }
        waiting.into_iter().for_each(join);
        drop(ticker);
        assert_eq!(table.timers(), 0);
    });
}

#[test]
fn an_alarm_that_is_set_beside_a_stop_is_forgotten() {
    check(|| {
        let table = Table::new();
        let _entered = current::enter_driver(table.handle());
        let timer = Arc::new(timer(SECOND));
        let resetting = {
            let timer = timer.clone();
            table.spawn(move || timer.reset(SECOND * 5))
        };
        timer.stop();
        join(resetting);
        timer.stop();
        assert_eq!(table.timers(), 0);
    });
}
