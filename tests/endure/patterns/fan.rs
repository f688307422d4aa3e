//! Fan-out and fan-in: each value goes to one worker, and leaves once.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use greenroom::channel::Receiver;
use greenroom::patterns::fan::{fan_out_by_key, fan_out_fan_in};
use greenroom::prelude::*;

use crate::account::{Token, lock};
use crate::dice::{Dice, Fuse};
use crate::flow::Flow;
use crate::frame::Round;

const KEYS: usize = 3;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let tokens: Vec<_> = (0..dice.below(10)).map(|_| round.token()).collect();
    let input = generate(&scope, tokens);
    let work = Arc::new(Work {
        dice: Mutex::new(dice.fork()),
        fuse: Mutex::new(dice.fuse(5)),
        has_failed: AtomicBool::new(false),
    });
    let f = move |token| work.clone().run(token);
    let workers = dice.upto(3);
    let by_key = dice.below(3) == 0;
    let outputs = if by_key {
        fan_out_by_key(
            &scope,
            input,
            workers,
            |token: &Token| token.number() % KEYS,
            f,
        )?
    } else if dice.one_in(3) {
        vec![fan_out_fan_in(&scope, input, workers, f)?]
    } else {
        fan_out(&scope, input, workers, f)?
    };
    if dice.one_in(2) {
        let merged = merge(&scope, outputs);
        return read(merged, by_key, round.clone(), dice.fork()).await;
    }
    for output in outputs {
        if dice.fault(6) {
            dice.leave();
            continue;
        }
        let task = scope.go(read(output, by_key, round.clone(), dice.fork()));
        task.detach();
    }
    Ok(())
}

/// What every worker does.
struct Work {
    dice: Mutex<Dice>,
    fuse: Mutex<Fuse>,
    has_failed: AtomicBool,
}

impl Work {
    async fn run(self: Arc<Self>, token: Token) -> Result<Token> {
        let mut dice = lock(&self.dice).fork();
        dice.pause().await?;
        lock(&self.fuse).step();
        // One error is enough to end the scope.
        if !self.has_failed.load(SeqCst)
            && let Err(failure) = dice.may_fail(40)
        {
            self.has_failed.store(true, SeqCst);
            return Err(failure);
        }
        Ok(token)
    }
}

async fn read(output: Receiver<Token>, by_key: bool, round: Round, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(12);
    let leaves_after = dice.fault(4).then(|| dice.below(6));
    let mut before = [None; KEYS];
    for step in 0.. {
        fuse.step();
        if leaves_after == Some(step) {
            dice.leave();
            break;
        }
        dice.pause().await?;
        match dice.attempt(output.recv()).await {
            Some(Ok(token)) => {
                token.received();
                let number = token.number();
                let last = &mut before[number % KEYS];
                round.check(!by_key || *last < Some(number), || {
                    format!("{number} came after {last:?}, of the same key")
                });
                *last = Some(number);
            }
            Some(Err(_)) if output.is_closed() => break,
            Some(Err(error)) if Context::current().is_none_or(|now| now.is_done()) => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let half = flow.items() / 2;
    let same = |value: u64| async move { Ok(value) };
    let outputs = fan_out(&scope, generate(&scope, 1..=half), 4, same)?;
    let merged = merge(&scope, outputs);
    while let Ok(value) = merged.recv().await {
        flow.passed(value);
    }
    let rest = generate(&scope, half + 1..=flow.items());
    let outputs = fan_out_by_key(&scope, rest, 4, |value| value % 7, same)?;
    let merged = merge(&scope, outputs);
    while let Ok(value) = merged.recv().await {
        flow.passed(value);
    }
    Ok(())
}
