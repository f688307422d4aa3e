//! A generator: the loop over it ends with its values, and leaving it early leaks nothing.
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

fn main() -> Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let numbers = generate(&scope, [1, 2, 3, 4, 5]);
        while let Ok(n) = numbers.recv().await {
            println!("{n}");
        }

        // An endless one: the scope ends all the same, since dropping the receiver ends the generator.
        let powers = generate(&scope, (0..).map(|n| 1_u64 << n));
        println!("{} {}", powers.recv().await?, powers.recv().await?);
        Ok(())
    })
}
