//! How many are at work at a time, in which order, and what becomes of those who give up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::common::{Ledger, arbiters, check, check_err, idle, paused, polls, quiet};
use crate::waiter;
use greenroom_actor::{JoinError, Placement};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::semaphore::{
    AcquireError, CountError, ResizeError, Semaphore, TryAcquireError,
};

#[test]
fn at_most_as_many_are_at_work_as_there_are_permits() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 3).await?;
        let ledger = Ledger::default();
        for number in 0..20 {
            let permit = semaphore.acquire().await?;
            let token = ledger.token(number);
            scope
                .go(async move {
                    let (_permit, _token) = (permit, token);
                    Ok(sleep((number as u64 % 4).millis()).await?)
                })
                .detach();
        }
        drop(semaphore.acquire_many(3).await?);
        assert_eq!((ledger.made(), ledger.live(), ledger.peak()), (20, 0, 3));
        Ok(())
    });
}

#[test]
fn waiters_are_served_in_order_whatever_they_weigh() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 5).await?;
        let order = Arc::default();
        let all = semaphore.acquire_many(5).await?;
        for permits in [5, 1, 5, 2, 4, 3] {
            waiter(&scope, &semaphore, permits, &order).detach();
            idle().await?;
        }
        assert_eq!(semaphore.waiting().await?, 6);
        drop(all);
        idle().await?;
        assert_eq!(*order.lock().expect("no panic"), [5, 1, 5, 2, 4, 3]);
        assert_eq!(
            (semaphore.waiting().await?, semaphore.available().await?),
            (0, 5)
        );
        Ok(())
    });
}

#[test]
fn a_permit_of_a_task_that_panics_or_is_cancelled_comes_back() {
    quiet();
    let look = |failure: greenroom_core::Failure| {
        let text = failure.to_string();
        assert!(
            text.starts_with("1 of") && text.contains("planned"),
            "{text}"
        );
    };
    check_err::<(), _, _>(
        |scope| async move {
            scope.set_on_error(greenroom_actor::OnError::Collect);
            let semaphore = Semaphore::spawn(&scope, 1).await?;
            let permit = semaphore.acquire().await?;
            let stuck = scope.go(async move {
                let _permit = permit;
                std::future::pending::<Result<()>>().await
            });
            idle().await?;
            stuck.cancel("not wanted");
            let permit = semaphore.acquire().await?;
            assert!(matches!(stuck.await, Err(JoinError::Cancelled(_))));

            let panics = scope.go::<(), _>(async move {
                let _permit = permit;
                panic!("planned")
            });
            drop(semaphore.acquire().await?);
            assert!(matches!(panics.await, Err(JoinError::Panicked(_))));
            assert_eq!(semaphore.available().await?, 1);
            Ok(())
        },
        look,
    );
}

#[test]
fn a_permit_that_is_dropped_in_an_ended_context_comes_back() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let permit = semaphore.acquire().await?;
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        context.run(async move { drop(permit) }).await?;
        drop(semaphore.acquire().await?);
        Ok(())
    });
}

#[test]
fn permits_are_valid_from_any_thread_and_arbiter() {
    let runtime = arbiters(2);
    let ledger = Ledger::default();
    let counted = ledger.clone();
    let left = runtime
        .block_on(move |scope| async move {
            let semaphore = Semaphore::spawn(&scope, 4).await?;
            let spread = scope.on(Placement::Spread);
            for number in 0..200 {
                let (semaphore, ledger) = (semaphore.clone(), counted.clone());
                spread
                    .go(async move {
                        let permit = semaphore.acquire_many(number % 4 + 1).await?;
                        let _tokens: Vec<_> = (0..permit.permits())
                            .map(|number| ledger.token(number))
                            .collect();
                        greenroom_core::task::yield_now().await;
                        Ok(())
                    })
                    .detach();
            }
            scope.join().await?;
            let permit = semaphore.acquire_many(4).await?;
            std::thread::spawn(move || drop(permit))
                .join()
                .expect("a drop does not panic");
            drop(semaphore.acquire_many(4).await?);
            Ok(semaphore.available().await?)
        })
        .expect("no failure");
    assert_eq!(left, 4);
    assert!(ledger.peak() <= 4, "{}", ledger.peak());
}

#[test]
fn waiters_end_with_their_contexts_and_take_nothing() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let all = semaphore.acquire_many(2).await?;
        let hurried = scope.context().with_timeout(5.millis());
        let refused = hurried.run(semaphore.acquire()).await?;
        assert!(matches!(refused, Err(AcquireError::Deadline)));
        let (context, cancel) = scope.context().with_cancel_cause();
        let waits = scope.go({
            let semaphore = semaphore.clone();
            async move { Ok(context.run(semaphore.acquire()).await?.map(|_permit| ())) }
        });
        idle().await?;
        cancel.cancel("not wanted");
        match waits.await? {
            Err(AcquireError::Cancelled(cause)) => assert_eq!(cause.to_string(), "not wanted"),
            other => unreachable!("{other:?}"),
        }
        drop(all);
        assert_eq!(
            (semaphore.available().await?, semaphore.waiting().await?),
            (2, 0)
        );
        Ok(())
    });
}

