//! What actix leaves open and the engine closes, trap by trap: panics everywhere, fairness, ends.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use greenroom_actor::{
    Actor, ActorContext, Address, AskError, Handler, HandlerLater, Placement, ReplyTo, Restart,
    Runtime, Scope, SpawnError,
};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Failure, Result};

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

#[test]
fn a_panic_while_it_serves_rebuilds_the_actor_and_keeps_its_queue() {
    for at in [
        At::Handler,
        At::AfterAnAwait,
        At::Timer,
        At::TimerMaker,
        At::StreamItem,
        At::StreamMap,
        At::PayloadThatPanics,
    ] {
        check(move |scope| async move {
            let trace = Arc::new(Trace::default());
            let probe = scope.spawn(factory(&trace, None)).await?;
            assert_eq!(probe.ask(Count).await?, 1);
            let asked = probe.ask(Go(at)).await;
            let is_at_once = matches!(at, At::Handler | At::AfterAnAwait | At::PayloadThatPanics);
            match asked {
                Err(AskError::Panicked(panic)) => {
                    assert!(is_at_once, "{at:?}");
                    assert!(panic.doing().is_some_and(|doing| doing.ends_with("Go")));
                }
                other => assert!(!is_at_once, "{at:?}: {other:?}"),
            }
            while trace.built.load(SeqCst) < 2 {
                sleep(1.millis()).await?;
            }
            // The same address, a fresh state.
            assert_eq!(probe.ask(Count).await?, 1, "{at:?}");
            assert_eq!(
                trace.stopping.load(SeqCst),
                0,
                "no hook runs on a broken state"
            );
            probe.stop();
            assert!(matches!(probe.closed().await?, ExitReason::Normal));
            assert_eq!(trace.stopped.load(SeqCst), 1);
            Ok(())
        });
    }
}

#[test]
fn a_panic_at_a_restart_counts_as_another_failure() {
    for at in [At::Factory, At::Started] {
        quiet();
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .build()
            .expect("a single-threaded runtime starts");
        let trace = Arc::new(Trace::default());
        let made = factory(&trace, Some(at));
        let result = runtime.block_on(move |scope| async move {
            let probe = scope.spawn(made).await?;
            let queued = probe.clone();
            let asked = scope.go(async move { Ok(queued.ask(Go(At::AfterAnAwait)).await) });
            sleep(1.millis()).await?;
            let behind = probe.ask(Count).await;
            assert!(
                matches!(behind, Err(AskError::Restarting | AskError::Cancelled(_))),
                "{at:?}: {behind:?}"
            );
            assert!(matches!(asked.await?, Err(AskError::Panicked(_))));
            Ok(())
        });
        assert!(result.is_err(), "{at:?}: its failure is the scope's");
        // The first, and three attempts more.
        assert_eq!(trace.built.load(SeqCst), 4, "{at:?}");
    }
}

#[test]
fn a_panic_in_a_first_start_is_the_spawners() {
    check(|scope| async move {
        let failed = scope.spawn(|| -> Probe { panic!("in the factory") }).await;
        assert!(matches!(failed, Err(SpawnError::Panicked(_))));
        let trace = Arc::new(Trace::default());
        let in_started = move || Probe {
            at: Some(At::Started),
            trace: trace.clone(),
            handled: 0,
            bomb: Bomb(false),
        };
        let failed = scope.spawn(in_started).await;
        assert!(matches!(failed, Err(SpawnError::Panicked(_))));
        Ok(())
    });
}

#[test]
fn a_panic_as_it_ends_is_its_exit_reason() {
    for at in [At::Stopping, At::Stopped, At::DropOfTheState] {
        check(move |scope| async move {
            let trace = Arc::new(Trace::default());
            let probe = scope
                .spawn(factory(&trace, Some(at)))
                .restart(Restart::Temporary)
                .await?;
            if at == At::DropOfTheState {
                probe.ask(Go(at)).await?;
            } else {
                probe.stop();
            }
            let reason = probe.closed().await?;
            let ExitReason::Panicked(panic) = &reason else {
                unreachable!("{at:?}: {reason:?}")
            };
            assert!(panic.doing().is_some());
            assert_eq!(trace.stopping.load(SeqCst), 1);
            assert_eq!(trace.stopped.load(SeqCst), 1);
            assert!(matches!(probe.ask(Count).await, Err(AskError::Closed)));
            Ok(())
        });
    }
}

