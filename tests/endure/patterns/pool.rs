//! Pools of items: one holder for each, never more than the limit, and each comes back or ends.

use std::sync::{Arc, Mutex};

use greenroom::patterns::pool::{Pool, Pooled, TryGetError};
use greenroom::prelude::*;

use crate::account::{Count, Held, Token, lock};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

struct Item {
    token: Token,
    holders: Count,
    // While its place in the pool is taken.
    made: Option<Held>,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    // Idle items are, at the close.
    round.ledger().may_drop();
    let max = dice.upto(3);
    let made = Count::default();
    let maker = Arc::new(Mutex::new(dice.fork()));
    let (making, from) = (maker.clone(), round.clone());
    let counter = made.clone();
    let make = move || {
        let mut dice = lock(&making).fork();
        let (made, round) = (counter.clone(), from.clone());
        async move {
            dice.pause().await?;
            dice.fuse(12).step();
            dice.may_fail(12)?;
            let item = Item {
                token: round.token(),
                holders: Count::default(),
                made: Some(made.hold()),
            };
            let now = made.get();
            round.check(now <= max, || format!("{now} items of a pool of {max}"));
            Ok(item)
        }
    };
    let mut options = pool_of(make).max(max);
    if dice.one_in(2) {
        let mut dice = dice.fork();
        options = options.reset(move |_item: &mut Item| dice.fuse(16).step());
    }
    if dice.one_in(2) {
        let maker = maker.clone();
        options = options.check(async move |_item: &mut Item| {
            let mut dice = lock(&maker).fork();
            let _ended = dice.pause().await;
            dice.fuse(16).step();
            !dice.one_in(8)
        });
    }
    if dice.one_in(4) {
        options = options.idle_time_out(1.millis());
    }
    if dice.one_in(4) {
        options = options.discard_after_panic();
    }
    let pool = Pool::spawn(&scope, options).await?;
    let mut tasks = Vec::new();
    for _ in 0..dice.upto(4) {
        let task = scope.go(borrow(pool.clone(), round.clone(), dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        tasks.push(task);
    }
    if dice.fault(6) {
        dice.pause().await?;
        dice.leave();
        pool.close();
    }
    for task in tasks {
        let _failed = task.await;
    }
    let mut counts = pool.counts().await?;
    // What was begun for those who left ends by itself.
    while counts.in_preparation > 0 {
        sleep(1.millis()).await?;
        counts = pool.counts().await?;
    }
    let is_home = counts.in_use == 0 && counts.waiting == 0 && counts.idle <= max;
    round.check(is_home, || format!("nobody is there, but {counts:?}"));
    pool.close();
    pool.closed().await?;
    round.check(made.get() == 0, || {
        format!("{} items are left of a pool that has ended", made.get())
    });
    Ok(())
}

async fn borrow(pool: Pool<Item>, round: Round, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(12);
    for _ in 0..dice.below(5) {
        dice.pause().await?;
        let item = match dice.one_in(4) {
            true => match dice.attempt(pool.try_get()).await {
                Some(Err(TryGetError::Empty)) if dice.one_in(2) => {
                    let item = Item {
                        token: round.token(),
                        holders: Count::default(),
                        made: None,
                    };
                    let put = dice.attempt(pool.put(item)).await;
                    if let Some(Err(refused)) = put {
                        refused.into_inner().token.returned();
                    }
                    continue;
                }
                tried => tried.and_then(Result::ok),
            },
            false => dice.attempt(pool.get()).await.and_then(Result::ok),
        };
        let Some(mut item) = item else { continue };
        let held = item.holders.hold();
        let holders = item.holders.get();
        round.check(holders == 1, || format!("{holders} hold one item"));
        fuse.step();
        dice.pause().await?;
        drop(held);
        if dice.one_in(6) {
            // Its place is free from then on.
            item.made = None;
            Pooled::into_inner(item).token.received();
        }
    }
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let pool = Pool::spawn(&scope, pool_of(|| async { Ok(0) }).max(2)).await?;
    let items = flow.items();
    let mut tasks = Vec::new();
    for first in 1..=3 {
        let (pool, flow) = (pool.clone(), flow.clone());
        tasks.push(scope.go(async move {
            for value in (first..=items).step_by(3) {
                let mut item = pool.get().await?;
                *item = value;
                flow.passed(*item);
                if value.is_multiple_of(64) {
                    let _gone = Pooled::into_inner(item);
                }
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await?;
    }
    Ok(())
}
