//! Select over channels, timers and contexts: what loses a select keeps its value.

use std::pin::pin;

use greenroom::channel::{Receiver, Sender};
use greenroom::prelude::*;

use super::channel::drain;
use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

#[derive(Clone)]
struct Ends {
    tx: Sender<Token>,
    rx: Receiver<Token>,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    round.ledger().lossless();
    let mut lines = Vec::new();
    for _ in 0..3 {
        let (tx, rx) = match dice.below(5) {
            0..3 => channel::rendezvous(),
            3 => channel::bounded(dice.upto(2)),
            _ => channel::unbounded(),
        };
        let kept = rx.clone();
        round.afterwards(move || drain(&kept));
        lines.push(Ends { tx, rx });
    }
    let mut tasks = Vec::new();
    for _ in 0..dice.upto(4) {
        let from = lines[dice.below(3)].clone();
        let to = lines[dice.below(3)].clone();
        let tokens = (0..dice.below(5)).map(|_| round.token()).collect();
        tasks.push(scope.go(choose(from.rx, to, tokens, dice.fork())));
    }
    if dice.fault(6) {
        dice.leave();
        tasks[0].cancel("planted");
    }
    let joined = async move {
        for task in tasks {
            let _failed = task.await;
        }
    };
    let mut joined = pin!(joined);
    let is_over = greenroom::select! {
        () = joined.as_mut() => true,
        after(2.millis()) => false,
    };
    if !is_over {
        // They wait for one another.
        for ends in &lines {
            ends.tx.close();
        }
        joined.await;
    }
    Ok(())
}

async fn choose(from: Receiver<Token>, to: Ends, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(10);
    let mut tokens = tokens.into_iter();
    let mut slot: Option<Token> = None;
    let (stop, end) = match Context::current() {
        Some(current) => current.with_cancel(),
        None => return Ok(()),
    };
    for _ in 0..dice.upto(10) {
        fuse.step();
        dice.pause().await?;
        slot = slot.or_else(|| tokens.next());
        let mark = slot.as_ref().map(Token::mark);
        let form = dice.below(9);
        let wait = dice.below(3) as u64;
        if dice.one_in(4) {
            let tried = async {
                greenroom::select! {
                    biased;
                    got = from.recv() => got.iter().for_each(Token::received),
                    default => {}
                }
            };
            dice.attempt(tried).await;
        } else {
            let waited = async {
                greenroom::select! {
                    got = from.recv(), if form < 5 => got.iter().for_each(Token::received),
                    got = to.rx.recv(), if form == 0 || form == 8 => {
                        got.iter().for_each(Token::received);
                    }
                    sent = to.tx.send_from(&mut slot), if form > 2 && form < 8 => drop(sent),
                    after(wait.millis()), if form == 2 || form == 5 => {}
                    stop.done(), if form == 1 || form == 6 => {}
                }
            };
            dice.attempt(waited).await;
        }
        if let (Some(mark), None) = (mark, &slot) {
            mark.accepted();
        }
        if dice.one_in(6) {
            end.cancel();
        }
    }
    // The value of a plain send goes with its case.
    if let Some(token) = slot.take() {
        let mark = token.mark();
        mark.let_go();
        let accepted = greenroom::select! {
            sent = to.tx.send(token) => sent.is_ok(),
            default => false,
        };
        if accepted {
            mark.accepted();
        }
    }
    tokens.for_each(|token| token.returned());
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let (odd_in, odd) = channel::rendezvous();
    let (even_in, even) = channel::bounded(8);
    let items = flow.items();
    for (tx, from) in [(odd_in, 1), (even_in, 2)] {
        let task = scope.go(async move {
            let (_other, never) = channel::rendezvous::<u64>();
            for value in (from..=items).step_by(2) {
                let mut slot = Some(value);
                greenroom::select! {
                    sent = tx.send_from(&mut slot) => sent?,
                    _ = never.recv() => unreachable!("nobody sends there"),
                }
            }
            Ok(())
        });
        task.detach();
    }
    let context = scope.context();
    while !flow.is_over() {
        greenroom::select! {
            value = odd.recv(), if !odd.is_closed() => if let Ok(value) = value { flow.passed(value) },
            value = even.recv(), if !even.is_closed() || !even.is_empty() => {
                if let Ok(value) = value { flow.passed(value) }
            }
            context.done() => break,
            after(3600.secs()) => return Err(Failure::message("nothing came")),
        }
    }
    Ok(())
}
