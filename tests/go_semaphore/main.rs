//! What Go's weighted semaphore does, and the channel that is used as one.

mod edges;
#[path = "../support/mod.rs"]
mod support;

use std::pin::pin;

use greenroom::OnError;
use greenroom::patterns::semaphore::{AcquireError, SplitError, TryAcquireError};
use greenroom::prelude::*;
use support::{Boom, at_once, check, idle, polls, quiet};

/// Starts a task that waits for permits, sends its name when it has them, and holds them for a while.
fn waiter(
    scope: &Scope,
    semaphore: &Semaphore,
    permits: usize,
    name: &'static str,
    entered: &channel::Sender<&'static str>,
) -> JoinHandle<()> {
    let (semaphore, entered) = (semaphore.clone(), entered.clone());
    scope.go(async move {
        let _permit = semaphore.acquire_many(permits).await?;
        entered.send(name).await?;
        Ok(sleep(10.millis()).await?)
    })
}

/// What has entered until now.
fn names(entered: &channel::Receiver<&'static str>) -> Vec<&'static str> {
    std::iter::from_fn(|| entered.try_recv().ok()).collect()
}

#[test]
fn sem_02_a_large_request_is_not_overtaken() {
    check(|scope| async move {
        let (entered, names_of) = channel::bounded(8);
        let semaphore = Semaphore::spawn(&scope, 10).await?;
        let held = semaphore.acquire_many(6).await?;
        waiter(&scope, &semaphore, 8, "big", &entered).detach();
        idle().await?;
        waiter(&scope, &semaphore, 3, "small", &entered).detach();
        idle().await?;
        assert_eq!(semaphore.available().await?, 4);
        assert_eq!(names(&names_of), [""; 0], "four are free");
        let tried = semaphore.try_acquire().await;
        assert!(matches!(tried, Err(TryAcquireError::NoPermits)));
        drop(held);
        sleep(50.millis()).await?;
        assert_eq!(names(&names_of), ["big", "small"]);
        Ok(())
    });
}

#[test]
fn sem_03_a_cancelled_first_waiter_lets_in_those_behind_it_at_once() {
    check(|scope| async move {
        let (entered, names_of) = channel::bounded(8);
        let semaphore = Semaphore::spawn(&scope, 10).await?;
        let _held = semaphore.acquire_many(6).await?;
        let (context, cancel) = scope.context().with_cancel();
        let big = scope.go({
            let semaphore = semaphore.clone();
            async move {
                Ok(context
                    .run(semaphore.acquire_many(8))
                    .await?
                    .map(|_permit| ()))
            }
        });
        idle().await?;
        for name in ["first", "second"] {
            waiter(&scope, &semaphore, 2, name, &entered).detach();
            idle().await?;
        }
        assert_eq!(names(&names_of), [""; 0]);
        cancel.cancel();
        idle().await?;
        assert!(matches!(big.await?, Err(AcquireError::Cancelled(_))));
        let mut inside = names(&names_of);
        inside.sort_unstable();
        assert_eq!(inside, ["first", "second"], "without any release");
        Ok(())
    });
}

#[test]
fn sem_04_a_cancelled_waiter_in_the_middle_admits_nobody_and_changes_no_order() {
    check(|scope| async move {
        let (entered, names_of) = channel::bounded(8);
        let semaphore = Semaphore::spawn(&scope, 4).await?;
        let held = semaphore.acquire_many(4).await?;
        waiter(&scope, &semaphore, 4, "first", &entered).detach();
        idle().await?;
        let second = waiter(&scope, &semaphore, 1, "second", &entered);
        idle().await?;
        waiter(&scope, &semaphore, 1, "third", &entered).detach();
        idle().await?;
        assert_eq!(semaphore.waiting().await?, 3);
        second.cancel("not wanted");
        idle().await?;
        let failure = Failure::from(second.await.expect_err("it has waited in vain"));
        let refused = failure.downcast_ref::<AcquireError>();
        assert!(matches!(refused, Some(AcquireError::Cancelled(_))));
        assert_eq!(semaphore.waiting().await?, 2);
        assert_eq!(names(&names_of), [""; 0]);
        drop(held);
        sleep(50.millis()).await?;
        assert_eq!(names(&names_of), ["first", "third"]);
        Ok(())
    });
}

#[test]
fn sem_05_a_request_above_the_size_is_refused_and_holds_up_nobody() {
    // A documented divergence: Go lets it wait for its context.
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let hurried = scope.context().with_timeout(30.millis());
        let before = hurried.now();
        let refused = hurried.run(semaphore.acquire_many(3)).await?;
        assert!(matches!(
            refused,
            Err(AcquireError::TooLarge { asked: 3, size: 2 })
        ));
        assert_eq!(hurried.now(), before, "at once");
        let others = semaphore.acquire_many(2).await?;
        let tried = semaphore.try_acquire_many(3).await;
        assert!(matches!(
            tried,
            Err(TryAcquireError::TooLarge { asked: 3, size: 2 })
        ));
        drop(others);
        Ok(())
    });
}

