//! Go's `errgroup.Group`, with a limit.
//!
//! ```go
//! g, ctx := errgroup.WithContext(ctx); g.SetLimit(2)
//! for _, url := range urls { g.Go(func() error { return fetch(ctx, url) }) }
//! err := g.Wait()
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::task_group::WaitError;
use greenroom::prelude::*;

/// Takes as many milliseconds as the page has letters, and there is no page `/gone`.
async fn fetch(page: &'static str) -> Result<usize> {
    sleep((page.len() as u64).millis()).await?;
    match page {
        "/gone" => Err(Failure::message("404: /gone")),
        _ => Ok(page.len()),
    }
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(2)?;
        let mut pages = Vec::new();
        for page in ["/", "/about", "/contact"] {
            pages.push(group.go(fetch(page)).await?); // Waits while two are running.
        }
        group.wait().await?;
        for page in pages {
            println!("{} bytes", page.await?);
        }

        // The first error ends the others, which need not know of each other.
        let group = TaskGroup::new(&scope);
        let slow = group.go(async { Ok(sleep(3600.secs()).await?) }).await?;
        group.go(fetch("/gone")).await?;
        match group.wait().await {
            Err(WaitError::Failed(failure)) => println!("failed: {failure}"),
            other => return Err(Failure::message(format!("no failure: {other:?}"))),
        }
        println!("the slow one was ended: {}", slow.await.is_err());

        // Or they go on, and each has its result.
        let group = TaskGroup::keep_going(&scope);
        let gone = group.go(fetch("/gone")).await?;
        let there = group.go(fetch("/about")).await?;
        let failed = group.wait().await.is_err();
        println!(
            "failed: {failed}, found: {}, {}",
            gone.await.is_ok(),
            there.await.is_ok()
        );
        Ok(())
    })
}