#[test]
fn a_panic_in_the_drop_of_a_message_or_a_reply_harms_nobody_else() {
    check(|scope| async move {
        let trace = Arc::new(Trace::default());
        let probe = scope.spawn(factory(&trace, None)).await?;
        // In the handler: it is the handler's panic.
        let asked = probe.ask(Loaded(Bomb(true))).await;
        assert!(matches!(asked, Err(AskError::Panicked(_))));
        assert_eq!(probe.ask(Count).await?, 1);
        // Of a reply whose asker has gone.
        let patience = scope.context().with_timeout(1.millis());
        let asked = patience.run(probe.ask(GiveLoaded)).await?;
        assert!(asked.is_err());
        sleep(60.millis()).await?;
        // Of messages that are refused: each asker is told.
        let busy = probe.clone();
        let slow = scope.go(async move { Ok(busy.ask(Go(At::AfterAnAwait)).await.is_err()) });
        sleep(1.millis()).await?;
        let queued: Vec<_> = (0..3)
            .map(|_| {
                let probe = probe.clone();
                scope.go(async move { Ok(probe.ask(Loaded(Bomb(true))).await.is_err()) })
            })
            .collect();
        sleep(1.millis()).await?;
        probe.stop();
        assert!(slow.await?);
        for asked in queued {
            assert!(asked.await?);
        }
        let _reason = probe.closed().await?;
        Ok(())
    });
}

