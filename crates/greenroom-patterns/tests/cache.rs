//! Caches, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Boom, Ledger, arbiters, boom, check, idle, polls, quiet};
use greenroom_actor::Placement;
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::cache::{Cache, CacheError, LoadError, SpawnCacheError, cache};

#[test]
fn smoke() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        assert!(items.is_empty());
        for key in 0..100 {
            items.set(key, key * 2).await?;
        }
        assert_eq!(
            (items.len(), items.get(&7), items.get(&100)),
            (100, Some(14), None)
        );
        assert_eq!(items.remove(7).await?, Some(14));
        assert_eq!(items.remove(7).await?, None);
        items.clear().await?;
        assert_eq!((items.len(), items.get(&8)), (0, None));
        Ok(())
    });
}

#[test]
fn a_write_that_returned_is_seen_by_every_handle_on_every_arbiter() {
    let runtime = arbiters(4);
    let ran = runtime.block_on(|scope| async move {
        let spread = scope.on(Placement::Spread);
        let items = Cache::spawn(&scope, cache()).await?;
        let writers: Vec<_> = (0..4_u32)
            .map(|writer| {
                let items = items.clone();
                spread.go(async move {
                    for number in 0..200 {
                        items.set(writer, number).await?;
                        assert_eq!(items.clone().get(&writer), Some(number));
                    }
                    Ok(())
                })
            })
            .collect();
        let readers: Vec<_> = (0..4_u32)
            .map(|writer| {
                let items = items.clone();
                spread.go(async move {
                    let mut last = None;
                    while last != Some(199) {
                        let now = items.get(&writer);
                        assert!(now >= last, "back in time");
                        last = now;
                        greenroom_core::task::yield_now().await;
                    }
                    Ok(())
                })
            })
            .collect();
        for task in writers.into_iter().chain(readers) {
            task.await?;
        }
        Ok(())
    });
    ran.expect("no write is lost");
}

#[test]
fn a_description_that_holds_nothing_is_refused() {
    check(|scope| async move {
        let none = Cache::<u8, u8>::spawn(&scope, cache().capacity(0)).await;
        assert!(matches!(none, Err(SpawnCacheError::ZeroCapacity)));
        let none = Cache::<u8, u8>::spawn(&scope, cache().time_to_live(0.secs())).await;
        assert!(matches!(none, Err(SpawnCacheError::ZeroTimeToLive)));
        let ended = scope.scope(|inner| async move { Ok(inner) }).await?;
        let late = Cache::<u8, u8>::spawn(&ended, cache()).await;
        assert!(matches!(late, Err(SpawnCacheError::Spawn(_))));
        Ok(())
    });
}

#[test]
fn one_load_for_all_who_ask() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        let loads = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (items, loads) = (items.clone(), loads.clone());
                scope.go(async move {
                    let loaded = items.get_or_insert_with("key", || async move {
                        loads.fetch_add(1, SeqCst);
                        sleep(5.millis()).await?;
                        Ok(7)
                    });
                    Ok(loaded.await?)
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await?, 7);
        }
        assert_eq!((loads.load(SeqCst), items.get("key")), (1, Some(7)));
        Ok(())
    });
}

#[test]
fn loads_of_different_keys_run_beside_each_other() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        let begun = scope.context().now();
        let tasks: Vec<_> = (0..5)
            .map(|key| {
                let items = items.clone();
                scope.go(async move {
                    let loader = move || async move {
                        sleep(10.millis()).await?;
                        Ok(key)
                    };
                    Ok(items.get_or_insert_with(key, loader).await?)
                })
            })
            .collect();
        idle().await?;
        // The owner is not held up.
        items.set(100, 100).await?;
        for (key, task) in (0..).zip(tasks) {
            assert_eq!(task.await?, key);
        }
        assert!(scope.context().now() - begun < 15.millis());
        Ok(())
    });
}

#[test]
fn a_failed_load_is_told_to_all_and_not_stored() {
    quiet();
    check(|scope| async move {
        let items = Cache::<u8, u8>::spawn(&scope, cache()).await?;
        let second = scope.go({
            let items = items.clone();
            async move { Ok(items.get_or_insert_with(1, || async { Ok(9) }).await) }
        });
        let first = items
            .get_or_insert_with(1, || async {
                sleep(2.millis()).await?;
                boom()
            })
            .await;
        let Err(LoadError::Failed(failure)) = first else {
            unreachable!("the loader failed")
        };
        assert!(failure.downcast_ref::<Boom>().is_some());
        assert!(matches!(second.await?, Err(LoadError::Failed(_))));
        assert_eq!(items.get(&1), None);
        let panicked = items
            .get_or_insert_with(1, || async { panic!("the loader") })
            .await;
        assert!(matches!(panicked, Err(LoadError::Panicked(_))));
        let panicked = items
            .get_or_insert_with(1, || -> std::future::Ready<Result<u8>> {
                panic!("the maker")
            })
            .await;
        assert!(matches!(panicked, Err(LoadError::Panicked(_))));
        assert_eq!(items.get_or_insert_with(1, || async { Ok(3) }).await?, 3);
        Ok(())
    });
}

