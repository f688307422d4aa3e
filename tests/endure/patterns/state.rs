//! A state with one owner: an update that was answered is there, once, and a panic costs its own.

use std::sync::Arc;

use greenroom::patterns::state::{StateError, TryUpdateError};
use greenroom::prelude::*;

use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

/// In an `Arc`, since a state works on clones of its value.
type Kept = Vec<Arc<Token>>;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let state = match dice.one_in(2) {
        true => State::spawn(&scope, Kept::new()).await?,
        false => State::spawn_uncloned(&scope, Kept::new()).await?,
    };
    let watch = state.watch().await?;
    let looks = dice.one_in(2);
    let eye = round.clone();
    let watcher = scope.go(async move {
        let mut seen = 0;
        while let Ok(value) = watch.changed().await {
            // The last thing that happens to it is that all is taken out.
            let grows = seen <= value.len() || value.is_empty();
            eye.check(grows, || {
                format!("the state shrank from {seen} to {}", value.len())
            });
            seen = value.len();
            if !looks {
                break;
            }
        }
        Ok(())
    });
    let mut writers = Vec::new();
    for _ in 0..dice.upto(3) {
        let tokens = (0..dice.below(5)).map(|_| round.token()).collect();
        let task = scope.go(write(state.clone(), tokens, dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        writers.push(task);
    }
    for writer in writers {
        let _failed = writer.await;
    }
    // All that was answered is in it, once; what was not answered may be.
    let all = state.replace(Kept::new()).await?;
    all.iter().for_each(|token| token.received());
    round.ledger().lossless();
    drop(state);
    if looks {
        let _ended = watcher.await;
    }
    Ok(())
}

async fn write(state: State<Kept>, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
    let mut own = dice.fuse(12);
    for token in tokens {
        own.step();
        dice.pause().await?;
        let mark = token.mark();
        let mut fuse = dice.fuse(8);
        match dice.below(3) {
            0 => {
                let read = state.read(move |all| {
                    fuse.step();
                    all.len()
                });
                let _len = dice.attempt(read).await;
                token.returned();
            }
            1 => {
                let refuses = dice.one_in(3);
                let update = state.try_update(move |all| {
                    fuse.step();
                    if refuses {
                        return Err(token);
                    }
                    all.push(Arc::new(token));
                    Ok(())
                });
                // In a box: it is large where it may be dropped in several ways.
                match dice.attempt(Box::pin(update)).await {
                    Some(Ok(())) => mark.accepted(),
                    Some(Err(TryUpdateError::Refused(token))) => token.returned(),
                    _ => {}
                }
            }
            _ => {
                let is_due = fuse.is_due();
                let update = state.update(move |all| {
                    fuse.step();
                    all.push(Arc::new(token));
                });
                match dice.attempt(update).await {
                    Some(Ok(())) => mark.accepted(),
                    Some(Err(StateError::Panicked(_))) if !is_due => {
                        return Err(Failure::message("another's panic was given to this call"));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let state = State::spawn(&scope, 0_u64).await?;
    let watch = state.watch().await?;
    for value in 1..=flow.items() {
        match value % 4 {
            0 => drop(state.replace(value).await?),
            1 => state.update(move |now| *now = value).await?,
            2 => {
                let update = state.try_update(move |now| {
                    *now = value;
                    Ok::<_, Failure>(())
                });
                update.await?;
            }
            _ => drop(state.try_update(move |_| Err::<(), _>(value)).await),
        }
        flow.passed(match value % 4 {
            0 => *watch.get(),
            3 => value,
            _ => state.read(|now| *now).await?,
        });
    }
    Ok(())
}