#[test]
fn sem_06_a_cancelled_context_fails_with_free_permits_and_takes_nothing() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 10).await?;
        let (context, cancel) = scope.context().with_cancel_cause();
        cancel.cancel(greenroom::error::Cause::new(Boom("boom")));
        for _ in 0..1000 {
            match context.run(semaphore.acquire()).await? {
                Err(AcquireError::Cancelled(cause)) => {
                    assert_eq!(cause.downcast_ref::<Boom>(), Some(&Boom("boom")));
                }
                other => unreachable!("{other:?}"),
            }
        }
        assert_eq!(semaphore.available().await?, 10);
        Ok(())
    });
}

#[test]
fn sem_07_a_grant_to_a_waiter_whose_context_has_just_ended_goes_back() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        for round in 0..200 {
            let held = semaphore.acquire().await?;
            let (context, cancel) = scope.context().with_cancel();
            let waits = scope.go({
                let semaphore = semaphore.clone();
                async move { Ok(context.run(semaphore.acquire()).await?.map(|_permit| ())) }
            });
            idle().await?;
            // In both orders, and neither has run in between.
            if round % 2 == 0 {
                cancel.cancel();
                drop(held);
            } else {
                drop(held);
                cancel.cancel();
            }
            assert!(matches!(waits.await?, Err(AcquireError::Cancelled(_))));
            assert_eq!(semaphore.available().await?, 1);
        }
        Ok(())
    });
}

#[test]
fn sem_13_a_writer_of_full_weight_gets_in_among_looping_readers() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 4).await?;
        let (reading, cancel) = scope.context().with_cancel();
        for _ in 0..4 {
            let (semaphore, reading) = (semaphore.clone(), reading.clone());
            scope
                .go(async move {
                    while !reading.is_done() {
                        let _permit = semaphore.acquire().await?;
                        sleep(1.millis()).await?;
                    }
                    Ok(())
                })
                .detach();
        }
        for _ in 0..10 {
            let before = scope.context().now();
            let all = semaphore.acquire_many(4).await?;
            let waited = scope.context().now() - before;
            assert!(waited <= 2.millis(), "{waited:?}");
            drop(all);
            sleep(3.millis()).await?;
        }
        cancel.cancel();
        Ok(())
    });
}

