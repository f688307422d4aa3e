//! A value that is made once: one run at a time, none after a value, and all get the same.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use greenroom::prelude::*;

use crate::account::{Count, Token, lock};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

/// What a run has.
#[derive(Clone)]
struct Making {
    dice: Arc<Mutex<Dice>>,
    running: Count,
    // A run after one that gave a value is one too many.
    made: Arc<AtomicUsize>,
    round: Round,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let making = Making {
        dice: Arc::new(Mutex::new(dice.fork())),
        running: Count::default(),
        made: Arc::default(),
        round: round.clone(),
    };
    let once = match dice.one_in(2) {
        true => {
            let making = making.clone();
            Once::spawn(&scope, move || making.make()).await?
        }
        false => {
            let making = making.clone();
            Once::spawn_retrying(&scope, move || making.clone().make()).await?
        }
    };
    let mut callers = Vec::new();
    for _ in 0..dice.upto(4) {
        let task = scope.go(get(once.clone(), round.clone(), dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        callers.push(task);
    }
    for caller in callers {
        let _failed = caller.await;
    }
    if let Ok(token) = once.get().await {
        token.received();
        let made = making.made.load(SeqCst);
        round.check(made == 1, || format!("it was made {made} times"));
    }
    Ok(())
}

impl Making {
    async fn make(self) -> Result<Token> {
        let _running = self.running.hold();
        let (running, made) = (self.running.get(), self.made.load(SeqCst));
        self.round.check(running == 1 && made == 0, || {
            format!("{running} runs at once, after {made} that gave a value")
        });
        let mut dice = lock(&self.dice).fork();
        dice.pause().await?;
        dice.fuse(6).step();
        dice.may_fail(6)?;
        dice.pause().await?;
        self.made.fetch_add(1, SeqCst);
        Ok(self.round.token())
    }
}

async fn get(once: Once<Token>, round: Round, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(12);
    let mut seen = None;
    for _ in 0..dice.below(5) {
        fuse.step();
        dice.pause().await?;
        let got = match dice.one_in(4) {
            true => once.try_get().and_then(Result::ok),
            false => dice.attempt(once.get()).await.and_then(Result::ok),
        };
        let number = got.map(|token| token.number());
        round.check(seen.is_none() || number.is_none() || seen == number, || {
            format!("{seen:?} became {number:?}")
        });
        seen = seen.or(number);
    }
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    for value in 1..=flow.items() {
        let once = Once::spawn(&scope, move || async move { Ok(value) }).await?;
        let made = once.get().await?;
        flow.passed((*made).min(*once.get().await?));
    }
    Ok(())
}
