//! What actix leaves open and the engine closes, trap by trap: panics everywhere, fairness, ends.

mod drops;
mod ends;
mod panics;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::{Actor, ActorContext, Handler, Runtime, Scope};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};

/// Panics are the subject here: their messages on stderr are noise.
fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// Runs a body on two real arbiters, and on a single thread under some seeds.
fn check<F, Fut>(body: F)
where
    F: FnOnce(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    quiet();
    for seed in 0..4 {
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .seed(seed)
            .build()
            .expect("a single-threaded runtime starts");
        runtime
            .block_on(body.clone())
            .unwrap_or_else(|failure| unreachable!("seed {seed}: {failure:?}"));
        let left = runtime.registry().actors(runtime.context().now());
        assert!(left.is_empty(), "seed {seed}: {left:?}");
    }
    Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start")
        .block_on(body)
        .unwrap_or_else(|failure| unreachable!("on arbiters: {failure:?}"));
}

/// Panics when it is dropped, if it is armed.
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "a bomb went off");
    }
}

/// Where a probe panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Factory,
    Started,
    Handler,
    AfterAnAwait,
    Timer,
    TimerMaker,
    StreamItem,
    StreamMap,
    Stopping,
    Stopped,
    DropOfTheState,
    PayloadThatPanics,
}

#[derive(Default)]
struct Trace {
    built: AtomicUsize,
    stopping: AtomicUsize,
    stopped: AtomicUsize,
}

struct Probe {
    at: Option<At>,
    trace: Arc<Trace>,
    handled: u32,
    bomb: Bomb,
}

struct Go(At);
struct Count;
struct Tick;
struct TickThatPanics;
struct Loaded(#[expect(dead_code, reason = "it is there to be dropped")] Bomb);
struct GiveLoaded;
struct Own;

impl Actor for Probe {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        assert!(self.at != Some(At::Started), "in started");
        Ok(())
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        self.trace.stopping.fetch_add(1, SeqCst);
        assert!(self.at != Some(At::Stopping), "in stopping");
    }

    fn stopped(&mut self) {
        self.trace.stopped.fetch_add(1, SeqCst);
        assert!(self.at != Some(At::Stopped), "in stopped");
    }
}

impl Handler<Count> for Probe {
    type Reply = u32;
    async fn handle(&mut self, _: Count, _cx: &mut ActorContext<Self>) -> u32 {
        self.handled += 1;
        self.handled
    }
}

impl Handler<Tick> for Probe {
    type Reply = ();
    async fn handle(&mut self, _: Tick, _cx: &mut ActorContext<Self>) {}
}

impl Handler<TickThatPanics> for Probe {
    type Reply = ();
    async fn handle(&mut self, _: TickThatPanics, _cx: &mut ActorContext<Self>) {
        panic!("in a tick");
    }
}

impl Handler<Loaded> for Probe {
    type Reply = ();
    async fn handle(&mut self, _: Loaded, _cx: &mut ActorContext<Self>) {}
}

impl Handler<GiveLoaded> for Probe {
    type Reply = Loaded;
    async fn handle(&mut self, _: GiveLoaded, cx: &mut ActorContext<Self>) -> Loaded {
        let without_cancel = cx.context().without_cancel();
        let _ = without_cancel.run(sleep(50.millis())).await;
        Loaded(Bomb(true))
    }
}

impl Handler<Own> for Probe {
    type Reply = bool;
    async fn handle(&mut self, _: Own, cx: &mut ActorContext<Self>) -> bool {
        cx.stop();
        true
    }
}

impl Handler<Go> for Probe {
    type Reply = ();
    async fn handle(&mut self, Go(at): Go, cx: &mut ActorContext<Self>) {
        match at {
            At::Handler => panic!("in a handler"),
            At::AfterAnAwait => {
                let _ = sleep(100.millis()).await;
                panic!("after an await");
            }
            At::Timer => {
                cx.after(1.millis(), TickThatPanics);
            }
            At::TimerMaker => {
                let make = || -> Tick { panic!("in the maker of a tick") };
                cx.every(1.millis(), make).expect("the period is not 0");
            }
            At::StreamItem => cx.attach(futures_util::stream::iter([0]), |_| TickThatPanics),
            At::StreamMap => cx.attach(futures_util::stream::iter([0]), |_| -> Tick {
                panic!("in the map of a stream")
            }),
            At::DropOfTheState => {
                self.bomb.0 = true;
                cx.stop();
            }
            At::PayloadThatPanics => std::panic::panic_any(Bomb(true)),
            // Those of the life come from the factory.
            _ => {}
        }
    }
}

fn factory(trace: &Arc<Trace>, at: Option<At>) -> impl FnMut() -> Probe + Send + use<> {
    let trace = trace.clone();
    move || {
        let built = trace.built.fetch_add(1, SeqCst);
        assert!(at != Some(At::Factory) || built == 0, "in the factory");
        Probe {
            // The first start goes well: a failure there is the spawner's alone.
            at: at.filter(|at| *at != At::Started || built > 0),
            trace: trace.clone(),
            handled: 0,
            bomb: Bomb(false),
        }
    }
}
