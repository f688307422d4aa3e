//! What the registry shows of permits.

use std::panic::Location;

use greenroom_core::registry::{PermitKind, PermitRecord};
use greenroom_core::task::WaitKind;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, current};
use greenroom_patterns::semaphore::Semaphore;

use crate::common::{check, idle};

fn shown(context: &Context) -> Vec<PermitRecord> {
    context.registry().permits(context.now())
}

#[test]
fn who_holds_and_who_waits_is_shown_with_weight_place_and_age() {
    check(|scope| async move {
        let context = scope.context().clone();
        let semaphore = Semaphore::spawn(&scope, 5).await?;
        assert!(shown(&context).is_empty());
        let line = Location::caller().line() + 1;
        let mut permit = semaphore.acquire_many(3).await?;
        let tried = semaphore.try_acquire().await?;
        let waiting = semaphore.clone();
        let waiter = scope.go(async move { Ok(waiting.acquire_many(4).await?.permits()) });
        idle().await?;
        idle().await?;
        let records = shown(&context);
        let [record] = &records[..] else {
            unreachable!("one owner: {records:?}")
        };
        assert_eq!((record.kind, record.size), (PermitKind::Permit, 5));
        let weights: Vec<_> = record.holders.iter().map(|holder| holder.weight).collect();
        assert_eq!(weights, [3, 1]);
        let holder = &record.holders[0];
        assert_eq!(holder.task, current::task_id());
        assert!(
            holder.place.contains(&format!("shown.rs:{line}:")),
            "{}",
            holder.place
        );
        assert_eq!(holder.lasts, 2.millis());
        assert_eq!(record.waiters.len(), 1);
        assert_eq!(record.waiters[0].weight, 4);
        assert_eq!(record.waiters[0].task.as_ref(), waiter.id());
        assert_eq!(record.waiters[0].lasts, 2.millis());
        let graph = context.registry().wait_graph(&context, 1.secs()).await;
        let edge = |wait: &greenroom_core::registry::WaitEdge| {
            wait.kind == WaitKind::Permit
                && Some(&wait.waiter) == waiter.id()
                && wait.on == current::task_id()
        };
        assert!(graph.waits.iter().any(edge), "{graph}");
        assert!(graph.circles.is_empty());

        // A part that goes home is no longer shown, whichever guard it was in.
        drop(permit.split(2)?);
        assert_eq!(semaphore.available().await?, 3);
        assert_eq!(shown(&context)[0].holders[0].weight, 1);
        drop(tried);
        assert_eq!(waiter.await?, 4);
        drop(permit);
        assert_eq!(semaphore.available().await?, 5);
        assert!(shown(&context).is_empty());
        Ok(())
    });
}

#[test]
fn who_was_granted_is_shown_as_a_holder_since_then() {
    check(|scope| async move {
        let context = scope.context().clone();
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let first = semaphore.acquire().await?;
        let waiting = semaphore.clone();
        let waiter = scope.go(async move {
            let permit = waiting.acquire().await?;
            sleep(9.millis()).await?;
            drop(permit);
            Ok(())
        });
        idle().await?;
        drop(first);
        idle().await?;
        let records = shown(&context);
        assert!(records[0].waiters.is_empty());
        assert_eq!(records[0].holders[0].task.as_ref(), waiter.id());
        assert_eq!(records[0].holders[0].lasts, 1.millis());
        waiter.await?;
        Ok(())
    });
}

#[test]
fn who_gives_up_is_refused_or_takes_nothing_is_not_shown() {
    check(|scope| async move {
        let context = scope.context().clone();
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let nothing = semaphore.acquire_many(0).await?;
        assert!(shown(&context).is_empty());
        let all = semaphore.acquire_many(2).await?;
        let hurried = context.with_timeout(1.millis());
        assert!(hurried.run(semaphore.acquire()).await?.is_err());
        assert!(semaphore.try_acquire().await.is_err());
        assert!(semaphore.acquire_many(3).await.is_err());
        assert_eq!(semaphore.waiting().await?, 0);
        assert!(shown(&context)[0].waiters.is_empty());

        // Refused by a new size, and by a close.
        let [large, small] = [2, 1].map(|permits| {
            let waiting = semaphore.clone();
            scope.go(async move { Ok(waiting.acquire_many(permits).await.is_err()) })
        });
        idle().await?;
        semaphore.resize(1)?;
        assert!(large.await?);
        let record = &shown(&context)[0];
        assert_eq!((record.size, record.waiters.len()), (1, 1));
        semaphore.close();
        assert!(small.await?);
        assert!(shown(&context)[0].waiters.is_empty());
        drop((all, nothing));
        assert_eq!(semaphore.available().await?, 1);
        assert!(shown(&context).is_empty());
        Ok(())
    });
}

#[test]
fn an_owner_that_has_ended_shows_nothing() {
    check(|scope| async move {
        let context = scope.context().clone();
        let kept = scope
            .scope(|inner| async move {
                let semaphore = Semaphore::spawn(&inner, 1).await?;
                Ok(semaphore.acquire().await?)
            })
            .await?;
        assert!(shown(&context).is_empty());
        drop(kept);
        Ok(())
    });
}
