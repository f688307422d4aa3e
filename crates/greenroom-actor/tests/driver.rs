//! The seam for testing is real: a driver of a test sees every event, may hold it, and decides.

#[path = "driver/recorder.rs"]
mod recorder;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use greenroom_actor::{
    Actor, ActorContext, Address, AskError, Handler, HandlerLater, ReplyTo, Runtime, Scope,
    TellError,
};
use greenroom_core::driver::{EventKind, Operation};
use greenroom_core::error::Cause;
use greenroom_core::registry::Registry;
use greenroom_core::time::{Durations, after, sleep};
use greenroom_core::{Result, channel, select, watch};
use recorder::{Log, record, recorded};

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

/// Uses everything that the kernel has.
async fn everything(scope: Scope, registry: Registry) -> Result<()> {
    let store = scope.spawn(Store::default).name("store").await?;
    let one = store.clone();
    let other = store.clone();
    let clients = [
        scope.go(async move { Ok(one.tell(Push("a")).await?) }),
        scope.go(async move { Ok(other.tell(Push("b")).await?) }),
    ];
    for client in clients {
        client.await?;
    }
    store.ask(Attach).await?;
    store.try_tell(Push("c"))?;
    sleep(5.millis()).await?;
    assert!(matches!(store.ask(Fail).await, Err(AskError::Panicked(_))));
    assert_eq!(store.ask(Read).await?, "");

    let (tx, rx) = channel::bounded::<u8>(1);
    tx.send(1).await?;
    let got = select! {
        value = rx.recv() => value?,
        after(1.secs()) => 0,
    };
    assert_eq!(got, 1);
    tx.close();

    let (publisher, watched) = watch::channel(0);
    publisher.publish(1);
    assert_eq!(*watched.get(), 1);

    let (context, cancel) = scope.context().with_cancel_cause();
    let (done, is_done) = channel::bounded::<u8>(1);
    let _registered = context.after_func(async move {
        let _sent = done.try_send(1);
    });
    assert!(!context.is_done());
    cancel.cancel("enough");
    is_done.recv().await?;
    assert!(!scope.context().with_timeout(1.millis()).is_done());

    let task = scope.go::<(), _>(std::future::pending());
    let id = task.id().cloned().expect("it was started");
    sleep(1.millis()).await?;
    assert!(registry.cancel(&id, Cause::Cancelled).await);
    assert!(task.await.is_err());
    store.stop();
    let _reason = store.closed().await?;
    Ok(())
}

#[test]
fn every_kind_of_event_passes_the_driver() {
    let log = record(Log::default(), None, everything);
    let kinds = log.state().kinds.clone();
    for kind in [
        EventKind::Message,
        EventKind::Reply,
        EventKind::Operation(Operation::Send),
        EventKind::Operation(Operation::Receive),
        EventKind::Operation(Operation::Close),
        EventKind::Operation(Operation::Select),
        EventKind::Operation(Operation::WatchRead),
        EventKind::Operation(Operation::WatchPublish),
        EventKind::Operation(Operation::ContextRead),
        EventKind::Timer,
        EventKind::Ready,
        EventKind::Exit,
        EventKind::Cancel,
    ] {
        assert!(kinds.contains(&kind), "no {kind:?} in {:#?}", log.lines());
    }
    for part in [
        "Message root/scope#1/task#3 -> root/scope#1/store#1 driver::Push",
        "Message root/scope#1/task#4 -> root/scope#1/store#1 driver::Push",
        // try_tell, from the body.
        "Message root/scope#1 -> root/scope#1/store#1 driver::Push",
        // An item of a stream, and a timer of the actor.
        "Message root/scope#1/store#1 -> root/scope#1/store#1 driver::Item",
        "Timer - -> root/scope#1/store#1 timer",
        "Reply root/scope#1/store#1 -> root/scope#1 alloc::string::String",
        // An incarnation, the actor, a task, the scope.
        "Exit root/scope#1/store#1 -> root/scope#1/store#1 incarnation",
        "Exit root/scope#1/store#1 -> root/scope#1/store#1 actor",
        "Reply root/scope#1/store#1 -> root/scope#1 started",
        "Exit root/scope#1/task#3 -> root/scope#1/task#3 task",
        "Exit root/scope#1 -> root/scope#1 task",
        "Message root/scope#1 -> root/scope#1/store#1 stop",
        "spawn root/scope#1/after_func#",
        "Cancel root/scope#1 -> root context",
        " -> root/scope#1 registry",
        "Ready ",
    ] {
        assert!(log.has(part), "no {part:?} in {:#?}", log.lines());
    }
}

