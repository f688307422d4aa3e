//! Conditions, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::cell::Cell;
use std::collections::VecDeque;

use common::{arbiters, check, idle, polls, quiet};
use greenroom_actor::{JoinHandle, Placement, Scope};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Result};
use greenroom_patterns::condition::{Condition, WaitError};
use greenroom_patterns::mutex::{LockError, Mutex, OnCycle, mutex};

fn error<T: std::error::Error + Send + Sync + 'static>() {}

/// A value that can neither be printed nor shared.
struct Plain(#[expect(dead_code, reason = "not to be shared")] Cell<u8>);

#[test]
fn its_error_is_one_whatever_the_value_is() {
    error::<WaitError<Plain>>();
    assert_eq!(format!("{:?}", WaitError::<Plain>::Deadline), "Deadline");
}

/// Starts tasks that wait for a signal, one after the other, and write down their numbers then.
async fn waiters(
    scope: &Scope,
    woken: &Mutex<Vec<usize>>,
    changed: &Condition<Vec<usize>>,
    numbers: std::ops::Range<usize>,
) -> Result<Vec<JoinHandle<()>>> {
    let mut tasks = Vec::new();
    for number in numbers {
        let (woken, changed) = (woken.clone(), changed.clone());
        tasks.push(scope.go(async move {
            let mut lease = changed.wait(woken.lock().await?).await?;
            lease.push(number);
            Ok(())
        }));
        idle().await?;
    }
    Ok(tasks)
}

async fn woken(list: &Mutex<Vec<usize>>) -> Result<Vec<usize>> {
    idle().await?;
    Ok(list.lock().await?.clone())
}

#[test]
fn a_signal_wakes_one_in_the_order_of_arrival_and_a_broadcast_the_rest() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = list.condition();
        changed.signal();
        changed.broadcast();
        let tasks = waiters(&scope, &list, &changed, 0..5).await?;
        assert!(woken(&list).await?.is_empty(), "what came before is lost");
        changed.signal();
        assert_eq!(woken(&list).await?, [0]);
        changed.signal();
        assert_eq!(woken(&list).await?, [0, 1]);
        changed.broadcast();
        assert_eq!(woken(&list).await?, [0, 1, 2, 3, 4]);
        for task in tasks {
            task.await?;
        }
        Ok(())
    });
}

#[test]
fn a_woken_waiter_goes_on_when_the_signaller_has_let_go() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = list.condition();
        let waiting = waiters(&scope, &list, &changed, 0..1).await?;
        let mut lease = list.lock().await?;
        changed.signal();
        idle().await?;
        assert_eq!(list.status().await?.waiters.len(), 1);
        lease.push(9);
        drop(lease);
        assert_eq!(woken(&list).await?, [9, 0]);
        assert!(waiting[0].is_finished());
        Ok(())
    });
}

#[test]
fn two_conditions_of_one_mutex_are_apart() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::new()).await?;
        let (one, other) = (list.condition(), list.condition());
        let mut tasks = waiters(&scope, &list, &one, 1..2).await?;
        tasks.extend(waiters(&scope, &list, &other, 2..3).await?);
        other.broadcast();
        other.broadcast();
        assert_eq!(woken(&list).await?, [2]);
        assert_eq!(list.status().await?.parked, 1);
        one.clone().signal();
        assert_eq!(woken(&list).await?, [2, 1]);
        Ok(())
    });
}

#[test]
fn a_wait_looks_again_until_its_closure_is_content() {
    check(|scope| async move {
        let count = Mutex::spawn(&scope, 0).await?;
        let changed = count.condition();
        let (waiting, signal) = (count.clone(), changed.clone());
        let waiter = scope.go(async move {
            let lease = waiting.lock().await?;
            let lease = signal.wait_while(lease, |count| *count < 3).await?;
            Ok(*lease)
        });
        for n in 1..=3 {
            idle().await?;
            assert!(!waiter.is_finished());
            *count.lock().await? = n;
            changed.broadcast();
        }
        assert_eq!(waiter.await?, 3);
        Ok(())
    });
}

#[test]
fn a_closure_that_panics_poisons() {
    quiet();
    check(|scope| async move {
        let count = Mutex::spawn(&scope, 0).await?;
        let broken = count.clone();
        let ended = scope
            .scope(move |_inner| async move {
                let lease = broken.lock().await?;
                let waited = broken.condition().wait_while(lease, |n| {
                    assert_eq!(*n, 1, "planned");
                    false
                });
                drop(waited.await?);
                Ok(())
            })
            .await;
        assert!(ended.is_err());
        assert!(matches!(count.lock().await, Err(LockError::Poisoned(_))));
        Ok(())
    });
}

