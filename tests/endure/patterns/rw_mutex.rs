//! A mutex for readers and writers: many of the ones or one of the others, and what was written is there.

use greenroom::prelude::*;

use crate::account::{Count, Token};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

#[derive(Default)]
struct Kept {
    tokens: Vec<Token>,
}

#[derive(Clone)]
struct Party {
    kept: RwMutex<Kept>,
    readers: Count,
    writers: Count,
    round: Round,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let kept = RwMutex::spawn(&scope, Kept::default()).await?;
    let party = Party {
        kept: kept.clone(),
        readers: Count::default(),
        writers: Count::default(),
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
    for task in tasks {
        let _failed = task.await;
    }
    let mut all = kept.recover().await?;
    all.tokens.drain(..).for_each(|token| token.received());
    round.ledger().lossless();
    drop(all);
    let status = kept.status().await?;
    let is_free = status.holders.is_empty() && status.waiters.is_empty();
    round.check(is_free, || format!("nobody is there, but {status:?}"));
    Ok(())
}

impl Party {
    async fn go(self, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
        let mut fuse = dice.fuse(12);
        let mut seen = 0;
        for token in tokens {
            dice.pause().await?;
            if dice.one_in(2) {
                token.returned();
                let lease = match dice.one_in(4) {
                    true => dice
                        .attempt(self.kept.try_read())
                        .await
                        .and_then(Result::ok),
                    false => dice.attempt(self.kept.read()).await.and_then(Result::ok),
                };
                let Some(lease) = lease else { continue };
                let _reads = self.readers.hold();
                self.round.check(self.writers.get() == 0, || {
                    format!("{} write while one reads", self.writers.get())
                });
                let len = lease.tokens.len();
                self.round
                    .check(len >= seen, || format!("it shrank from {seen} to {len}"));
                seen = len;
                dice.pause().await?;
                // Its panic poisons nothing.
                fuse.step();
                continue;
            }
            let lease = match dice.below(4) {
                0 => dice
                    .attempt(self.kept.try_write())
                    .await
                    .and_then(Result::ok),
                1 => dice.attempt(self.kept.recover()).await.and_then(Result::ok),
                _ => dice.attempt(self.kept.write()).await.and_then(Result::ok),
            };
            let Some(mut lease) = lease else {
                token.returned();
                continue;
            };
            let _writes = self.writers.hold();
            let (readers, writers) = (self.readers.get(), self.writers.get());
            self.round.check(readers == 0 && writers == 1, || {
                format!("{readers} read and {writers} write at once")
            });
            let mark = token.mark();
            lease.tokens.push(token);
            mark.accepted();
            fuse.step();
            dice.pause().await?;
        }
        Ok(())
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let value = RwMutex::spawn(&scope, 0).await?;
    let mut next = 1;
    while next <= flow.items() {
        *value.write().await? = next;
        let (one, other) = (value.read().await?, value.try_read().await?);
        flow.passed((*one).min(*other));
        next += 1;
    }
    Ok(())
}
