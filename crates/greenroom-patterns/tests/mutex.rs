//! Mutexes, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Ledger, SEEDS, arbiters, check, idle, paused, polls, quiet};
use greenroom_actor::{OnError, Placement};
use greenroom_core::channel;
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Result, current};
use greenroom_patterns::mutex::{Lease, LockError, Mutex, TryLockError, mutex};

fn send<T: Send>(_: &T) {}
fn sync<T: Sync>(_: &T) {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn what_crosses_threads_is_send_and_errors_are_errors() {
    error::<LockError>();
    error::<TryLockError>();
    check(|scope| async move {
        // A value that is `Send` and not `Sync`.
        let cell = Mutex::spawn(&scope, std::cell::Cell::new(1)).await?;
        send(&cell);
        sync(&cell);
        send(&cell.lock());
        send(&cell.try_lock());
        let lease = cell.lock().await?;
        send(&lease);
        assert_eq!(lease.get(), 1);
        Ok(())
    });
}

#[test]
fn a_lease_on_borrowed_text_is_held_across_an_await_in_a_task() {
    check(|scope| async move {
        let names = Mutex::spawn(&scope, vec!["green"]).await?;
        let task = scope.go(async move {
            let mut lease = names.lock().await?;
            idle().await?;
            lease.push("room");
            Ok(lease.concat())
        });
        assert_eq!(task.await?, "greenroom");
        Ok(())
    });
}

async fn add(count: Mutex<usize>) -> Result<()> {
    let mut lease = count.lock().await?;
    let before = *lease;
    // Others would come in between, were it not alone.
    greenroom_core::task::yield_now().await;
    *lease = before + 1;
    Ok(())
}

#[test]
fn no_increment_of_many_tasks_is_lost() {
    check(|scope| async move {
        let count = Mutex::spawn(&scope, 0).await?;
        let shared = count.clone();
        scope.go_each(0..200, move |_| add(shared.clone())).await?;
        scope.join().await?;
        assert_eq!(*count.lock().await?, 200);
        Ok(())
    });
}

#[test]
fn tasks_on_several_arbiters_have_it_one_at_a_time() {
    let counted = arbiters(4).block_on(|scope| async move {
        let count = Mutex::spawn(&scope, 0).await?;
        let (inside, shared) = (Arc::new(AtomicUsize::new(0)), count.clone());
        let spread = scope.on(Placement::Spread);
        spread
            .go_each(0..8, move |_| {
                let (count, inside) = (shared.clone(), inside.clone());
                async move {
                    for _ in 0..100 {
                        let mut lease = count.lock().await?;
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        *lease += 1;
                        assert_eq!(inside.fetch_sub(1, SeqCst), 1);
                    }
                    Ok(())
                }
            })
            .await?;
        scope.join().await?;
        Ok(*count.lock().await?)
    });
    assert_eq!(counted.expect("nobody fails"), 800);
}

#[test]
fn leases_are_granted_in_the_order_of_the_requests() {
    check(|scope| async move {
        let order = Mutex::spawn(&scope, Vec::new()).await?;
        let first = order.lock().await?;
        for number in 0..10 {
            let order = order.clone();
            scope
                .go(async move {
                    order.lock().await?.push(number);
                    Ok(())
                })
                .detach();
            idle().await?;
        }
        assert!(matches!(order.try_lock().await, Err(TryLockError::Busy)));
        drop(first);
        scope.join().await?;
        assert!(order.lock().await?.iter().copied().eq(0..10));
        Ok(())
    });
}

#[test]
fn numbers_grow_with_the_requests() {
    check(|scope| async move {
        let count = Mutex::spawn(&scope, ()).await?;
        let mut last = 0;
        for _ in 0..10 {
            let lease = count.lock().await?;
            assert!(lease.number() > last);
            last = lease.number();
        }
        Ok(())
    });
}

#[test]
fn a_lease_may_leave_the_task_that_asked_for_it() {
    check(|scope| async move {
        let count = Mutex::spawn(&scope, 0).await?;
        let (tx, rx) = channel::bounded::<Lease<i32>>(1);
        let asked = count.clone();
        scope
            .go(async move { Ok(tx.send(asked.lock().await?).await?) })
            .await?;
        let mut lease = rx.recv().await?;
        *lease += 1;
        assert!(matches!(count.try_lock().await, Err(TryLockError::Busy)));
        drop(lease);
        assert_eq!(*count.lock().await?, 1);
        Ok(())
    });
}

#[test]
fn a_request_that_is_dropped_at_any_poll_leaves_the_line() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        for limit in 0..6 {
            let first = value.lock().await?;
            let dropped = value.clone();
            let gives_up = scope.go(async move {
                let polled = polls(Some(limit), dropped.lock()).await;
                Ok(polled.is_some())
            });
            idle().await?;
            let waiting = value.status().await?.waiters.len();
            assert_eq!(waiting, usize::from(limit > 1), "limit {limit}");
            let last = value.clone();
            let last = scope.go(async move {
                drop(last.lock().await?);
                Ok(())
            });
            idle().await?;
            drop(first);
            let _was_granted = gives_up.await?;
            last.await?;
            assert!(value.try_lock().await.is_ok());
            idle().await?;
        }
        Ok(())
    });
}

