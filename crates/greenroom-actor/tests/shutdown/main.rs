//! The end of a runtime: who is drained, who is cut, and what is told of it.

mod calls;
#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod common;
mod contexts;
mod order;
mod report;
mod storms;
mod stuck;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use greenroom_actor::{
    Actor, ActorContext, Ending, Handler, Runtime, Scope, ShutdownReport, SingleThread,
};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};

pub(crate) const SEEDS: std::ops::Range<u64> = 0..4;

pub(crate) fn paused(seed: u64) -> SingleThread {
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

/// A scope that was opened, and runs while something else drives its runtime.
pub(crate) struct Open<T>(Pin<Box<dyn Future<Output = Result<T>>>>);

impl<T: Send + 'static> Open<T> {
    pub(crate) fn new<F, Fut>(runtime: &Runtime, body: F) -> Self
    where
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        let mut open = Self(Box::pin(runtime.scope(body)));
        assert!(open.result().is_none(), "it runs on its arbiter");
        open
    }

    /// Returns how it ended, if it has.
    pub(crate) fn result(&mut self) -> Option<Result<T>> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.0.as_mut().poll(&mut cx) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }
}

/// Lets everything run for a while.
pub(crate) fn run_for(runtime: &SingleThread, duration: Duration) {
    runtime
        .block_on(move |_scope| async move { Ok(sleep(duration).await?) })
        .expect("it is not refused");
}

/// Waits for what does not come.
pub(crate) async fn never() -> Result<()> {
    std::future::pending().await
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.0.lock().expect("nobody panics").push(what.into());
    }

    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().expect("nobody panics")).join(" ")
    }
}

/// Says what it handles, and that it stops.
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) log: Log,
}

/// Keeps its handler for a while.
pub(crate) struct Slow(pub(crate) Duration);

impl Actor for Node {
    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        self.log.say(format!("-{}", self.name));
    }
}

impl Handler<Slow> for Node {
    type Reply = ();

    async fn handle(&mut self, Slow(duration): Slow, _cx: &mut ActorContext<Self>) {
        if sleep(duration).await.is_ok() {
            self.log.say(self.name);
        }
    }
}

pub(crate) fn node(name: &'static str, log: &Log) -> impl FnMut() -> Node + Send + use<> {
    let log = log.clone();
    move || Node {
        name,
        log: log.clone(),
    }
}

/// Returns the one entry of a list whose id has this name.
pub(crate) fn named<'a>(endings: &'a [Ending], name: &str) -> &'a Ending {
    let mut found = endings.iter().filter(|ending| ending.task.name == name);
    match (found.next(), found.next()) {
        (Some(one), None) => one,
        _ => unreachable!("there is one {name}: {endings:#?}"),
    }
}

pub(crate) fn names(endings: &[Ending]) -> Vec<&str> {
    endings.iter().map(|e| e.task.name.as_str()).collect()
}

pub(crate) fn is_same(a: &ShutdownReport, b: &ShutdownReport) -> bool {
    a.finished == b.finished && a.cut == b.cut && a.stuck == b.stuck
}

/// A moment on the paused clock.
pub(crate) fn moment() -> Duration {
    1.millis()
}
