//! Supervisors, by the public API.

mod changes;
mod decision;
mod dynamic;
mod escalation;
mod model;
mod order;
mod restarts;
mod storms;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom_actor::supervision::{Child, ChildStatus, Standing, child};
use greenroom_actor::{
    Actor, ActorContext, Address, Handler, Runtime, Scope, SingleThread, Supervisor,
};
use greenroom_core::Result;
use greenroom_core::time::sleep;

/// What the panics say that are meant.
const MEANT: [&str; 4] = ["boom", "crash", "it does not start", "never again"];

pub(crate) const SEEDS: std::ops::Range<u64> = 0..8;

pub(crate) fn paused(seed: u64) -> SingleThread {
    static HOOK: std::sync::Once = std::sync::Once::new();
    // Panics are the subject here: the messages of those that are meant are noise.
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = panic.to_string();
            if !MEANT.iter().any(|meant| text.contains(meant)) {
                default(panic);
            }
        }));
    });
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

/// Runs a body under each seed, with a fresh log.
pub(crate) fn check<F, Fut>(body: F)
where
    F: Fn(Scope, Log) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    for seed in SEEDS {
        let runtime = paused(seed);
        let ended = runtime.block_on(move |scope| body(scope, Log::default()));
        assert!(ended.is_ok(), "seed {seed}: {ended:?}");
        runtime.assert_no_leaks();
    }
}

/// What happened, in its order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.lock().expect("no panic holds it").push(text.into());
    }

    /// Takes what was said, joined by spaces.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().expect("no panic holds it")).join(" ")
    }
}

/// Says `+name` when it starts and `-name` when it stops.
pub(crate) struct Node {
    name: &'static str,
    log: Log,
    seen: u64,
}

pub(crate) struct Boom;
pub(crate) struct Quit;
pub(crate) struct Add(pub(crate) u64);
pub(crate) struct Slow(pub(crate) Duration);

impl Node {
    pub(crate) fn new(name: &'static str, log: &Log) -> Self {
        let log = log.clone();
        Self { name, log, seen: 0 }
    }
}

impl Actor for Node {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        self.log.say(format!("+{}", self.name));
        Ok(())
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        self.log.say(format!("-{}", self.name));
    }
}

impl Handler<Boom> for Node {
    type Reply = ();

    async fn handle(&mut self, _boom: Boom, _cx: &mut ActorContext<Self>) {
        self.log.say(format!("!{}", self.name));
        panic!("boom");
    }
}

impl Handler<Quit> for Node {
    type Reply = ();

    async fn handle(&mut self, _quit: Quit, cx: &mut ActorContext<Self>) {
        cx.stop();
    }
}

impl Handler<Add> for Node {
    type Reply = u64;

    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.seen += n;
        self.seen
    }
}

impl Handler<Slow> for Node {
    type Reply = ();

    async fn handle(&mut self, Slow(time): Slow, _cx: &mut ActorContext<Self>) {
        let _cut = sleep(time).await;
        self.log.say(format!("slow {}", self.name));
    }
}

pub(crate) fn node(name: &'static str, log: &Log) -> Child<Address<Node>> {
    let log = log.clone();
    child(name, move || Node::new(name, &log))
}

/// Lets everybody who can go on do so.
pub(crate) async fn settle() -> Result<()> {
    Ok(sleep(Duration::from_millis(1)).await?)
}

pub(crate) async fn status(top: &Supervisor, id: &str) -> Result<ChildStatus> {
    let children = top.children().await?;
    let found = children.into_iter().find(|child| child.id.as_str() == id);
    found.ok_or_else(|| greenroom_core::Failure::message("no such child"))
}

/// The children with their standing: `a` runs, `(a)` waits, `[a]` has ended.
pub(crate) async fn line(top: &Supervisor) -> Result<String> {
    let children = top.children().await?;
    let shown = children.iter().map(|child| match child.standing {
        Standing::Running => format!("{}", child.id),
        Standing::Restarting => format!("({})", child.id),
        Standing::Ended => format!("[{}]", child.id),
    });
    Ok(shown.collect::<Vec<_>>().join(" "))
}
