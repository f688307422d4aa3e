//! Go's behaviours of `sync.Mutex`.

mod support;

use std::task::Poll;

use greenroom::patterns::mutex::{LeaseReport, LockError, OnCycle, TryLockError};
use greenroom::prelude::*;
use support::{at_once, check, idle, paused, quiet};

#[test]
fn mu_05_a_hog_that_locks_again_at_once_starves_nobody() {
    check(|scope| async move {
        let turns = Mutex::spawn(&scope, (0, 0)).await?;
        let hogged = turns.clone();
        let hog = scope.go(async move {
            loop {
                let mut lease = hogged.lock().await?;
                lease.0 += 1;
                sleep(1.millis()).await?;
                if lease.1 == 10 {
                    return Ok(lease.0);
                }
            }
        });
        for _ in 0..10 {
            let before = scope.context().now();
            let mut lease = turns.lock().await?;
            lease.1 += 1;
            let waited = scope.context().now() - before;
            assert!(waited <= 2.millis(), "{waited:?}");
        }
        // It has its turn after each of ours, and no more.
        assert!(hog.await? <= 12);
        Ok(())
    });
}

/// What is out comes home once: a lease is moved into its drop, and there is no other way to unlock.
///
/// The compiler's word for it stands in the docs of the lease.
#[test]
fn mu_06_a_mutex_that_is_not_locked_cannot_be_unlocked() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 1).await?;
        let mut slot = Some(value.lock().await?);
        drop(slot.take());
        drop(slot.take());
        // One unlock frees it for one.
        let _lease = value.lock().await?;
        idle().await?;
        assert!(matches!(value.try_lock().await, Err(TryLockError::Busy)));
        Ok(())
    });
}

#[test]
fn dl_09_two_tasks_that_lock_in_opposite_order_are_reported() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let ended = scope
            .scope(move |main| async move {
                let a = Mutex::spawn_with(&main, mutex("a").reports(tx.clone()), ()).await?;
                let b = Mutex::spawn_with(&main, mutex("b").reports(tx), ()).await?;
                for (first, second) in [(a.clone(), b.clone()), (b, a)] {
                    main.go(async move {
                        let _first = first.lock().await?;
                        idle().await?;
                        let _second = second.lock().await?;
                        Ok(())
                    })
                    .detach();
                }
                // While the rest of the program runs.
                let LeaseReport::Cycle { path, .. } = reports.recv().await? else {
                    return Err(Failure::message("no cycle"));
                };
                let registry = main.context().registry();
                assert_eq!(registry.lease_cycles().len(), 1);
                assert!(
                    path.iter()
                        .all(|hop| hop.waits_at.file().ends_with("go_mutex.rs"))
                );
                assert_eq!(path.len(), 2);
                assert_eq!(path[0].task, path[1].holder);
                main.cancel("seen");
                Ok(())
            })
            .await;
        ended?;
        Ok(())
    });
}

#[test]
fn dl_09_where_it_is_asked_for_the_second_of_them_is_refused() {
    check(|scope| async move {
        let refusing = |name| mutex(name).on_cycle(OnCycle::Refuse);
        let a = Mutex::spawn_with(&scope, refusing("a"), ()).await?;
        let b = Mutex::spawn_with(&scope, refusing("b"), ()).await?;
        let tasks: Vec<_> = [(a.clone(), b.clone()), (b, a)]
            .into_iter()
            .map(|(first, second)| {
                scope.go(async move {
                    let _first = first.lock().await?;
                    idle().await?;
                    match second.lock().await {
                        Ok(_lease) => Ok(true),
                        Err(LockError::Cycle { .. }) => Ok(false),
                        Err(other) => Err(other.into()),
                    }
                })
            })
            .collect();
        let mut passed = 0;
        for task in tasks {
            passed += usize::from(task.await?);
        }
        assert_eq!(passed, 1);
        Ok(())
    });
}

#[test]
fn rs_04_a_lock_that_is_dropped_right_after_its_grant_passes_the_lock_on() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        for round in 0..100 {
            let first = value.lock().await?;
            let mut dropped = Box::pin(value.lock());
            assert!(at_once(dropped.as_mut()).await.is_none());
            let next = value.clone();
            let next = scope.go(async move {
                *next.lock().await? += 1;
                Ok(())
            });
            idle().await?;
            drop(first);
            // Granted, and not looked at; or in the same moment.
            if round % 2 == 0 {
                idle().await?;
            }
            drop(dropped);
            next.await?;
        }
        assert_eq!(*value.lock().await?, 100);
        Ok(())
    });
}

#[test]
fn a_thousand_locks_by_each_of_ten_tasks_are_counted() {
    check(|scope| async move {
        let count = Mutex::spawn(&scope, 0).await?;
        let shared = count.clone();
        let tasks = scope.go_each(0..10, move |task| {
            let count = shared.clone();
            async move {
                for round in 0..100 {
                    // Every third is a try, as often as it takes.
                    if (task + round) % 3 == 0 {
                        let mut lease = loop {
                            match count.try_lock().await {
                                Ok(lease) => break lease,
                                Err(TryLockError::Busy) => greenroom::task::yield_now().await,
                                Err(other) => return Err(other.into()),
                            }
                        };
                        *lease += 1;
                    } else {
                        *count.lock().await? += 1;
                    }
                }
                Ok(())
            }
        });
        tasks.await?;
        scope.join().await?;
        assert_eq!(*count.lock().await?, 1000);
        Ok(())
    });
}

