//! A cache against a map with a bound, or with a time to live: each call cut off at any of its polls.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Ledger, Token, boom, idle, paused, polls, quiet};
use greenroom_actor::Scope;
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::cache::{Cache, LoadError, cache};
use proptest::prelude::*;

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
