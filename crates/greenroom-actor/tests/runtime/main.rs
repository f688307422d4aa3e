//! Misuse of a runtime: each case gives its own error or has a stated meaning; none panics, none hangs.

mod block_on;
#[path = "../common/mod.rs"]
mod common;
mod cycles;
mod ends;
mod values;

use common::{single, threads, tokio_block_on, within_time};
use greenroom_actor::{Actor, ActorContext, Handler};
use greenroom_core::Failure;

fn is<E: std::error::Error + 'static>(failure: &Failure, check: impl FnOnce(&E) -> bool) -> bool {
    failure.downcast_ref::<E>().is_some_and(check)
}

struct Echo;
struct Say(u32);

impl Actor for Echo {}

impl Handler<Say> for Echo {
    type Reply = u32;
    async fn handle(&mut self, Say(n): Say, _cx: &mut ActorContext<Self>) -> u32 {
        n
    }
}