#[test]
fn a_try_fails_while_it_is_held_and_succeeds_after() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let lease = value.try_lock().await?;
        assert!(matches!(value.try_lock().await, Err(TryLockError::Busy)));
        drop(lease);
        let lease = value.try_lock().await?;
        drop(lease);
        drop(value.lock().await?);
        Ok(())
    });
}

#[test]
fn a_second_lock_in_one_task_blocks_and_ends_with_its_context() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let _lease = value.lock().await?;
        let hurried = scope.context().with_timeout(40.millis());
        let second = hurried.run(value.lock()).await?;
        assert!(matches!(second, Err(LockError::Deadline)));
        Ok(())
    });
}

#[test]
fn another_task_may_unlock_what_one_locked() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let lease = value.lock().await?;
        scope
            .go(async move {
                drop(lease);
                Ok(())
            })
            .await?;
        drop(value.lock().await?);
        Ok(())
    });
}

#[test]
fn what_was_written_under_the_lock_is_read_under_it() {
    let runtime = Runtime::builder().arbiters(4).build().expect("it starts");
    let sum = runtime.block_on(|scope| async move {
        let pair = Mutex::spawn(&scope, (0_u64, 0_u64)).await?;
        let shared = pair.clone();
        scope
            .on(Placement::Spread)
            .go_each(0..4, move |_| {
                let pair = shared.clone();
                async move {
                    for _ in 0..200 {
                        let mut lease = pair.lock().await?;
                        assert_eq!(lease.0, lease.1);
                        lease.0 += 1;
                        lease.1 += 1;
                    }
                    Ok(())
                }
            })
            .await?;
        scope.join().await?;
        let pair = *pair.lock().await?;
        Ok(pair)
    });
    assert_eq!(sum.expect("nobody fails"), (800, 800));
}

#[test]
fn a_deferred_unlock_runs_on_an_error_and_on_a_panic() {
    quiet();
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        let fails = value.clone();
        let failed = scope
            .scope(move |_scope| async move {
                let _lease = fails.lock().await?;
                Err::<(), _>(support::Boom("planned").into())
            })
            .await;
        assert!(failed.is_err());
        drop(value.lock().await?);
        let panics = value.clone();
        let panicked = scope
            .scope(move |_scope| async move {
                let lease = panics.lock().await?;
                assert_eq!(*lease, 1, "planned");
                Ok(())
            })
            .await;
        assert!(panicked.is_err());
        assert!(matches!(value.lock().await, Err(LockError::Poisoned(_))));
        drop(value.recover().await?);
        Ok(())
    });
}

#[test]
fn a_waiter_that_is_cancelled_before_while_and_after_leaves_the_lock_free() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        for moment in 0..4 {
            let lease = value.lock().await?;
            let waiting = value.clone();
            let waiter = scope.go(async move {
                drop(waiting.lock().await?);
                Ok(())
            });
            for step in 0..4 {
                if step == moment {
                    waiter.cancel("away");
                }
                match step {
                    1 => idle().await?,
                    2 => break,
                    _ => {}
                }
            }
            drop(lease);
            if moment == 3 {
                idle().await?;
                waiter.cancel("late");
            }
            let _ended = waiter.await;
            drop(value.lock().await?);
        }
        Ok(())
    });
}

#[test]
fn a_lock_polled_after_its_grant_has_it_without_another_wait() {
    let runtime = paused(1);
    let ended = runtime.block_on(|scope| async move {
        let value = Mutex::spawn(&scope, 5).await?;
        let mut lock = Box::pin(value.lock());
        assert!(at_once(lock.as_mut()).await.is_none(), "the owner is asked");
        idle().await?;
        let polled = std::future::poll_fn(|cx| Poll::Ready(lock.as_mut().poll(cx))).await;
        assert!(matches!(polled, Poll::Ready(Ok(lease)) if *lease == 5));
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn a_try_succeeds_again_after_each_unlock_and_a_lock_waits_for_the_try_that_holds() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        let held = value.lock().await?;
        assert_eq!(value.try_lock().await.err(), Some(TryLockError::Busy));
        drop(held);
        let tried = value.try_lock().await?;
        let own = value.clone();
        let waits = scope.go(async move { Ok(own.lock().await.is_ok()) });
        idle().await?;
        assert!(!waits.is_finished());
        assert_eq!(value.try_lock().await.err(), Some(TryLockError::Busy));
        drop(tried);
        assert!(waits.await?);
        assert!(value.try_lock().await.is_ok());
        Ok(())
    });
}

#[test]
fn ten_tasks_lock_and_try_a_thousand_times_and_lose_no_count() {
    let runtime = Runtime::builder().arbiters(4).build().unwrap();
    let counted = runtime.block_on(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        let spread = scope.on(Placement::Spread);
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let value = value.clone();
                spread.go(async move {
                    let mut added = 0;
                    for n in 0..100 {
                        if n % 3 == 0 {
                            if let Ok(mut lease) = value.try_lock().await {
                                *lease += 1;
                                added += 1;
                            }
                            continue;
                        }
                        *value.lock().await? += 1;
                        added += 1;
                    }
                    Ok(added)
                })
            })
            .collect();
        let mut added = 0;
        for task in tasks {
            added += task.await?;
        }
        let counted = *value.lock().await?;
        Ok((added, counted))
    });
    let (added, counted) = counted.unwrap();
    assert_eq!(added, counted);
}
