//! Pools of items, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

#[path = "../common/mod.rs"]
mod common;

mod cut;
mod ending;
mod lending;
mod making;
mod model;
mod shown;

use std::future::Future;

use common::{Ledger, Token, idle, polls};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::pool::{PoolOptions, pool_of};

/// Makes tokens of a ledger, numbered from 1.
fn tokens(ledger: &Ledger) -> PoolOptions<Token> {
    let ledger = ledger.clone();
    let mut number = 0;
    pool_of(move || {
        number += 1;
        let token = ledger.token(number);
        async move { Ok(token) }
    })
}

/// Makes tokens, each within 10 milliseconds.
fn slow_tokens(ledger: &Ledger) -> PoolOptions<Token> {
    let ledger = ledger.clone();
    pool_of(move || {
        let ledger = ledger.clone();
        async move {
            sleep(10.millis()).await?;
            Ok(ledger.token(0))
        }
    })
}

/// Polls a future until the pool has its message and has seen to it, and drops it then.
async fn leave<F: Future>(future: F) -> Result<()> {
    let mut future = Box::pin(future);
    assert!(polls(Some(1), &mut future).await.is_none(), "it waits");
    idle().await
}
