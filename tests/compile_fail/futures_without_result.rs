//! A task and a factory give a `Result`, so that `?` works in them.

use greenroom::prelude::*;

async fn start(scope: &Scope) {
    scope.go(async { 5 });
    let _fives = Pool::spawn(scope, pool_of(|| async { 5 })).await;
}

fn main() {}
