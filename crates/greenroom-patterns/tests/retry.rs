//! Retries, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use common::{Boom, SEEDS, boom, check, idle, paused, polls, quiet};
use greenroom_actor::{JoinError, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Result};
use greenroom_patterns::retry::{Backoff, Jitter, RetryError, RetryPolicy, retry};
use proptest::prelude::*;

/// Doubles from 10 ms up to 50, without chance.
fn steady() -> RetryPolicy {
    let backoff = Backoff::exponential(10.millis()).cap(50.millis());
    RetryPolicy::new().backoff(backoff.jitter(Jitter::None))
}

/// The milliseconds since a time.
fn since(scope: &Scope, start: std::time::Instant) -> u128 {
    (scope.context().now() - start).as_millis()
}

#[derive(Debug, thiserror::Error)]
#[error("try {0}")]
struct Try(usize);

#[test]
fn the_first_attempt_is_made_at_once_and_a_success_ends_it() {
    check(|scope| async move {
        let start = scope.context().now();
        let got = retry(steady(), || async { Ok(7) }).await?;
        assert_eq!((got, since(&scope, start)), (7, 0));
        Ok(())
    });
}

#[test]
fn attempts_follow_one_another_at_growing_delays() {
    check(|scope| async move {
        let start = scope.context().now();
        let mut times = Vec::new();
        let error = retry(steady().attempts(6), || {
            times.push(since(&scope, start));
            let number = times.len();
            async move { Err::<(), _>(Try(number).into()) }
        })
        .await
        .expect_err("it fails each time");
        assert_eq!(times, [0, 10, 30, 70, 120, 170]);
        assert!(matches!(error, RetryError::Exhausted { attempts: 6, .. }));
        assert_eq!(error.attempts(), 6);
        assert_eq!(
            error.to_string(),
            "gave up after attempt 6; the last error: try 6"
        );
        let failure = Failure::from(error);
        assert!(matches!(failure.downcast_ref(), Some(Try(6))));
        Ok(())
    });
}

#[test]
fn one_attempt_is_always_made() {
    check(|_scope| async move {
        for attempts in 0..2 {
            let error = retry(steady().attempts(attempts), || async { boom::<()>() }).await;
            assert!(matches!(
                error,
                Err(RetryError::Exhausted { attempts: 1, .. })
            ));
        }
        Ok(())
    });
}

#[test]
fn an_error_that_is_not_worth_it_comes_back_at_once() {
    check(|scope| async move {
        let start = scope.context().now();
        let policy = steady().retry_if(|failure| failure.downcast_ref::<Try>().is_some());
        let mut calls = 0;
        let error = retry(policy, || {
            calls += 1;
            async move {
                if calls < 3 {
                    Err::<(), _>(Try(calls).into())
                } else {
                    boom()
                }
            }
        })
        .await
        .expect_err("the third is not retried");
        assert!(matches!(error, RetryError::NotRetried { attempts: 3, .. }));
        let last = error.last().and_then(Failure::downcast_ref::<Boom>);
        assert!(last.is_some());
        assert_eq!(since(&scope, start), 30);
        Ok(())
    });
}

#[test]
fn no_attempt_begins_after_the_time_of_the_policy() {
    check(|scope| async move {
        for (most, expected, at) in [(9, 1, 0), (10, 2, 10), (29, 2, 10), (70, 4, 70)] {
            let start = scope.context().now();
            let policy = steady().unlimited().max_elapsed(most.millis());
            let error = retry(policy, || async { boom::<()>() }).await;
            match error {
                Err(RetryError::OutOfTime { attempts, .. }) => assert_eq!(attempts, expected),
                other => unreachable!("{other:?}"),
            }
            assert_eq!(since(&scope, start), at, "it does not wait in vain");
        }
        // What the attempts take counts.
        let policy = steady().unlimited().max_elapsed(100.millis());
        let error = retry(policy, || async {
            sleep(60.millis()).await?;
            boom::<()>()
        })
        .await;
        assert!(matches!(
            error,
            Err(RetryError::OutOfTime { attempts: 2, .. })
        ));
        Ok(())
    });
}