#[test]
fn what_comes_from_outside_passes_the_driver_too() {
    let log = record(Log::default(), None, |scope, _| async move {
        let store = scope.spawn(Store::default).name("store").await?;
        let asker = store.clone();
        let asked = scope.go(async move { Ok(asker.ask(Later).await?) });
        sleep(1.millis()).await?;
        let replies = store.ask(TakeLater).await?;
        let outside = store.clone();
        thread::spawn(move || {
            outside.try_tell(Push("x")).expect("there is room");
            for reply in replies {
                reply.send(7);
            }
            outside.stop();
        })
        .join()
        .expect("no panic");
        assert_eq!(asked.await?, 7);
        let _reason = store.closed().await?;
        Ok(())
    });
    for part in [
        "Message - -> root/scope#1/store#1 driver::Push",
        "Reply - -> root/scope#1/task#3 u8",
        "Message - -> root/scope#1/store#1 stop",
    ] {
        assert!(log.has(part), "no {part:?} in {:#?}", log.lines());
    }
}

#[test]
fn two_runs_write_the_same_trace_byte_for_byte() {
    let run = |seed| record(Log::default(), seed, everything).lines().join("\n");
    assert_eq!(run(None), run(None));
    for seed in 0..8 {
        assert_eq!(run(Some(seed)), run(Some(seed)), "seed {seed}");
    }
}

#[test]
fn traces_and_ids_are_the_same_in_eight_runtimes_side_by_side() {
    let runs: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                record(Log::default(), Some(3), everything)
                    .lines()
                    .join("\n")
            })
        })
        .collect();
    let traces: BTreeSet<String> = runs
        .into_iter()
        .map(|run| run.join().expect("no panic"))
        .collect();
    assert_eq!(traces.len(), 1);
}

#[test]
fn different_seeds_give_different_orders() {
    let order = |seed| {
        let text: Arc<Mutex<String>> = Arc::default();
        let written = text.clone();
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .seed(seed)
            .build()
            .expect("a single-threaded runtime starts");
        runtime
            .block_on(|scope| async move {
                for name in ["a", "b", "c", "d", "e"] {
                    let written = written.clone();
                    scope
                        .go(async move {
                            sleep(1.millis()).await?;
                            written.lock().expect("no panic").push_str(name);
                            Ok(())
                        })
                        .detach();
                }
                Ok(())
            })
            .expect("nothing fails");
        text.lock().expect("no panic").clone()
    };
    let orders: BTreeSet<String> = (0..20).map(order).collect();
    assert!(orders.len() > 5, "{orders:?}");
    assert_eq!(order(5), order(5));
}

#[test]
fn the_order_of_two_independent_deliveries_is_the_drivers() {
    for (reversed, expected) in [(false, "ab"), (true, "ba")] {
        let log = Log {
            hold: "Push",
            reversed,
            ..Log::default()
        };
        let _log = record(log, None, move |scope, _| async move {
            let store = scope.spawn(Store::default).await?;
            for text in ["a", "b"] {
                let store = store.clone();
                scope
                    .go(async move { Ok(store.tell(Push(text)).await?) })
                    .detach();
            }
            scope.join().await?;
            assert_eq!(store.ask(Read).await?, expected);
            Ok(())
        });
    }
}

#[test]
fn the_wake_ups_of_a_cancel_are_the_drivers() {
    let log = Log {
        hold: "context",
        ..Log::default()
    };
    let _log = record(log, None, |scope, _| async move {
        let (context, cancel) = scope.context().with_cancel();
        let watcher = context.clone();
        let waits = scope.go(async move { Ok(watcher.done().await) });
        sleep(1.millis()).await?;
        cancel.cancel();
        assert!(
            context.is_done(),
            "the mark is there before the cancel returns"
        );
        assert!(!waits.is_finished());
        assert!(!waits.await?.is_deadline());
        Ok(())
    });
}

fn shut(hold: &'static str) -> Log {
    Log {
        hold,
        shut: AtomicBool::new(true),
        ..Log::default()
    }
}

#[test]
fn a_message_whose_sender_gave_up_while_it_was_held_is_not_delivered() {
    let (runtime, log, recorder) = recorded(shut("Push"), None);
    let handle = log.clone();
    runtime
        .block_on(|scope| async move {
            let store = scope.spawn(Store::default).await?;
            let patience = scope.context().with_timeout(5.millis());
            let asked = patience.run(store.ask(Push("by ask"))).await?;
            assert!(
                matches!(asked, Err(AskError::DeadlineInMailbox)),
                "{asked:?}"
            );
            let patience = scope.context().with_timeout(5.millis());
            let told = patience.run(store.tell(Push("by tell"))).await?;
            let Err(TellError::Deadline(Push(text))) = told else {
                unreachable!("{told:?}")
            };
            assert_eq!(text, "by tell", "the message comes back");
            let teller = store.clone();
            let dropped =
                scope.go(async move { Ok(teller.tell(Push("by a dropped tell")).await?) });
            sleep(1.millis()).await?;
            dropped.cancel("not needed");
            assert!(dropped.await.is_err());
            assert_eq!(handle.state().held.len(), 3);
            handle.shut.store(false, SeqCst);
            sleep(1.millis()).await?;
            assert!(handle.state().held.is_empty());
            assert_eq!(store.ask(Read).await?, "");
            Ok(())
        })
        .unwrap_or_else(|failure| unreachable!("{failure:?}"));
    drop(runtime);
    assert!(recorder.upgrade().is_none());
}

