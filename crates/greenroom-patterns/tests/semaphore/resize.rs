//! Semaphores that change their size, are closed, and whose permits are split.

use std::sync::Arc;

use crate::common::{check, idle};
use crate::waiter;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::semaphore::{AcquireError, Semaphore, SplitError, TryAcquireError};

#[test]
fn growth_lets_waiters_in_in_order() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let _all = semaphore.acquire_many(2).await?;
        let order = Arc::default();
        for permits in [2, 1] {
            waiter(&scope, &semaphore, permits, &order).detach();
            idle().await?;
        }
        semaphore.resize(3)?;
        idle().await?;
        assert!(order.lock().expect("no panic").is_empty(), "one is free");
        semaphore.resize(4)?;
        idle().await?;
        assert_eq!(*order.lock().expect("no panic"), [2, 1]);
        Ok(())
    });
}

#[test]
fn a_shrink_takes_effect_as_permits_come_back() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 4).await?;
        let mut all = semaphore.acquire_many(4).await?;
        semaphore.resize(1)?;
        assert_eq!(
            (semaphore.size().await?, semaphore.available().await?),
            (1, 0)
        );
        for _ in 0..3 {
            drop(all.split(1)?);
            let refused = semaphore.try_acquire().await;
            assert!(matches!(refused, Err(TryAcquireError::NoPermits)));
        }
        drop(all);
        assert_eq!(semaphore.available().await?, 1);
        drop(semaphore.acquire().await?);
        Ok(())
    });
}

#[test]
fn a_request_that_a_shrink_has_made_too_large_is_told_and_those_behind_it_go_on() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 4).await?;
        let some = semaphore.acquire_many(1).await?;
        let order = Arc::default();
        let large = scope.go({
            let semaphore = semaphore.clone();
            async move { Ok(semaphore.acquire_many(4).await.map(|_permit| ())) }
        });
        idle().await?;
        let small = waiter(&scope, &semaphore, 1, &order);
        idle().await?;
        assert!(!small.is_finished());
        semaphore.resize(2)?;
        let refused = large.await?;
        assert!(matches!(
            refused,
            Err(AcquireError::TooLarge { asked: 4, size: 2 })
        ));
        small.await?;
        assert!(matches!(
            semaphore.try_acquire_many(3).await,
            Err(TryAcquireError::TooLarge { asked: 3, size: 2 })
        ));
        drop(some);
        Ok(())
    });
}

#[test]
fn a_semaphore_without_permits_refuses_until_it_is_resized() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 0).await?;
        let refused = semaphore.acquire().await;
        assert!(matches!(
            refused,
            Err(AcquireError::TooLarge { asked: 1, size: 0 })
        ));
        assert_eq!(semaphore.acquire_many(0).await?.permits(), 0);
        semaphore.resize(1)?;
        let _permit = semaphore.acquire().await?;
        Ok(())
    });
}

#[test]
fn close_wakes_waiters_and_leaves_permits_valid() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let held = semaphore.acquire_many(2).await?;
        let waiters: Vec<_> = (1..3)
            .map(|permits| {
                let semaphore = semaphore.clone();
                scope.go(async move { Ok(semaphore.acquire_many(permits).await.map(|_| ())) })
            })
            .collect();
        idle().await?;
        semaphore.close();
        semaphore.close();
        for waiter in waiters {
            assert!(matches!(waiter.await?, Err(AcquireError::Closed)));
        }
        assert!(matches!(
            semaphore.try_acquire().await,
            Err(TryAcquireError::Closed)
        ));
        semaphore.resize(7)?;
        assert!(matches!(
            semaphore.acquire().await,
            Err(AcquireError::Closed)
        ));
        drop(held);
        assert_eq!(semaphore.available().await?, 7);
        Ok(())
    });
}

#[test]
fn a_part_of_a_permit_may_go_elsewhere() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 5).await?;
        let mut all = semaphore.acquire_many(5).await?;
        let part = all.split(2)?;
        let refused = all.split(4).expect_err("three are held");
        assert_eq!(refused, SplitError { asked: 4, held: 3 });
        assert_eq!(all.split(0)?.permits(), 0);
        scope
            .go(async move {
                let _part = part;
                Ok(sleep(5.millis()).await?)
            })
            .detach();
        idle().await?;
        assert_eq!(semaphore.available().await?, 0);
        sleep(5.millis()).await?;
        assert_eq!(semaphore.available().await?, 2);
        drop(all);
        assert_eq!(semaphore.available().await?, 5);
        Ok(())
    });
}
