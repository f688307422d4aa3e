//! Caches, by the public API, and against a map.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Boom, Ledger, Token, arbiters, boom, check, idle, paused, polls, quiet};
use greenroom_actor::{Placement, Scope};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::cache::{Cache, CacheError, LoadError, SpawnCacheError, cache};
use proptest::prelude::*;

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

#[derive(Clone, Copy, Debug)]
enum Step {
    Set(u8, Option<usize>),
    Remove(u8, Option<usize>),
    Clear,
    Load(u8, Outcome, Option<usize>),
    Sleep(u64),
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Loads(u64),
    Fails(u64),
    Panics(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cut = || proptest::option::weighted(0.2, 0..4_usize);
    let outcome = prop_oneof![
        4 => (0..6_u64).prop_map(Outcome::Loads),
        1 => (0..6_u64).prop_map(Outcome::Fails),
        1 => (0..6_u64).prop_map(Outcome::Panics),
    ];
    let step = prop_oneof![
        6 => (0..8_u8, cut()).prop_map(|(key, cut)| Step::Set(key, cut)),
        2 => (0..8_u8, cut()).prop_map(|(key, cut)| Step::Remove(key, cut)),
        1 => Just(Step::Clear),
        4 => (0..8_u8, outcome, cut()).prop_map(|(key, outcome, cut)| Step::Load(key, outcome, cut)),
        3 => (1..20_u64).prop_map(Step::Sleep),
    ];
    proptest::collection::vec(step, 0..50)
}

/// What the model knows: the entries in the order of their writes, with their values and times.
#[derive(Default)]
struct Model {
    entries: BTreeMap<u8, (usize, u64, usize)>,
    writes: usize,
}

impl Model {
    fn set(&mut self, key: u8, number: usize, now: u64, capacity: usize) {
        self.writes += 1;
        if !self.entries.contains_key(&key) && self.entries.len() >= capacity {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.2);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, (number, now, self.writes));
    }

    fn get(&self, key: u8, now: u64, time: u64) -> Option<usize> {
        let (number, written, _) = self.entries.get(&key)?;
        (now < written + time).then_some(*number)
    }
}

async fn carry_out(
    scope: Scope,
    steps: Vec<Step>,
    capacity: usize,
    time: u64,
    ledger: Ledger,
) -> Result<()> {
    let options = cache().capacity(capacity).time_to_live(time.millis());
    let items: Cache<u8, Arc<Token>> = Cache::spawn(&scope, options).await?;
    let begun = scope.context().now();
    let now = || u64::try_from((scope.context().now() - begun).as_millis()).unwrap_or(u64::MAX);
    let mut model = Model::default();
    for (number, step) in steps.into_iter().enumerate() {
        // A sweep takes nothing that could be read, and makes room in the model too.
        let swept = now();
        let value = Arc::new(ledger.token(number));
        match step {
            Step::Set(key, limit) => {
                let set = polls(limit, items.set(key, value)).await;
                idle().await?;
                let is_there = items.get(&key).is_some_and(|token| token.number == number);
                match set {
                    Some(set) => {
                        set?;
                        assert!(is_there || time <= 1);
                    }
                    None if !is_there => continue,
                    None => {}
                }
                model
                    .entries
                    .retain(|_, entry| swept < entry.1 + time + time);
                model.set(key, number, swept, capacity);
            }
            Step::Remove(key, limit) => {
                drop(value);
                let before = model.get(key, now(), time);
                let removed = polls(limit, items.remove(key)).await;
                if let Some(removed) = removed {
                    assert_eq!(removed?.map(|token| token.number), before);
                    model.entries.remove(&key);
                } else {
                    idle().await?;
                    if items.get(&key).is_none() {
                        model.entries.remove(&key);
                    }
                }
            }
            Step::Clear => {
                items.clear().await?;
                model.entries.clear();
            }
            Step::Load(key, outcome, limit) => {
                let before = model.get(key, now(), time);
                let loaded = polls(
                    limit,
                    items.get_or_insert_with(key, move || async move {
                        match outcome {
                            Outcome::Loads(millis) => {
                                sleep(millis.millis()).await?;
                                Ok(value)
                            }
                            Outcome::Fails(millis) => {
                                sleep(millis.millis()).await?;
                                boom()
                            }
                            Outcome::Panics(millis) => {
                                sleep(millis.millis()).await?;
                                panic!("planned")
                            }
                        }
                    }),
                )
                .await;
                match (before, loaded) {
                    (Some(before), Some(loaded)) => assert_eq!(loaded?.number, before),
                    (None, Some(Ok(token))) => {
                        assert!(matches!(outcome, Outcome::Loads(_)));
                        assert_eq!(token.number, number);
                        model.set(key, number, now(), capacity);
                    }
                    (None, Some(Err(LoadError::Failed(_)))) => {
                        assert!(matches!(outcome, Outcome::Fails(_)));
                    }
                    (None, Some(Err(LoadError::Panicked(_)))) => {
                        assert!(matches!(outcome, Outcome::Panics(_)));
                    }
                    (_, None) => {
                        // It goes on without its caller, if it had begun.
                        let stored = loop {
                            if let Some(token) = items.get(&key) {
                                break Some(token.number);
                            }
                            if scope.len() <= 1 {
                                break items.get(&key).map(|token| token.number);
                            }
                            idle().await?;
                        };
                        if stored == Some(number) {
                            let at = now();
                            model.set(key, number, at, capacity);
                        }
                    }
                    (before, other) => unreachable!("{before:?}: {other:?}"),
                }
            }
            Step::Sleep(millis) => sleep(millis.millis()).await?,
        }
        let at = now();
        for key in 0..8 {
            let read = items.get(&key).map(|token| token.number);
            assert!(
                read == model.get(key, at, time),
                "{key} at {at}: {read:?}, not {:?}",
                model.get(key, at, time)
            );
        }
        assert!(items.len() <= capacity);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn it_reads_as_a_map_with_a_bound_and_a_time(
        steps in steps(),
        capacity in 1..6_usize,
        // A multiple, or never: so that the model need not know when the sweep comes.
        is_timed in any::<bool>(),
        seed in any::<u64>(),
    ) {
        quiet();
        let ledger = Ledger::default();
        let runtime = paused(seed);
        // With both a bound and a time, what was swept decides what makes room: one of them at a time.
        let (capacity, time) = if is_timed { (100, 40) } else { (capacity, 1_000_000) };
        let ran = runtime.block_on({
            let ledger = ledger.clone();
            move |scope| carry_out(scope, steps, capacity, time, ledger)
        });
        prop_assert!(ran.is_ok(), "{ran:?}");
        prop_assert_eq!(ledger.live(), 0, "a value is held somewhere");
        prop_assert!(runtime.registry().actors(runtime.context().now()).is_empty());
    }
}
