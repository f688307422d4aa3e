//! The seam for testing is real: a driver of a test sees every event, may hold it, and decides.

mod held;
mod order;
mod recorder;
mod trace;

use greenroom_actor::{Actor, ActorContext, Handler, HandlerLater, ReplyTo};
use greenroom_core::time::Durations;

#[derive(Default)]
struct Store {
    text: String,
    later: Vec<ReplyTo<u8>>,
}

struct Push(&'static str);
struct Read;
struct Fail;
struct Later;
struct TakeLater;
struct Tick;
struct Item(u8);
struct Attach;

impl Actor for Store {}

impl Handler<Push> for Store {
    type Reply = ();
    async fn handle(&mut self, Push(text): Push, _cx: &mut ActorContext<Self>) {
        self.text.push_str(text);
    }
}

impl Handler<Read> for Store {
    type Reply = String;
    async fn handle(&mut self, _: Read, _cx: &mut ActorContext<Self>) -> String {
        self.text.clone()
    }
}

impl Handler<Fail> for Store {
    type Reply = ();
    async fn handle(&mut self, _: Fail, _cx: &mut ActorContext<Self>) {
        panic!("on purpose");
    }
}

impl HandlerLater<Later> for Store {
    type Reply = u8;
    async fn handle(&mut self, _: Later, reply: ReplyTo<u8>, _cx: &mut ActorContext<Self>) {
        self.later.push(reply);
    }
}

impl Handler<TakeLater> for Store {
    type Reply = Vec<ReplyTo<u8>>;
    async fn handle(&mut self, _: TakeLater, _cx: &mut ActorContext<Self>) -> Vec<ReplyTo<u8>> {
        std::mem::take(&mut self.later)
    }
}

impl Handler<Tick> for Store {
    type Reply = ();
    async fn handle(&mut self, _: Tick, _cx: &mut ActorContext<Self>) {}
}

impl Handler<Item> for Store {
    type Reply = ();
    async fn handle(&mut self, Item(n): Item, _cx: &mut ActorContext<Self>) {
        assert!(n < 10);
    }
}

impl Handler<Attach> for Store {
    type Reply = ();
    async fn handle(&mut self, _: Attach, cx: &mut ActorContext<Self>) {
        cx.attach(futures_util::stream::iter([1, 2]), Item);
        cx.after(1.millis(), Tick);
    }
}
