//! A select whose cases are made at run time, with tickers and timers: what loses keeps its value, and
//! nothing fires early.

use greenroom::channel::{Receiver, Sender};
use greenroom::prelude::*;

use super::channel::drain;
use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

#[derive(Clone)]
struct Line {
    tx: Sender<Token>,
    rx: Receiver<Token>,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    round.ledger().lossless();
    let mut lines = Vec::new();
    for _ in 0..3 {
        let (tx, rx) = match dice.one_in(2) {
            true => channel::rendezvous(),
            false => channel::bounded(dice.upto(2)),
        };
        let kept = rx.clone();
        round.afterwards(move || drain(&kept));
        lines.push(Line { tx, rx });
    }
    let mut tasks = Vec::new();
    for _ in 0..dice.upto(4) {
        let tokens = (0..dice.below(5)).map(|_| round.token()).collect();
        let task = scope.go(choose(lines.clone(), tokens, round.clone(), dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        tasks.push(task);
    }
    for task in tasks {
        let _failed = task.await;
    }
    Ok(())
}

async fn choose(lines: Vec<Line>, tokens: Vec<Token>, round: Round, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(12);
    let mut tokens = tokens.into_iter();
    let mut slot: Option<Token> = None;
    let Some(current) = Context::current() else {
        return Ok(());
    };
    let ticker = tick(1.millis())?;
    let timer = timer(1.millis());
    for _ in 0..dice.upto(6) {
        dice.pause().await?;
        slot = slot.or_else(|| tokens.next());
        let mark = slot.as_ref().map(Token::mark);
        let start = current.now();
        let mut select = match dice.one_in(4) {
            true => Select::biased(),
            false => Select::new(),
        };
        let mut cases = Vec::new();
        for line in &lines {
            if dice.one_in(2) {
                cases.push(select.recv(&line.rx, |got| {
                    got.iter().for_each(Token::received);
                }));
            }
        }
        if slot.is_some() && dice.one_in(2) {
            let to = &lines[dice.below(3)].tx;
            cases.push(select.send_from(to, &mut slot, drop));
        }
        let (early, now) = (round.clone(), current.clone());
        let wait = dice.upto(3) as u64;
        // So that each wait ends.
        cases.push(select.after(wait.millis(), move |_| {
            let took = now.now().saturating_duration_since(start);
            early.check(took >= wait.millis(), || {
                format!("{wait} ms passed within {took:?}")
            });
        }));
        if dice.one_in(3) {
            cases.push(select.tick(&ticker, drop));
        }
        if dice.one_in(3) {
            timer.reset((dice.below(3) as u64).millis());
            cases.push(select.fired(&timer, drop));
        }
        if dice.one_in(4) {
            ticker.reset((dice.upto(2) as u64).millis())?;
        }
        for _ in 0..dice.upto(3) {
            if dice.one_in(4) {
                let _ready = select.try_wait();
            } else {
                let fired = dice.attempt(select.wait()).await;
                if let Some(Ok((case, ()))) = fired {
                    round.check(cases.contains(&case), || {
                        format!("{case:?} fired, which is gone")
                    });
                }
            }
            if dice.one_in(3) {
                let case = cases.swap_remove(dice.below(cases.len()));
                select.remove(case);
            }
            if select.is_empty() || cases.is_empty() {
                break;
            }
            let now = round.clone();
            // The one before may have fired.
            cases.push(select.after(1.millis(), move |_| drop(now)));
        }
        drop(select);
        if let (Some(mark), None) = (mark, &slot) {
            mark.accepted();
        }
        fuse.step();
    }
    slot.into_iter()
        .chain(tokens)
        .for_each(|token| token.returned());
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let items = flow.items();
    let mut inputs = Vec::new();
    for first in 1..=3 {
        let (tx, rx) = channel::bounded(4);
        inputs.push(rx);
        let task = scope.go(async move {
            for value in (first..=items).step_by(3) {
                tx.send(value).await?;
            }
            Ok(())
        });
        task.detach();
    }
    let ticker = tick(1.millis())?;
    let mut select = Select::new();
    let ticks = select.tick(&ticker, |_| None);
    for rx in &inputs {
        select.recv(rx, |got| Some(got.ok()));
    }
    while select.len() > 1 {
        match select.wait().await? {
            (case, None) => {
                if case != ticks {
                    return Err(Failure::message("a channel ticked"));
                }
            }
            (_, Some(Some(value))) => flow.passed(value),
            (case, Some(None)) => drop(select.remove(case)),
        }
    }
    Ok(())
}