#[test]
fn several_drops_that_panic_as_an_actor_ends_end_nobody_else() {
    struct Loads(#[expect(dead_code, reason = "it is there to be dropped")] Bomb);
    struct Load;
    impl Actor for Loads {}
    impl Handler<Loaded> for Loads {
        type Reply = ();
        async fn handle(&mut self, loaded: Loaded, _cx: &mut ActorContext<Self>) {
            std::mem::forget(loaded);
        }
    }
    impl Handler<Load> for Loads {
        type Reply = ();
        async fn handle(&mut self, _: Load, cx: &mut ActorContext<Self>) {
            for _ in 0..3 {
                cx.after(1.secs(), Loaded(Bomb(true)));
                let bomb = Bomb(true);
                let stream = futures_util::stream::poll_fn(move |_| {
                    let _held = &bomb;
                    std::task::Poll::<Option<()>>::Pending
                });
                cx.attach(stream, |()| Loaded(Bomb(false)));
            }
        }
    }
    for how in ["stop", "cancel"] {
        quiet();
        let runtime = Runtime::builder()
            .single_thread()
            .build()
            .expect("a single-threaded runtime starts");
        let told = Arc::new(Mutex::new(None));
        let seen = told.clone();
        let result = runtime.block_on(move |scope| async move {
            let loads = scope
                .spawn(|| Loads(Bomb(true)))
                .restart(Restart::Temporary)
                .await?;
            loads.ask(Load).await?;
            *seen.lock().expect("no panic") = Some(loads.downgrade());
            match how {
                "stop" => loads.stop(),
                _ => scope.cancel("enough"),
            }
            let _reason = loads.closed().await;
            Ok(())
        });
        let _either = result;
        drop(runtime);
        let weak = told.lock().expect("no panic").take().expect("it was told");
        assert!(weak.upgrade().is_none(), "{how}");
    }
}

#[test]
fn the_hub_may_drop_an_actor_whose_every_drop_panics() {
    quiet();
    let runtime = Runtime::builder()
        .single_thread()
        .build()
        .expect("a single-threaded runtime starts");
    let trace = Arc::new(Trace::default());
    let made = {
        let trace = trace.clone();
        move || Probe {
            at: None,
            trace: trace.clone(),
            handled: 0,
            bomb: Bomb(true),
        }
    };
    let (give, take) = std::sync::mpsc::channel::<Address<Probe>>();
    let mut open = Box::pin(runtime.scope(move |scope| async move {
        let probe = scope.spawn(made).await?;
        probe.try_tell(Go(At::Timer))?;
        for _ in 0..3 {
            probe.try_tell(Loaded(Bomb(true)))?;
        }
        give.send(probe)?;
        std::future::pending::<()>().await;
        Ok(())
    }));
    let polled = open
        .as_mut()
        .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(polled.is_pending());
    // One turn of the loop, in which the body runs and the actor has its queue.
    let _done = runtime.block_on(|_scope| async { Ok(()) });
    let probe = take.recv().expect("it is sent");
    drop(runtime);
    assert!(probe.is_closed());
    drop(open);
}

#[test]
fn stop_drain_and_the_last_address_end_an_actor_each_in_its_way() {
    check(|scope| async move {
        let trace = Arc::new(Trace::default());
        // Stop: the queue is refused.
        let probe = scope.spawn(factory(&trace, None)).await?;
        probe.try_tell(Count)?;
        probe.stop();
        assert!(matches!(probe.closed().await?, ExitReason::Normal));
        // The last address: the queue is handled.
        let probe = scope.spawn(factory(&trace, None)).await?;
        probe.try_tell(Count)?;
        let weak = probe.downgrade();
        drop(probe);
        assert!(matches!(weak.closed().await?, ExitReason::Normal));
        // By itself.
        let probe = scope.spawn(factory(&trace, None)).await?;
        assert!(probe.ask(Own).await?);
        assert!(matches!(probe.closed().await?, ExitReason::Normal));
        // The end of its scope drains.
        let (closed, counted) = scope
            .scope({
                let trace = trace.clone();
                |inner| async move {
                    let probe = inner.spawn(factory(&trace, None)).await?;
                    let asker = probe.clone();
                    let counted = inner.go(async move { Ok(asker.ask(Count).await?) });
                    Ok((probe.closed(), counted.await?))
                }
            })
            .await?;
        assert_eq!(counted, 1);
        assert!(matches!(closed.await?, ExitReason::Shutdown));
        assert_eq!(trace.stopping.load(SeqCst), 4);
        assert_eq!(trace.stopped.load(SeqCst), 4);
        Ok(())
    });
}

#[test]
fn a_reply_that_is_dropped_anywhere_answers_its_asker() {
    struct Holds(Vec<ReplyTo<u8>>);
    struct Hold;
    struct Let;
    impl Actor for Holds {}
    impl HandlerLater<Hold> for Holds {
        type Reply = u8;
        async fn handle(&mut self, _: Hold, reply: ReplyTo<u8>, _cx: &mut ActorContext<Self>) {
            self.0.push(reply);
        }
    }
    impl Handler<Let> for Holds {
        type Reply = ();
        async fn handle(&mut self, _: Let, _cx: &mut ActorContext<Self>) {
            panic!("with replies in the state");
        }
    }
    check(|scope| async move {
        let holds = scope.spawn(|| Holds(Vec::new())).await?;
        let asker = holds.clone();
        let asked = scope.go(async move { Ok(asker.ask(Hold).await) });
        sleep(1.millis()).await?;
        assert!(matches!(holds.ask(Let).await, Err(AskError::Panicked(_))));
        assert!(matches!(asked.await?, Err(AskError::Dropped)));
        // With the actor that ends.
        let asker = holds.clone();
        let asked = scope.go(async move { Ok(asker.ask(Hold).await) });
        sleep(1.millis()).await?;
        holds.stop();
        assert!(matches!(asked.await?, Err(AskError::Dropped)));
        Ok(())
    });
}

#[test]
fn a_cancel_by_id_ends_an_actor_with_its_cause() {
    quiet();
    let runtime = Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start");
    let registry = runtime.registry().clone();
    runtime
        .block_on(|scope| async move {
            let trace = Arc::new(Trace::default());
            let probe = scope
                .on(Placement::Spread)
                .spawn(factory(&trace, None))
                .await?;
            assert!(registry.cancel(probe.id(), Cause::from("by id")).await);
            let reason = probe.closed().await?;
            assert!(
                matches!(&reason, ExitReason::Cancelled(cause) if cause.to_string() == "by id")
            );
            assert!(registry.actor(probe.id()).is_none());
            Ok::<(), Failure>(())
        })
        .expect("a cancel is no failure");
}
