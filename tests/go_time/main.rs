//! Go's behaviours of timers, tickers and sleeps.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod edges;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use greenroom::current;
use greenroom::prelude::*;
use greenroom::time::{SleepError, TickError, TickerError, tick, timer};
use support::{at_once, check, idle};

/// Milliseconds of the paused clock since `start`.
fn since(start: Instant) -> u64 {
    u64::try_from((current::now() - start).as_millis()).unwrap()
}

fn ms(at: Instant, start: Instant) -> u64 {
    u64::try_from((at - start).as_millis()).unwrap()
}

#[test]
fn tm_01_nothing_is_early_and_a_one_shot_fires_once() {
    check(|_| async {
        for _ in 0..10 {
            let start = current::now();
            sleep(3.millis()).await?;
            assert_eq!(since(start), 3);
            assert_eq!(ms(after(3.millis()).await, start), 6);
            assert_eq!(since(start), 6);
            let once = timer(3.millis());
            once.fired().await?;
            assert_eq!(since(start), 9);
            let again = select! {
                once.fired() => true,
                after(1.secs()) => false,
            };
            assert!(!again);
        }
        Ok(())
    });
}

#[test]
fn tm_03_a_stop_after_the_expiry_leaves_nothing_to_receive() {
    check(|_| async {
        let once = timer(3.millis());
        sleep(5.millis()).await?;
        assert!(once.stop());
        let stale = select! {
            once.fired() => true,
            after(1.secs()) => false,
        };
        assert!(!stale);
        assert!(!once.stop());
        Ok(())
    });
}

#[test]
fn tm_12_a_stopped_ticker_has_no_tick_left_and_a_reset_starts_it_again() {
    check(|_| async {
        let ticker = tick(5.millis())?;
        sleep(7.millis()).await?;
        ticker.stop();
        ticker.stop();
        let stale = select! {
            ticker.tick() => true,
            after(1.secs()) => false,
        };
        assert!(!stale);
        let start = current::now();
        ticker.reset(5.millis())?;
        ticker.tick().await?;
        assert_eq!(since(start), 5);
        Ok(())
    });
}

#[test]
fn tm_13_a_reset_replaces_a_pending_tick() {
    check(|_| async {
        let ticker = tick(5.millis())?;
        sleep(7.millis()).await?;
        let start = current::now();
        ticker.reset(40.millis())?;
        assert_eq!(ms(ticker.tick().await?, start), 40);
        assert_eq!(since(start), 40);
        Ok(())
    });
}

#[test]
fn tm_14_a_period_of_zero_is_an_error() {
    check(|_| async {
        assert_eq!(tick(0.millis()).unwrap_err(), TickerError::ZeroPeriod);
        let ticker = tick(5.millis())?;
        assert_eq!(ticker.reset(0.millis()), Err(TickerError::ZeroPeriod));
        let start = current::now();
        ticker.tick().await?;
        assert_eq!(since(start), 5);
        Ok(())
    });
}

