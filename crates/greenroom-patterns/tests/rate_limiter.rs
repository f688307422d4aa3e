//! Rate limiters, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Panics, arbiters, check, check_err, idle, paused, polls, quiet};
use greenroom_actor::{OnError, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};
use greenroom_patterns::rate_limiter::{
    Limit, LookError, RateLimiter, ReserveError, SetError, TryAcquireError, WaitError,
};
use proptest::prelude::*;

/// The milliseconds since a time.
fn since(scope: &Scope, start: Instant) -> u128 {
    (scope.context().now() - start).as_millis()
}

#[test]
fn waits_keep_to_the_rate_after_the_burst() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
        let start = scope.context().now();
        let mut times = Vec::new();
        for _ in 0..6 {
            limiter.wait().await?;
            times.push(since(&scope, start));
        }
        assert_eq!(times, [0, 0, 0, 100, 200, 300]);
        sleep(1.secs()).await?;
        assert_eq!(limiter.tokens().await?, 3, "no more than the burst");
        Ok(())
    });
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_asked() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 4).await?;
        limiter.wait_many(4).await?;
        let order = Arc::new(Mutex::new(Vec::new()));
        for tokens in [4, 1, 3, 2] {
            let (limiter, order) = (limiter.clone(), order.clone());
            scope
                .go(async move {
                    limiter.wait_many(tokens).await?;
                    order.lock().expect("nobody panics here").push(tokens);
                    Ok(())
                })
                .detach();
            idle().await?;
        }
        scope.join().await?;
        assert_eq!(*order.lock().expect("no panic"), [4, 1, 3, 2]);
        Ok(())
    });
}

#[test]
fn a_wait_that_would_be_too_late_fails_at_once_and_takes_nothing() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
        limiter.wait_many(2).await?;
        let start = scope.context().now();
        let hurried = scope.context().with_timeout(50.millis());
        match hurried.run(limiter.wait()).await? {
            Err(WaitError::PastDeadline { wait }) => assert_eq!(wait, 100.millis()),
            other => unreachable!("{other:?}"),
        }
        assert_eq!(since(&scope, start), 0);
        limiter.wait().await?;
        assert_eq!(since(&scope, start), 100, "nothing was taken");
        Ok(())
    });
}

#[test]
fn a_wait_that_is_over_at_the_deadline_is_over_in_time() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 1).await?;
        for _ in 0..3 {
            let exactly = scope.context().with_timeout(100.millis());
            exactly.run(limiter.wait()).await??;
            let exactly = scope.context().with_timeout(100.millis());
            exactly.run(limiter.wait()).await??;
            sleep(100.millis()).await?;
        }
        Ok(())
    });
}

#[test]
fn a_wait_ends_with_its_context_and_gives_its_tokens_back() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
        limiter.wait_many(2).await?;
        let (context, cancel) = scope.context().with_cancel_cause();
        let waits = scope.go({
            let limiter = limiter.clone();
            async move { Ok(context.run(limiter.wait_many(3)).await?) }
        });
        sleep(100.millis()).await?;
        cancel.cancel("not wanted");
        match waits.await? {
            Err(WaitError::Cancelled(cause)) => assert_eq!(cause.to_string(), "not wanted"),
            other => unreachable!("{other:?}"),
        }
        assert_eq!(limiter.tokens().await?, 2);
        limiter.try_acquire_many(2).await?;
        Ok(())
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_of_its_polls_gives_its_tokens_back() {
    check(|scope| async move {
        for limit in 0..4 {
            let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
            limiter.wait_many(2).await?;
            let start = scope.context().now();
            let waited = polls(Some(limit), async {
                let mut wait = std::pin::pin!(limiter.wait());
                for _ in 0..3 {
                    // Lets it be answered between its polls.
                    if polls(Some(1), wait.as_mut()).await.is_some() {
                        unreachable!("the token is not there");
                    }
                    sleep(1.millis()).await?;
                }
                Ok::<_, greenroom_core::Failure>(())
            })
            .await;
            assert!(waited.is_none() || limit > 3);
            idle().await?;
            limiter.wait().await?;
            assert_eq!(since(&scope, start), 100, "after {limit} polls");
        }
        Ok(())
    });
}

#[test]
fn an_ended_context_gets_an_error_from_every_call_and_takes_nothing() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
        let (ended, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let expired = scope.context().with_timeout(Duration::ZERO);
        assert!(matches!(
            ended.run(limiter.wait()).await?,
            Err(WaitError::Cancelled(_))
        ));
        assert!(matches!(
            expired.run(limiter.wait()).await?,
            Err(WaitError::Deadline)
        ));
        assert!(matches!(
            ended.run(limiter.try_acquire()).await?,
            Err(TryAcquireError::Cancelled(_))
        ));
        assert!(matches!(
            expired.run(limiter.try_acquire()).await?,
            Err(TryAcquireError::Deadline)
        ));
        assert!(matches!(
            ended.run(limiter.reserve()).await?,
            Err(ReserveError::Cancelled(_))
        ));
        assert!(matches!(
            expired.run(limiter.tokens()).await?,
            Err(LookError::Deadline)
        ));
        assert_eq!(limiter.tokens().await?, 2);
        Ok(())
    });
}

