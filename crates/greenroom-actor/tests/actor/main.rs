//! Actors, addresses, restarts, by the public API.

mod endings;
mod life;
mod messages;
mod replies;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::{
    Actor, ActorContext, AskError, Handler, HandlerLater, ReplyTo, Runtime, SingleThread,
};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};

pub(crate) const SEEDS: std::ops::Range<u64> = 0..8;

pub(crate) fn paused(seed: u64) -> SingleThread {
    quiet();
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

/// Panics are the subject here: their messages on stderr are noise.
pub(crate) fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

pub(crate) struct Counter {
    count: u64,
}

impl Counter {
    pub(crate) fn new(built: &Arc<AtomicUsize>) -> Self {
        built.fetch_add(1, SeqCst);
        Self { count: 0 }
    }
}

impl Actor for Counter {}

pub(crate) struct Add(pub(crate) u64);
pub(crate) struct Slow(pub(crate) std::time::Duration);
pub(crate) struct Boom;
pub(crate) struct BoomLater;
pub(crate) struct Later;
pub(crate) struct AskMyself;
pub(crate) struct Forever;

impl Handler<Add> for Counter {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.count += n;
        self.count
    }
}

impl Handler<Slow> for Counter {
    type Reply = Result<()>;
    async fn handle(&mut self, Slow(d): Slow, _cx: &mut ActorContext<Self>) -> Result<()> {
        Ok(sleep(d).await?)
    }
}

impl Handler<Boom> for Counter {
    type Reply = ();
    async fn handle(&mut self, _: Boom, _cx: &mut ActorContext<Self>) {
        panic!("boom");
    }
}

impl Handler<BoomLater> for Counter {
    type Reply = ();
    async fn handle(&mut self, _: BoomLater, _cx: &mut ActorContext<Self>) {
        let _ = sleep(1.secs()).await;
        panic!("boom later");
    }
}

impl HandlerLater<Later> for Counter {
    type Reply = &'static str;
    async fn handle(
        &mut self,
        _: Later,
        reply: ReplyTo<&'static str>,
        cx: &mut ActorContext<Self>,
    ) {
        cx.scope()
            .go(async move {
                sleep(1.secs()).await?;
                reply.send("later");
                Ok(())
            })
            .detach();
    }
}

impl Handler<AskMyself> for Counter {
    type Reply = Result<u64, AskError>;
    async fn handle(&mut self, _: AskMyself, cx: &mut ActorContext<Self>) -> Result<u64, AskError> {
        let me = cx.address().expect("the asker holds an address");
        me.ask(Add(1)).await
    }
}

impl Handler<Forever> for Counter {
    type Reply = ();
    async fn handle(&mut self, _: Forever, _cx: &mut ActorContext<Self>) {
        std::future::pending().await
    }
}

pub(crate) fn with_counter<F, Fut>(seed: u64, body: F)
where
    F: FnOnce(greenroom_actor::Scope, greenroom_actor::Address<Counter>, Arc<AtomicUsize>) -> Fut
        + Send
        + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let runtime = paused(seed);
    runtime
        .block_on(|scope| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let factory = built.clone();
            let counter = scope.spawn(move || Counter::new(&factory)).await?;
            body(scope, counter, built).await
        })
        .unwrap_or_else(|failure| unreachable!("seed {seed}: {failure:?}"));
    assert!(
        runtime
            .registry()
            .actors(runtime.context().now())
            .is_empty()
    );
}
