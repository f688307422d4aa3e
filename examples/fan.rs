//! Fan-out to workers, each with an output of its own, and fan-in of their results.
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

fn main() -> Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let numbers = generate(&scope, 1..=10);
        let outputs = fan_out(&scope, numbers, 3, process)?;
        let results = merge(&scope, outputs);
        results
            .for_each(async |n| {
                println!("{n}");
                Ok(())
            })
            .await
    })
}

async fn process(n: u64) -> Result<u64> {
    Ok(n * n)
}