#[test]
fn a_caller_that_is_cut_off_at_any_poll_leaves_the_load_to_the_others() {
    for limit in 0..6 {
        check(move |scope| async move {
            let items = Cache::<u8, u8>::spawn(&scope, cache()).await?;
            let loader = || async {
                sleep(5.millis()).await?;
                Ok(7)
            };
            let brief = scope.context().with_timeout(2.millis());
            let first = polls(Some(limit), brief.run(items.get_or_insert_with(1, loader))).await;
            assert!(!matches!(first, Some(Ok(Ok(_)))));
            let second = items.get_or_insert_with(1, || async { Ok(8) }).await?;
            assert!(second == 7 || (second == 8 && limit < 2), "{second}");
            assert_eq!(items.get(&1), Some(second));
            Ok(())
        });
    }
}

#[test]
fn a_load_whose_callers_have_all_gone_is_stored() {
    check(|scope| async move {
        let items = Cache::<u8, u8>::spawn(&scope, cache()).await?;
        let brief = scope.context().with_timeout(2.millis());
        let loader = || async {
            sleep(5.millis()).await?;
            Ok(7)
        };
        let gone = brief.run(items.get_or_insert_with(1, loader)).await;
        assert!(matches!(gone, Ok(Err(LoadError::Deadline)) | Err(_)));
        sleep(5.millis()).await?;
        assert_eq!(items.get(&1), Some(7));
        Ok(())
    });
}

#[test]
fn a_write_during_a_load_wins() {
    check(|scope| async move {
        let items = Cache::<u8, u8>::spawn(&scope, cache()).await?;
        let ask = |value: u8| {
            let items = items.clone();
            scope.go(async move {
                let loader = move || async move {
                    sleep(5.millis()).await?;
                    Ok(value)
                };
                Ok(items.get_or_insert_with(1, loader).await?)
            })
        };
        let loading = ask(7);
        idle().await?;
        items.set(1, 100).await?;
        assert_eq!(loading.await?, 7);
        assert_eq!(items.get(&1), Some(100));

        items.remove(1).await?;
        let outdated = ask(8);
        idle().await?;
        items.remove(1).await?;
        // Begun after the remove: it must not get what was loaded before.
        assert_eq!(ask(9).await?, 9);
        assert_eq!(outdated.await?, 8);
        assert_eq!(items.get(&1), Some(9));

        items.clear().await?;
        let outdated = ask(10);
        idle().await?;
        items.clear().await?;
        assert_eq!(outdated.await?, 10);
        assert_eq!(items.get(&1), None);
        Ok(())
    });
}

#[test]
fn a_load_that_asks_for_itself_gets_an_error() {
    check(|scope| async move {
        let items = Cache::<u8, u8>::spawn(&scope, cache()).await?;
        let own = items.clone();
        let direct = items
            .get_or_insert_with(1, move || async move {
                Ok(own.get_or_insert_with(1, || async { Ok(0) }).await?)
            })
            .await;
        let Err(LoadError::Failed(failure)) = direct else {
            unreachable!("its loader failed")
        };
        assert!(matches!(failure.downcast_ref(), Some(LoadError::Cycle)));

        let (one, two) = (items.clone(), items.clone());
        let over_another = items.get_or_insert_with(2, move || async move {
            let inner = one.get_or_insert_with(3, move || async move {
                Ok(two.get_or_insert_with(2, || async { Ok(0) }).await?)
            });
            Ok(inner.await?)
        });
        assert!(over_another.await.is_err());
        // Without a cycle, a load may ask for others.
        let one = items.clone();
        let sum = items.get_or_insert_with(4, move || async move {
            Ok(1 + one.get_or_insert_with(5, || async { Ok(2) }).await?)
        });
        assert_eq!(sum.await?, 3);
        Ok(())
    });
}

