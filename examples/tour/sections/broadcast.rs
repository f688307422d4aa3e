//! A broadcast: every subscriber gets every value, or is told what it missed.

use greenroom::patterns::broadcast::ReceiveError;
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let prices = Broadcast::spawn(&scope, broadcast().buffer(2).slow(Slow::DropOldest)).await?;
    let mut slow = prices.subscribe().await?;
    let mut fast = prices.subscribe().await?;
    let mut seen = Vec::new();
    for price in 1..=5 {
        prices.send(price).await?;
        seen.push(fast.recv().await?);
    }
    out.show(format!("the fast one saw {seen:?}"))?;
    out.verify_eq("it missed nothing", &seen, &vec![1, 2, 3, 4, 5])?;

    let missed = match slow.recv().await {
        Err(ReceiveError::Lagged(missed)) => missed,
        other => return Err(Failure::message(format!("received {other:?}"))),
    };
    let rest = (slow.recv().await?, slow.recv().await?);
    out.show(format!("the slow one missed {missed}, then saw {rest:?}"))?;
    out.verify_eq("what was missed is counted", &(missed, rest), &(3, (4, 5)))?;

    prices.close().await;
    let ends = [slow.recv().await, fast.recv().await];
    out.verify(
        "a close reaches all",
        ends.iter()
            .all(|end| matches!(end, Err(ReceiveError::Closed))),
    )
}