#[test]
fn the_end_of_the_context_ends_it_while_it_waits() {
    check(|scope| async move {
        let start = scope.context().now();
        let slow = steady().backoff(Backoff::constant(60.secs()));
        let hurried = scope.context().with_timeout(5.millis());
        let error = hurried
            .run(retry(slow.clone(), || async { boom::<()>() }))
            .await?;
        match error {
            Err(RetryError::Deadline {
                attempts: 1,
                last: Some(last),
            }) => assert!(last.downcast_ref::<Boom>().is_some()),
            other => unreachable!("{other:?}"),
        }
        assert_eq!(since(&scope, start), 5);

        let (context, cancel) = scope.context().with_cancel_cause();
        let waits = scope.go(async move {
            Ok(context
                .run(retry(slow, || async { boom::<()>() }))
                .await?
                .err())
        });
        idle().await?;
        cancel.cancel("not wanted");
        match waits.await? {
            Some(RetryError::Cancelled {
                attempts, cause, ..
            }) => {
                assert_eq!((attempts, cause.to_string().as_str()), (1, "not wanted"));
            }
            other => unreachable!("{other:?}"),
        }
        assert_eq!(since(&scope, start), 6);
        Ok(())
    });
}

#[test]
fn the_end_of_the_context_ends_it_while_an_attempt_runs() {
    check(|scope| async move {
        let start = scope.context().now();
        let hurried = scope.context().with_timeout(5.millis());
        let error = hurried
            .run(retry(steady(), || async { Ok(sleep(60.secs()).await?) }))
            .await?;
        assert!(matches!(
            error,
            Err(RetryError::Deadline {
                attempts: 1,
                last: Some(_)
            })
        ));
        // An attempt that does not look at its context is dropped with it.
        let hurried = scope.context().with_timeout(5.millis());
        let stuck = retry(steady(), std::future::pending::<Result<()>>);
        assert!(hurried.run(stuck).await.is_err());
        assert_eq!(since(&scope, start), 10);
        Ok(())
    });
}

#[test]
fn in_an_ended_context_no_attempt_is_made() {
    check(|scope| async move {
        let calls = AtomicUsize::new(0);
        let (ended, cancel) = scope.context().with_cancel();
        cancel.cancel();
        for context in [ended, scope.context().with_timeout(Duration::ZERO)] {
            let error = context
                .run(retry(steady(), || {
                    calls.fetch_add(1, SeqCst);
                    async { Ok(()) }
                }))
                .await?
                .expect_err("the context has ended");
            assert!(error.last().is_none() && error.attempts() == 0);
            assert!(matches!(
                error,
                RetryError::Cancelled { .. } | RetryError::Deadline { .. }
            ));
        }
        assert_eq!(calls.load(SeqCst), 0);
        Ok(())
    });
}

#[test]
fn a_cancel_by_the_attempt_itself_is_seen_before_the_next() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel();
        let policy = steady().backoff(Backoff::constant(Duration::ZERO));
        let mut calls = 0;
        let error = context
            .run(retry(policy.unlimited(), || {
                calls += 1;
                if calls == 3 {
                    cancel.cancel();
                }
                async { boom::<()>() }
            }))
            .await?;
        assert!(matches!(
            error,
            Err(RetryError::Cancelled { attempts: 3, .. })
        ));
        Ok(())
    });
}

#[test]
fn attempts_without_a_delay_let_others_run() {
    check(|scope| async move {
        let stop = Arc::new(AtomicUsize::new(0));
        let stopped = stop.clone();
        let policy = steady()
            .backoff(Backoff::constant(Duration::ZERO))
            .unlimited();
        let busy = scope.go(async move {
            Ok(retry(policy, || async {
                if stop.load(SeqCst) == 1 {
                    Ok(())
                } else {
                    boom()
                }
            })
            .await?)
        });
        scope
            .go(async move {
                stopped.store(1, SeqCst);
                Ok(())
            })
            .detach();
        Ok(busy.await?)
    });
}

#[test]
fn a_panic_is_not_retried() {
    quiet();
    for seed in SEEDS {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let ran = paused(seed).block_on(|scope| async move {
            let task = scope.go(async move {
                let attempts = retry(steady(), || {
                    counted.fetch_add(1, SeqCst);
                    async { panic!("planned") }
                });
                let value: u32 = attempts.await?;
                Ok(value)
            });
            match task.await {
                Err(JoinError::Panicked(_)) => Ok(()),
                other => unreachable!("{other:?}"),
            }
        });
        assert!(ran.is_err(), "the scope has the panic");
        assert_eq!(calls.load(SeqCst), 1);
    }
}

