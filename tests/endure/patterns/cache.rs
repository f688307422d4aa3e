//! A cache: a write that has returned is seen, no reader goes back in time, one load of a key at a time.

use std::sync::Arc;

use greenroom::patterns::cache::Cache;
use greenroom::prelude::*;

use crate::account::{Count, Token};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

/// Keys below are written by one task each, those from here on are loaded.
const LOADED: usize = 4;

#[derive(Clone)]
struct Party {
    cache: Cache<usize, Arc<Token>>,
    capacity: usize,
    loads: [Count; 2],
    round: Round,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    // By design a value makes room for another.
    round.ledger().may_drop();
    let capacity = dice.upto(4);
    let mut options = cache().capacity(capacity);
    if dice.one_in(4) {
        options = options.time_to_live(1.millis());
    }
    let party = Party {
        cache: Cache::spawn(&scope, options).await?,
        capacity,
        loads: Default::default(),
        round: round.clone(),
    };
    let mut tasks = Vec::new();
    for own in 0..dice.upto(LOADED) {
        let task = scope.go(party.clone().go(own, dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        tasks.push(task);
    }
    for task in tasks {
        let _failed = task.await;
    }
    party.cache.clear().await?;
    let left = party.cache.len();
    // A load that was not ended by its callers may come after.
    let mut is_free = true;
    for key in 0..LOADED {
        is_free &= party.cache.get(&key).is_none();
    }
    round.check(is_free, || format!("{left} values are left of a clear"));
    Ok(())
}

impl Party {
    async fn go(self, own: usize, mut dice: Dice) -> Result<()> {
        let mut fuse = dice.fuse(12);
        let mut seen = [0; LOADED];
        for _ in 0..dice.below(8) {
            fuse.step();
            dice.pause().await?;
            match dice.below(6) {
                0 | 1 => {
                    let token = Arc::new(self.round.token());
                    let number = token.number() + 1;
                    let set = dice.attempt(self.cache.set(own, token)).await;
                    if let Some(Ok(())) = set {
                        seen[own] = number;
                    }
                }
                2 => {
                    let _gone = dice.attempt(self.cache.remove(own)).await;
                }
                3 => {
                    let key = dice.below(LOADED);
                    let now = self.cache.get(&key).map(|token| token.number() + 1);
                    self.round
                        .check(now.is_none_or(|now| now >= seen[key]), || {
                            format!("key {key} went from {} back to {now:?}", seen[key])
                        });
                    seen[key] = now.unwrap_or(seen[key]);
                }
                _ => {
                    let key = dice.below(2);
                    let (party, mut inner) = (self.clone(), dice.fork());
                    let load = move || async move {
                        let _loads = party.loads[key].hold();
                        let loads = party.loads[key].get();
                        party
                            .round
                            .check(loads == 1, || format!("{loads} loads of a key"));
                        inner.pause().await?;
                        inner.fuse(12).step();
                        inner.may_fail(12)?;
                        Ok(Arc::new(party.round.token()))
                    };
                    let load = self.cache.get_or_insert_with(LOADED + key, load);
                    let _loaded = dice.attempt(load).await;
                }
            }
            let len = self.cache.len();
            self.round.check(len <= self.capacity, || {
                format!("{len} values in a cache of {}", self.capacity)
            });
        }
        Ok(())
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let cache = Cache::spawn(&scope, cache().capacity(100)).await?;
    for value in 1..=flow.items() {
        if value.is_multiple_of(2) {
            cache.set(value, value).await?;
            flow.passed(cache.get(&value).unwrap_or(0));
        } else {
            let load = cache.get_or_insert_with(value, move || async move { Ok(value) });
            flow.passed(load.await?);
        }
    }
    Ok(())
}