#[test]
fn the_oldest_write_makes_room() {
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache().capacity(2)).await?;
        items.set('a', 1).await?;
        items.set('b', 2).await?;
        items.set('a', 3).await?;
        let _read = items.get(&'b');
        items.set('c', 4).await?;
        assert_eq!(
            ['a', 'b', 'c'].map(|key| items.get(&key)),
            [Some(3), None, Some(4)]
        );
        Ok(())
    });
}

#[test]
fn an_entry_is_over_after_its_time_and_is_swept() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let items = Cache::spawn(&scope, cache().time_to_live(80.millis())).await?;
        items.set(1, Arc::new(ledger.token(1))).await?;
        sleep(50.millis()).await?;
        items.set(2, Arc::new(ledger.token(2))).await?;
        sleep(29.millis()).await?;
        assert!(items.get(&1).is_some());
        sleep(1.millis()).await?;
        assert!(items.get(&1).is_none() && items.get(&2).is_some());
        let again = items.get_or_insert_with(1, {
            let token = ledger.token(3);
            || async { Ok(Arc::new(token)) }
        });
        assert_eq!(again.await?.number, 3);
        sleep(100.millis()).await?;
        assert_eq!((items.len(), ledger.live()), (0, 0));
        Ok(())
    });
}

/// A key whose comparison panics on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fragile(u8);

impl PartialOrd for Fragile {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fragile {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        assert!(self.0 != 255 && other.0 != 255, "the comparison");
        self.0.cmp(&other.0)
    }
}

#[test]
fn restart_keeps_entries_loads_and_address() {
    quiet();
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache()).await?;
        for key in 0..10 {
            items.set(Fragile(key), key).await?;
        }
        let loading = scope.go({
            let items = items.clone();
            async move {
                let loader = || async {
                    sleep(5.millis()).await?;
                    Ok(100)
                };
                Ok(items.get_or_insert_with(Fragile(100), loader).await?)
            }
        });
        idle().await?;
        for _ in 0..5 {
            assert!(matches!(
                items.set(Fragile(255), 0).await,
                Err(CacheError::Panicked(_))
            ));
        }
        assert_eq!(items.get(&Fragile(3)), Some(3));
        items.set(Fragile(3), 33).await?;
        assert_eq!(loading.await?, 100);
        assert_eq!((items.len(), items.get(&Fragile(3))), (11, Some(33)));
        Ok(())
    });
}

/// A value whose destructor panics.
#[derive(Clone)]
struct Bitter(Arc<AtomicUsize>);

impl Drop for Bitter {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 && !std::thread::panicking() {
            panic!("the drop");
        }
    }
}

#[test]
fn a_destructor_that_panics_costs_nobody_anything() {
    quiet();
    check(|scope| async move {
        let items = Cache::spawn(&scope, cache().capacity(1)).await?;
        for key in 0..5 {
            items.set(key, Bitter(Arc::default())).await?;
        }
        let kept = items.get(&4).map(|value| value.0.clone());
        assert!(kept.is_some());
        std::mem::forget(kept);
        Ok(())
    });
}

#[test]
fn the_end_of_the_scope_ends_it_and_reads_go_on() {
    check(|scope| async move {
        let items = scope
            .scope(|inner| async move {
                let items = Cache::<u8, u8>::spawn(&inner, cache()).await?;
                items.set(1, 1).await?;
                // A load that nobody waits for is the scope's: it waits for it.
                let _gone = polls(
                    Some(1),
                    items.get_or_insert_with(2, || async {
                        sleep(5.millis()).await?;
                        Ok(2)
                    }),
                )
                .await;
                Ok(items)
            })
            .await?;
        assert!(matches!(items.set(3, 3).await, Err(CacheError::Closed)));
        assert!(matches!(
            items.get_or_insert_with(3, || async { Ok(3) }).await,
            Err(LoadError::Closed)
        ));
        assert_eq!(items.get(&1), Some(1));
        Ok(())
    });
}

#[test]
fn a_cancel_of_the_scope_ends_its_loads() {
    check(|scope| async move {
        let ended = scope
            .scope(|inner| async move {
                let items = Cache::<u8, u8>::spawn(&inner, cache()).await?;
                let waiting = items.get_or_insert_with(1, std::future::pending);
                let cancel = inner.clone();
                inner
                    .go(async move {
                        idle().await?;
                        cancel.cancel("enough");
                        Ok(())
                    })
                    .detach();
                Ok(waiting.await.err())
            })
            .await;
        assert!(matches!(
            ended,
            Ok(Some(
                LoadError::Cancelled(_) | LoadError::Abandoned | LoadError::Closed
            )) | Err(_)
        ));
        Ok(())
    });
}