#[test]
fn a_retry_that_is_dropped_makes_no_further_attempt() {
    for limit in 0..4 {
        check(move |_scope| async move {
            let calls = AtomicUsize::new(0);
            let attempts = retry(steady(), || {
                calls.fetch_add(1, SeqCst);
                async { boom::<()>() }
            });
            let ended = polls(Some(limit), attempts).await;
            let made = calls.load(SeqCst);
            sleep(1.secs()).await?;
            assert_eq!(calls.load(SeqCst), made);
            assert!(ended.is_none() && made <= limit);
            Ok(())
        });
    }
}

#[test]
fn jitter_is_the_choice_of_the_driver() {
    let delay = |seed| {
        paused(seed)
            .block_on(|scope| async move {
                let policy = steady()
                    .attempts(2)
                    .backoff(Backoff::exponential(1000.millis()));
                let start = scope.context().now();
                let _boom = retry(policy, || async { boom::<()>() }).await;
                Ok(scope.context().now() - start)
            })
            .expect("no failure")
    };
    let delays: BTreeSet<_> = (0..16).map(delay).collect();
    assert!(delays.len() > 8, "{delays:?}");
    assert!(delays.iter().all(|delay| *delay <= 1001.millis()));
    assert_eq!(delay(3), delay(3), "the same seed, the same choice");
}

#[test]
fn outside_a_runtime_there_is_one_attempt() {
    let attempts = retry(steady(), || async { boom::<()>() });
    let error = futures_util::FutureExt::now_or_never(attempts);
    assert!(matches!(
        error,
        Some(Err(RetryError::Outside { attempts: 1, .. }))
    ));
}

#[test]
fn its_future_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let name = String::from("a");
    is_send(&retry(steady(), || async { Ok(name.len()) }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn attempts_and_time_are_those_of_the_model(
        fails in 0..8_usize,
        takes in (0..20_u64).prop_map(|half| 2 * half),
        attempts in proptest::option::of(0..7_u32),
        max_elapsed in proptest::option::of(0..200_u64),
        deadline in proptest::option::of((0..100_u64).prop_map(|half| 2 * half + 1)),
        refuses in proptest::option::of(1..7_usize),
        seed in any::<u64>(),
    ) {
        let ran = paused(seed).block_on(move |scope| async move {
            let mut policy = steady().retry_if(move |failure| {
                failure.downcast_ref().is_none_or(|Try(number)| Some(*number) != refuses)
            });
            policy = match attempts {
                Some(attempts) => policy.attempts(attempts),
                None => policy.unlimited(),
            };
            if let Some(most) = max_elapsed {
                policy = policy.max_elapsed(most.millis());
            }
            let context: Context = match deadline {
                // Odd: between the instants at which something else happens.
                Some(at) => scope.context().with_timeout(at.millis()),
                None => scope.context().clone(),
            };
            let start = scope.context().now();
            let mut calls = 0;
            let result = context.run(retry(policy, || {
                calls += 1;
                let number = calls;
                async move {
                    sleep(takes.millis()).await?;
                    if number <= fails { Err(Try(number).into()) } else { Ok(number) }
                }
            })).await?;
            Ok((result, calls, scope.context().now() - start))
        });
        let (result, calls, took) = ran.expect("no failure");
        // The model: a clock that is added to.
        let (mut now, mut number, mut delay) = (0_u64, 0_usize, 10_u64);
        let ends = deadline.unwrap_or(u64::MAX);
        let expected = loop {
            number += 1;
            now += takes;
            if now > ends { break "deadline"; }
            if number > fails { break "value"; }
            if Some(number) == refuses { break "refused"; }
            if attempts.is_some_and(|most| number >= most.max(1) as usize) { break "exhausted"; }
            if max_elapsed.is_some_and(|most| now + delay > most) { break "time"; }
            now += delay;
            delay = (delay * 2).min(50);
            if now > ends { break "deadline"; }
        };
        let got = match &result {
            Ok(value) => { prop_assert_eq!(*value, number); "value" }
            Err(RetryError::Deadline { .. }) => "deadline",
            Err(RetryError::NotRetried { .. }) => "refused",
            Err(RetryError::Exhausted { .. }) => "exhausted",
            Err(RetryError::OutOfTime { .. }) => "time",
            Err(other) => panic!("{other:?}"),
        };
        prop_assert_eq!(got, expected);
        prop_assert_eq!(calls, number);
        if let Err(error) = &result {
            prop_assert_eq!(error.attempts() as usize, number);
        }
        prop_assert_eq!(took, now.min(ends).millis());
    }
}
