//! A closure of a stage that gives a plain value. It gives a `Result`, so that `?` works in it.

use greenroom::prelude::*;

fn squares(scope: &Scope) -> channel::Receiver<u64> {
    generate(scope, 1..=3).pipe(scope, stage("square"), |n| async move { n * n })
}

fn main() {}