#[test]
fn a_lease_that_was_granted_to_a_dropped_request_goes_to_the_next() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 7).await?;
        let first = value.lock().await?;
        let mut granted = Box::pin(value.lock());
        assert!(at_once(granted.as_mut()).await.is_none());
        let next = value.clone();
        let next = scope.go(async move { Ok(*next.lock().await?) });
        idle().await?;
        drop(first);
        idle().await?;
        // It is in the slot, and nobody has looked.
        let status = value.status().await?;
        assert_eq!((status.holders.len(), status.waiters.len()), (1, 1));
        drop(granted);
        assert_eq!(next.await?, 7);
        Ok(())
    });
}

async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    polls(Some(1), future).await
}

#[test]
fn a_lease_that_was_granted_to_a_request_which_an_unwind_drops_is_not_lost() {
    quiet();
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 7).await?;
        let first = value.lock().await?;
        let panics = value.clone();
        let ended = scope
            .scope(move |_inner| async move {
                let mut granted = Box::pin(panics.lock());
                assert!(at_once(granted.as_mut()).await.is_none());
                drop(first);
                idle().await?;
                let held = panics.status().await?.holders.len();
                assert_eq!(held, 2, "the request is dropped by this panic");
                Ok(())
            })
            .await;
        assert!(ended.is_err());
        // Nobody had it, so that nothing is poisoned.
        assert_eq!(*value.lock().await?, 7);
        Ok(())
    });
}

#[test]
fn a_wait_ends_with_its_context_each_cause_apart() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let lease = value.lock().await?;
        let hurried = scope.context().with_timeout(1.secs());
        let late = hurried.run(value.lock()).await?;
        assert!(matches!(late, Err(LockError::Deadline)));

        let (context, cancel) = scope.context().with_cancel_cause();
        let waiting = value.clone();
        let waiter = scope.go(async move { Ok(context.run(waiting.lock()).await?.map(drop)) });
        idle().await?;
        cancel.cancel("enough");
        let cancelled = waiter.await?;
        assert!(
            matches!(cancelled, Err(LockError::Cancelled(cause)) if cause.to_string() == "enough")
        );
        idle().await?;
        assert!(value.status().await?.waiters.is_empty());
        drop(lease);
        drop(value.lock().await?);
        Ok(())
    });
}

#[test]
fn a_context_that_has_ended_gets_no_lease() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let (ended, cancel) = scope.context().with_cancel_cause();
        cancel.cancel("before");
        let entered = current::enter_context(ended);
        let (mut lock, mut tries) = (Box::pin(value.lock()), Box::pin(value.try_lock()));
        let waker = std::task::Waker::noop();
        let mut cx = std::task::Context::from_waker(waker);
        let polled = (lock.as_mut().poll(&mut cx), tries.as_mut().poll(&mut cx));
        drop(entered);
        assert!(matches!(
            polled,
            (
                std::task::Poll::Ready(Err(LockError::Cancelled(_))),
                std::task::Poll::Ready(Err(TryLockError::Cancelled(_)))
            )
        ));
        assert!(value.status().await?.holders.is_empty());
        Ok(())
    });
}

#[test]
fn a_cancel_at_the_moment_of_the_grant_loses_nothing() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 3).await?;
        let first = value.lock().await?;
        let (context, cancel) = scope.context().with_cancel_cause();
        let waiting = value.clone();
        let waiter = scope.go(async move { Ok(context.run(waiting.lock()).await) });
        idle().await?;
        drop(first);
        cancel.cancel("now");
        drop(waiter.await?);
        assert_eq!(*value.lock().await?, 3);
        Ok(())
    });
}

#[test]
fn a_cancelled_holder_returns_its_lease_without_poison() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        let held = value.clone();
        let holder = scope.go::<(), _>(async move {
            let mut lease = held.lock().await?;
            *lease = 1;
            std::future::pending::<()>().await;
            Ok(())
        });
        idle().await?;
        holder.cancel(Cause::from("away"));
        assert_eq!(*value.lock().await?, 1);
        Ok(())
    });
}

#[test]
fn an_end_of_the_owner_is_told_and_a_lease_that_is_out_stays_valid() {
    let ledger = Ledger::default();
    for seed in SEEDS {
        let runtime = paused(seed);
        let made = ledger.clone();
        let (handle, lease) = runtime
            .block_on(move |scope| async move {
                let value = Mutex::spawn(&scope, made.token(1)).await?;
                let lease = value.lock().await?;
                Ok((value, lease))
            })
            .expect("nobody fails");
        assert_eq!((lease.number, ledger.live()), (1, 1));
        runtime
            .block_on(move |_scope| async move {
                assert!(matches!(handle.lock().await, Err(LockError::Closed)));
                assert!(matches!(handle.try_lock().await, Err(TryLockError::Closed)));
                assert!(matches!(handle.recover().await, Err(LockError::Closed)));
                Ok(())
            })
            .expect("nobody fails");
        drop(lease);
        assert_eq!(ledger.live(), 0);
    }
}