#[test]
fn an_ended_context_gets_an_error_from_every_call_that_waits() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let (ended, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let expired = scope.context().with_timeout(0.secs());
        assert!(matches!(
            ended.run(semaphore.acquire()).await?,
            Err(AcquireError::Cancelled(_))
        ));
        assert!(matches!(
            expired.run(semaphore.acquire()).await?,
            Err(AcquireError::Deadline)
        ));
        assert!(matches!(
            ended.run(semaphore.try_acquire()).await?,
            Err(TryAcquireError::Cancelled(_))
        ));
        assert!(matches!(
            expired.run(semaphore.try_acquire()).await?,
            Err(TryAcquireError::Deadline)
        ));
        assert!(matches!(
            ended.run(semaphore.size()).await?,
            Err(CountError::Cancelled(_))
        ));
        assert!(matches!(
            expired.run(semaphore.size()).await?,
            Err(CountError::Deadline)
        ));
        ended.run(async { semaphore.resize(3) }).await??;
        assert_eq!(
            (semaphore.size().await?, semaphore.available().await?),
            (3, 3)
        );
        Ok(())
    });
}

#[test]
fn a_waiter_that_is_dropped_lets_in_those_behind_it() {
    for polled in 1..4 {
        check(move |scope| async move {
            let semaphore = Semaphore::spawn(&scope, 4).await?;
            let some = semaphore.acquire_many(2).await?;
            let order = Arc::default();
            let large = scope.go({
                let semaphore = semaphore.clone();
                async move {
                    let ended = polls(Some(polled), async {
                        // Polled again and again, since it yields.
                        let mut large = std::pin::pin!(semaphore.acquire_many(4));
                        for _ in 0..3 {
                            if polls(Some(1), large.as_mut()).await.is_some() {
                                unreachable!("two are out");
                            }
                            sleep(10.millis()).await?;
                        }
                        Ok::<_, greenroom_core::Failure>(large.await?)
                    });
                    assert!(ended.await.is_none());
                    Ok(())
                }
            });
            idle().await?;
            waiter(&scope, &semaphore, 2, &order).detach();
            waiter(&scope, &semaphore, 1, &order).detach();
            large.await?;
            idle().await?;
            assert_eq!(order.lock().expect("no panic").len(), 2);
            drop(some);
            assert_eq!(semaphore.available().await?, 4);
            Ok(())
        });
    }
}

#[test]
fn permits_and_waiters_at_the_end_of_the_scope_hold_up_nothing() {
    for seed in crate::common::SEEDS {
        let runtime = paused(seed);
        let kept = runtime
            .block_on(|scope| async move {
                let semaphore = Semaphore::spawn(&scope, 1).await?;
                let permit = semaphore.acquire().await?;
                for n in 0..3 {
                    let semaphore = semaphore.clone();
                    scope
                        .go(async move {
                            // Those of the scope are served to the end of it.
                            let _permit = semaphore.acquire().await?;
                            Ok(sleep(n.millis()).await?)
                        })
                        .detach();
                }
                scope
                    .go(async move {
                        sleep(5.millis()).await?;
                        drop(permit);
                        Ok(())
                    })
                    .detach();
                let late = semaphore.try_acquire_many(0).await;
                assert!(late.is_ok() || matches!(late, Err(TryAcquireError::NoPermits)));
                Ok(semaphore)
            })
            .expect("no failure");
        assert_eq!(kept.resize(3), Err(ResizeError::Closed));
        let kept = runtime
            .block_on(|_scope| async move {
                assert!(matches!(kept.acquire().await, Err(AcquireError::Closed)));
                assert!(matches!(
                    kept.try_acquire().await,
                    Err(TryAcquireError::Closed)
                ));
                assert!(matches!(kept.waiting().await, Err(CountError::Closed)));
                kept.close();
                Ok(kept)
            })
            .expect("no failure");
        drop(kept);
    }
}

#[test]
fn a_permit_that_outlives_its_scope_is_dropped_in_peace() {
    for seed in crate::common::SEEDS {
        let permit = paused(seed)
            .block_on(|scope| async move {
                let semaphore = Semaphore::spawn(&scope, 2).await?;
                Ok(semaphore.acquire_many(2).await?)
            })
            .expect("no failure");
        assert_eq!(permit.permits(), 2);
    }
}

