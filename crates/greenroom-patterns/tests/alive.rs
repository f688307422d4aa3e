//! Leases, permits and items as `Runtime::alive` tells them.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{idle, paused};
use futures_util::future::Either;
use greenroom_actor::{Alive, HeldKind, Runtime, Scope, SingleThread, Taker};
use greenroom_core::time::{Durations, sleep, tick};
use greenroom_core::{Context, Result, channel, current};
use greenroom_patterns::mutex::{Mutex, mutex};
use greenroom_patterns::pool::{Pool, pool_from};
use greenroom_patterns::rw_mutex::RwMutex;
use greenroom_patterns::semaphore::{Permit, Semaphore};

/// Runs a body that may look at its runtime.
fn looking<F, Fut>(body: F)
where
    F: FnOnce(Scope, Runtime) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let one = paused(0);
    let runtime = Runtime::clone(&one);
    one.block_on(move |scope| body(scope, runtime))
        .expect("nothing fails");
    one.assert_no_leaks();
    assert!(one.alive().is_empty(), "{}", one.alive());
}

fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    let text = payload.downcast_ref::<String>();
    text.expect("a text").clone()
}

fn kinds(alive: &Alive) -> Vec<(HeldKind, Taker)> {
    let held = alive.held.iter();
    let mut kinds: Vec<_> = held.map(|held| (held.kind, held.taker)).collect();
    kinds.sort_unstable();
    kinds
}

#[test]
fn each_kind_that_is_forgotten_is_an_orphan_with_its_place_and_age() {
    looking(|scope, runtime| async move {
        let value = Mutex::spawn_with(&scope, mutex("accounts"), 0).await?;
        let semaphore = Semaphore::spawn(&scope, 5).await?;
        let pool = Pool::spawn(&scope, pool_from([1, 2])).await?;
        let line = line!() + 3;
        let (a, b, c) = (value.clone(), semaphore.clone(), pool.clone());
        let task = scope.go(async move {
            std::mem::forget(a.lock().await?);
            std::mem::forget(b.acquire_many(3).await?);
            std::mem::forget(c.get().await?);
            Ok(current::task_id())
        });
        let taker = task.await?;
        sleep(2.secs()).await?;
        let alive = runtime.alive().await;
        assert_eq!(
            kinds(&alive),
            [
                (HeldKind::Lease, Taker::Ended),
                (HeldKind::Permit, Taker::Ended),
                (HeldKind::Item, Taker::Ended)
            ]
        );
        let text = message(|| alive.assert_no_orphans());
        assert!(
            text.starts_with("3 held, whose takers have ended"),
            "{text}"
        );
        let lines = [
            ("a lease of accounts (", line),
            ("3 x a permit of ", line + 1),
            ("an item of ", line + 2),
        ];
        for (what, line) in lines {
            let told = text.lines().find(|told| told.contains(what));
            let told = told.unwrap_or_else(|| panic!("{what} is told: {text}"));
            assert!(told.contains(&format!("tests/alive.rs:{line}:")), "{told}");
            assert!(told.contains("for 2s"), "{told}");
        }
        for orphan in alive.orphans() {
            assert_eq!((&orphan.task, orphan.lasts), (&taker, 2.secs()));
        }
        // Nobody can tell that it was not handed on.
        alive.assert_no_leaks();
        Ok(())
    });
}