#[test]
fn a_held_reply_whose_asker_gave_up_is_dropped() {
    let (runtime, log, recorder) = recorded(shut("String"), None);
    let handle = log.clone();
    runtime
        .block_on(|scope| async move {
            let store = scope.spawn(Store::default).await?;
            let patience = scope.context().with_timeout(5.millis());
            let asked = patience.run(store.ask(Read)).await?;
            assert!(
                matches!(asked, Err(AskError::DeadlineInHandler)),
                "{asked:?}"
            );
            assert_eq!(handle.state().held.len(), 1);
            handle.shut.store(false, SeqCst);
            assert_eq!(store.ask(Read).await?, "");
            Ok(())
        })
        .unwrap_or_else(|failure| unreachable!("{failure:?}"));
    drop(runtime);
    assert!(recorder.upgrade().is_none());
}

#[test]
fn dropping_everything_with_held_events_leaks_nothing() {
    struct Held(#[expect(dead_code, reason = "it is there to be counted")] Arc<()>);
    struct Keeps(#[expect(dead_code, reason = "it is there to be counted")] Arc<()>);
    impl Actor for Keeps {}
    impl Handler<Held> for Keeps {
        type Reply = ();
        async fn handle(&mut self, _: Held, _cx: &mut ActorContext<Self>) {}
    }

    // A message, a reply, a wake-up, a cancel, the exit of an actor: nothing of it is let go.
    for hold in ["Held", "()", "task", "context", "actor", "stop"] {
        let token = Arc::new(());
        let (runtime, log, recorder) = recorded(shut(hold), None);
        let mut open = Box::pin(runtime.scope({
            let token = token.clone();
            move |scope| async move {
                let state = token.clone();
                let keeps = scope.spawn(move || Keeps(state.clone())).await?;
                for _ in 0..3 {
                    let (keeps, held) = (keeps.clone(), Held(token.clone()));
                    scope.go(async move { Ok(keeps.ask(held).await?) }).detach();
                }
                let (_context, cancel) = scope.context().with_cancel();
                sleep(1.millis()).await?;
                cancel.cancel();
                keeps.stop();
                Ok(())
            }
        }));
        let polled = open
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(polled.is_pending());
        // Something foreign drives the loop for a while; the scope itself may hang on what is held.
        let _ended = runtime.shutdown(20.millis());
        drop(open);
        drop(runtime);
        assert!(log.state().held.is_empty(), "{hold}");
        assert!(recorder.upgrade().is_none(), "{hold}: the driver");
        assert_eq!(
            Arc::strong_count(&token),
            1,
            "{hold}: a message or the state"
        );
    }
}

#[test]
fn a_driver_that_always_finds_something_starves_no_foreign_task() {
    // Its wake-up is held each time, and let go when nothing else is ready: always at once.
    let log = Log {
        hold: "task",
        ..Log::default()
    };
    let _log = record(log, None, |scope, _| async move {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let busy = scope.go(async move {
            std::future::poll_fn(|cx| {
                if seen.load(SeqCst) {
                    return std::task::Poll::Ready(Ok(()));
                }
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await
        });
        let foreign = tokio::task::spawn_local(async move {
            tokio::task::yield_now().await;
            stop.store(true, SeqCst);
        });
        busy.await?;
        foreign.await?;
        Ok(())
    });
}

#[test]
fn names_in_a_trace_are_paths_of_the_program() {
    let log = record(Log::default(), None, |scope, _| async move {
        let store: Address<Store> = scope.spawn(Store::default).await?;
        assert_eq!(store.id().to_string(), "root/scope#1/actor#1");
        // Its mailbox is the channel #2.
        let inner = scope
            .scope(|inner| async move {
                let task = inner.go(async { Ok(()) });
                let id = task.id().map(ToString::to_string);
                task.await?;
                Ok(id)
            })
            .await?;
        assert_eq!(inner.as_deref(), Some("root/scope#1/scope#3/task#1"));
        Ok(())
    });
    assert!(log.has("spawn root/scope#1/scope#3/task#1"));
}