#[test]
fn sem_15_a_channel_is_a_semaphore_and_one_release_too_many_waits() {
    check(|scope| async move {
        let (enter, leave) = channel::bounded(4);
        let (working, count) = channel::unbounded();
        for _ in 0..40 {
            let (enter, leave) = (enter.clone(), leave.clone());
            let working = working.clone();
            scope
                .go(async move {
                    enter.send(()).await?;
                    working.send(1).await?;
                    sleep(1.millis()).await?;
                    working.send(-1).await?;
                    Ok(leave.recv().await?)
                })
                .detach();
        }
        scope.join().await?;
        let (mut now, mut peak) = (0, 0);
        while let Ok(change) = count.try_recv() {
            now += change;
            peak = peak.max(now);
        }
        assert_eq!((now, peak), (0, 4));
        assert!(at_once(leave.recv()).await.is_none(), "it waits");
        Ok(())
    });
}

#[test]
fn sem_15_a_semaphore_keeps_forty_tasks_to_four_and_no_release_is_too_many() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 4).await?;
        let (working, count) = channel::unbounded();
        for _ in 0..40 {
            let permit = semaphore.acquire().await?;
            let working = working.clone();
            scope
                .go(async move {
                    working.send(1).await?;
                    sleep(1.millis()).await?;
                    working.send(-1).await?;
                    drop(permit); // A guard goes back once: by its type.
                    Ok(())
                })
                .detach();
        }
        scope.join().await?;
        let (mut now, mut peak) = (0, 0);
        while let Ok(change) = count.try_recv() {
            now += change;
            peak = peak.max(now);
        }
        assert_eq!((now, peak), (0, 4));
        assert_eq!(semaphore.available().await?, 4);
        Ok(())
    });
}

#[test]
fn rs_04_a_waiter_that_is_dropped_right_after_the_grant_passes_it_on() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        for round in 0..100 {
            let held = semaphore.acquire().await?;
            let mut granted = Box::pin(semaphore.acquire());
            assert!(at_once(granted.as_mut()).await.is_none());
            let mut next = pin!(semaphore.acquire());
            assert!(at_once(next.as_mut()).await.is_none());
            idle().await?;
            drop(held);
            if round % 2 == 0 {
                idle().await?; // It is granted, and was not polled since.
            }
            drop(granted);
            let permit = next.await?;
            assert_eq!(semaphore.available().await?, 0);
            drop(permit);
        }
        assert_eq!(semaphore.available().await?, 1);
        Ok(())
    });
}

#[test]
fn rs_04_a_request_that_is_dropped_at_any_of_its_polls_loses_nothing() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        for limit in 0..6 {
            drop(polls(limit, semaphore.acquire()).await);
            drop(polls(limit, semaphore.try_acquire()).await);
            idle().await?;
            assert_eq!(
                (semaphore.available().await?, semaphore.waiting().await?),
                (1, 0)
            );
        }
        Ok(())
    });
}

#[test]
fn many_tasks_hammer_it_with_all_weights() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 5).await?;
        for task in 0..8 {
            let semaphore = semaphore.clone();
            scope
                .go(async move {
                    for turn in 0..20 {
                        let permit = semaphore.acquire_many((task + turn) % 6).await?;
                        sleep(((task * turn) as u64 % 3).millis()).await?;
                        drop(permit);
                    }
                    Ok(())
                })
                .detach();
        }
        scope.join().await?;
        assert_eq!(
            (semaphore.available().await?, semaphore.waiting().await?),
            (5, 0)
        );
        Ok(())
    });
}

#[test]
fn a_release_of_more_than_is_held_is_an_error_of_the_call() {
    // Go panics: "semaphore: released more than held".
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let mut permit = semaphore.acquire().await?;
        let refused = permit.split(2).expect_err("one is held");
        assert_eq!(refused, SplitError { asked: 2, held: 1 });
        drop(permit.split(1)?);
        drop(permit);
        assert_eq!(semaphore.available().await?, 1);
        Ok(())
    });
}

#[test]
fn a_try_takes_what_is_free_and_nothing_else() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let first = semaphore.acquire().await?;
        let tried = semaphore.try_acquire().await;
        assert!(tried.is_ok());
        assert!(matches!(
            semaphore.try_acquire().await,
            Err(TryAcquireError::NoPermits)
        ));
        drop((first, tried));
        assert!(semaphore.try_acquire_many(2).await.is_ok());
        Ok(())
    });
}

