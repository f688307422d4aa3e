//! `select` with a time-out.

use greenroom::prelude::*;

use crate::story::Story;

#[derive(Debug, PartialEq)]
enum Outcome {
    Result(u32),
    TimedOut,
}

async fn wait_for(rx: &channel::Receiver<u32>) -> Result<Outcome> {
    select! {
        result = rx.recv() => Ok(Outcome::Result(result?)),
        after(20.millis()) => Ok(Outcome::TimedOut),
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let (tx, rx) = channel::rendezvous();
    let late = wait_for(&rx).await?;
    out.show(format!("nobody sends: {late:?}"))?;
    out.verify_eq("the time-out fired", &late, &Outcome::TimedOut)?;

    scope
        .go(async move {
            sleep(2.millis()).await?;
            Ok(tx.send(7).await?)
        })
        .detach();
    let early = wait_for(&rx).await?;
    out.show(format!("somebody does: {early:?}"))?;
    out.verify_eq(
        "the receive that timed out took nothing from the next",
        &early,
        &Outcome::Result(7),
    )
}
