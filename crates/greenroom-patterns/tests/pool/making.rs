//! How items are made, checked and replaced.

use greenroom_core::Context;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::pool::{GetError, Pool, PoolError, Pooled, pool_from, pool_of};

use crate::common::{Boom, Ledger, boom, check, idle, quiet};
use crate::{leave, slow_tokens, tokens};

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
        assert!(first.spawned_at().file().ends_with("pool/making.rs"));
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
