//! Who has an item, and how it comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use greenroom_actor::{OnError, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::pool::{Pool, Pooled, PutError, TryGetError, pool_from};

use crate::common::{Ledger, Token, arbiters, check, idle, paused, polls, quiet};
use crate::{slow_tokens, tokens};

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