#[test]
fn an_acquire_waits_for_a_release_and_no_longer_than_its_context() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let held = semaphore.acquire_many(2).await?;
        let hurried = scope.context().with_timeout(10.millis());
        let refused = hurried.run(semaphore.acquire()).await?;
        assert!(matches!(refused, Err(AcquireError::Deadline)));
        scope
            .go(async move {
                sleep(5.millis()).await?;
                drop(held);
                Ok(())
            })
            .detach();
        let before = scope.context().now();
        let permit = semaphore.acquire_many(2).await?;
        assert_eq!(scope.context().now() - before, 5.millis());
        drop(permit);
        Ok(())
    });
}

#[test]
fn a_request_for_nothing_succeeds_unless_others_wait_before_it() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let held = semaphore.acquire().await?;
        // All are out, and nobody waits.
        assert_eq!(semaphore.acquire_many(0).await?.permits(), 0);
        assert!(semaphore.try_acquire_many(0).await.is_ok());
        let mut first = pin!(semaphore.acquire());
        assert!(at_once(first.as_mut()).await.is_none());
        idle().await?;
        assert!(matches!(
            semaphore.try_acquire_many(0).await,
            Err(TryAcquireError::NoPermits)
        ));
        drop(held);
        drop(first.await?);
        Ok(())
    });
}

#[test]
fn a_large_request_is_not_starved_by_small_ones_that_keep_coming() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 3).await?;
        let (running, cancel) = scope.context().with_cancel();
        for n in 0..6 {
            let (semaphore, running) = (semaphore.clone(), running.clone());
            scope
                .go(async move {
                    while !running.is_done() {
                        let _permit = semaphore.acquire().await?;
                        sleep((n % 3 + 1).millis()).await?;
                    }
                    Ok(())
                })
                .detach();
        }
        sleep(5.millis()).await?;
        let hurried = scope.context().with_timeout(10.millis());
        drop(hurried.run(semaphore.acquire_many(3)).await??);
        cancel.cancel();
        Ok(())
    });
}

#[test]
fn a_panic_gives_the_permit_back_to_the_next() {
    quiet();
    for seed in support::SEEDS {
        let ran = support::paused(seed).block_on(|scope| async move {
            scope.set_on_error(OnError::Collect);
            let semaphore = Semaphore::spawn(&scope, 1).await?;
            let permit = semaphore.acquire().await?;
            let panics = scope.go::<(), _>(async move {
                let _permit = permit;
                panic!("planned")
            });
            let hurried = scope.context().with_timeout(1.secs());
            if hurried.run(semaphore.acquire()).await?.is_err() {
                return Err(Boom("the permit is lost").into());
            }
            let _panicked = panics.await;
            Ok(())
        });
        let failure = ran.expect_err("a task panicked");
        assert!(failure.to_string().contains("planned"), "{failure:?}");
    }
}

#[test]
fn a_handler_that_waits_for_a_permit_ends_with_its_asker() {
    struct Clerk(Semaphore);
    struct Serve;
    impl Actor for Clerk {}
    impl Handler<Serve> for Clerk {
        type Reply = bool;
        async fn handle(&mut self, _: Serve, _cx: &mut ActorContext<Self>) -> bool {
            self.0.acquire().await.is_ok()
        }
    }
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let given = semaphore.clone();
        let clerk = scope.spawn(move || Clerk(given.clone())).await?;
        let held = semaphore.acquire().await?;
        let hurried = scope.context().with_timeout(5.millis());
        let served = hurried.run(clerk.ask(Serve)).await?;
        assert!(!matches!(served, Ok(true)), "{served:?}");
        drop(held);
        assert!(clerk.ask(Serve).await?);
        assert_eq!(semaphore.available().await?, 1);
        Ok(())
    });
}
