//! A pipeline: numbers are made, squared by several workers, gathered and printed, in order.
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::pipeline::DeadLetter;
use greenroom::prelude::*;

fn main() -> Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        generate(&scope, 1..=5)
            .pipe(&scope, stage("square").workers(4), square)
            .batches(&scope, 2)
            .for_each(async |squares| {
                println!("{squares:?}");
                Ok(())
            })
            .await?;

        // What fails is set aside, and does not stop the rest.
        let (letters, dead) = channel::bounded(10);
        let sum = generate(&scope, ["10", "ten", "11"])
            .pipe(&scope, stage("parse").dead_letters(letters), parse)
            .pipe(&scope, stage("square").workers(2).buffer(16), square)
            .fold(0, |sum, n| sum + n)
            .await?;
        println!("sum: {sum}");
        dead.for_each(async |DeadLetter { item, failure, .. }| {
            println!("{item}: {failure}");
            Ok(())
        })
        .await
    })
}

async fn square(n: u64) -> Result<u64> {
    Ok(n * n)
}

async fn parse(text: &str) -> Result<u64> {
    Ok(text.parse()?)
}
