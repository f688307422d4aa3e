//! Unbuffered and buffered channels: send, receive, close, range, length, and the nil channel.
//!
//! ```go
//! ch := make(chan int); ch := make(chan int, 3); ch <- 42; v, ok := <-ch; close(ch)
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::channel::{RecvError, SendError};
use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        unbuffered(&scope).await?;
        buffered().await?;
        nil();
        Ok(())
    })
}

/// Sender and receiver meet: neither goes on before the other has come.
async fn unbuffered(scope: &Scope) -> Result<()> {
    let (tx, rx) = channel::rendezvous();
    if tx.try_send(1).is_err() {
        println!("unbuffered: nobody receives, so nothing is sent");
    }
    scope.go(async move { Ok(tx.send(42).await?) }).detach();
    println!("unbuffered: received {}", rx.recv().await?);
    Ok(())
}

/// A send waits only while the channel is full. A close lets the stored values out.
async fn buffered() -> Result<()> {
    let (tx, rx) = channel::bounded(3);
    tx.send(7).await?;
    tx.send(0).await?;
    println!("buffered: {} of 3", rx.len());
    tx.close();
    while let Ok(value) = rx.recv().await {
        println!("buffered: received {value}");
    }
    if let Err(RecvError::Closed) = rx.recv().await {
        println!("buffered: closed");
    }
    // An error that gives the value back, where Go panics.
    if let Err(SendError::Closed(9)) = tx.send(9).await {
        println!("buffered: a send on a closed channel fails");
    }
    Ok(())
}

/// Never ready, and never an error: a case that is switched off.
fn nil() {
    let rx = channel::never::<u32>();
    if rx.try_recv().is_err() {
        println!("nil: never ready");
    }
}
