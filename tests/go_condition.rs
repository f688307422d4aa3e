//! Go's behaviours of `sync.Cond`.

mod support;

use std::collections::VecDeque;

use greenroom::patterns::condition::WaitError;
use greenroom::prelude::*;
use support::{check, idle, polls};

#[test]
fn cond_03_the_woken_one_goes_on_after_the_unlock_and_holds_the_lock_then() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = value.condition();
        let (waits, signal) = (value.clone(), changed.clone());
        let waiter = scope.go(async move {
            let mut lease = signal.wait(waits.lock().await?).await?;
            lease.push("waiter");
            sleep(1.secs()).await?;
            Ok(())
        });
        idle().await?;
        // The lock is free during the wait.
        let mut lease = value.try_lock().await?;
        changed.signal();
        idle().await?;
        lease.push("signaller");
        drop(lease);
        idle().await?;
        assert!(
            value.try_lock().await.is_err(),
            "it holds the lock on return"
        );
        waiter.await?;
        assert_eq!(*value.lock().await?, ["signaller", "waiter"]);
        Ok(())
    });
}

#[test]
fn rs_04_a_wait_that_is_dropped_right_after_its_signal_passes_the_wake_up_on() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        let changed = value.condition();
        for round in 0..60 {
            let mut dropped = Box::pin(changed.wait(value.lock().await?));
            assert!(polls(1, dropped.as_mut()).await.is_none());
            let (waits, signal) = (value.clone(), changed.clone());
            let next = scope.go(async move {
                *signal.wait(waits.lock().await?).await? += 1;
                Ok(())
            });
            idle().await?;
            changed.signal();
            if round % 2 == 0 {
                idle().await?;
            }
            drop(dropped);
            next.await?;
        }
        assert_eq!(*value.lock().await?, 60);
        Ok(())
    });
}

/// Starts so many waiters, and returns when all wait.
async fn waiters(
    scope: &Scope,
    awake: &Mutex<Vec<usize>>,
    changed: &Condition<Vec<usize>>,
    count: usize,
) -> Result<()> {
    for number in 0..count {
        let (awake, changed) = (awake.clone(), changed.clone());
        scope
            .go(async move {
                changed.wait(awake.lock().await?).await?.push(number);
                Ok(())
            })
            .detach();
        idle().await?;
    }
    assert_eq!(awake.status().await?.parked, count);
    Ok(())
}

#[test]
fn each_signal_wakes_one_and_no_more() {
    check(|scope| async move {
        let awake = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = awake.condition();
        waiters(&scope, &awake, &changed, 4).await?;
        for woken in 1..=4 {
            let lease = awake.lock().await?;
            changed.signal();
            drop(lease);
            idle().await?;
            assert_eq!(awake.lock().await?.len(), woken);
        }
        // With nobody left it is lost.
        changed.signal();
        Ok(())
    });
}

#[test]
fn signals_wake_in_the_order_in_which_the_waits_began() {
    check(|scope| async move {
        let awake = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = awake.condition();
        waiters(&scope, &awake, &changed, 50).await?;
        for _ in 0..50 {
            changed.signal();
        }
        scope.join().await?;
        assert!(awake.lock().await?.iter().copied().eq(0..50));
        Ok(())
    });
}

#[test]
fn a_broadcast_wakes_all_who_wait_and_none_who_come_later() {
    check(|scope| async move {
        let awake = Mutex::spawn(&scope, Vec::new()).await?;
        let changed = awake.condition();
        waiters(&scope, &awake, &changed, 20).await?;
        changed.broadcast();
        scope.join().await?;
        assert_eq!(awake.lock().await?.len(), 20);
        waiters(&scope, &awake, &changed, 1).await?;
        idle().await?;
        assert_eq!(awake.status().await?.parked, 1);
        changed.broadcast();
        scope.join().await
    });
}

#[test]
fn a_signal_is_not_stolen_by_one_who_begins_to_wait_after_it() {
    check(|scope| async move {
        for _ in 0..20 {
            let value = Mutex::spawn(&scope, false).await?;
            let changed = value.condition();
            let (waits, signal) = (value.clone(), changed.clone());
            let first = scope.go(async move {
                drop(signal.wait(waits.lock().await?).await?);
                Ok(())
            });
            idle().await?;
            let (waits, again) = (value.clone(), changed.clone());
            let lease = value.lock().await?;
            changed.signal();
            // It waits at once, with the lease that the signal was given under.
            let later = scope.go(async move {
                let _waits = waits;
                drop(again.wait(lease).await?);
                Ok(())
            });
            first.await?;
            idle().await?;
            assert!(!later.is_finished());
            changed.broadcast();
            later.await?;
        }
        Ok(())
    });
}

#[test]
fn a_wait_does_not_return_by_itself() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        let changed = value.condition();
        let (waits, signal) = (value.clone(), changed.clone());
        let waiter = scope.go(async move { Ok(*signal.wait(waits.lock().await?).await?) });
        for _ in 0..20 {
            *value.lock().await? += 1;
            sleep(1.secs()).await?;
        }
        assert!(!waiter.is_finished());
        changed.signal();
        assert_eq!(waiter.await?, 20);
        Ok(())
    });
}

