//! Pools of items, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use common::{Boom, Ledger, Token, arbiters, boom, check, idle, paused, polls, quiet};
use greenroom_actor::{OnError, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Result};
use greenroom_patterns::pool::{
    GetError, Pool, PoolError, PoolOptions, Pooled, PutError, TryGetError, WatchPoolError,
    pool_from, pool_of,
};

/// Makes tokens of a ledger, numbered from 1.
fn tokens(ledger: &Ledger) -> PoolOptions<Token> {
    let ledger = ledger.clone();
    let mut number = 0;
    pool_of(move || {
        number += 1;
        let token = ledger.token(number);
        async move { Ok(token) }
    })
}

/// Makes tokens, each within 10 milliseconds.
fn slow_tokens(ledger: &Ledger) -> PoolOptions<Token> {
    let ledger = ledger.clone();
    pool_of(move || {
        let ledger = ledger.clone();
        async move {
            sleep(10.millis()).await?;
            Ok(ledger.token(0))
        }
    })
}

/// Polls a future until the pool has its message and has seen to it, and drops it then.
async fn leave<F: Future>(future: F) -> Result<()> {
    let mut future = Box::pin(future);
    assert!(polls(Some(1), &mut future).await.is_none(), "it waits");
    idle().await
}

#[test]
fn an_item_is_made_on_demand_and_used_again() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, tokens(&ledger)).await?;
        assert_eq!(ledger.made(), 0, "nobody has asked");
        for _ in 0..5 {
            assert_eq!(pool.get().await?.number, 1);
        }
        let (first, second) = (pool.get().await?, pool.get().await?);
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!(ledger.made(), 2);
        let counts = pool.counts().await?;
        assert_eq!((counts.idle, counts.in_use, counts.max), (0, 2, 16));
        drop((first, second));
        let counts = pool.counts().await?;
        assert_eq!((counts.idle, counts.in_use, counts.len()), (2, 0, 2));
        drop(pool);
        idle().await?;
        assert_eq!((ledger.live(), scope.len()), (0, 0));
        Ok(())
    });
}

#[test]
fn descriptions_that_cannot_work_are_refused() {
    check(|scope| async move {
        let zero = Pool::spawn(&scope, pool_from([1]).max(0)).await;
        assert!(matches!(zero, Err(PoolError::ZeroMax)));
        let ledger = Ledger::default();
        let items = [ledger.token(1), ledger.token(2)];
        let many = Pool::spawn(&scope, pool_from(items).max(1)).await;
        assert!(matches!(many, Err(PoolError::TooMany { max: 1, given: 2 })));
        assert_eq!((ledger.live(), scope.len()), (0, 0));
        let ended = scope.scope(|inner| async move { Ok(inner) }).await?;
        let late = Pool::spawn(&ended, pool_from([1])).await;
        assert!(matches!(late, Err(PoolError::Spawn(_))));
        Ok(())
    });
}

#[test]
fn there_are_never_more_than_the_bound_and_waiters_are_served_in_their_order() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, slow_tokens(&ledger).max(2)).await?;
        let served = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|turn| {
                let (pool, served) = (pool.clone(), served.clone());
                scope.go(async move {
                    sleep((turn as u64).millis()).await?;
                    let _item = pool.get().await?;
                    assert_eq!(served.fetch_add(1, SeqCst), turn);
                    sleep(20.millis()).await?;
                    Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await?;
        }
        assert_eq!((ledger.peak(), ledger.made()), (2, 2));
        Ok(())
    });
}

#[test]
fn smoke_on_arbiters_an_item_has_one_holder() {
    let ledger = Ledger::default();
    let tokens = tokens(&ledger).max(3);
    let uses = arbiters(3)
        .block_on(move |scope| async move {
            let pool = Pool::spawn(&scope, tokens).await?;
            let held: Arc<[AtomicBool; 4]> = Arc::default();
            let uses = Arc::new(AtomicUsize::new(0));
            let counter = uses.clone();
            let tasks = scope.go_each(0..200, move |n: usize| {
                let (pool, held, uses) = (pool.clone(), held.clone(), counter.clone());
                async move {
                    for _ in 0..5 {
                        if n.is_multiple_of(3) {
                            let dropped = polls(Some(n % 2 + 1), pool.get()).await;
                            drop(dropped);
                        }
                        let item = pool.get().await?;
                        assert!(
                            !held[item.number].swap(true, SeqCst),
                            "it has another holder"
                        );
                        greenroom_core::task::yield_now().await;
                        assert!(held[item.number].swap(false, SeqCst));
                        uses.fetch_add(1, SeqCst);
                    }
                    Ok(())
                }
            });
            tasks.await?;
            scope.join().await?;
            Ok(uses.load(SeqCst))
        })
        .expect("nothing fails");
    assert_eq!(uses, 1000);
    assert!(ledger.made() <= 3 && ledger.live() == 0, "{ledger:?}");
}