#[test]
fn a_signal_to_a_waiter_that_is_dropped_goes_to_the_next() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = list.condition();
        for is_granted in [false, true] {
            let lease = list.lock().await?;
            let mut dropped = Box::pin(changed.wait(lease));
            assert!(polls(Some(1), dropped.as_mut()).await.is_none());
            idle().await?;
            let tasks = waiters(&scope, &list, &changed, 0..2).await?;
            let held = if is_granted {
                None
            } else {
                Some(list.lock().await?)
            };
            changed.signal();
            idle().await?;
            drop(dropped);
            drop(held);
            idle().await?;
            assert_eq!(
                std::mem::take(&mut *list.lock().await?),
                [0],
                "{is_granted}"
            );
            changed.signal();
            for task in tasks {
                task.await?;
            }
            assert_eq!(std::mem::take(&mut *list.lock().await?), [1]);
        }
        Ok(())
    });
}

#[test]
fn a_signal_that_is_passed_on_does_not_reach_one_who_came_after_it() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::<u8>::new()).await?;
        let changed = list.condition();
        let mut dropped = Box::pin(changed.wait(list.lock().await?));
        assert!(polls(Some(1), dropped.as_mut()).await.is_none());
        idle().await?;
        changed.signal();
        idle().await?;
        // It has the lease by now, so that a later one asks in vain until it is gone.
        let late = (list.clone(), changed.clone());
        let late = scope.go(async move {
            let (list, changed) = late;
            let _lease = changed.wait(list.lock().await?).await?;
            Ok(())
        });
        idle().await?;
        drop(dropped);
        idle().await?;
        assert_eq!(list.status().await?.parked, 1);
        assert!(!late.is_finished());
        changed.signal();
        Ok(late.await?)
    });
}

#[test]
fn a_broadcast_is_not_passed_on() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = list.condition();
        let mut dropped = Box::pin(changed.wait(list.lock().await?));
        assert!(polls(Some(1), dropped.as_mut()).await.is_none());
        idle().await?;
        let lease = list.lock().await?;
        changed.broadcast();
        drop(lease);
        idle().await?;
        drop(dropped);
        let tasks = waiters(&scope, &list, &changed, 0..1).await?;
        assert!(woken(&list).await?.is_empty());
        changed.signal();
        for task in tasks {
            task.await?;
        }
        Ok(())
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_poll_returns_its_lease() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = list.condition();
        for limit in 0..5 {
            let (dropped, signal) = (list.clone(), changed.clone());
            let gives_up = scope.go(async move {
                let lease = dropped.lock().await?;
                drop(polls(Some(limit), signal.wait(lease)).await);
                Ok(())
            });
            idle().await?;
            changed.signal();
            idle().await?;
            if !gives_up.is_finished() {
                changed.broadcast();
            }
            gives_up.await?;
            list.lock().await?.push(limit);
            idle().await?;
            assert_eq!(list.status().await?.parked, 0);
        }
        assert_eq!(woken(&list).await?, [0, 1, 2, 3, 4]);
        Ok(())
    });
}

#[test]
fn a_wait_ends_with_its_context_and_without_its_lease() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, 0).await?;
        let changed = list.condition();
        let hurried = scope.context().with_timeout(1.secs());
        let lease = list.lock().await?;
        let late = hurried.run(changed.wait(lease)).await?;
        assert!(matches!(late, Err(WaitError::Deadline)));
        idle().await?;
        assert_eq!(list.status().await?.parked, 0);

        let (context, cancel) = scope.context().with_cancel_cause();
        let lease = list.lock().await?;
        let signal = changed.clone();
        let waiter = scope.go(async move { Ok(context.run(signal.wait(lease)).await?.map(drop)) });
        idle().await?;
        assert!(list.try_lock().await.is_ok(), "it is free meanwhile");
        cancel.cancel("enough");
        assert!(matches!(waiter.await?, Err(WaitError::Cancelled(_))));
        assert!(list.try_lock().await.is_ok());
        Ok(())
    });
}

#[test]
fn a_signal_to_a_waiter_whose_context_ends_goes_to_the_next() {
    check(|scope| async move {
        let list = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = list.condition();
        let tasks = waiters(&scope, &list, &changed, 0..3).await?;
        let lease = list.lock().await?;
        changed.signal();
        tasks[0].cancel(Cause::from("away"));
        idle().await?;
        drop(lease);
        assert_eq!(woken(&list).await?, [1]);
        changed.signal();
        assert_eq!(woken(&list).await?, [1, 2]);
        Ok(())
    });
}

#[test]
fn the_lease_of_another_mutex_is_refused_and_comes_back() {
    error::<WaitError<Cell<u8>>>();
    check(|scope| async move {
        let (one, other) = (
            Mutex::spawn(&scope, Cell::new(1)).await?,
            Mutex::spawn(&scope, Cell::new(2)).await?,
        );
        let changed = one.condition();
        let refused = changed.wait(other.lock().await?).await;
        let error = refused.map(drop).expect_err("it is of another");
        assert!(matches!(error, WaitError::OtherMutex(_)));
        assert!(other.try_lock().await.is_err(), "the error has it");
        let lease = error.into_lease().expect("it comes back");
        assert_eq!(lease.get(), 2);
        drop(lease);

        // It goes home with the error, whoever has that.
        let refused = changed.wait_while(other.lock().await?, |_| true).await;
        let failure: Failure = refused.map(drop).expect_err("it is of another").into();
        assert!(other.try_lock().await.is_err());
        drop(failure);
        assert!(other.lock().await.is_ok());
        Ok(())
    });
}

