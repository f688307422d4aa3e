//! Go's `sync.WaitGroup`.
//!
//! ```go
//! wg.Add(1); go func() { defer wg.Done(); process(item) }(); wg.Wait()
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

async fn process(item: u64) -> Result<()> {
    sleep(item.millis()).await?;
    println!("processed {item}");
    Ok(())
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;

        for item in [3, 1, 2] {
            let member = group.member()?; // Added here, before the wait.
            scope
                .go(async move {
                    let _member = member; // Done when it is dropped, however the task ends.
                    process(item).await
                })
                .detach();
        }
        group.wait().await?;
        println!("all of them");

        // The same in short, and the same group again.
        for item in [30, 10, 20] {
            group.go(process(item)).detach();
        }
        let hurried = scope.context().with_timeout(15.millis());
        match hurried.run(group.wait()).await? {
            Ok(()) => println!("all of them, in time"),
            Err(error) => println!("not yet: {error}"),
        }
        group.wait().await?;
        println!("all of them");
        Ok(())
    })
}
