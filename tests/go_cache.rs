//! What Go programs do with a map under a `sync.RWMutex`, and with `singleflight`.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom::patterns::cache::LoadError;
use greenroom::prelude::*;
use support::{Boom, check, idle, quiet};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item(u32);

#[test]
fn a_missing_key_is_told_apart_from_a_zero_value() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        assert_eq!(items.get("a"), None);
        items.set("a", Item(0)).await?;
        assert_eq!((items.get("a"), items.get("b")), (Some(Item(0)), None));
        Ok(())
    });
}

#[test]
fn a_set_replaces_and_is_read_by_all() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        items.set("a", Item(1)).await?;
        items.set("a", Item(2)).await?;
        let readers = scope.go_each(0..8, {
            let items = items.clone();
            move |_| {
                let items = items.clone();
                async move {
                    match items.get("a") {
                        Some(Item(2)) => Ok(()),
                        other => Err(Failure::message(format!("{other:?}"))),
                    }
                }
            }
        });
        assert_eq!(readers.await?, 8);
        scope.join().await?;
        assert_eq!(items.len(), 1);
        Ok(())
    });
}

#[test]
fn writers_of_many_tasks_lose_nothing() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        let writers = scope.go_each(0..100_u32, {
            let items = items.clone();
            move |key| {
                let items = items.clone();
                async move { Ok(items.set(key, Item(key)).await?) }
            }
        });
        writers.await?;
        scope.join().await?;
        assert_eq!(items.len(), 100);
        assert!((0..100).all(|key| items.get(&key) == Some(Item(key))));
        Ok(())
    });
}

#[test]
fn a_value_that_was_read_is_not_changed_by_a_later_write() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        items.set(1, vec![1]).await?;
        let before = items.get(&1);
        items.set(1, vec![2]).await?;
        assert_eq!((before, items.get(&1)), (Some(vec![1]), Some(vec![2])));
        Ok(())
    });
}

#[test]
fn a_reader_does_not_wait_for_a_writer_that_is_slow() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        items.set(1, Item(1)).await?;
        let loading = scope.go({
            let items = items.clone();
            async move {
                let loader = || async {
                    sleep(1.secs()).await?;
                    Ok(Item(2))
                };
                Ok(items.get_or_insert_with(2, loader).await?)
            }
        });
        idle().await?;
        assert_eq!((items.get(&1), items.get(&2)), (Some(Item(1)), None));
        assert_eq!(loading.await?, Item(2));
        Ok(())
    });
}

#[test]
fn singleflight_calls_once_for_duplicates_and_again_afterwards() {
    quiet();
    check(|scope| async move {
        let items = Cache::<&str, u32>::spawn(&scope, cache()).await?;
        let calls = Arc::new(AtomicUsize::new(0));
        for round in 1..=3 {
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let (items, calls) = (items.clone(), calls.clone());
                    scope.go(async move {
                        let loaded = items.get_or_insert_with("key", || async move {
                            calls.fetch_add(1, SeqCst);
                            sleep(10.millis()).await?;
                            Err(Boom("no").into())
                        });
                        Ok(loaded.await)
                    })
                })
                .collect();
            for task in tasks {
                let Err(LoadError::Failed(failure)) = task.await? else {
                    unreachable!("every caller gets the error")
                };
                assert_eq!(failure.downcast_ref(), Some(&Boom("no")));
            }
            // An error is not stored: the next round calls again.
            assert_eq!(calls.load(SeqCst), round);
        }
        Ok(())
    });
}

#[test]
fn singleflight_forget_lets_the_next_call_begin_anew() {
    check(|scope| async move {
        let items = Cache::<u8, u8>::spawn(&scope, cache()).await?;
        let load = |value: u8| {
            let items = items.clone();
            scope.go(async move {
                let loader = move || async move {
                    sleep(10.millis()).await?;
                    Ok(value)
                };
                Ok(items.get_or_insert_with(1, loader).await?)
            })
        };
        let first = load(1);
        idle().await?;
        items.remove(1).await?;
        let second = load(2);
        assert_eq!((first.await?, second.await?), (1, 2));
        assert_eq!(items.get(&1), Some(2));
        Ok(())
    });
}

#[test]
fn singleflight_gives_a_panic_to_all_and_the_process_lives() {
    quiet();
    check(|scope| async move {
        let items = Cache::<u8, u8>::spawn(&scope, cache()).await?;
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let items = items.clone();
                scope.go(async move {
                    let loader = || async {
                        sleep(1.millis()).await?;
                        panic!("the loader")
                    };
                    Ok(items.get_or_insert_with(1, loader).await)
                })
            })
            .collect();
        for task in tasks {
            assert!(matches!(task.await?, Err(LoadError::Panicked(_))));
        }
        Ok(())
    });
}