#[test]
fn what_a_living_task_holds_is_listed_and_is_no_orphan() {
    looking(|scope, runtime| async move {
        let value = RwMutex::spawn(&scope, 0).await?;
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let pool = Pool::spawn(&scope, pool_from([1])).await?;
        let kept = (
            value.read().await?,
            semaphore.acquire().await?,
            pool.get().await?,
        );
        // A guard that was moved on, by a task that lives.
        let moved = semaphore.acquire().await?;
        let task = scope.go(async move {
            let _moved = moved;
            Ok(sleep(1.secs()).await?)
        });
        idle().await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.held.len(), 4, "{alive}");
        assert!(alive.held.iter().all(|held| held.taker == Taker::Lives));
        assert_eq!(
            alive
                .held
                .iter()
                .filter(|h| h.kind == HeldKind::SharedLease)
                .count(),
            1
        );
        alive.assert_no_orphans();
        alive.assert_no_leaks();

        let (write, wait, get) = (value.clone(), semaphore.clone(), pool.clone());
        let waiters = [
            scope.go(async move { Ok(write.write().await.is_ok()) }),
            scope.go(async move { Ok(wait.acquire().await.is_ok()) }),
            scope.go(async move { Ok(get.get().await.is_ok()) }),
        ];
        idle().await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.awaited.len(), 3, "{alive}");
        assert!(
            alive.to_string().contains("waited for: an item of"),
            "{alive}"
        );
        task.await?;
        drop(kept);
        for waiter in waiters {
            assert!(waiter.await?);
        }
        // What a drop sends home is there when the owner has handled it.
        assert_eq!(semaphore.available().await?, 2);
        assert_eq!(pool.counts().await?.in_use, 0);
        assert!(value.status().await?.holders.is_empty());
        let alive = runtime.alive().await;
        assert!(alive.held.is_empty() && alive.awaited.is_empty(), "{alive}");
        Ok(())
    });
}

/// Keeps a permit in a scope that is dropped, whatever becomes of the context.
async fn keep(permit: Permit, release: channel::Receiver<()>) -> Result<()> {
    let own = Context::current()
        .expect("it is in a task")
        .without_cancel();
    let _released = own.run(release.recv()).await;
    drop(permit);
    Ok(())
}

#[test]
fn what_a_leaked_task_holds_is_a_leak() {
    let one: SingleThread = paused(0);
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let (end, release) = channel::bounded(1);
        let taken = semaphore.clone();
        let root = runtime.context().clone();
        let line = line!() + 3;
        let mut abandoned = Box::pin(root.run(runtime.scope(move |inner| async move {
            inner
                .go(async move {
                    let permit = taken.acquire().await?;
                    keep(permit, release).await
                })
                .detach();
            std::future::pending::<Result<()>>().await
        })));
        let nap = Box::pin(sleep(2.millis()));
        match futures_util::future::select(&mut abandoned, nap).await {
            Either::Left(_) => unreachable!("it does not end"),
            Either::Right((slept, _)) => slept?,
        }
        drop(abandoned);
        sleep(8.millis()).await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.held.len(), 1, "{alive}");
        assert!(alive.held[0].is_leak, "{alive}");
        let text = message(|| alive.assert_no_leaks());
        assert!(text.contains("held: a permit of"), "{text}");
        assert!(text.contains(&format!("tests/alive.rs:{line}:")), "{text}");
        end.send(()).await?;
        drop(semaphore.acquire().await?);
        sleep(1.millis()).await?;
        runtime.alive().await.assert_no_leaks();
        Ok(())
    })
    .expect("nothing fails");
    assert!(one.alive().is_empty());
}

#[test]
fn nothing_is_left_of_each_pattern_that_was_used() {
    use greenroom_patterns::broadcast::{Broadcast, broadcast};
    use greenroom_patterns::wait_group::WaitGroup;
    looking(|scope, runtime| async move {
        {
            let value = Mutex::spawn(&scope, 0).await?;
            *value.lock().await? += 1;
            let shared = RwMutex::spawn(&scope, 0).await?;
            drop((shared.read().await?, shared.read().await?));
            *shared.write().await? += 1;
            let semaphore = Semaphore::spawn(&scope, 1).await?;
            drop(semaphore.acquire().await?);
            let pool = Pool::spawn(&scope, pool_from([1])).await?;
            drop(pool.get().await?);
            let group = WaitGroup::spawn(&scope).await?;
            group.wait().await?;
            drop(Broadcast::<u8>::spawn(&scope, broadcast()).await?);
            let ticker = tick(1.millis())?;
            ticker.tick().await?;
            let hurried = scope.context().with_timeout(1.millis());
            assert!(hurried.run(sleep(1.secs())).await?.is_err());
        }
        idle().await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.living.len(), 1, "the body alone: {alive}");
        assert!(alive.timers.is_empty() && alive.held.is_empty(), "{alive}");
        Ok(())
    });
}