#[test]
fn tm_16_timers_fire_in_the_order_of_their_deadlines() {
    check(|scope| async move {
        let order = [7, 2, 9, 0, 5, 1, 8, 3, 6, 4];
        let (tx, rx) = channel::unbounded();
        for n in order {
            let (once, tx) = (timer((4 * n + 4).millis()), tx.clone());
            scope.go(async move {
                once.fired().await?;
                Ok(tx.send(n).await?)
            });
        }
        drop(tx);
        let fired: Vec<_> = rx.stream().collect().await;
        assert_eq!(fired, (0..10).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_tick_tells_when_it_was_due_and_not_when_it_was_taken() {
    check(|_| async {
        let start = current::now();
        let (ticker, once, plain) = (tick(5.millis())?, timer(5.millis()), after(5.millis()));
        sleep(12.millis()).await?;
        assert_eq!(ms(ticker.tick().await?, start), 5);
        assert_eq!(ms(once.fired().await?, start), 5);
        assert_eq!(ms(plain.await, start), 5);
        assert_eq!(since(start), 12);
        Ok(())
    });
}

#[test]
fn a_slow_reader_gets_one_tick_and_then_those_of_the_grid() {
    check(|_| async {
        let start = current::now();
        let ticker = tick(10.millis())?;
        sleep(35.millis()).await?;
        let mut ticks = Vec::new();
        for _ in 0..4 {
            ticker.tick().await?;
            ticks.push(since(start));
        }
        assert_eq!(ticks, [35, 40, 50, 60]);
        Ok(())
    });
}

#[test]
fn ten_ticks_take_ten_periods() {
    check(|_| async {
        let start = current::now();
        let ticker = tick(20.millis())?;
        for n in 1..=10 {
            ticker.tick().await?;
            assert_eq!(since(start), 20 * n);
        }
        ticker.reset(7.millis())?;
        ticker.tick().await?;
        assert_eq!(since(start), 207);
        Ok(())
    });
}

#[test]
fn reset_tells_whether_the_timer_was_set_and_counts_from_now() {
    check(|_| async {
        let once = timer(100.millis());
        sleep(50.millis()).await?;
        assert!(once.reset(150.millis()));
        sleep(100.millis()).await?;
        assert!(at_once(once.fired()).await.is_none());
        sleep(50.millis()).await?;
        assert!(at_once(once.fired()).await.is_some());
        assert!(!once.reset(50.millis()));
        assert!(once.stop());
        assert!(!once.reset(1.millis()));
        once.fired().await?;
        Ok(())
    });
}

#[test]
fn a_reset_moves_the_wait_of_another_task() {
    check(|scope| async move {
        let start = current::now();
        let once = timer(10.millis());
        let waits = once.clone();
        let fired = scope.go(async move { Ok(waits.fired().await?) });
        for _ in 0..5 {
            sleep(8.millis()).await?;
            assert!(once.reset(10.millis()));
        }
        assert_eq!(ms(fired.await?, start), 50);
        Ok(())
    });
}

#[test]
fn a_stop_from_another_task_leaves_the_wait_to_its_context() {
    check(|scope| async move {
        let ticker = tick(5.millis())?;
        let (waits, stops) = (ticker.clone(), ticker);
        scope.go(async move {
            sleep(3.millis()).await?;
            stops.stop();
            Ok(())
        });
        let context = scope.context().with_timeout(1.secs());
        let ended = context.run(waits.tick()).await?;
        assert!(matches!(ended, Err(TickError::Deadline)));
        Ok(())
    });
}

#[test]
fn of_many_who_wait_for_one_timer_one_gets_it() {
    check(|scope| async move {
        let once = timer(5.millis());
        let (tx, rx) = channel::unbounded();
        let mut tasks = Vec::new();
        for n in 0..4 {
            let (once, tx) = (once.clone(), tx.clone());
            tasks.push(scope.go(async move {
                sleep(n.millis()).await?;
                once.fired().await?;
                Ok(tx.send(n).await?)
            }));
        }
        sleep(20.millis()).await?;
        assert_eq!((rx.try_recv(), rx.len()), (Ok(0), 0));
        // Each setting is one more.
        for n in 1..4 {
            assert!(!once.reset(1.millis()));
            assert_eq!(rx.recv().await?, n);
        }
        Ok(())
    });
}

#[test]
fn a_wait_for_time_ends_with_its_context() {
    check(|scope| async move {
        let start = current::now();
        let (ticker, once) = (tick(1.secs())?, timer(1.secs()));
        let context = scope.context().with_timeout(5.millis());
        let slept = context.run(sleep(1.secs())).await?;
        assert!(matches!(slept, Err(SleepError::Deadline)));
        let ticked = context.run(ticker.tick()).await?;
        assert!(matches!(ticked, Err(TickError::Deadline)));
        let (context, cancel) = scope.context().with_cancel();
        scope.go(async move {
            sleep(1.millis()).await?;
            cancel.cancel();
            Ok(())
        });
        let fired = context.run(once.fired()).await?;
        assert!(matches!(fired, Err(TickError::Cancelled(_))));
        assert_eq!(since(start), 6);
        // Nothing was taken.
        assert_eq!(ms(once.fired().await?, start), 1000);
        assert_eq!(ms(ticker.tick().await?, start), 1000);
        Ok(())
    });
}

#[test]
fn a_dropped_wait_loses_no_tick() {
    check(|_| async {
        let ticker = tick(5.millis())?;
        assert!(at_once(ticker.tick()).await.is_none());
        let mut waits = ticker.tick();
        assert!(at_once(&mut waits).await.is_none());
        sleep(6.millis()).await?;
        drop(waits);
        assert!(at_once(ticker.tick()).await.is_some());
        assert!(at_once(ticker.tick()).await.is_none());
        Ok(())
    });
}

#[test]
fn sleeps_and_timers_of_zero_are_over_at_once_and_those_beyond_the_clock_never() {
    check(|scope| async move {
        let start = current::now();
        sleep(Duration::ZERO).await?;
        after(Duration::ZERO).await;
        for _ in 0..1000 {
            timer(Duration::ZERO).fired().await?;
        }
        assert_eq!(since(start), 0);
        let context = scope.context().with_timeout(1.secs());
        let forever = context.run(sleep(Duration::MAX)).await?;
        assert!(matches!(forever, Err(SleepError::Deadline)));
        let never = timer(Duration::MAX);
        assert!(at_once(never.fired()).await.is_none());
        assert!(never.reset(2.millis()));
        never.fired().await?;
        assert!(at_once(tick(Duration::MAX)?.tick()).await.is_none());
        assert_eq!(since(start), 1002);
        Ok(())
    });
}

#[test]
fn many_tickers_that_are_dropped_do_not_keep_the_clock_running() {
    check(|_| async {
        let tickers: Vec<_> = (1..200).map(|n| tick(n.micros())).collect();
        assert!(tickers.iter().all(Result::is_ok));
        drop(tickers);
        let kept = tick(1.micros())?;
        let start = current::now();
        sleep(3.millis()).await?;
        assert_eq!(since(start), 3);
        kept.tick().await?;
        Ok(())
    });
}

#[test]
fn a_function_that_is_to_run_later_is_a_task_that_sleeps_first() {
    check(|scope| async move {
        let (tx, rx) = channel::unbounded();
        let later = |n: u64| {
            let tx = tx.clone();
            scope.go(async move {
                sleep(n.millis()).await?;
                Ok(tx.send(n).await?)
            })
        };
        let (stopped, _runs, _first) = (later(20), later(30), later(10));
        sleep(15.millis()).await?;
        stopped.cancel("stopped");
        drop(tx);
        let ran: Vec<_> = rx.stream().collect().await;
        assert_eq!(ran, [10, 30]);
        Ok(())
    });
}

#[test]
fn a_ticker_and_a_quit_channel_drive_a_loop() {
    check(|scope| async move {
        let (quit, quits) = channel::rendezvous::<()>();
        let ticker = tick(10.millis())?;
        let ticks = scope.go(async move {
            let mut ticks = 0;
            loop {
                select! {
                    ticker.tick() => ticks += 1,
                    _ = quits.recv() => break Ok(ticks),
                }
            }
        });
        sleep(55.millis()).await?;
        quit.close();
        assert_eq!(ticks.await?, 5);
        Ok(())
    });
}

#[test]
fn a_cancelled_loop_over_a_ticker_and_a_channel_ends_through_the_channel() {
    check(|scope| async move {
        let ticker = tick(1.millis())?;
        let (_tx, rx) = channel::rendezvous::<u8>();
        let (ended, end) = channel::unbounded();
        let looping = scope.go(async move {
            let ends = scope_end(ended);
            loop {
                select! {
                    ticker.tick() => {}
                    got = rx.recv() => if got.is_err() { break },
                }
            }
            drop(ends);
            Ok(())
        });
        sleep(5.millis()).await?;
        looping.cancel("enough");
        idle().await?;
        assert_eq!(end.try_recv(), Ok(()));
        Ok(())
    });
}

/// Says when it is dropped.
fn scope_end(tx: channel::Sender<()>) -> impl Drop + Send {
    struct Says(channel::Sender<()>);
    impl Drop for Says {
        fn drop(&mut self) {
            let _ = self.0.try_send(());
        }
    }
    Says(tx)
}

#[test]
fn an_idle_time_out_is_a_timer_that_each_value_sets_anew() {
    check(|scope| async move {
        let start = current::now();
        let (tx, rx) = channel::rendezvous();
        scope.go(async move {
            for n in [5, 9, 3, 50] {
                sleep(n.millis()).await?;
                if tx.send(n).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        let idle = timer(10.millis());
        let mut got = Vec::new();
        loop {
            select! {
                value = rx.recv() => {
                    got.push(value?);
                    idle.reset(10.millis());
                }
                idle.fired() => break,
            }
        }
        assert_eq!((got, since(start)), (vec![5, 9, 3], 27));
        Ok(())
    });
}

#[test]
fn a_rate_limit_is_a_tick_before_each_request() {
    check(|_| async {
        let start = current::now();
        let (tx, rx) = channel::bounded(5);
        for n in 1..=5 {
            tx.send(n).await?;
        }
        tx.close();
        let limit = tick(200.millis())?;
        let mut served = Vec::new();
        while let Ok(n) = rx.recv().await {
            limit.tick().await?;
            served.push((n, since(start)));
        }
        assert_eq!(served, [(1, 200), (2, 400), (3, 600), (4, 800), (5, 1000)]);
        Ok(())
    });
}

#[test]
fn a_timer_that_stopped_and_was_set_many_times_fires_for_the_last_one_only() {
    check(|_| async {
        let start = current::now();
        let once = timer(1.secs());
        for n in 0..1000 {
            if n % 3 == 0 {
                once.stop();
            }
            once.reset((n % 7 + 1).millis());
            if n % 5 == 0 {
                assert!(at_once(once.fired()).await.is_none());
            }
        }
        once.reset(4.millis());
        once.fired().await?;
        assert_eq!(since(start), 4);
        assert!(at_once(once.fired()).await.is_none());
        sleep(2.secs()).await?;
        assert!(at_once(once.fired()).await.is_none());
        Ok(())
    });
}

#[test]
fn a_stream_of_ticks_goes_on_for_ever() {
    check(|_| async {
        let start = current::now();
        let ticks: Vec<_> = tick(3.millis())?
            .stream()
            .map(|at| ms(at, start))
            .take(4)
            .collect()
            .await;
        assert_eq!(ticks, [3, 6, 9, 12]);
        Ok(())
    });
}

#[test]
fn outside_a_runtime_there_is_no_ticker() {
    assert_eq!(tick(1.millis()).unwrap_err(), TickerError::Outside);
}