#[test]
fn an_item_comes_back_by_a_return_a_panic_a_cancel_and_a_drop() {
    quiet();
    let ledger = Ledger::default();
    let pool_tokens = tokens(&ledger).max(1);
    let failed = paused(1).block_on(|scope| async move {
        scope.set_on_error(OnError::Collect);
        let pool = Pool::spawn(&scope, pool_tokens).await?;
        let hold = |scope: &Scope, pool: &Pool<Token>| {
            let pool = pool.clone();
            scope.go::<(), _>(async move {
                let _item = pool.get().await?;
                std::future::pending().await
            })
        };
        let held = hold(&scope, &pool);
        idle().await?;
        held.cancel("enough");
        assert_eq!(pool.get().await?.number, 1);
        let panics = pool.clone();
        let panics = scope.go::<(), _>(async move {
            let _item = panics.get().await?;
            sleep(1.millis()).await?;
            panic!("planned")
        });
        assert!(panics.await.is_err());
        assert_eq!(pool.get().await?.number, 1);
        let item = pool.get().await?;
        let never = async move {
            let _item = item;
            std::future::pending::<()>().await;
        };
        drop(never);
        let (context, cancel) = scope.context().with_cancel();
        let item = pool.get().await?;
        cancel.cancel();
        // Dropped in a context that has ended.
        context.run(async move { drop(item) }).await?;
        assert_eq!(pool.get().await?.number, 1);
        Ok(())
    });
    let failed = failed.expect_err("a task panicked").to_string();
    assert!(
        failed.contains("planned") && !failed.contains("assertion"),
        "{failed}"
    );
    assert_eq!((ledger.made(), ledger.live()), (1, 0));
}

#[test]
fn by_choice_an_item_is_discarded_after_a_panic_of_its_holder() {
    quiet();
    let failed = paused(1).block_on(|scope| async move {
        scope.set_on_error(OnError::Collect);
        let ledger = Ledger::default();
        let options = tokens(&ledger).max(1).discard_after_panic();
        let pool = Pool::spawn(&scope, options).await?;
        let panics = pool.clone();
        let panics = scope.go::<(), _>(async move {
            let _item = panics.get().await?;
            panic!("planned")
        });
        assert!(panics.await.is_err());
        assert_eq!(pool.get().await?.number, 2, "another took its place");
        assert_eq!((ledger.made(), ledger.live()), (2, 1));
        Ok(())
    });
    let failed = failed.expect_err("a task panicked").to_string();
    assert!(
        failed.contains("planned") && !failed.contains("assertion"),
        "{failed}"
    );
}

#[test]
fn an_item_is_reset_on_its_way_back_and_one_whose_reset_panics_is_dropped() {
    quiet();
    check(|scope| async move {
        let ledger = Ledger::default();
        let options = tokens(&ledger)
            .max(1)
            .reset(|token| assert!(token.number != 1, "the first is beyond repair"));
        let pool = Pool::spawn(&scope, options).await?;
        let waits = pool.get().await?;
        let waiter = scope.go({
            let pool = pool.clone();
            async move { Ok(pool.get().await?.number) }
        });
        idle().await?;
        drop(waits);
        assert_eq!(waiter.await?, 2);
        assert_eq!((ledger.made(), ledger.live()), (2, 1));
        assert_eq!(pool.get().await?.number, 2);
        Ok(())
    });
}

