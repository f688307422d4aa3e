//! A watched value: versions only grow, and who waits sees the last one.

use greenroom::prelude::*;
use greenroom::watch::{self, Publisher, Watch, WatchError};

use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    // What is replaced is dropped by design.
    round.ledger().may_drop();
    let mut dice = round.dice();
    let (publisher, watch) = watch::channel(round.token());
    let last = dice.below(8);
    let mut watchers = Vec::new();
    for _ in 0..dice.upto(3) {
        let task = scope.go(look(watch.clone(), last, round.clone(), dice.fork()));
        if dice.fault(8) {
            dice.leave();
            task.cancel("planted");
        }
        watchers.push(task);
    }
    let task = scope.go(publish(publisher, last, round.clone(), dice.fork()));
    if dice.fault(8) {
        dice.leave();
        task.cancel("planted");
    }
    Ok(())
}

async fn publish(
    publisher: Publisher<Token>,
    last: usize,
    round: Round,
    mut dice: Dice,
) -> Result<()> {
    let mut fuse = dice.fuse(8);
    for version in 1..=last {
        dice.pause().await?;
        let token = round.token();
        fuse.step();
        let number = token.number();
        publisher.publish(token);
        let now = publisher.get().number();
        round.check(now == number, || {
            format!("published {number} as {version}, and read {now}")
        });
    }
    Ok(())
}

async fn look(watch: Watch<Token>, last: usize, round: Round, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(8);
    let mut seen = None;
    let mut version = watch.version();
    loop {
        fuse.step();
        dice.pause().await?;
        let value = match dice.below(4) {
            0 => Some(Ok(watch.get())),
            _ => dice.attempt(watch.changed()).await,
        };
        match value {
            Some(Ok(token)) => {
                let number = token.number();
                round.check(seen <= Some(number), || {
                    format!("saw {number} after {seen:?}")
                });
                seen = Some(number);
                let now = watch.version();
                round.check(now >= version, || format!("version {now} after {version}"));
                version = now;
            }
            Some(Err(WatchError::Closed)) => break,
            Some(Err(_)) if Context::current().is_none_or(|now| now.is_done()) => return Ok(()),
            _ => {}
        }
    }
    // In a calm round nobody ended the publisher before its last version.
    let number = watch.get().number();
    round.check(!round.is_calm() || number == last, || {
        format!("at the close the value is {number}, not {last}")
    });
    round.check(seen.is_none_or(|seen| seen == number), || {
        format!("closed after {seen:?}, and {number} was not shown")
    });
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let (ask, asked) = watch::channel(0);
    let (answer, answered) = watch::channel(0);
    let echo = scope.go(async move {
        while let Ok(value) = asked.changed().await {
            answer.publish(*value);
        }
        Ok(())
    });
    for value in 1..=flow.items() {
        ask.publish(value);
        flow.passed(*answered.changed().await?);
    }
    drop(ask);
    echo.await?;
    Ok(())
}
