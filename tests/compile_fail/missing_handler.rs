//! A message for which there is no handler, to an actor that handles others.

use greenroom::prelude::*;

struct Counter;
struct Add(u64);
struct Get;
struct Hit;

impl Actor for Counter {}

impl Handler<Add> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        n
    }
}

impl Handler<Get> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _: Get, _cx: &mut ActorContext<Self>) -> u64 {
        0
    }
}

async fn count(counter: &Address<Counter>) {
    let _ = counter.ask(Hit).await;
}

fn main() {}