#[test]
fn a_reservation_that_is_dropped_stays_taken() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 1).await?;
        let first = limiter.reserve().await?;
        assert_eq!((first.tokens(), first.delay()), (1, Duration::ZERO));
        assert_eq!(first.ready_at(), scope.context().now());
        drop(first);
        let second = limiter.reserve().await?;
        assert_eq!(second.delay(), 100.millis());
        sleep(40.millis()).await?;
        assert_eq!(second.delay(), 60.millis());
        sleep(100.millis()).await?;
        assert_eq!(second.delay(), Duration::ZERO);
        Ok(())
    });
}

#[test]
fn a_reservation_may_be_cancelled_in_a_context_that_has_ended() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 1).await?;
        let first = limiter.reserve().await?;
        let (ended, cancel) = scope.context().with_cancel();
        cancel.cancel();
        ended.run(async move { first.cancel() }).await?;
        assert!(limiter.reserve().await?.delay().is_zero());
        Ok(())
    });
}

#[test]
fn settings_are_in_force_when_the_call_returns() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::ZERO, 2).await?;
        limiter.wait_many(2).await?;
        assert!(matches!(limiter.wait().await, Err(WaitError::Never)));
        assert!(matches!(limiter.reserve().await, Err(ReserveError::Never)));
        assert!(matches!(
            limiter.try_acquire().await,
            Err(TryAcquireError::Never)
        ));
        limiter.set_limit(Limit::every(1.secs()))?;
        let start = scope.context().now();
        limiter.wait().await?;
        assert_eq!(since(&scope, start), 1000);
        limiter.set_limit(Limit::INFINITE)?;
        limiter.wait_many(1_000).await?;
        limiter.set_burst(7)?;
        assert_eq!(limiter.burst().await?, 7);
        assert!(limiter.limit().await?.is_infinite());
        assert_eq!(since(&scope, start), 1000);
        Ok(())
    });
}

#[test]
fn a_burst_of_zero_lets_nothing_through() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(1), 0).await?;
        assert!(matches!(
            limiter.wait().await,
            Err(WaitError::TooLarge { asked: 1, burst: 0 })
        ));
        limiter.wait_many(0).await?;
        Ok(())
    });
}

#[test]
fn a_limiter_ends_with_its_scope_and_its_last_handle() {
    for seed in common::SEEDS {
        let runtime = paused(seed);
        let (limiter, reservation) = runtime
            .block_on(|scope| async move {
                let other = RateLimiter::spawn(&scope, Limit::per_second(1), 1).await?;
                drop(other);
                idle().await?;
                assert_eq!(scope.len(), 0);
                let limiter = RateLimiter::spawn(&scope, Limit::per_second(1), 1).await?;
                let reservation = limiter.reserve().await?;
                Ok((limiter, reservation))
            })
            .expect("no failure");
        assert_eq!(limiter.set_limit(Limit::ZERO), Err(SetError::Closed));
        reservation.cancel();
        runtime
            .block_on(|_scope| async move {
                assert!(matches!(limiter.wait().await, Err(WaitError::Closed)));
                assert!(matches!(
                    limiter.try_acquire().await,
                    Err(TryAcquireError::Closed)
                ));
                assert!(matches!(limiter.reserve().await, Err(ReserveError::Closed)));
                assert!(matches!(limiter.limit().await, Err(LookError::Closed)));
                Ok(())
            })
            .expect("no failure");
    }
}

#[test]
fn a_cancel_of_the_scope_ends_the_waiters_at_once() {
    check_err::<(), _, _>(
        |scope| async move {
            let limiter = RateLimiter::spawn(&scope, Limit::every(60.secs()), 1).await?;
            for _ in 0..5 {
                let limiter = limiter.clone();
                scope.go(async move { Ok(limiter.wait().await?) }).detach();
            }
            let start = scope.context().now();
            idle().await?;
            scope.cancel("planned");
            let slept = sleep(60.secs()).await;
            assert_eq!(since(&scope, start), 1);
            Ok(slept?)
        },
        |failure| assert!(failure.to_string().contains("planned"), "{failure:?}"),
    );
}

#[test]
fn it_keeps_its_rate_on_a_real_clock_and_several_arbiters() {
    let passed = arbiters(2)
        .block_on(|scope| async move {
            let limiter = RateLimiter::spawn(&scope, Limit::every(1.millis()), 2).await?;
            let spread = scope.on(greenroom_actor::Placement::Spread);
            let start = scope.context().now();
            for _ in 0..20 {
                let limiter = limiter.clone();
                spread.go(async move { Ok(limiter.wait().await?) }).detach();
            }
            scope.join().await?;
            Ok(scope.context().now() - start)
        })
        .expect("no failure");
    assert!(passed >= 18.millis(), "{passed:?}");
}

