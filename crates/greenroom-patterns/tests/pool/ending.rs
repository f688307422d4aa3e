//! Items that grow old, pools that close, scopes that end.

use greenroom_actor::Scope;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Result};
use greenroom_patterns::pool::{GetError, Pool, TryGetError, WatchPoolError, pool_from, pool_of};

use crate::common::{Ledger, Token, check, idle, paused, quiet};
use crate::{leave, tokens};

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