#[test]
fn a_cancel_of_the_scope_ends_holders_and_waiters() {
    check_err::<(), _, _>(
        |scope| async move {
            let semaphore = Semaphore::spawn(&scope, 1).await?;
            let permit = semaphore.acquire().await?;
            for _ in 0..5 {
                let semaphore = semaphore.clone();
                scope
                    .go(async move { Ok(semaphore.acquire().await.map(drop)?) })
                    .detach();
            }
            scope
                .go(async move {
                    let _permit = permit;
                    Ok(sleep(1.secs()).await?)
                })
                .detach();
            idle().await?;
            scope.cancel("planned");
            Ok(sleep(1.secs()).await?)
        },
        |failure| assert!(failure.to_string().contains("planned"), "{failure:?}"),
    );
}

#[test]
fn the_actor_ends_with_the_last_handle_and_permit() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let permit = semaphore.acquire().await?;
        {
            // Two that wait and are dropped, the first last.
            let mut first = std::pin::pin!(semaphore.acquire());
            let mut second = std::pin::pin!(semaphore.acquire());
            assert!(polls(Some(1), first.as_mut()).await.is_none());
            assert!(polls(Some(1), second.as_mut()).await.is_none());
            idle().await?;
        }
        drop(semaphore);
        idle().await?;
        assert_eq!(scope.len(), 1, "a permit is out");
        drop(permit);
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn thousands_that_give_up_cost_little_and_leave_nothing() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let permit = semaphore.acquire().await?;
        let given_up = Arc::new(AtomicUsize::new(0));
        for n in 0..2_000_u64 {
            let (semaphore, given_up) = (semaphore.clone(), given_up.clone());
            let context = scope.context().with_timeout((n % 50 + 1).millis());
            scope
                .go(async move {
                    let refused = context.run(semaphore.acquire()).await?;
                    assert!(matches!(refused, Err(AcquireError::Deadline)));
                    given_up.fetch_add(1, SeqCst);
                    Ok(())
                })
                .detach();
        }
        sleep(100.millis()).await?;
        assert_eq!(given_up.load(SeqCst), 2_000);
        assert_eq!(semaphore.waiting().await?, 0);
        drop(permit);
        drop(semaphore.acquire().await?);
        Ok(())
    });
}

#[test]
fn grants_that_meet_deadlines_on_several_arbiters_lose_no_permit() {
    let ledger = Ledger::default();
    let counted = ledger.clone();
    let left = arbiters(2)
        .block_on(move |scope| async move {
            let semaphore = Semaphore::spawn(&scope, 3).await?;
            let spread = scope.on(Placement::Spread);
            for number in 0..600_u64 {
                let (semaphore, ledger) = (semaphore.clone(), counted.clone());
                let context = scope.context().with_timeout((number % 7 * 300).micros());
                spread
                    .go(async move {
                        let weight = number as usize % 3 + 1;
                        if let Ok(Ok(permit)) = context.run(semaphore.acquire_many(weight)).await {
                            let _tokens: Vec<_> = (0..permit.permits())
                                .map(|number| ledger.token(number))
                                .collect();
                            greenroom_core::task::yield_now().await;
                        }
                        Ok(())
                    })
                    .detach();
            }
            scope.join().await?;
            drop(semaphore.acquire_many(3).await?);
            Ok((semaphore.available().await?, semaphore.waiting().await?))
        })
        .expect("no failure");
    assert_eq!(left, (3, 0));
    assert!(ledger.peak() <= 3, "{}", ledger.peak());
}

#[test]
fn an_acquire_outside_our_tasks_waits_too() {
    arbiters(1)
        .block_on(|scope| async move {
            let semaphore = Semaphore::spawn(&scope, 1).await?;
            let held = semaphore.acquire().await?;
            let (waiting, acquires) = (semaphore.clone(), semaphore.clone());
            let (done, answer) = greenroom_core::channel::bounded(1);
            let foreign = std::thread::spawn(move || {
                let got = greenroom_core::blocking::wait(acquires.acquire());
                done.try_send(got.map(|got| got.map(drop)))
                    .expect("there is room");
            });
            while waiting.waiting().await? == 0 {
                greenroom_core::task::yield_now().await;
            }
            drop(held);
            answer.recv().await???;
            foreign.join().expect("no panic");
            assert_eq!(semaphore.available().await?, 1);
            Ok(())
        })
        .expect("no failure");
}

#[test]
fn futures_and_guards_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_static<T: Send + Sync + 'static>() {}
    is_static::<Semaphore>();
    is_static::<greenroom_patterns::semaphore::Permit>();
    is_static::<AcquireError>();
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        is_send(&semaphore.acquire());
        is_send(&semaphore.try_acquire_many(2));
        is_send(&semaphore.available());
        Ok(())
    });
}
