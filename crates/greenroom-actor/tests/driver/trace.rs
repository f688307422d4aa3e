//! What the driver sees: every kind of event, the same for the same seed, by names of the program.

use std::collections::BTreeSet;
use std::thread;

use greenroom_actor::{Address, AskError, Scope};
use greenroom_core::driver::{EventKind, Operation};
use greenroom_core::error::Cause;
use greenroom_core::registry::Registry;
use greenroom_core::time::{Durations, after, sleep};
use greenroom_core::{Result, channel, select, watch};

use crate::recorder::{Log, record};
use crate::{Attach, Fail, Later, Push, Read, Store, TakeLater};

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
fn a_select_is_told_after_the_timer_or_the_cancel_that_won_it() {
    let log = record(Log::default(), None, |scope, _| async move {
        let (tx, rx) = channel::rendezvous::<u8>();
        let (context, cancel) = scope.context().with_cancel();
        let _cancels = scope.go::<(), _>(async move {
            sleep(3.millis()).await?;
            cancel.cancel();
            assert!(tx.try_send(1).is_err_and(|error| error.is_full()));
            std::future::pending().await
        });
        let first = select! {
            _ = rx.recv() => "value",
            after(1.millis()) => "timer",
        };
        let second = select! {
            _ = rx.recv() => "value",
            context.done() => "done",
        };
        assert_eq!((first, second), ("timer", "done"));
        scope.cancel("enough");
        Ok(())
    });
    let lines = log.lines();
    let at = |part: &str, from: usize| {
        let found = lines[from..].iter().position(|line| line.contains(part));
        from + found.unwrap_or_else(|| panic!("no {part:?} in {lines:#?}"))
    };
    let timer = at("Timer", 0);
    let first = at("Operation(Select)", 0);
    let cancel = at("Cancel", 0);
    let second = at("Operation(Select)", first + 1);
    assert!(
        timer < first && first < cancel && cancel < second,
        "{lines:#?}"
    );
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