#[test]
fn a_broken_item_is_replaced_before_anybody_gets_it() {
    quiet();
    check(|scope| async move {
        let ledger = Ledger::default();
        let options = tokens(&ledger).max(2).check(async |token| {
            let _slept = sleep(1.millis()).await;
            assert!(token.number != 3, "the check itself breaks");
            token.number >= 3
        });
        let pool = Pool::spawn(&scope, options).await?;
        let both = (pool.get().await?, pool.get().await?);
        drop(both);
        assert_eq!(pool.get().await?.number, 3, "1 and 2 were not fit");
        assert_eq!((ledger.made(), ledger.live()), (3, 1));
        assert_eq!(pool.get().await?.number, 4, "a panic counts as not fit");
        assert_eq!(pool.get().await?.number, 4);
        assert_eq!((ledger.made(), ledger.live()), (4, 1));
        Ok(())
    });
}

#[test]
fn without_a_closure_a_broken_item_is_waited_for() {
    check(|scope| async move {
        let pool = Pool::spawn(&scope, pool_from([1]).check(async |n| *n > 1)).await?;
        let waiter = scope.go({
            let pool = pool.clone();
            async move { Ok(*pool.get().await?) }
        });
        idle().await?;
        assert!(!waiter.is_finished());
        assert_eq!(pool.counts().await?.len(), 0);
        pool.put(5).await?;
        assert_eq!(waiter.await?, 5);
        Ok(())
    });
}

#[test]
fn a_try_takes_what_is_idle_and_fit_and_never_waits_for_more() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, tokens(&ledger).max(1)).await?;
        assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
        assert_eq!(ledger.made(), 0, "a try makes none");
        drop(pool.get().await?);
        let item = pool.try_get().await?;
        assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
        let waiter = scope.go({
            let pool = pool.clone();
            async move {
                let _item = pool.get().await?;
                Ok(sleep(10.millis()).await?)
            }
        });
        idle().await?;
        drop(item);
        assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
        waiter.await?;
        assert!(pool.try_get().await.is_ok());

        let checked = Pool::spawn(&scope, pool_from([1, 2, 3]).check(async |n| *n == 1)).await?;
        assert_eq!(*checked.try_get().await?, 1);
        assert_eq!(checked.counts().await?.len(), 1);
        let broken = Pool::spawn(&scope, pool_from([1, 2]).check(async |_| false)).await?;
        assert!(matches!(broken.try_get().await, Err(TryGetError::Empty)));
        assert!(broken.counts().await?.is_empty());
        Ok(())
    });
}

#[test]
fn a_failure_to_make_is_its_callers_error_and_the_next_goes_on() {
    quiet();
    check(|scope| async move {
        let mut attempt = 0;
        let options = pool_of(move || {
            attempt += 1;
            assert!(attempt != 1, "in the closure");
            async move {
                sleep(5.millis()).await?;
                match attempt {
                    2 => boom(),
                    3 => panic!("in its future"),
                    n => Ok(n),
                }
            }
        })
        .max(1);
        let pool = Pool::spawn(&scope, options).await?;
        let gets: Vec<_> = (0..4)
            .map(|turn| {
                let pool = pool.clone();
                scope.go(async move {
                    sleep(turn.millis()).await?;
                    Ok(pool.get().await.map(|item| *item))
                })
            })
            .collect();
        let mut got = Vec::new();
        for get in gets {
            got.push(get.await?);
        }
        let [
            Err(GetError::Panicked(first)),
            Err(GetError::Failed(second)),
            Err(GetError::Panicked(third)),
            Ok(4),
        ] = &got[..]
        else {
            unreachable!("{got:?}")
        };
        assert_eq!(first.message(), Some("in the closure"));
        assert!(first.spawned_at().file().ends_with("tests/pool.rs"));
        assert!(second.downcast_ref::<Boom>().is_some());
        assert_eq!(third.message(), Some("in its future"));
        assert_eq!(pool.counts().await?.len(), 1);
        Ok(())
    });
}

#[test]
fn making_ends_with_the_callers_context_and_the_next_in_line_has_its_own_attempt() {
    check(|scope| async move {
        let mut attempt = 0;
        let options = pool_of(move || {
            attempt += 1;
            async move {
                if attempt == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(attempt)
            }
        })
        .max(1);
        let pool = Pool::spawn(&scope, options).await?;
        let first = scope.go({
            let pool = pool.clone();
            let hurried = scope.context().with_timeout(1.secs());
            async move {
                Ok(hurried
                    .run(async move { pool.get().await.map(drop) })
                    .await?)
            }
        });
        idle().await?;
        let second = pool.get().await?;
        assert_eq!(*second, 2);
        assert!(matches!(first.await?, Err(GetError::Deadline)));
        Ok(())
    });
}

