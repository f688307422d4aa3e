//! Go's channel semaphore: at most ten at a time.
//!
//! ```go
//! sem := make(chan struct{}, 10)
//! for _, item := range items {
//!     sem <- struct{}{}
//!     go func(item Item) { defer func() { <-sem }(); process(item) }(item)
//! }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::semaphore::AcquireError;
use greenroom::prelude::*;

async fn process(item: u64, done: channel::Sender<u64>) -> Result<()> {
    sleep((item % 3).millis()).await?;
    Ok(done.send(item).await?)
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 10).await?; // At most ten at a time.
        let (done, items) = channel::bounded(100);

        for item in 1..=100 {
            let permit = semaphore.acquire().await?;
            let done = done.clone();
            scope
                .go(async move {
                    let _permit = permit; // Given back when it is dropped, however the task ends.
                    process(item, done).await
                })
                .detach();
        }
        drop(done);
        let (mut count, mut sum) = (0, 0);
        while let Ok(item) = items.recv().await {
            (count, sum) = (count + 1, sum + item);
        }
        println!("processed {count} items, their sum is {sum}");

        // One that weighs as much as all others together, and one that weighs more.
        let all = semaphore.acquire_many(10).await?;
        println!("alone, {} permits are free", semaphore.available().await?);
        match semaphore.acquire_many(11).await {
            Err(error @ AcquireError::TooLarge { .. }) => println!("refused: {error}"),
            other => return Err(Failure::message(format!("unexpected: {other:?}"))),
        }
        drop(all);
        Ok(())
    })
}