#[test]
fn a_wait_outside_our_tasks_has_the_clock_of_the_limiter() {
    let runtime = arbiters(1);
    let passed = runtime
        .block_on(|scope| async move {
            let limiter = RateLimiter::spawn(&scope, Limit::every(2.millis()), 1).await?;
            let start = scope.context().now();
            let (done, waited) = greenroom_core::channel::bounded(1);
            let foreign = std::thread::spawn(move || {
                let waits = async {
                    limiter.wait().await?;
                    limiter.wait().await?;
                    limiter.wait().await
                };
                let result = greenroom_core::blocking::wait(waits);
                done.try_send(result).expect("there is room");
            });
            waited.recv().await???;
            foreign.join().expect("no panic");
            Ok(scope.context().now() - start)
        })
        .expect("no failure");
    assert!(passed >= 4.millis(), "{passed:?}");
}

#[test]
fn futures_and_reservations_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_static<T: Send + Sync + 'static>() {}
    is_static::<RateLimiter>();
    is_static::<greenroom_patterns::rate_limiter::Reservation>();
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::INFINITE, 0).await?;
        is_send(&limiter.wait());
        is_send(&limiter.try_acquire());
        is_send(&limiter.reserve());
        Ok(())
    });
}

#[derive(Clone, Copy, Debug)]
enum How {
    Wait,
    Try,
    /// Cancelled after so many milliseconds.
    Reserve(Option<u64>),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    after: u64,
    tokens: usize,
    how: How,
    polls: Option<usize>,
    within: Option<u64>,
    panics: bool,
}

fn calls() -> impl Strategy<Value = Vec<Vec<Call>>> {
    let how = prop_oneof![
        4 => Just(How::Wait),
        2 => Just(How::Try),
        2 => proptest::option::of(0..40_u64).prop_map(How::Reserve),
    ];
    let call = (
        0..30_u64,
        0..5_usize,
        how,
        proptest::option::weighted(0.2, 0..4_usize),
        proptest::option::weighted(0.3, 0..60_u64),
        proptest::bool::weighted(0.05),
    )
        .prop_map(|(after, tokens, how, polls, within, panics)| Call {
            after,
            tokens,
            how,
            polls,
            within,
            panics,
        });
    proptest::collection::vec(proptest::collection::vec(call, 0..6), 1..5)
}

type Used = Arc<Mutex<Vec<(Instant, usize)>>>;

async fn client(limiter: RateLimiter, calls: Vec<Call>, used: Used) -> Result<()> {
    for call in calls {
        sleep(call.after.millis()).await?;
        let Some(context) = Context::current() else {
            unreachable!("in a task")
        };
        let context = match call.within {
            Some(within) => context.with_timeout(within.millis()),
            None => context,
        };
        let note = |at| {
            used.lock()
                .expect("nobody panics here")
                .push((at, call.tokens));
        };
        match call.how {
            How::Wait => {
                let waits = context.run(limiter.wait_many(call.tokens));
                if let Some(Ok(Ok(()))) = polls(call.polls, waits).await {
                    note(context.now());
                }
            }
            How::Try => {
                let tries = context.run(limiter.try_acquire_many(call.tokens));
                if let Some(Ok(Ok(()))) = polls(call.polls, tries).await {
                    note(context.now());
                }
            }
            How::Reserve(cancelled_after) => {
                let reserves = context.run(limiter.reserve_many(call.tokens));
                if let Some(Ok(Ok(reservation))) = polls(call.polls, reserves).await {
                    let at = reservation.ready_at();
                    match cancelled_after {
                        None => note(at),
                        Some(after) => {
                            sleep(after.millis()).await?;
                            if reservation.delay().is_zero() {
                                note(at);
                            } else {
                                reservation.cancel();
                            }
                        }
                    }
                }
            }
        }
        assert!(!call.panics, "planned");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_window_has_more_than_the_burst_and_its_time(
        every in 1..20_u64,
        burst in 0..5_usize,
        clients in calls(),
        seed in any::<u64>(),
    ) {
        quiet();
        let used = Used::default();
        let (noted, panics) = (used.clone(), Panics::default());
        let result = paused(seed).block_on(panics.watch(move |scope| async move {
            scope.set_on_error(OnError::Collect);
            let limiter = RateLimiter::spawn(&scope, Limit::every(every.millis()), burst).await?;
            for calls in clients {
                scope.go(client(limiter.clone(), calls, noted.clone())).detach();
            }
            let _planned = scope.join().await;
            assert_eq!(scope.len(), 1, "the owner alone");
            sleep((every * 40).millis()).await?;
            assert_eq!(limiter.tokens().await?, burst, "all has come back");
            Ok(())
        }));
        panics.check();
        if let Err(failure) = result {
            let text = failure.to_string();
            prop_assert!(text.contains("planned"), "{text}");
        }
        let mut used = used.lock().expect("no panic").clone();
        used.sort();
        for (from, first) in used.iter().enumerate() {
            let mut sum = 0;
            for (at, tokens) in &used[from..] {
                sum += tokens;
                let elapsed = (*at - first.0).as_nanos();
                let most = burst as u128 + elapsed / (u128::from(every) * 1_000_000);
                prop_assert!(sum as u128 <= most, "{used:?}");
            }
        }
    }
}