#[test]
fn the_item_that_is_made_for_a_caller_that_has_gone_is_kept_or_goes_to_the_next() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, slow_tokens(&ledger).max(1)).await?;
        leave(pool.get()).await?;
        sleep(20.millis()).await?;
        assert_eq!((ledger.made(), pool.counts().await?.idle), (1, 1));
        let item = pool.get().await?;
        drop(Pooled::into_inner(item));
        leave(pool.get()).await?;
        drop(pool.get().await?);
        assert_eq!(
            ledger.made(),
            2,
            "the second caller got what was made for the first"
        );
        Ok(())
    });
}

#[test]
fn a_returned_item_serves_a_caller_whose_own_is_still_being_made() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, slow_tokens(&ledger).max(2)).await?;
        let first = pool.get().await?;
        let start = scope.context().now();
        let waiter = scope.go({
            let pool = pool.clone();
            async move {
                let _item = pool.get().await?;
                Ok(())
            }
        });
        idle().await?;
        drop(first);
        waiter.await?;
        assert!(scope.context().now() - start < 5.millis());
        sleep(20.millis()).await?;
        assert_eq!(
            pool.counts().await?.idle,
            2,
            "the other was made all the same"
        );
        Ok(())
    });
}

#[test]
fn a_dropped_waiter_hands_on_what_it_was_granted() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, tokens(&ledger).max(1)).await?;
        for _ in 0..3 {
            let item = pool.get().await?;
            let mut granted = Box::pin(pool.get());
            assert!(polls(Some(1), &mut granted).await.is_none());
            idle().await?;
            let next = scope.go({
                let pool = pool.clone();
                async move { Ok(pool.get().await?.number) }
            });
            idle().await?;
            drop(item);
            // The owner hands it to the first, which does not look any more.
            idle().await?;
            drop(granted);
            assert_eq!(next.await?, 1);
        }
        assert_eq!(ledger.made(), 1);
        for _ in 0..1000 {
            let item = pool.get().await?;
            assert!(polls(Some(1), pool.get()).await.is_none());
            drop(item);
        }
        assert_eq!(pool.counts().await?.waiting, 0);
        Ok(())
    });
}

#[test]
fn items_that_are_idle_for_too_long_are_dropped_on_time() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let options = tokens(&ledger).idle_time_out(10.secs());
        let pool = Pool::spawn(&scope, options).await?;
        let (first, second) = (pool.get().await?, pool.get().await?);
        drop(first);
        sleep(5.secs()).await?;
        drop(second);
        sleep(4.secs()).await?;
        assert_eq!(ledger.live(), 2);
        sleep(2.secs()).await?;
        assert_eq!((ledger.live(), pool.counts().await?.idle), (1, 1));
        // Used again, it is young again.
        drop(pool.get().await?);
        sleep(9.secs()).await?;
        assert_eq!(ledger.live(), 1);
        sleep(2.secs()).await?;
        assert_eq!((ledger.live(), pool.counts().await?.len()), (0, 0));
        let out = pool.get().await?;
        sleep(60.secs()).await?;
        assert_eq!(
            (ledger.live(), out.number),
            (1, 3),
            "what is out is not idle"
        );
        Ok(())
    });
}

#[test]
fn an_item_is_not_handed_out_at_the_instant_at_which_it_is_too_old() {
    check(|scope| async move {
        let pool = Pool::spawn(&scope, pool_from([1]).idle_time_out(10.millis())).await?;
        sleep(10.millis()).await?;
        assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
        Ok(())
    });
}

#[test]
fn an_item_that_is_taken_frees_its_place_and_serves_a_waiter() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, tokens(&ledger).max(1)).await?;
        let item = pool.get().await?;
        let waiter = scope.go({
            let pool = pool.clone();
            async move { Ok(pool.get().await?.number) }
        });
        idle().await?;
        let own = Pooled::into_inner(item);
        assert_eq!((own.number, waiter.await?), (1, 2));
        assert_eq!(pool.counts().await?.len(), 1);
        assert!(matches!(pool.put(own).await, Err(PutError::Full(token)) if token.number == 1));
        drop(Pooled::into_inner(pool.get().await?));
        pool.put(ledger.token(9)).await?;
        assert_eq!(pool.get().await?.number, 9);
        Ok(())
    });
}

