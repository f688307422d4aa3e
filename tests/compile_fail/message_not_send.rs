//! A message that cannot go to another thread.

use std::rc::Rc;

use greenroom::prelude::*;

struct Counter;
struct Hit(Rc<str>);

impl Actor for Counter {}

impl Handler<Hit> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Hit, _cx: &mut ActorContext<Self>) {}
}

fn main() {}
