//! What happens first is the driver's to decide.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use greenroom_actor::Runtime;
use greenroom_core::time::{Durations, sleep};

use crate::recorder::{Log, record};
use crate::{Push, Read, Store};

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
