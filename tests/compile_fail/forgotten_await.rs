//! What does nothing until it is awaited.
#![deny(unused_must_use)]

use greenroom::prelude::*;

struct Counter;
struct Hit;

impl Actor for Counter {}

impl Handler<Hit> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Hit, _cx: &mut ActorContext<Self>) {}
}

// Forgotten futures are in the doc tests of the facade: how the compiler spells `Future` here depends
// on what else is built.
async fn forget(scope: &Scope) {
    scope.spawn(|| Counter);
    scope.spawn(|| Counter).name("counter");
}

fn main() {}
