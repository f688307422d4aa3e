//! Pipelines of every kind of stage: a value that entered leaves once, or by the stage's choice.

use std::sync::{Arc, Mutex};

use greenroom::channel::{Receiver, Sender};
use greenroom::patterns::pipeline::{DeadLetter, Stage};
use greenroom::prelude::*;

use crate::account::{Fault, Token, lock};
use crate::dice::{Dice, Fuse};
use crate::flow::Flow;
use crate::frame::Round;

/// In an `Arc`, since a stage with dead letters keeps a clone of what it works on.
type Item = Arc<Token>;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let tokens: Vec<_> = (0..dice.below(10))
        .map(|_| Arc::new(round.token()))
        .collect();
    let (letters, dead) = channel::bounded(2);
    let undertaker = scope.go(bury(dead, dice.fork()));
    let mut line = generate(&scope, tokens);
    let mut in_order = true;
    for _ in 0..dice.upto(3) {
        let mut plain = stage("step").workers(dice.upto(3)).buffer(dice.below(3));
        if dice.one_in(3) {
            plain = plain.unordered();
            in_order = false;
        }
        line = extend(&scope, line, plain, &round, &letters, &mut dice);
    }
    drop(letters);
    let batch = dice.upto(3);
    match dice.below(4) {
        0 => {
            let end = line.collect();
            if let Some(all) = dice.attempt(end).await {
                all?.iter().for_each(|item| item.received());
            }
        }
        1 => {
            let taking = line.for_each(async |item| {
                item.received();
                Ok(())
            });
            if let Some(result) = dice.attempt(taking).await {
                result?;
            }
        }
        2 => {
            let batches = line.batches(&scope, batch);
            let taken = batches.for_each(async |batch| {
                round.check(batch.len() <= 3, || format!("a batch of {}", batch.len()));
                batch.iter().for_each(|item| item.received());
                Ok(())
            });
            if let Some(result) = dice.attempt(taken).await {
                result?;
            }
        }
        _ => read(line, in_order, &round, dice).await?,
    }
    let _failed = undertaker.await;
    Ok(())
}

/// Adds a stage whose errors end the scope, are skipped, or become dead letters.
fn extend(
    scope: &Scope,
    line: Receiver<Item>,
    plain: Stage,
    round: &Round,
    letters: &Sender<DeadLetter<Item>>,
    dice: &mut Dice,
) -> Receiver<Item> {
    let policy = dice.below(3);
    let work = Arc::new(Work {
        dice: Mutex::new(dice.fork()),
        fuse: Mutex::new(dice.fuse(8)),
        // An error of a stage that stops is a fault of the round; else it is what the stage is for.
        one_in: [60, 6, 6][policy],
        is_handled: policy != 0,
        skips: policy == 1,
        round: round.clone(),
    });
    let f = move |item| work.clone().run(item);
    match policy {
        0 => line.pipe(scope, plain, f),
        1 => line.pipe(scope, plain.skip_errors(|_| ()), f),
        _ => line.pipe(scope, plain.dead_letters(letters.clone()), f),
    }
}

/// What the workers of a stage do.
struct Work {
    dice: Mutex<Dice>,
    fuse: Mutex<Fuse>,
    one_in: u32,
    is_handled: bool,
    skips: bool,
    round: Round,
}

impl Work {
    async fn run(self: Arc<Self>, item: Item) -> Result<Item> {
        let mut dice = lock(&self.dice).fork();
        dice.pause().await?;
        lock(&self.fuse).step();
        let fails = match self.is_handled {
            true => dice.one_in(self.one_in),
            false => dice.fault(self.one_in),
        };
        if !fails {
            return Ok(item);
        }
        if self.skips {
            item.let_go();
        }
        if !self.is_handled {
            self.round.ledger().fault(Fault::Error);
        }
        Err(Failure::message("planted"))
    }
}

/// Takes the dead letters, to the end.
async fn bury(dead: Receiver<DeadLetter<Item>>, mut dice: Dice) -> Result<()> {
    let leaves_after = dice.fault(8).then(|| dice.below(2));
    for step in 0.. {
        if leaves_after == Some(step) {
            dice.leave();
            break;
        }
        dice.pause().await?;
        match dice.attempt(dead.recv()).await {
            Some(Ok(letter)) => letter.item.received(),
            Some(Err(_)) if dead.is_closed() => break,
            Some(Err(error)) if Context::current().is_none_or(|now| now.is_done()) => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(())
}

async fn read(line: Receiver<Item>, in_order: bool, round: &Round, mut dice: Dice) -> Result<()> {
    let leaves_after = dice.fault(3).then(|| dice.below(6));
    let mut before = None;
    for step in 0.. {
        if leaves_after == Some(step) {
            dice.leave();
            break;
        }
        dice.pause().await?;
        match dice.attempt(line.recv()).await {
            Some(Ok(item)) => {
                item.received();
                let number = Some(item.number());
                round.check(!in_order || before < number, || {
                    format!("{number:?} came after {before:?}")
                });
                before = number;
            }
            Some(Err(_)) if line.is_closed() => break,
            Some(Err(error)) if Context::current().is_none_or(|now| now.is_done()) => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let odd_fails = |value: u64| async move {
        match value % 2 {
            0 => Ok(value),
            _ => Err(Failure::message("odd")),
        }
    };
    let same = |value: u64| async move { Ok(value) };
    let (letters, dead) = channel::bounded::<DeadLetter<u64>>(16);
    // The odd ones come out as dead letters.
    let odd = flow.clone();
    let undertaker = scope.go(async move {
        while let Ok(letter) = dead.recv().await {
            odd.passed(letter.item);
        }
        Ok(())
    });
    let line = generate(&scope, 1..=flow.items())
        .pipe(&scope, stage("ordered").workers(3).buffer(4), same)
        .pipe(&scope, stage("racing").workers(2).unordered(), same)
        .pipe(&scope, stage("odd").dead_letters(letters), odd_fails)
        .pipe(&scope, stage("last").buffer(8).skip_errors(|_| ()), same)
        .batches(&scope, 16);
    line.for_each(async |batch| {
        batch.into_iter().for_each(|value| flow.passed(value));
        Ok(())
    })
    .await?;
    undertaker.await?;
    Ok(())
}