#[test]
fn a_put_counts_in_a_context_that_has_ended_and_gives_the_item_back_when_refused() {
    let runtime = paused(3);
    let kept = runtime
        .block_on(|scope| async move {
            let pool = Pool::spawn(&scope, pool_from([1]).max(2)).await?;
            let (context, cancel) = scope.context().with_cancel();
            cancel.cancel();
            assert!(context.run(pool.put(2)).await?.is_ok());
            assert!(matches!(pool.put(3).await, Err(PutError::Full(3))));
            // From its first poll on it counts.
            let _one = Pooled::into_inner(pool.get().await?);
            assert!(polls(Some(1), pool.put(4)).await.is_none());
            assert_eq!(pool.counts().await?.idle, 2);
            pool.close();
            assert!(matches!(pool.put(5).await, Err(PutError::Closed(5))));
            Ok(pool)
        })
        .expect("nothing fails");
    let late = runtime.block_on(move |_| async move { Ok(kept.put(6).await) });
    assert!(matches!(late, Ok(Err(PutError::Closed(6)))));
}

#[test]
fn a_close_refuses_waiters_and_drops_items_as_they_come_back() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let pool = Pool::spawn(&scope, tokens(&ledger).max(2)).await?;
        let (first, second) = (pool.get().await?, pool.get().await?);
        let waiter = scope.go({
            let pool = pool.clone();
            async move { Ok(pool.get().await.map(drop)) }
        });
        let watcher = scope.go({
            let pool = pool.clone();
            async move { Ok(pool.closed().await?) }
        });
        idle().await?;
        drop(second);
        // Granted to the waiter, and back.
        waiter.await?.map_err(Failure::from)?;
        let late = scope.go({
            let pool = pool.clone();
            async move {
                let _both = (pool.get().await?, pool.get().await);
                Ok(())
            }
        });
        idle().await?;
        pool.close();
        pool.close();
        late.await?;
        assert!(matches!(pool.get().await, Err(GetError::Closed)));
        assert!(matches!(pool.try_get().await, Err(TryGetError::Closed)));
        idle().await?;
        assert_eq!(ledger.live(), 1);
        assert!(!watcher.is_finished());
        drop(first);
        watcher.await?;
        pool.closed().await?;
        assert_eq!(ledger.live(), 0);
        Ok(())
    });
}

#[test]
fn a_close_cuts_what_is_being_made() {
    check(|scope| async move {
        let pool = Pool::spawn(&scope, pool_of::<(), _, _>(std::future::pending)).await?;
        let waiter = scope.go({
            let pool = pool.clone();
            async move { Ok(pool.get().await.map(drop)) }
        });
        idle().await?;
        assert_eq!(pool.counts().await?.in_preparation, 1);
        pool.close();
        assert!(matches!(waiter.await?, Err(GetError::Closed)));
        pool.closed().await?;
        Ok(())
    });
}

#[test]
fn the_end_of_the_scope_is_not_held_up_by_what_is_being_made_or_checked() {
    check(|scope| async move {
        scope
            .scope(|inner| async move {
                let hangs = pool_of::<(), _, _>(std::future::pending);
                let hangs = Pool::spawn(&inner, hangs).await?;
                leave(hangs.get()).await?;
                let checks = pool_from([1]).check(async |_| std::future::pending().await);
                let checks = Pool::spawn(&inner, checks).await?;
                leave(checks.try_get()).await?;
                leave(checks.get()).await?;
                assert_eq!(checks.counts().await?.in_preparation, 1);
                Ok(())
            })
            .await?;
        Ok(())
    });
}

