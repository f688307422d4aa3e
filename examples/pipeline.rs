//! A pipeline: numbers are made, squared, gathered and printed, each by a stage of its own.
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::pipeline::DeadLetter;
use greenroom::prelude::*;

fn main() -> Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        generate(&scope, 1..=5_u64)
            .pipe(
                &scope,
                stage("square").workers(4),
                |n| async move { Ok(n * n) },
            )
            .batches(&scope, 2)
            .for_each(async |squares| Ok(println!("{squares:?}")))
            .await?;

        // What fails is set aside, and does not stop the rest.
        let (letters, dead) = channel::bounded(10);
        let sum = generate(&scope, ["10", "ten", "11"])
            .pipe(
                &scope,
                stage("parse").dead_letters(letters),
                |text| async move { Ok(text.parse::<u64>()?) },
            )
            .fold(0, |sum, n| sum + n)
            .await?;
        println!("sum: {sum}");
        dead.for_each(async |DeadLetter { item, failure, .. }| Ok(println!("{item}: {failure}")))
            .await
    })
}
