//! What the documents and the own tests of package `time` promise beyond the rows.

use greenroom::current;
use greenroom::prelude::*;
use greenroom::time::{tick, timer};

use crate::since;
use crate::support::{at_once, check, idle};

#[test]
fn a_sleep_of_nothing_neither_waits_nor_hangs_beside_other_work() {
    check(|scope| async move {
        let busy = scope.go(async {
            for _ in 0..100 {
                sleep(0.secs()).await?;
            }
            Ok(())
        });
        let start = current::now();
        for _ in 0..100 {
            sleep(0.secs()).await?;
            let (tx, rx) = channel::bounded(1);
            tx.send(true).await?;
            assert!(rx.recv().await?);
        }
        busy.await?;
        assert_eq!(since(start), 0);
        Ok(())
    });
}

#[test]
fn a_function_that_is_to_run_later_runs_although_two_tasks_never_rest() {
    let runtime = Runtime::builder().arbiters(1).build().unwrap();
    let passed = runtime.block_on(|scope| async move {
        let (tx, rx) = channel::bounded(1);
        let (stop, stops) = scope.context().with_cancel();
        let sender = scope.go(async move {
            let mut sent = 0_u64;
            while !stop.is_done() {
                tx.send(true).await?;
                sent += 1;
            }
            Ok(sent)
        });
        let receiver = scope.go(async move {
            let mut got = 0;
            while rx.recv().await.is_ok() {
                got += 1;
            }
            Ok(got)
        });
        scope.go(async move {
            sleep(1.millis()).await?;
            stops.cancel();
            Ok(())
        });
        Ok((sender.await?, receiver.await?))
    });
    let (sent, got) = passed.unwrap();
    assert_eq!(sent, got);
}

#[test]
fn the_longest_durations_never_fire_and_those_of_nothing_at_once() {
    check(|_| async {
        let (longest, nothing) = (std::time::Duration::MAX, 0.secs());
        let fired = select! {
            after(longest) => "longest",
            timer(longest).fired() => "timer",
            after(25.millis()) => "short",
        };
        assert_eq!(fired, "short");
        assert!(at_once(after(nothing)).await.is_some());
        assert!(at_once(timer(nothing).fired()).await.is_some());
        let ticker = tick(longest)?;
        assert!(at_once(ticker.tick()).await.is_none());
        Ok(())
    });
}

#[test]
fn stop_and_reset_tell_for_every_state_of_a_timer() {
    check(|_| async {
        let timer = timer(10.millis());
        assert!(timer.reset(20.millis()), "it was set");
        assert!(timer.stop(), "it was set");
        assert!(!timer.stop(), "it was stopped");
        assert!(!timer.reset(5.millis()), "it was stopped");
        timer.fired().await?;
        assert!(!timer.stop(), "its value was taken");
        assert!(!timer.reset(5.millis()), "its value was taken");
        sleep(6.millis()).await?;
        // As of Go 1.23 a value that was not taken is taken back.
        assert!(timer.stop(), "it has fired, and nobody took it");
        assert!(at_once(timer.fired()).await.is_none());
        Ok(())
    });
}

#[test]
fn a_timer_that_is_stopped_and_set_to_nothing_again_and_again_fires() {
    check(|_| async {
        for _ in 0..50 {
            let timer = timer(3600.secs());
            for _ in 0..10 {
                timer.stop();
                timer.reset(0.secs());
            }
            let limit = after(10.secs());
            let fired = select! {
                timer.fired() => true,
                limit => false,
            };
            assert!(fired);
        }
        Ok(())
    });
}

#[test]
fn a_hundred_timers_are_set_stopped_and_set_anew_in_any_order() {
    check(|_| async {
        let timers: Vec<_> = (0..100_usize).map(|_| timer(0.secs())).collect();
        let shuffled = |step: usize| (0..100).map(move |n| (n * step) % 100);
        for n in shuffled(37) {
            timers[n].fired().await?;
        }
        for (round, minutes) in [1, 3, 2].into_iter().enumerate() {
            for n in shuffled([7, 11, 13][round]) {
                assert!(!timers[n].reset((60 * minutes).secs()));
            }
            for n in shuffled([17, 19, 23][round]) {
                assert!(timers[n].stop());
            }
        }
        let start = current::now();
        for n in shuffled(29) {
            assert!(!timers[n].reset((n as u64).millis()));
        }
        for (n, timer) in timers.iter().enumerate() {
            timer.fired().await?;
            assert_eq!(since(start), n as u64);
        }
        Ok(())
    });
}

#[test]
fn several_tasks_share_one_ticker_with_a_time_out_each() {
    check(|scope| async move {
        let ticker = tick(1.millis())?;
        let start = current::now();
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let ticker = ticker.clone();
                scope.go(async move {
                    let mut ticks = 0;
                    for _ in 0..30 {
                        select! {
                            ticker.tick() => ticks += 1,
                            after(10.millis()) => {}
                        }
                    }
                    Ok(ticks)
                })
            })
            .collect();
        let mut ticks = 0;
        for task in tasks {
            ticks += task.await?;
        }
        assert_eq!((ticks, since(start)), (90, 90));
        Ok(())
    });
}

#[test]
fn a_tick_of_a_ticker_that_was_reset_to_another_period_keeps_the_new_one() {
    check(|_| async {
        let ticker = tick(20.millis())?;
        let start = current::now();
        for _ in 0..3 {
            ticker.tick().await?;
        }
        ticker.reset(40.millis())?;
        for _ in 0..3 {
            ticker.tick().await?;
        }
        assert_eq!(since(start), 3 * 20 + 3 * 40);
        ticker.stop();
        ticker.stop();
        let more = select! {
            ticker.tick() => true,
            after(1.secs()) => false,
        };
        assert!(!more);
        Ok(())
    });
}

#[test]
fn a_function_that_is_to_run_later_can_be_taken_back_until_it_runs() {
    check(|scope| async move {
        let (ran, runs) = channel::unbounded();
        let later = |delay: u64| {
            let ran = ran.clone();
            scope.go(async move {
                sleep(delay.millis()).await?;
                Ok(ran.send(delay).await?)
            })
        };
        let (stopped, runs_first) = (later(10), later(5));
        idle().await?;
        stopped.cancel("stop");
        runs_first.await?;
        sleep(20.millis()).await?;
        assert_eq!(runs.try_recv(), Ok(5));
        assert!(runs.is_empty());
        Ok(())
    });
}

#[test]
fn an_after_counts_from_its_call_and_not_from_its_wait() {
    check(|_| async {
        let start = current::now();
        let timeout = after(10.millis());
        sleep(6.millis()).await?;
        timeout.await;
        assert_eq!(since(start), 10);
        let over = after(1.millis());
        sleep(5.millis()).await?;
        assert!(at_once(over).await.is_some());
        Ok(())
    });
}

#[test]
fn a_rate_of_three_in_ten_milliseconds_is_a_bucket_that_a_ticker_fills() {
    check(|scope| async move {
        let (fill, bucket) = channel::bounded(3);
        for _ in 0..3 {
            fill.send(()).await?;
        }
        let filler = scope.go(async move {
            let ticker = tick(10.millis())?;
            loop {
                ticker.tick().await?;
                // One that finds it full is dropped.
                let _full = fill.try_send(());
            }
        });
        let start = current::now();
        let mut at = Vec::new();
        for _ in 0..6 {
            bucket.recv().await?;
            at.push(since(start));
        }
        assert_eq!(at, [0, 0, 0, 10, 20, 30]);
        filler.cancel("the end");
        let _: Result<(), _> = filler.await;
        Ok(())
    });
}
