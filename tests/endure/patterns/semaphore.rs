//! A semaphore: never more permits out than there are, and each comes back, whoever had it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom::prelude::*;

use crate::account::{Count, Token};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

#[derive(Clone)]
struct Party {
    permits: Semaphore,
    out: Count,
    // The largest size so far: a shrink takes nothing from those who hold some.
    most: Arc<AtomicUsize>,
    round: Round,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let size = dice.upto(4);
    let permits = Semaphore::spawn(&scope, size).await?;
    let party = Party {
        permits: permits.clone(),
        out: Count::default(),
        most: Arc::new(AtomicUsize::new(size)),
        round: round.clone(),
    };
    let mut tasks = Vec::new();
    for _ in 0..dice.upto(4) {
        let tokens = (0..dice.below(5)).map(|_| round.token()).collect();
        let task = scope.go(party.clone().go(tokens, dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        tasks.push(task);
    }
    let mut last = size;
    for _ in 0..dice.below(3) {
        dice.pause().await?;
        last = dice.below(6);
        party.most.fetch_max(last, SeqCst);
        permits.resize(last)?;
    }
    if dice.fault(8) {
        dice.pause().await?;
        dice.leave();
        permits.close();
    }
    for task in tasks {
        let _failed = task.await;
    }
    let (free, now) = (permits.available().await?, permits.size().await?);
    round.check(free == last && now == last, || {
        format!("of {last} permits {free} came back, and the size is {now}")
    });
    let waiting = permits.waiting().await?;
    round.check(waiting == 0, || format!("{waiting} wait who are gone"));
    Ok(())
}

impl Party {
    async fn go(self, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
        let mut fuse = dice.fuse(12);
        for token in tokens {
            token.returned();
            dice.pause().await?;
            let asked = dice.below(4);
            let permit = match dice.below(4) {
                0 => dice
                    .attempt(self.permits.try_acquire_many(asked))
                    .await
                    .and_then(Result::ok),
                _ => dice
                    .attempt(self.permits.acquire_many(asked))
                    .await
                    .and_then(Result::ok),
            };
            let Some(mut permit) = permit else { continue };
            self.round.check(permit.permits() == asked, || {
                format!("{permit:?} for a request of {asked}")
            });
            let mut held: Vec<_> = (0..asked).map(|_| self.out.hold()).collect();
            let (out, most) = (self.out.get(), self.most.load(SeqCst));
            self.round
                .check(out <= most, || format!("{out} permits of {most} are out"));
            fuse.step();
            if asked > 1 && dice.one_in(3) {
                held.pop();
                drop(permit.split(1)?);
            }
            dice.pause().await?;
            // Before the permit, which lets the next one in.
            drop(held);
            drop(permit);
        }
        Ok(())
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let permits = Semaphore::spawn(&scope, 3).await?;
    let items = flow.items();
    let mut tasks = Vec::new();
    for first in 1..=4 {
        let (permits, flow) = (permits.clone(), flow.clone());
        tasks.push(scope.go(async move {
            for value in (first..=items).step_by(4) {
                let permit = permits.acquire_many(value as usize % 4).await?;
                flow.passed(value);
                drop(permit);
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await?;
    }
    Ok(())
}