#[test]
fn a_bounded_queue_with_two_conditions_hands_everything_over_in_order() {
    check(|scope| async move {
        let queue = Mutex::spawn(&scope, VecDeque::new()).await?;
        let (filled, emptied) = (queue.condition(), queue.condition());
        let (source, fills, empties) = (queue.clone(), filled.clone(), emptied.clone());
        scope
            .go(async move {
                for n in 0..100 {
                    let lease = source.lock().await?;
                    let mut lease = empties.wait_while(lease, |queue| queue.len() == 4).await?;
                    lease.push_back(n);
                    fills.signal();
                }
                Ok(())
            })
            .detach();
        for n in 0..100 {
            let lease = queue.lock().await?;
            let mut lease = filled.wait_while(lease, |queue| queue.is_empty()).await?;
            assert_eq!(lease.pop_front(), Some(n));
            emptied.signal();
        }
        Ok(())
    });
}

#[test]
fn a_race_of_two_who_wait_for_each_other_ends() {
    check(|scope| async move {
        let step = Mutex::spawn(&scope, 0).await?;
        let changed = step.condition();
        for own in 0..2 {
            let (step, changed) = (step.clone(), changed.clone());
            scope
                .go(async move {
                    for round in 0..10 {
                        let lease = step.lock().await?;
                        let due = |step: &mut i32| *step != 2 * round + own;
                        let mut lease = changed.wait_while(lease, due).await?;
                        *lease += 1;
                        changed.broadcast();
                    }
                    Ok(())
                })
                .detach();
        }
        scope.join().await?;
        assert_eq!(*step.lock().await?, 20);
        Ok(())
    });
}

#[test]
fn a_wait_with_the_lock_of_another_is_refused() {
    check(|scope| async move {
        let one = Mutex::spawn(&scope, 1).await?;
        let other = Mutex::spawn(&scope, 2).await?;
        let refused = one.condition().wait(other.lock().await?).await;
        let Err(error @ WaitError::OtherMutex(_)) = refused else {
            return Err(Failure::message("it was taken"));
        };
        let lease = error.into_lease();
        assert_eq!(lease.as_deref(), Some(&2));
        Ok(())
    });
}

#[test]
fn signals_and_broadcasts_without_a_waiter_change_nothing() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let changed = value.condition();
        for _ in 0..10 {
            changed.signal();
            changed.broadcast();
        }
        let hurried = scope.context().with_timeout(1.secs());
        let lease = value.lock().await?;
        let waited = hurried.run(changed.wait(lease)).await?;
        assert!(matches!(waited, Err(WaitError::Deadline)));
        drop(value.lock().await?);
        Ok(())
    });
}

#[test]
fn thirty_waiters_are_woken_one_by_one_in_the_order_of_their_waits() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let wake = value.condition();
        let (awake, order) = channel::unbounded();
        for n in 0..30 {
            let (value, wake, awake) = (value.clone(), wake.clone(), awake.clone());
            scope.go(async move {
                let lease = wake.wait(value.lock().await?).await?;
                awake.send(n).await?;
                drop(lease);
                Ok(())
            });
            idle().await?;
        }
        for n in 0..30 {
            assert!(order.is_empty());
            wake.signal();
            assert_eq!(order.recv().await?, n);
            idle().await?;
        }
        Ok(())
    });
}

#[test]
fn after_a_broadcast_all_have_the_lock_in_turn_and_may_wait_again() {
    check(|scope| async move {
        let round = Mutex::spawn(&scope, 0).await?;
        let next = round.condition();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (round, next) = (round.clone(), next.clone());
                scope.go(async move {
                    let mut lease = round.lock().await?;
                    for wanted in 1..=3 {
                        lease = next.wait_while(lease, move |round| *round < wanted).await?;
                    }
                    Ok(*lease)
                })
            })
            .collect();
        for _ in 0..3 {
            idle().await?;
            assert!(tasks.iter().all(|task| !task.is_finished()));
            *round.lock().await? += 1;
            next.broadcast();
        }
        for task in tasks {
            assert_eq!(task.await?, 3);
        }
        Ok(())
    });
}

#[test]
fn a_condition_that_is_copied_is_the_same_one() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, false).await?;
        let copy = value.condition();
        let same = copy.clone();
        let own = value.clone();
        let waits = scope.go(async move {
            let lease = copy
                .wait_while(own.lock().await?, |is_set| !*is_set)
                .await?;
            Ok(*lease)
        });
        idle().await?;
        *value.lock().await? = true;
        same.signal();
        assert!(waits.await?);
        // Another one of the same mutex wakes nobody of this one.
        let (first, second) = (value.condition(), value.condition());
        let own = value.clone();
        let waits = scope.go(async move { Ok(first.wait(own.lock().await?).await.is_ok()) });
        idle().await?;
        second.broadcast();
        idle().await?;
        assert!(!waits.is_finished());
        waits.cancel("the end");
        Ok(())
    });
}
