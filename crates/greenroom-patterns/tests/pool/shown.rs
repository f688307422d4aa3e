//! What the registry shows of items that are out.

use std::panic::Location;

use greenroom_core::registry::{PermitKind, PermitRecord};
use greenroom_core::time::Durations;
use greenroom_core::{Context, current};
use greenroom_patterns::pool::{Pool, Pooled, pool_from, pool_of};

use crate::common::{check, idle};

fn shown(context: &Context) -> Vec<PermitRecord> {
    context.registry().permits(context.now())
}

#[test]
fn who_holds_and_who_waits_is_shown_with_place_and_age() {
    check(|scope| async move {
        let context = scope.context().clone();
        let pool = Pool::spawn(&scope, pool_from(["a", "b"]).max(2)).await?;
        assert!(shown(&context).is_empty());
        let line = Location::caller().line() + 1;
        let item = pool.get().await?;
        let tried = pool.try_get().await?;
        let waiting = pool.clone();
        let waiter = scope.go(async move { Ok(*waiting.get().await?) });
        idle().await?;
        let records = shown(&context);
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].kind, records[0].size), (PermitKind::Item, 2));
        let holder = &records[0].holders[0];
        assert_eq!(holder.task, current::task_id());
        assert!(
            holder.place.contains(&format!("shown.rs:{line}:")),
            "{}",
            holder.place
        );
        assert_eq!((holder.weight, holder.lasts), (1, 1.millis()));
        assert_eq!(records[0].holders.len(), 2);
        assert_eq!(records[0].waiters[0].task.as_ref(), waiter.id());

        drop(item);
        waiter.await?;
        assert_eq!(pool.counts().await?.in_use, 1);
        assert!(shown(&context)[0].waiters.is_empty());
        let own = Pooled::into_inner(tried);
        assert_eq!((own.len(), pool.counts().await?.in_use), (1, 0));
        assert!(shown(&context).is_empty());
        Ok(())
    });
}

#[test]
fn who_gives_up_or_gets_none_is_not_shown() {
    check(|scope| async move {
        let context = scope.context().clone();
        let none = pool_of(|| async { Err::<u8, _>(greenroom_core::Failure::message("no")) });
        let failing = Pool::spawn(&scope, none).await?;
        assert!(failing.get().await.is_err());
        assert!(shown(&context).is_empty());

        let pool = Pool::spawn(&scope, pool_from([1])).await?;
        let item = pool.get().await?;
        assert!(pool.try_get().await.is_err());
        let hurried = context.with_timeout(1.millis());
        assert!(hurried.run(pool.get()).await?.is_err());
        assert_eq!(pool.counts().await?.waiting, 0);
        assert!(shown(&context)[0].waiters.is_empty());
        let waiting = pool.clone();
        let waiter = scope.go(async move { Ok(waiting.get().await.is_err()) });
        idle().await?;
        assert_eq!(shown(&context)[0].waiters.len(), 1);
        pool.close();
        assert!(waiter.await?);
        assert!(shown(&context)[0].waiters.is_empty());
        drop(item);
        pool.closed().await?;
        assert!(shown(&context).is_empty());
        Ok(())
    });
}
