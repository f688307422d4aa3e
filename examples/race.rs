//! A counter that many tasks count up.
//!
//! ```go
//! go func() { counter++ }()
//! ```
//!
//! Two tasks that borrow one counter are refused by the compiler.
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        // One owner; the tasks send it what to do.
        let counter = State::spawn(&scope, 0_u64).await?;
        let shared = counter.clone();
        scope
            .go_each(0..1000, move |_| {
                let counter = shared.clone();
                async move { Ok(counter.update(|counter| *counter += 1).await?) }
            })
            .await?;
        scope.join().await?;
        println!("counter: {}", counter.read(|counter| *counter).await?);
        Ok(())
    })
}
