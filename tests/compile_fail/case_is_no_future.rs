//! A case of a select that is a value already: its future was awaited, or it is no future at all.

use greenroom::prelude::*;

async fn first(rx: channel::Receiver<u64>) -> Result<u64> {
    select! {
        n = rx.try_recv() => Ok(n?),
        after(1.secs()) => Ok(0),
    }
}

fn main() {}