#[test]
fn a_poison_ends_the_waits() {
    quiet();
    check(|scope| async move {
        let list = Mutex::spawn(&scope, 0).await?;
        let changed = list.condition();
        let lease = list.lock().await?;
        let waiter = scope.go(async move { Ok(changed.wait(lease).await.map(drop)) });
        idle().await?;
        let broken = list.clone();
        let ended = scope
            .scope(move |_inner| async move {
                let lease = broken.lock().await?;
                assert_eq!(*lease, 1, "planned");
                Ok(())
            })
            .await;
        assert!(ended.is_err());
        assert!(matches!(waiter.await?, Err(WaitError::Poisoned(_))));
        Ok(())
    });
}

#[test]
fn an_end_of_the_owner_ends_the_waits() {
    check(|scope| async move {
        let inner = scope.clone();
        let waiter = scope
            .scope(move |short| async move {
                let list = Mutex::spawn(&short, 0).await?;
                let changed = list.condition();
                let lease = list.lock().await?;
                let waiter = inner.go(async move { Ok(changed.wait(lease).await.map(drop)) });
                idle().await?;
                Ok(waiter)
            })
            .await?;
        assert!(matches!(waiter.await?, Err(WaitError::Closed)));
        Ok(())
    });
}

#[test]
fn a_woken_waiter_that_closes_a_cycle_is_refused_and_passes_its_signal_on() {
    check(|scope| async move {
        let refusing = |name| mutex(name).on_cycle(OnCycle::Refuse);
        let list = Mutex::spawn_with(&scope, refusing("list"), Vec::new()).await?;
        let other = Mutex::spawn_with(&scope, refusing("other"), ()).await?;
        let changed = list.condition();
        let (held, own, signal) = (other.clone(), list.clone(), changed.clone());
        let waiter = scope.go(async move {
            let _held = held.lock().await?;
            let lease = own.lock().await?;
            Ok(signal.wait(lease).await.map(drop))
        });
        idle().await?;
        let next = waiters(&scope, &list, &changed, 1..2).await?;
        // It has the list, and waits for what the first waiter has.
        let (own, needed) = (list.clone(), other.clone());
        let holder = scope.go(async move {
            let _lease = own.lock().await?;
            Ok(needed.lock().await.map(drop))
        });
        idle().await?;
        changed.signal();
        assert!(matches!(waiter.await?, Err(WaitError::Cycle { .. })));
        assert!(holder.await?.is_ok());
        for task in next {
            task.await?;
        }
        assert_eq!(woken(&list).await?, [1]);
        Ok(())
    });
}

#[test]
fn on_arbiters_a_queue_between_producers_and_consumers_loses_nothing() {
    let taken = arbiters(4).block_on(|scope| async move {
        let queue = Mutex::spawn(&scope, VecDeque::new()).await?;
        let (filled, emptied) = (queue.condition(), queue.condition());
        let spread = scope.on(Placement::Spread);
        for producer in 0..4_u32 {
            let (queue, filled, emptied) = (queue.clone(), filled.clone(), emptied.clone());
            spread
                .go(async move {
                    for item in 0..100 {
                        let lease = queue.lock().await?;
                        let mut lease = emptied.wait_while(lease, |q| q.len() == 3).await?;
                        lease.push_back(producer * 100 + item);
                        filled.signal();
                    }
                    Ok(())
                })
                .detach();
        }
        let consumers: Vec<_> = (0..4)
            .map(|_| {
                let (queue, filled, emptied) = (queue.clone(), filled.clone(), emptied.clone());
                spread.go(async move {
                    let mut taken = Vec::new();
                    for _ in 0..100 {
                        let lease = queue.lock().await?;
                        let mut lease = filled.wait_while(lease, |q| q.is_empty()).await?;
                        taken.extend(lease.pop_front());
                        emptied.signal();
                    }
                    Ok(taken)
                })
            })
            .collect();
        let mut all = Vec::new();
        for consumer in consumers {
            all.extend(consumer.await?);
        }
        all.sort_unstable();
        Ok(all)
    });
    assert!(taken.expect("nobody fails").into_iter().eq(0..400));
}

#[test]
fn a_thousand_rounds_leave_nothing_behind() {
    check(|scope| async move {
        let turn = Mutex::spawn(&scope, 0_usize).await?;
        let changed = turn.condition();
        let (shared, signal) = (turn.clone(), changed.clone());
        scope
            .go_each(0..2, move |own| {
                let (turn, changed) = (shared.clone(), signal.clone());
                async move {
                    for _ in 0..500 {
                        let lease = turn.lock().await?;
                        let mut lease = changed.wait_while(lease, |turn| *turn % 2 != own).await?;
                        *lease += 1;
                        changed.broadcast();
                    }
                    Ok(())
                }
            })
            .await?;
        scope.join().await?;
        let status = turn.status().await?;
        assert_eq!(
            (status.holders.len(), status.waiters.len(), status.parked),
            (0, 0, 0)
        );
        assert_eq!(*turn.lock().await?, 1000);
        sleep(1.millis()).await?;
        Ok(())
    });
}
