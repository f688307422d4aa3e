//! A panic, and the restart after it.

use greenroom::prelude::*;
use greenroom::supervision::{Strategy, child, keeper};

use crate::story::Story;

struct Total {
    sum: Kept<u64>,
}

struct Idle;
struct Add(u64);

impl Actor for Idle {}

impl Actor for Total {}

impl Handler<Add> for Total {
    type Reply = u64;

    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        assert!(n < 100, "{n} is too much");
        *self.sum += n;
        *self.sum
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    // The supervisor owns the sum, and lends it to one incarnation after the other.
    let total = scope.supervise(0, |sum| Total { sum }).await?;
    let mut answers = Vec::new();
    for n in [5, 100, 7] {
        let answer = total.ask(Add(n)).await;
        out.show(match &answer {
            Ok(sum) => format!("add {n}: {sum}"),
            Err(error) => format!("add {n}: {error}"),
        })?;
        answers.push(answer);
    }
    out.verify(
        "the asker was told of the panic",
        matches!(answers[1], Err(AskError::Panicked(_))),
    )?;
    out.verify(
        "the same address reaches the next incarnation",
        answers[2].is_ok(),
    )?;
    out.verify_eq(
        "the state outlived the panic",
        &answers.pop().and_then(|answer| answer.ok()),
        &Some(12),
    )?;

    // A supervisor of several: who stands on the one that failed is restarted with it.
    let top = scope
        .supervisor("top")
        .strategy(Strategy::RestForOne)
        .child(keeper("first", 0, |sum| Total { sum }))
        .child(child("second", || Idle))
        .await?;
    let first: Address<Total> = top.address("first").await?;
    out.verify("the first failed", first.ask(Add(100)).await.is_err())?;
    out.verify_eq("and is back", &first.ask(Add(1)).await.ok(), &Some(1))?;
    let restarts: Vec<_> = top.children().await?.iter().map(|c| c.restarts).collect();
    out.verify_eq("with the one that stands on it", &restarts, &vec![1, 1])?;

    let task = scope.scope(|inner| async move {
        inner
            .go::<(), _>(async { panic!("a task fell over") })
            .detach();
        Ok(sleep(60.secs()).await?)
    });
    let failure = task
        .await
        .err()
        .map(|failure| failure.to_string())
        .unwrap_or_default();
    out.show(&failure)?;
    out.verify(
        "a panic of a task is its scope's error, not the end",
        failure.contains("a task fell over"),
    )
}
