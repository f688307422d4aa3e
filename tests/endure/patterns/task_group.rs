//! Task groups: never more tasks than the limit, each has one outcome, and none is left after a wait.

use greenroom::patterns::task_group::WaitError;
use greenroom::prelude::*;

use crate::account::{Count, Token};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let goes_on = dice.one_in(2);
    let group = match goes_on {
        true => TaskGroup::keep_going(&scope),
        false => TaskGroup::new(&scope),
    };
    let limit = dice.one_in(2).then(|| dice.upto(3));
    group.set_limit(limit)?;
    let running = Count::default();
    let mut starters = Vec::new();
    for _ in 0..dice.upto(3) {
        let tokens = (0..dice.below(5)).map(|_| round.token()).collect();
        let starter = Starter {
            group: group.clone(),
            running: running.clone(),
            limit,
            goes_on,
            round: round.clone(),
        };
        let task = scope.go(starter.go(tokens, dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        starters.push(task);
    }
    if dice.fault(8) {
        dice.pause().await?;
        dice.leave();
        group.cancel("planted");
    }
    for starter in starters {
        let _failed = starter.await;
    }
    let waited = group.wait().await;
    let is_over = !matches!(waited, Err(WaitError::Cancelled(_) | WaitError::Deadline));
    round.check(!is_over || running.get() == 0, || {
        format!("{} tasks run after {waited:?}", running.get())
    });
    Ok(waited?)
}

struct Starter {
    group: TaskGroup,
    running: Count,
    limit: Option<usize>,
    goes_on: bool,
    round: Round,
}

impl Starter {
    async fn go(self, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
        let mut handles = Vec::new();
        for token in tokens {
            dice.pause().await?;
            let mark = token.mark();
            let task = self.task(token, dice.fork());
            if dice.one_in(4) {
                match self.group.try_go(task) {
                    Ok(handle) => handles.push((mark, handle)),
                    Err(refused) => {
                        mark.let_go();
                        drop(refused.into_inner());
                    }
                }
            } else if let Some(Ok(handle)) = dice.attempt(self.group.go(task)).await {
                handles.push((mark, handle));
            }
        }
        for (mark, handle) in handles {
            if dice.one_in(4) {
                mark.let_go();
                drop(handle);
            } else if let Some(Ok(token)) = dice.attempt(handle).await {
                token.received();
            }
        }
        // Else a wait that finds no task ends the group for the others.
        if self.goes_on && dice.one_in(4) {
            let _waited = dice.attempt(self.group.wait()).await;
        }
        Ok(())
    }

    fn task(&self, token: Token, mut dice: Dice) -> impl Future<Output = Result<Token>> + use<> {
        let (running, limit, round) = (self.running.clone(), self.limit, self.round.clone());
        async move {
            let _running = running.hold();
            let now = running.get();
            round.check(limit.is_none_or(|limit| now <= limit), || {
                format!("{now} tasks run under a limit of {limit:?}")
            });
            dice.pause().await?;
            dice.fuse(12).step();
            dice.may_fail(12)?;
            dice.pause().await?;
            Ok(token)
        }
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let group = TaskGroup::keep_going(&scope);
    group.set_limit(8)?;
    for value in 1..=flow.items() {
        let passed = flow.clone();
        let task = async move {
            passed.passed(value);
            Ok(())
        };
        drop(group.go(task).await?);
        if value.is_multiple_of(100) {
            group.wait().await?;
        }
    }
    Ok(group.wait().await?)
}
