//! What is told of what lives: timers, asks, waits for channels, addresses; and how it reads.

mod addresses;
mod timers;
mod waits;

use std::panic::{AssertUnwindSafe, catch_unwind};

use greenroom_actor::{Runtime, SingleThread};
use greenroom_core::channel;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};

pub(crate) fn paused() -> SingleThread {
    let builder = Runtime::builder().single_thread().paused();
    builder.build().expect("a single-threaded runtime starts")
}

/// Runs what must panic, and returns its message.
pub(crate) fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    let text = payload.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| (*payload.downcast_ref::<&str>().expect("a text")).to_owned())
}

/// Runs something on a context that nothing ends, in a scope whose future is dropped: what it holds
/// is a leak until `release` has a value. Then looks.
pub(crate) fn with_leak<Fut>(
    one: &SingleThread,
    hold: impl FnOnce(channel::Receiver<()>) -> Fut + Send + 'static,
    look: impl FnOnce(&SingleThread),
) where
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let (end, release) = channel::bounded(1);
    let runtime = Runtime::clone(one);
    one.block_on(move |_scope| async move {
        // A scope of its own, beside this one.
        let root = runtime.context().clone();
        let mut abandoned = Box::pin(root.run(runtime.scope(move |scope| async move {
            let own = scope.context().without_cancel();
            let held = hold(release);
            scope
                .go(async move { own.run(held).await.unwrap_or(Ok(())) })
                .detach();
            std::future::pending::<Result<()>>().await
        })));
        tokio::select! {
            _ = &mut abandoned => unreachable!("it does not end"),
            slept = sleep(2.millis()) => slept?,
        }
        drop(abandoned);
        Ok(sleep(3.millis()).await?)
    })
    .expect("nothing fails");
    look(one);
    one.block_on(move |_scope| async move { Ok(end.send(()).await?) })
        .expect("it is received");
    one.assert_no_leaks();
    assert!(one.alive().is_empty(), "{}", one.alive());
}

/// Waits for a value, whatever becomes of the context.
pub(crate) async fn stubborn(release: channel::Receiver<()>) -> Result<()> {
    let context = Context::current().expect("it is in a task");
    let _released = context.without_cancel().run(release.recv()).await;
    Ok(())
}

#[test]
fn many_that_are_alike_share_a_line_and_few_do_not() {
    let one = paused();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let line = line!() + 2;
        for _ in 0..100_000 {
            scope.go(std::future::pending::<Result<()>>()).detach();
        }
        for _ in 0..3 {
            scope.go(async { Ok(sleep(3_600.secs()).await?) }).detach();
        }
        sleep(2.secs()).await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.living.len(), 100_004);
        let text = alive.to_string();
        assert_eq!(text.lines().count(), 8, "{text}");
        assert!(
            text.contains("100,000 x (task) spawned at")
                && text.contains(&format!("alive/main.rs:{line}:")),
            "{text}"
        );
        assert!(text.contains("the oldest for 2s: root/scope#"), "{text}");
        assert_eq!(text.matches("waits for a time").count(), 3, "{text}");
        assert_eq!(alive.leaks().count(), 0);
        scope.cancel("enough");
        Ok(())
    })
    .expect("its own cancel is no failure");
    assert!(one.alive().is_empty());
}

#[test]
fn many_leaks_are_found_in_bounded_time_and_listed_in_one_line() {
    let one = paused();
    with_leak(
        &one,
        |release| async move {
            let inner = Context::current().expect("it is in a task");
            let after: Vec<_> = (0..5_000)
                .map(|_| {
                    let (ends, cancel) = inner.with_cancel();
                    let release = release.clone();
                    let after = ends.after_func(async move {
                        let _released = release.recv().await;
                    });
                    cancel.cancel();
                    after
                })
                .collect();
            drop(after);
            stubborn(release).await
        },
        |one| {
            let alive = one.alive();
            assert_eq!(alive.leaks().count(), 5_002);
            let text = message(|| alive.assert_no_leaks());
            assert!(text.starts_with("5002 leaked"), "{text}");
            assert!(
                text.contains("5,000 x (after a context) spawned at"),
                "{text}"
            );
            assert!(text.lines().count() < 8, "{text}");
        },
    );
}

#[test]
fn parallel_runtimes_do_not_see_each_other() {
    let busy = paused();
    let inside = Runtime::clone(&busy);
    busy.block_on(|scope| async move {
        let ticker = greenroom_core::time::tick(1.secs())?;
        scope.go(async { Ok(sleep(1.secs()).await?) }).detach();
        sleep(1.millis()).await?;
        assert!(!inside.alive().await.timers.is_empty());
        std::thread::spawn(|| {
            let quiet = paused();
            quiet.assert_no_leaks();
            assert!(quiet.alive().is_empty(), "{}", quiet.alive());
        })
        .join()
        .expect("it sees nothing");
        drop(ticker);
        Ok(())
    })
    .expect("nothing fails");
    assert!(busy.alive().is_empty());
}

#[test]
fn all_of_it_serializes() {
    let one = paused();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        scope.go(async { Ok(sleep(1.secs()).await?) }).detach();
        sleep(1.millis()).await?;
        let shown = serde_json::to_value(runtime.alive().await)?;
        assert_eq!(shown["timers"][0]["kind"], "sleep");
        assert_eq!(shown["timers"][0]["taker"], "lives");
        assert_eq!(shown["timers"][0]["age"], 0.001);
        assert_eq!(shown["living"][1]["waits"][0]["kind"], "sleep");
        assert_eq!(shown["living"][1]["waits"][0]["lasts"], 0.001);
        assert_eq!(shown["held"], serde_json::json!([]));
        Ok(())
    })
    .expect("nothing fails");
}
