//! Wait groups: the count comes back to zero, whatever becomes of the members.

use greenroom::patterns::wait_group::{DoneError, WaitError};
use greenroom::prelude::*;

use crate::account::{Count, Fault};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let group = WaitGroup::spawn(&scope).await?;
    let members = Count::default();
    let early = (0..dice.below(3))
        .map(|_| group.clone())
        .collect::<Vec<_>>();
    for group in early {
        let mut dice = dice.fork();
        let task = scope.go(async move {
            dice.pause().await?;
            let _early = dice.attempt(group.wait()).await;
            Ok(())
        });
        task.detach();
    }
    for _ in 0..dice.below(6) {
        let (held, token) = (members.hold(), round.token());
        token.let_go();
        let cancels = dice.fault(10);
        let mut dice = dice.fork();
        match dice.below(3) {
            0 => {
                let task = group.go(async move {
                    let (_held, _token) = (held, token);
                    work(&mut dice).await
                });
                task.detach();
            }
            1 => {
                let member = group.member()?;
                // Dropped in the order of the tuple: it holds nothing when it is done.
                let task = scope.go(async move {
                    let _all = (held, token, member);
                    work(&mut dice).await
                });
                if cancels {
                    round.ledger().fault(Fault::Cancel);
                    task.cancel("planted");
                }
            }
            _ => {
                group.add(1)?;
                let group = group.clone();
                let task = scope.go_local(move || async move {
                    let all = (held, token);
                    dice.pause().await?;
                    drop(all);
                    match dice.attempt(group.done()).await {
                        None | Some(Ok(())) | Some(Err(DoneError::Closed)) => Ok(()),
                        Some(Err(error)) => Err(error.into()),
                    }
                });
                task.detach();
            }
        }
    }
    wait(&group, &members, &round, dice).await
}

async fn work(dice: &mut Dice) -> Result<()> {
    let mut fuse = dice.fuse(6);
    for _ in 0..dice.below(4) {
        fuse.step();
        dice.pause().await?;
    }
    Ok(())
}

async fn wait(group: &WaitGroup, members: &Count, round: &Round, mut dice: Dice) -> Result<()> {
    for _ in 0..3 {
        dice.pause().await?;
        match dice.attempt(group.wait()).await {
            Some(Ok(())) => {
                let left = members.get();
                round.check(left == 0, || format!("{left} members live after the wait"));
                return Ok(());
            }
            Some(Err(WaitError::Closed)) => {
                round.check(group.add(1).is_err(), || {
                    "closed, and takes members".to_owned()
                });
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let group = WaitGroup::spawn(&scope).await?;
    let mut from = 1;
    while from <= flow.items() {
        let until = flow.items().min(from + 15);
        for value in from..=until {
            let passed = flow.clone();
            match value % 3 {
                0 => {
                    let member = group.member()?;
                    passed.passed(value);
                    drop(member);
                }
                1 => {
                    group.add(1)?;
                    passed.passed(value);
                    group.done().await?;
                }
                _ => {
                    let task = group.go(async move {
                        passed.passed(value);
                        Ok(())
                    });
                    task.detach();
                }
            }
        }
        group.wait().await?;
        from = until + 1;
    }
    Ok(())
}
