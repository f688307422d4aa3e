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

async fn forget(runtime: &Runtime, scope: &Scope, counter: &Address<Counter>) {
    counter.ask(Hit);
    counter.tell(Hit);
    scope.spawn(|| Counter);
    scope.spawn(|| Counter).name("counter");
    sleep(1.secs());
    runtime.scope(|_scope| async { Ok(()) });
}

fn main() {}
