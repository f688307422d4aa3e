//! An unbuffered channel.

use greenroom::channel::TrySendError;
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let (tx, rx) = channel::rendezvous();
    let refused = tx.try_send(0);
    out.verify_eq(
        "without a receiver nothing is taken",
        &refused,
        &Err(TrySendError::Full(0)),
    )?;

    let sender = scope.go(async move {
        let context = Context::current().ok_or_else(|| Failure::message("outside a task"))?;
        let start = context.now();
        tx.send(42).await?; // ch <- 42
        Ok(context.now() - start)
    });
    sleep(20.millis()).await?;
    out.show("the sender waits for a receiver")?;
    let value = rx.recv().await?; // value := <-ch
    let waited = sender.await?;
    out.show(format!("received {value}"))?;
    out.verify_eq("the value arrived", &value, &42)?;
    out.verify(
        "the send ended with the receive, not before",
        waited >= 15.millis(),
    )
}
