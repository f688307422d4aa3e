//! A buffered channel, its close, and a range over it.

use greenroom::channel::{RecvError, SendError};
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(_scope: Scope, out: &mut Story) -> Result<()> {
    let (tx, rx) = channel::bounded(10);
    for n in [7, 0, 9] {
        tx.send(n).await?; // does not wait: there is room
    }
    tx.close(); // close(ch)

    let refused = tx.send(1).await;
    let mut ranged = Vec::new();
    while let Ok(value) = rx.recv().await {
        out.show(format!("value {value}"))?; // for value := range ch
        ranged.push(value);
    }
    let after = rx.recv().await; // value, ok := <-ch
    out.show(format!(
        "then: {}",
        after
            .as_ref()
            .err()
            .map(ToString::to_string)
            .unwrap_or_default()
    ))?;

    out.verify_eq("a close keeps what is stored", &ranged, &vec![7, 0, 9])?;
    out.verify(
        "a closed channel is told from a zero",
        matches!(after, Err(RecvError::Closed)),
    )?;
    out.verify(
        "a send on it gives the value back",
        matches!(refused, Err(SendError::Closed(1))),
    )
}
