//! Go's behaviours of `sync.Pool`: the rows, then what Go's own tests and documentation prove.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use greenroom::patterns::pool::{
    GetError, Pool, Pooled, PutError, TryGetError, pool_from, pool_of,
};
use greenroom::prelude::*;
use support::{at_once, check, idle, quiet};

#[test]
fn pool_02_each_item_that_was_put_comes_out_once_and_then_none() {
    check(|scope| async move {
        let pool = Pool::spawn(&scope, pool_from([])).await?;
        for item in ["a", "b", "c"] {
            pool.put(item).await?;
        }
        let mut out = BTreeSet::new();
        let mut held = Vec::new();
        for _ in 0..3 {
            let item = pool.try_get().await?;
            assert!(out.insert(*item), "{} came out twice", *item);
            held.push(item);
        }
        assert_eq!(out, BTreeSet::from(["a", "b", "c"]));
        // Put(nil) has no counterpart: there is no such item.
        assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
        Ok(())
    });
}

#[test]
fn a_get_from_an_empty_pool_calls_new_and_a_put_item_is_used_first() {
    check(|scope| async move {
        let mut n = 0;
        let pool = pool_of(move || {
            n += 1;
            async move { Ok(n) }
        });
        let pool = Pool::spawn(&scope, pool).await?;
        let (one, two) = (pool.get().await?, pool.get().await?);
        assert_eq!((*one, *two), (1, 2));
        pool.put(42).await?;
        let put = pool.get().await?;
        assert_eq!(*put, 42);
        assert_eq!(*pool.get().await?, 3);
        Ok(())
    });
}

#[test]
fn without_new_an_empty_pool_gives_none() {
    check(|scope| async move {
        let pool = Pool::spawn(&scope, pool_from::<[u8; 0]>([])).await?;
        assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
        // Go's Get gives nil; this one waits for an item, as long as its context does.
        let hurried = scope.context().with_timeout(1.secs());
        let none = hurried.run(pool.get()).await?;
        assert!(matches!(none, Err(GetError::Deadline)));
        assert!(at_once(pool.get()).await.is_none());
        pool.put(7).await?;
        assert_eq!(*pool.get().await?, 7);
        Ok(())
    });
}

#[test]
fn a_get_and_put_pair_makes_one_item_for_any_number_of_rounds() {
    check(|scope| async move {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let buffers = pool_of(move || {
            counter.fetch_add(1, SeqCst);
            async { Ok(String::new()) }
        });
        let buffers = Pool::spawn(&scope, buffers.reset(|buffer| buffer.clear())).await?;
        for round in 0..100 {
            let mut buffer = buffers.get().await?;
            assert!(buffer.is_empty(), "a buffer comes back reset");
            buffer.push_str(&round.to_string());
        }
        assert_eq!(made.load(SeqCst), 1);
        Ok(())
    });
}

#[test]
fn many_tasks_get_and_put_and_none_ever_shares_an_item() {
    let uses = Runtime::builder()
        .arbiters(3)
        .build()
        .expect("the threads start")
        .block_on(|scope| async move {
            let pool = pool_of(|| async { Ok(Arc::new(AtomicBool::new(false))) });
            let pool = Pool::spawn(&scope, pool.max(4)).await?;
            let uses = Arc::new(AtomicUsize::new(0));
            let counter = uses.clone();
            let tasks = scope.go_each(0..20, move |_| {
                let (pool, uses) = (pool.clone(), counter.clone());
                async move {
                    for _ in 0..50 {
                        let item = pool.get().await?;
                        assert!(!item.swap(true, SeqCst), "somebody else has it");
                        uses.fetch_add(1, SeqCst);
                        item.store(false, SeqCst);
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
}

/// Counts how many of it live: Go's finalizer in the test of the garbage collection.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[test]
fn items_that_are_not_used_go_after_a_while_and_those_in_use_stay() {
    check(|scope| async move {
        let live = Arc::new(AtomicUsize::new(0));
        let items = pool_from((0..10).map(|_| Counted::new(&live)));
        let pool = Pool::spawn(&scope, items.idle_time_out(60.secs())).await?;
        let used = pool.get().await?;
        sleep(120.secs()).await?;
        assert_eq!(live.load(SeqCst), 1, "Go needs two collections for it");
        drop(used);
        assert!(pool.try_get().await.is_ok());
        Ok(())
    });
}

#[test]
fn a_pool_that_nobody_has_any_more_drops_its_items() {
    check(|scope| async move {
        let live = Arc::new(AtomicUsize::new(0));
        let pool = Pool::spawn(
            &scope,
            pool_from([Counted::new(&live), Counted::new(&live)]),
        );
        let pool = pool.await?;
        let out = pool.get().await?;
        drop(pool);
        idle().await?;
        assert_eq!(live.load(SeqCst), 2, "a guard keeps it alive");
        drop(out);
        idle().await?;
        assert_eq!((live.load(SeqCst), scope.len()), (0, 0));
        Ok(())
    });
}

#[test]
fn a_panic_in_new_is_its_callers_alone() {
    quiet();
    check(|scope| async move {
        let mut n = 0;
        let pool = pool_of(move || {
            n += 1;
            async move {
                assert!(n != 1, "the first New breaks");
                Ok(n)
            }
        });
        let pool = Pool::spawn(&scope, pool.max(1)).await?;
        assert!(matches!(pool.get().await, Err(GetError::Panicked(_))));
        assert_eq!(*pool.get().await?, 2);
        Ok(())
    });
}

#[test]
fn an_item_of_one_pool_may_be_put_into_another() {
    check(|scope| async move {
        let (one, other) = (
            Pool::spawn(&scope, pool_from([5]).max(1)).await?,
            Pool::spawn(&scope, pool_from([]).max(1)).await?,
        );
        other.put(Pooled::into_inner(one.get().await?)).await?;
        assert!(matches!(one.try_get().await, Err(TryGetError::Empty)));
        assert!(matches!(other.put(6).await, Err(PutError::Full(6))));
        assert_eq!(*other.get().await?, 5);
        Ok(())
    });
}

#[test]
fn handles_are_copies_of_one_pool_and_may_be_used_from_any_task() {
    check(|scope| async move {
        let pool = Pool::spawn(&scope, pool_from([1])).await?;
        let other = pool.clone();
        let item = scope.go(async move { Ok(other.get().await?) }).await?;
        assert!(matches!(pool.try_get().await, Err(TryGetError::Empty)));
        // What the holder did is seen by the next one.
        let mut item = item;
        *item = 2;
        drop(item);
        assert_eq!(*pool.get().await?, 2);
        Ok(())
    });
}