#[test]
fn after_the_end_of_the_scope_every_call_is_refused_and_a_late_guard_drops_its_item() {
    let runtime = paused(1);
    let ledger = Ledger::default();
    let (pool, item) = runtime
        .block_on({
            let options = tokens(&ledger);
            |scope| async move {
                let pool = Pool::spawn(&scope, options).await?;
                let item = pool.get().await?;
                Ok((pool, item))
            }
        })
        .expect("nothing fails");
    assert_eq!((ledger.live(), item.number), (1, 1));
    runtime
        .block_on(move |_| async move {
            assert!(matches!(pool.get().await, Err(GetError::Closed)));
            assert!(matches!(pool.try_get().await, Err(TryGetError::Closed)));
            assert!(matches!(pool.closed().await, Err(WatchPoolError::Ended)));
            pool.close();
            drop(item);
            Ok(())
        })
        .expect("nothing fails");
    assert_eq!(ledger.live(), 0);
}

#[test]
fn a_cancelled_scope_ends_waiters_and_drops_the_items() {
    let ledger = Ledger::default();
    let options = tokens(&ledger).max(1);
    let ran = paused(4).block_on(|scope| async move {
        let pool = Pool::spawn(&scope, options).await?;
        let _item = pool.get().await?;
        let other = pool.clone();
        let waiter = scope.go(async move {
            let refused = other.get().await.map(drop);
            assert!(matches!(refused, Err(GetError::Cancelled(_))));
            Ok(())
        });
        idle().await?;
        let keep = scope.context().without_cancel();
        scope.cancel("enough");
        keep.run(waiter).await??;
        assert!(matches!(pool.get().await, Err(GetError::Cancelled(_))));
        Ok(())
    });
    assert!(ran.is_ok(), "{ran:?}");
    assert_eq!(ledger.live(), 0);
}

/// An item whose drop panics, and says so first.
struct Breaks(
    Ledger,
    #[allow(dead_code, reason = "counts while it lives")] Token,
);

impl Breaks {
    fn new(ledger: &Ledger) -> Self {
        Self(ledger.clone(), ledger.token(0))
    }
}

impl Drop for Breaks {
    fn drop(&mut self) {
        let _dropped = self.0.made();
        panic!("in the drop of an item");
    }
}

#[test]
fn a_drop_that_panics_costs_no_place_and_no_waiter() {
    quiet();
    let ledger = Ledger::default();
    let making = ledger.clone();
    let ran = paused(5).block_on(move |scope| async move {
        let options = pool_of(move || {
            let item = Breaks::new(&making);
            async move { Ok(item) }
        })
        .max(2)
        .idle_time_out(10.secs())
        .check(async |_| false);
        let pool = Pool::spawn(&scope, options).await?;
        for _ in 0..3 {
            // Each is checked, found broken, dropped, and replaced.
            drop(pool.get().await?);
        }
        drop((pool.get().await?, pool.get().await?));
        sleep(20.secs()).await?;
        assert_eq!(pool.counts().await?.len(), 0, "dropped by age");
        drop((pool.get().await?, pool.get().await?));
        pool.close();
        pool.closed().await?;

        let others = ledger_pool(&scope).await?;
        drop((others.get().await?, others.get().await?));
        Ok(())
    });
    assert!(ran.is_ok(), "{ran:?}");
    assert_eq!(ledger.live(), 0);
}

/// A pool of items that break, which ends with its scope.
async fn ledger_pool(scope: &Scope) -> Result<Pool<Breaks>> {
    let ledger = Ledger::default();
    let items = [Breaks::new(&ledger), Breaks::new(&ledger)];
    Ok(Pool::spawn(scope, pool_from(items)).await?)
}

#[test]
fn an_item_is_made_in_the_context_of_its_caller() {
    check(|scope| async move {
        let options = pool_of(|| async {
            let context = Context::current();
            Ok(context.and_then(|context| context.value::<u8>().copied()))
        });
        let pool = Pool::spawn(&scope, options).await?;
        let caller = scope.context().with_value(7_u8);
        assert_eq!(*caller.run(pool.get()).await??, Some(7));
        Ok(())
    });
}

#[test]
fn nested_pools_serve_each_other() {
    check(|scope| async move {
        let inner = Pool::spawn(&scope, pool_from([1, 2])).await?;
        let outer = pool_of(move || {
            let inner = inner.clone();
            async move { Ok(inner.get().await?) }
        });
        let outer = Pool::spawn(&scope, outer).await?;
        let both = (outer.get().await?, outer.get().await?);
        assert_eq!(**both.0 + **both.1, 3);
        Ok(())
    });
}
