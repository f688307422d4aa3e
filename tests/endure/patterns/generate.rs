//! Generators: an end of either side leaves nothing behind.

use std::sync::Arc;

use greenroom::channel::Receiver;
use greenroom::patterns::generate::{generate_stream, generate_with};
use greenroom::prelude::*;

use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let count = dice.below(8);
    let mut fuse = dice.fuse(6);
    let maker = round.clone();
    let tokens = (0..count).map(move |_| {
        fuse.step();
        maker.token()
    });
    let output = match dice.below(3) {
        0 => generate(&scope, tokens),
        1 => {
            let (tx, rx) = channel::bounded(2);
            let mut dice = dice.fork();
            let task = scope.go(async move {
                for token in tokens {
                    dice.pause().await?;
                    if let Err(refused) = tx.send(token).await {
                        refused.into_inner().returned();
                    }
                }
                Ok(())
            });
            task.detach();
            generate_stream(&scope, rx.stream())
        }
        _ => {
            let mut dice = dice.fork();
            generate_with(&scope, |out| async move {
                for token in tokens {
                    dice.pause().await?;
                    dice.may_fail(20)?;
                    let mark = token.mark();
                    if let Some(sent) = dice.attempt(out.send(token)).await {
                        sent.map(|()| mark.accepted())?;
                    }
                }
                Ok(())
            })
        }
    };
    let readers = dice.upto(2);
    for _ in 0..readers {
        let in_order = readers == 1;
        let reader = scope.go(read(output.clone(), in_order, round.clone(), dice.fork()));
        reader.detach();
    }
    Ok(())
}

/// Takes what comes, or leaves before the end.
async fn read(output: Receiver<Token>, in_order: bool, round: Round, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(10);
    let leaves_after = dice.fault(3).then(|| dice.below(5));
    let mut before = None;
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
                let number = Some(token.number());
                round.check(!in_order || before < number, || {
                    format!("{number:?} came after {before:?}")
                });
                before = number;
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
    // Short ones and long ones: each generator is a task that must go.
    let short = 8;
    let mut from = 1;
    while from <= half {
        let until = half.min(from + short - 1);
        let output = generate(&scope, from..=until);
        while let Ok(value) = output.recv().await {
            flow.passed(value);
        }
        from = until + 1;
    }
    let items = flow.items();
    let shared = Arc::new(flow);
    let output = generate_with(&scope, move |out| async move {
        for value in from..=items {
            out.send(value).await?;
        }
        Ok(())
    });
    while let Ok(value) = output.recv().await {
        shared.passed(value);
    }
    Ok(())
}