#[test]
fn a_waiter_of_an_inner_scope_that_ends_is_told_so() {
    check(|scope| async move {
        let (tx, rx) = channel::bounded(1);
        let inner = scope.go({
            let scope = scope.clone();
            async move {
                scope
                    .scope(move |inner| async move {
                        let value = Mutex::spawn(&inner, ()).await?;
                        tx.send((value.clone(), value.lock().await?)).await?;
                        sleep(1.secs()).await?;
                        Ok(())
                    })
                    .await
            }
        });
        let (value, lease) = rx.recv().await?;
        assert!(matches!(value.lock().await, Err(LockError::Closed)));
        drop(lease);
        Ok(inner.await?)
    });
}

#[test]
fn the_owner_ends_with_its_last_handle_and_its_last_lease() {
    let ledger = Ledger::default();
    let seen = ledger.clone();
    check(move |scope| {
        let ledger = ledger.clone();
        async move {
            let value = Mutex::spawn(&scope, ledger.token(1)).await?;
            let lease = value.lock().await?;
            drop(value);
            idle().await?;
            assert_eq!((scope.len(), ledger.live()), (1, 1));
            drop(lease);
            idle().await?;
            assert_eq!((scope.len(), ledger.live()), (0, 0));
            Ok(())
        }
    });
    assert_eq!(seen.live(), 0);
}

#[test]
fn ten_thousand_rounds_leave_nothing_behind() {
    let runtime = paused(7);
    let ledger = Ledger::default();
    let made = ledger.clone();
    let rounds = runtime.block_on(move |scope| async move {
        let described = mutex("rounds").lease_time(1.secs());
        let value = Mutex::spawn_with(&scope, described, (made.token(0), 0)).await?;
        let shared = value.clone();
        scope
            .go_each(0..10, move |_| {
                let value = shared.clone();
                async move {
                    for _ in 0..1000 {
                        value.lock().await?.1 += 1;
                    }
                    Ok(())
                }
            })
            .await?;
        scope.join().await?;
        let status = value.status().await?;
        assert_eq!((status.holders.len(), status.waiters.len()), (0, 0));
        let context = Context::current().expect("in a task");
        assert!(context.registry().leases(context.now()).is_empty());
        assert_eq!(made.made(), 1, "there is one value");
        let lease = value.lock().await?;
        assert_eq!(lease.number(), 10_001);
        Ok(lease.1)
    });
    assert_eq!(rounds.expect("nobody fails"), 10_000);
    assert_eq!(ledger.live(), 0);
    assert!(
        runtime
            .registry()
            .actors(runtime.context().now())
            .is_empty()
    );
}

#[test]
fn many_waiters_that_leave_cost_no_more_than_they_are() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let lease = value.lock().await?;
        scope.set_on_error(OnError::Collect);
        let mut waiters = Vec::new();
        for _ in 0..2000 {
            let value = value.clone();
            waiters.push(scope.go(async move { Ok(value.lock().await.is_ok()) }));
        }
        idle().await?;
        assert_eq!(value.status().await?.waiters.len(), 2000);
        for waiter in waiters.drain(..).rev().skip(1) {
            waiter.cancel(Cause::from("away"));
        }
        idle().await?;
        assert_eq!(value.status().await?.waiters.len(), 1);
        drop(lease);
        idle().await?;
        assert!(value.try_lock().await.is_ok());
        Ok(())
    });
}

#[test]
fn outside_the_runtime_a_lock_works_and_names_no_task() {
    let runtime = arbiters(2);
    let outside = runtime.clone();
    let (tx, rx) = channel::bounded(1);
    let (done, wait) = channel::bounded::<()>(1);
    let thread = std::thread::spawn(move || {
        let value: Mutex<u32> = rx.recv_blocking().expect("it is sent");
        let status = greenroom_core::doc_support::block_on(async {
            let mut lease = value.lock().await?;
            *lease += 1;
            Ok::<_, Failure>(value.status().await?)
        });
        drop((done, outside));
        status.expect("the owner lives")
    });
    let value = runtime.block_on(move |scope| async move {
        let value = Mutex::spawn(&scope, 1).await?;
        tx.send(value.clone()).await?;
        let _closed = wait.recv().await;
        let value = *value.lock().await?;
        Ok(value)
    });
    assert_eq!(value.expect("nobody fails"), 2);
    let status = thread.join().expect("it does not panic");
    assert_eq!(status.holders[0].task, None);
}
