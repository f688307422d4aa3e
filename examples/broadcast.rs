//! One sender, many subscribers: Go's loop over a list of channels, and its closed channel as a signal.
//!
//! ```go
//! for _, ch := range subscribers { ch <- v }
//! close(done)
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::broadcast::ReceiveError;
use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        // Every subscriber gets every value; the slowest sets the pace.
        let news = Broadcast::spawn(&scope, broadcast().buffer(2)).await?;
        let mut readers = Vec::new();
        for name in ["ada", "grace"] {
            let mut subscription = news.subscribe().await?;
            readers.push(scope.go(async move {
                let mut seen = Vec::new();
                while let Ok(value) = subscription.recv().await {
                    seen.push(value);
                }
                Ok(format!("{name} saw {seen:?}"))
            }));
        }
        for value in 1..=5 {
            news.send(value).await?;
        }
        news.close().await;
        for reader in readers {
            println!("{}", reader.await?);
        }

        // Or a slow one misses the oldest, and is told how many.
        let prices = Broadcast::spawn(&scope, broadcast().buffer(2).slow(Slow::DropOldest)).await?;
        let mut screen = prices.subscribe().await?;
        for price in [10, 11, 12, 13] {
            prices.send(price).await?;
        }
        drop(prices);
        loop {
            match screen.recv().await {
                Ok(price) => println!("price {price}"),
                Err(ReceiveError::Lagged(missed)) => println!("missed {missed}"),
                Err(ReceiveError::Closed) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })
}
