//! Mutexes whose holders panic, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use common::{check, idle, polls, quiet};
use greenroom_actor::Scope;
use greenroom_core::{Id, Result, channel};
use greenroom_patterns::mutex::{LeaseReport, LockError, Mutex, TryLockError, mutex};

/// Lets a task panic while it holds the lease.
async fn break_it(scope: &Scope, value: &Mutex<u32>) -> Result<()> {
    let broken = value.clone();
    let ended = scope
        .scope(move |inner| async move {
            let task = inner.named("breaker")?.go(async move {
                let mut lease = broken.lock().await?;
                *lease += 1;
                assert_eq!(*lease, 0, "half done");
                Ok(())
            });
            Ok(task.await?)
        })
        .await;
    assert!(ended.is_err());
    Ok(())
}

#[test]
fn a_holder_that_panics_poisons_until_somebody_recovers() {
    quiet();
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let value = Mutex::spawn_with(&scope, mutex("fragile").reports(tx), 0_u32).await?;
        break_it(&scope, &value).await?;
        let error = value.lock().await.expect_err("it is poisoned");
        let LockError::Poisoned(poison) = &error else {
            unreachable!("{error}")
        };
        let holder = poison.holder.as_ref().map(Id::name);
        assert_eq!(holder, Some("breaker"));
        assert!(poison.place.file().ends_with("tests/mutex_poison.rs"));
        assert!(error.to_string().starts_with("poisoned: root/"), "{error}");
        let tried = value.try_lock().await;
        assert!(matches!(tried, Err(TryLockError::Poisoned(_))));
        assert!(value.status().await?.poison.is_some());
        assert!(matches!(
            reports.try_recv(),
            Ok(LeaseReport::Poisoned { .. })
        ));

        // What the panic left is there.
        let mut lease = value.recover().await?;
        assert_eq!(std::mem::replace(&mut *lease, 0), 1);
        drop(lease);
        assert_eq!(*value.lock().await?, 0);
        drop(value.recover().await?);
        break_it(&scope, &value).await?;
        assert!(value.lock().await.is_err());
        Ok(())
    });
}

#[test]
fn who_waits_when_a_holder_panics_is_told_and_a_recover_among_them_is_served() {
    quiet();
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0_u32).await?;
        let first = value.lock().await?;
        let broken = value.clone();
        let breaker = {
            let scope = scope.clone();
            scope
                .clone()
                .go(async move { break_it(&scope, &broken).await })
        };
        idle().await?;
        let lockers: Vec<_> = (0..3)
            .map(|_| {
                let value = value.clone();
                scope.go(async move { Ok(value.lock().await.is_ok()) })
            })
            .collect();
        idle().await?;
        let recovers = value.clone();
        let recovers = scope.go(async move { Ok(recovers.recover().await.is_ok()) });
        idle().await?;
        let last = value.clone();
        let last = scope.go(async move { Ok(last.lock().await.is_ok()) });
        idle().await?;
        drop(first);
        breaker.await?;
        for locker in lockers {
            assert!(!locker.await?);
        }
        assert!(recovers.await?);
        assert!(last.await?);
        Ok(())
    });
}

#[test]
fn a_recover_that_is_dropped_with_its_lease_leaves_the_poison() {
    quiet();
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0_u32).await?;
        break_it(&scope, &value).await?;
        let mut recovers = Box::pin(value.recover());
        assert!(polls(Some(1), recovers.as_mut()).await.is_none());
        idle().await?;
        drop(recovers);
        assert!(matches!(value.lock().await, Err(LockError::Poisoned(_))));
        assert!(value.recover().await.is_ok());
        assert!(value.lock().await.is_ok());
        Ok(())
    });
}
