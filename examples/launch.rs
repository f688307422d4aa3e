//! Go's `go` statement, with an argument for each task.
//!
//! ```go
//! for _, item := range items { go process(item) }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        // Each task owns its item: there is no loop variable to share by mistake.
        let tasks: Vec<_> = ["apple", "pear", "plum"]
            .into_iter()
            .map(|item| scope.go(process(item)))
            .collect();
        for task in tasks {
            println!("{}", task.await?);
        }

        // The same without the results: the scope waits for all of them, and has their errors.
        let (done, sizes) = channel::bounded(3);
        scope
            .go_each(["apple", "pear", "plum"], move |item| {
                let done = done.clone();
                async move { Ok(done.send(item.len()).await?) }
            })
            .await?;
        println!("{} letters", sizes.fold(0, |sum, size| sum + size).await?);
        Ok(())
    })
}

async fn process(item: &str) -> Result<String> {
    Ok(item.to_uppercase())
}
