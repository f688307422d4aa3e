//! Scopes: when one has ended, nothing that was started in it lives.

use greenroom::prelude::*;
use greenroom::{JoinHandle, OnError};

use crate::account::{Count, Fault, Mark, Token};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

const DEEPEST: usize = 3;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let dice = round.dice();
    level(scope, round, dice, Count::default(), 0).await
}

async fn level(
    scope: Scope,
    round: Round,
    mut dice: Dice,
    inside: Count,
    depth: usize,
) -> Result<()> {
    if dice.one_in(3) {
        scope.set_limit(dice.upto(2))?;
    }
    let mut handles: Vec<(JoinHandle<Token>, Mark)> = Vec::new();
    for _ in 0..dice.below(4) {
        let (token, held) = (round.token(), inside.hold());
        let mark = token.mark();
        let own = dice.fork();
        let work = async move {
            let _held = held;
            work(token, own).await
        };
        let handle = match dice.below(3) {
            0 => scope.go_local(move || work),
            1 => scope.on(Placement::Spread).go(work),
            _ => scope.go(work),
        };
        if dice.fault(12) {
            round.ledger().fault(Fault::Cancel);
            handle.cancel("planted");
        }
        handles.push((handle, mark));
    }
    if dice.one_in(4) {
        let items: Vec<_> = (0..dice.below(4))
            .map(|_| (round.token(), inside.hold(), dice.fork()))
            .collect();
        let fed = scope.go_each(items, |(token, held, mut dice)| async move {
            let _held = held;
            dice.pause().await?;
            token.received();
            Ok(())
        });
        fed.detach();
    }
    if depth < DEEPEST && dice.one_in(2) {
        below(&scope, &round, &mut dice, depth).await?;
    }
    for (handle, mark) in handles {
        if dice.one_in(8) {
            mark.let_go();
            handle.detach();
            continue;
        }
        if let Some(Ok(token)) = dice.attempt(handle).await {
            token.received();
        }
    }
    if dice.fault(16) {
        round.ledger().fault(Fault::Cancel);
        scope.cancel("planted");
    }
    Ok(())
}

/// Runs a scope inside this one, or drops it half-way.
async fn below(scope: &Scope, round: &Round, dice: &mut Dice, depth: usize) -> Result<()> {
    let inside = Count::default();
    let (all, inner_round, inner) = (inside.clone(), round.clone(), dice.fork());
    let collects = dice.one_in(2);
    let body = scope.scope(move |scope| {
        if collects {
            scope.set_on_error(OnError::Collect);
        }
        // In a box, since it contains itself.
        Box::pin(level(scope, inner_round, inner, all, depth + 1))
            as std::pin::Pin<Box<dyn Future<Output = Result<()>>>>
    });
    if let Some(result) = dice.attempt(body).await {
        let left = inside.get();
        round.check(left == 0, || format!("{left} tasks outlive their scope"));
        if dice.one_in(2) {
            result?;
        }
    }
    Ok(())
}

async fn work(token: Token, mut dice: Dice) -> Result<Token> {
    let mut fuse = dice.fuse(10);
    for _ in 0..dice.below(3) {
        fuse.step();
        dice.pause().await?;
        dice.may_fail(20)?;
    }
    Ok(token)
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let mut from = 1;
    while from <= flow.items() {
        let until = flow.items().min(from + 31);
        let inside = flow.clone();
        let nested = scope.scope(move |scope| async move {
            scope.set_limit(4)?;
            for value in from..=until {
                match value % 4 {
                    0 => inside.passed(scope.go(async move { Ok(value) }).await?),
                    1 => {
                        let passed = inside.clone();
                        let task = scope.go_local(move || async move {
                            passed.passed(value);
                            Ok(())
                        });
                        task.detach();
                    }
                    2 => {
                        let passed = inside.clone();
                        scope.go_each([value], move |value| {
                            let passed = passed.clone();
                            async move {
                                passed.passed(value);
                                Ok(())
                            }
                        });
                    }
                    _ => {
                        let failed = scope.go(async move { Ok(value) });
                        failed.cancel("planted");
                        // Cancelled or not, it was there.
                        let _either = failed.await;
                        inside.passed(value);
                    }
                }
            }
            Ok(())
        });
        nested.await?;
        from = until + 1;
    }
    Ok(())
}
