//! Monitors and links, by the public API.

mod ends;
mod links;
mod model;
mod observed;
mod order;
mod races;
mod restarts;
mod tasks;

use std::sync::{Arc, Mutex};

use greenroom_actor::monitor::MonitorId;
use greenroom_actor::{
    Actor, ActorContext, Address, Down, Exit, Handler, Link, OnError, Restart, Runtime, Scope,
    SingleThread, WeakAddress,
};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Id, Result};

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

/// The panics that are meant are noise.
pub(crate) fn quiet() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.to_string().contains("boom") {
                default(panic);
            }
        }));
    });
}

/// Runs a body under each seed, with a fresh log. Failures of children are no error of the body.
pub(crate) fn check<F, Fut>(body: F)
where
    F: Fn(Scope, Log) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    for seed in SEEDS {
        let runtime = paused(seed);
        let log = Log::default();
        let ended = runtime.block_on(move |scope| {
            scope.set_on_error(OnError::Collect);
            body(scope, log)
        });
        match ended {
            Ok(()) => {}
            // What a child failed with; the body has an error of another kind.
            Err(failure) => {
                let collected = failure.downcast_ref::<greenroom_actor::CollectedErrors>();
                let errors = collected.map_or_else(Vec::new, |all| all.errors().to_vec());
                let by_body = |(id, _): &(Id, _)| id.name() == "scope";
                assert!(
                    !errors.is_empty() && !errors.iter().any(by_body),
                    "seed {seed}: {failure}"
                );
            }
        }
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

    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().expect("no panic holds it")).join(" ")
    }
}

/// One word for a reason.
pub(crate) fn word(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Normal => "normal".into(),
        ExitReason::Shutdown => "shutdown".into(),
        ExitReason::Cancelled(cause) => format!("cancelled:{cause}"),
        ExitReason::Deadline => "deadline".into(),
        ExitReason::Failed(failure) => format!("failed:{failure}"),
        ExitReason::Panicked(panic) => format!("panicked:{}", panic.message().unwrap_or("?")),
        ExitReason::Linked(linked) => format!("linked({})", word(linked.reason())),
        ExitReason::Gone => "gone".into(),
        other => format!("{other:?}"),
    }
}

/// Ends as it is told, watches and links as it is told, and says what it hears.
pub(crate) struct Node {
    name: &'static str,
    log: Log,
}

impl Node {
    pub(crate) fn new(name: &'static str, log: &Log) -> Self {
        let log = log.clone();
        Self { name, log }
    }
}

pub(crate) async fn node(scope: &Scope, name: &'static str, log: &Log) -> Result<Address<Node>> {
    let log = log.clone();
    let spawned = scope
        .spawn(move || Node::new(name, &log))
        .restart(Restart::Temporary);
    Ok(spawned.await?)
}

/// Lets everything happen that can without the time passing.
pub(crate) async fn settle() -> Result<()> {
    Ok(sleep(1.millis()).await?)
}

pub(crate) struct Boom;
pub(crate) struct Say(pub(crate) &'static str);
pub(crate) struct Watch(pub(crate) WeakAddress<Node>);
pub(crate) struct WatchEach(pub(crate) WeakAddress<Node>);
pub(crate) struct WatchId(pub(crate) Id);
pub(crate) struct Demonitor(pub(crate) MonitorId);
pub(crate) struct Tie(pub(crate) WeakAddress<Node>);
pub(crate) struct TieId(pub(crate) Id);
pub(crate) struct Trap(pub(crate) bool);
pub(crate) struct Linger;

impl Actor for Node {
    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        self.log.say(format!("-{}", self.name));
    }
}

impl Handler<Down> for Node {
    type Reply = ();

    async fn handle(&mut self, down: Down, _cx: &mut ActorContext<Self>) {
        let more = if down.is_final { "" } else { "..." };
        let reason = word(&down.reason);
        self.log.say(format!("{}:down:{reason}{more}", self.name));
        assert!(!reason.ends_with("contagious"), "boom again");
    }
}

impl Handler<Exit> for Node {
    type Reply = ();

    async fn handle(&mut self, exit: Exit, _cx: &mut ActorContext<Self>) {
        let reason = word(&exit.reason);
        self.log.say(format!("{}:exit:{reason}", self.name));
    }
}

impl Handler<Boom> for Node {
    type Reply = ();

    async fn handle(&mut self, _boom: Boom, _cx: &mut ActorContext<Self>) {
        panic!("boom");
    }
}

impl Handler<Say> for Node {
    type Reply = ();

    async fn handle(&mut self, Say(text): Say, _cx: &mut ActorContext<Self>) {
        self.log.say(format!("{}:{text}", self.name));
    }
}

impl Handler<Linger> for Node {
    type Reply = ();

    async fn handle(&mut self, _linger: Linger, _cx: &mut ActorContext<Self>) {
        let _ended = sleep(60.secs()).await;
        self.log.say(format!("{}:lingered", self.name));
    }
}

impl Handler<Watch> for Node {
    type Reply = MonitorId;

    async fn handle(&mut self, Watch(other): Watch, cx: &mut ActorContext<Self>) -> MonitorId {
        cx.monitor(&other)
    }
}

impl Handler<WatchEach> for Node {
    type Reply = MonitorId;

    async fn handle(
        &mut self,
        WatchEach(other): WatchEach,
        cx: &mut ActorContext<Self>,
    ) -> MonitorId {
        cx.monitor_each(&other)
    }
}

impl Handler<WatchId> for Node {
    type Reply = MonitorId;

    async fn handle(&mut self, WatchId(other): WatchId, cx: &mut ActorContext<Self>) -> MonitorId {
        cx.monitor(&other)
    }
}

impl Handler<Demonitor> for Node {
    type Reply = bool;

    async fn handle(&mut self, Demonitor(id): Demonitor, cx: &mut ActorContext<Self>) -> bool {
        cx.demonitor(id)
    }
}

impl Handler<Tie> for Node {
    type Reply = Link;

    async fn handle(&mut self, Tie(other): Tie, cx: &mut ActorContext<Self>) -> Link {
        cx.link(&other)
    }
}

impl Handler<TieId> for Node {
    type Reply = Link;

    async fn handle(&mut self, TieId(other): TieId, cx: &mut ActorContext<Self>) -> Link {
        cx.link(&other)
    }
}

impl Handler<Trap> for Node {
    type Reply = ();

    async fn handle(&mut self, Trap(traps): Trap, cx: &mut ActorContext<Self>) {
        cx.trap_exits(traps);
    }
}
