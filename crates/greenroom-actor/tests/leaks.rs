//! Who lives in a runtime, and who of them is a leak.

#[path = "common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use common::{single, threads, tokio_block_on, within_time};
use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
use greenroom_core::task::{TaskKind, WaitKind};
use greenroom_core::time::{Durations, sleep, sleep_on};
use greenroom_core::{Context, Result, channel};

/// Runs what must panic, and returns its message.
fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    let text = payload.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| (*payload.downcast_ref::<&str>().expect("a text")).to_owned())
}

/// Waits for a value, whatever becomes of the context.
async fn stubborn(release: channel::Receiver<()>) -> Result<()> {
    let own = Context::current()
        .expect("it is in a task")
        .without_cancel();
    let _released = own.run(release.recv()).await;
    Ok(())
}

/// Opens a scope with a stubborn task in it, and drops its future. Returns what ends the task.
fn abandon(runtime: &Runtime) -> channel::Sender<()> {
    let (end, release) = channel::bounded(1);
    let (begun, has_begun) = mpsc::channel();
    let mut scope = Box::pin(runtime.scope(move |scope| async move {
        scope.go(stubborn(release)).detach();
        sleep(1.millis()).await?;
        begun.send(())?;
        std::future::pending::<Result<()>>().await
    }));
    tokio_block_on(async {
        tokio::select! {
            _ = &mut scope => unreachable!("it does not end"),
            () = async { while has_begun.try_recv().is_err() { tokio::task::yield_now().await } } => {}
        }
    });
    drop(scope);
    end
}

#[test]
fn what_has_ended_is_no_leak() {
    within_time("a clean end", || {
        let runtime = threads();
        runtime
            .block_on(|scope| async move { Ok(scope.go(async { Ok(()) }).await?) })
            .expect("nothing fails");
        runtime.assert_no_leaks();
        assert!(tokio_block_on(runtime.alive()).living.is_empty());

        let one = single();
        one.block_on(|scope| async move { Ok(scope.go(async { Ok(()) }).await?) })
            .expect("nothing fails");
        one.assert_no_leaks();
        assert!(one.alive().living.is_empty());
    });
}

#[test]
fn what_is_in_an_open_scope_is_listed_and_is_no_leak() {
    let one = single();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let (tx, _rx) = channel::rendezvous();
        let line = line!() + 1;
        let stuck = scope.go(async move { Ok(tx.send(1).await?) });
        sleep(2.millis()).await?;
        let alive = runtime.alive().await;
        let kinds: Vec<TaskKind> = alive.living.iter().map(|l| l.task.kind).collect();
        assert_eq!(kinds, [TaskKind::Scope, TaskKind::Task]);
        let task = &alive.living[1];
        assert_eq!(Some(&task.task.id), stuck.id());
        assert!(task.task.spawned_at.contains(&format!("leaks.rs:{line}:")));
        let waiting = task.task.waiting.as_ref().map(|waiting| waiting.kind);
        assert_eq!(waiting, Some(WaitKind::Send));
        assert!(task.task.alive >= 1.millis());
        assert!(alive.to_string().contains("(task) spawned at"), "{alive}");
        assert!(alive.to_string().contains("waits to send"), "{alive}");
        alive.assert_no_leaks();
        stuck.cancel("enough");
        Ok(())
    })
    .expect("nothing fails");
    one.assert_no_leaks();
}

#[test]
fn what_a_dropped_scope_leaves_behind_is_a_leak_until_it_ends() {
    within_time("a leak", || {
        let runtime = threads();
        let end = abandon(&runtime);
        let other = threads();
        let text = message(|| runtime.assert_no_leaks());
        // The scope and the task in it, each with its place.
        assert!(text.starts_with("2 leaked"), "{text}");
        assert_eq!(text.matches("tests/leaks.rs:").count(), 2, "{text}");
        assert!(
            text.contains("(scope)") && text.contains("(task)"),
            "{text}"
        );
        assert!(text.contains("waits to receive"), "{text}");
        other.assert_no_leaks();

        // The panic names the caller.
        let (told, place) = mpsc::channel();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let _unheard = told.send(info.location().map(std::panic::Location::line));
        }));
        let line = line!() + 1;
        let _text = message(|| runtime.assert_no_leaks());
        std::panic::set_hook(before);
        let places: Vec<_> = place.try_iter().collect();
        assert!(places.contains(&Some(line)), "{places:?}");

        tokio_block_on(end.send(())).expect("it is received");
        runtime.assert_no_leaks();
    });
}

#[test]
fn what_ends_when_it_is_cancelled_is_no_leak() {
    within_time("an abandoned scope", || {
        let runtime = threads();
        for _ in 0..50 {
            let mut scope = Box::pin(runtime.scope(|scope| async move {
                for _ in 0..20 {
                    scope.go(std::future::pending::<Result<()>>()).detach();
                }
                std::future::pending::<Result<()>>().await
            }));
            tokio_block_on(async {
                tokio::select! {
                    _ = &mut scope => unreachable!("it does not end"),
                    () = tokio::task::yield_now() => {}
                }
            });
            drop(scope);
            runtime.assert_no_leaks();
        }
    });
}

#[test]
fn an_inner_scope_that_was_dropped_is_waited_for_by_the_outer_one() {
    let one = single();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let (end, release) = channel::bounded(1);
        let mut inner = Box::pin(scope.scope(|inner| async move {
            inner.go(stubborn(release)).detach();
            std::future::pending::<Result<()>>().await
        }));
        tokio::select! {
            _ = &mut inner => unreachable!("it does not end"),
            slept = sleep(2.millis()) => slept?,
        }
        drop(inner);
        sleep(2.millis()).await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.living.len(), 3, "{alive}");
        alive.assert_no_leaks();
        end.send(()).await?;
        Ok(())
    })
    .expect("nothing fails");
    one.assert_no_leaks();
}

#[test]
fn a_function_after_a_context_is_a_leak_once_it_runs() {
    let one = single();
    let (end, release) = channel::bounded(1);
    let (context, cancel) = one.context().with_cancel();
    let _after = context.after_func(async move {
        let _released = release.recv().await;
    });
    one.assert_no_leaks();
    cancel.cancel();
    let text = message(|| one.assert_no_leaks());
    assert!(
        text.starts_with("1 leaked") && text.contains("(after a context)"),
        "{text}"
    );
    one.block_on(|_scope| async move { Ok(end.send(()).await?) })
        .expect("it is received");
    one.assert_no_leaks();
}

struct Busy;
struct Work(channel::Receiver<()>);

impl Actor for Busy {}

impl Handler<Work> for Busy {
    type Reply = ();
    async fn handle(&mut self, Work(release): Work, _cx: &mut ActorContext<Self>) {
        let _ended = stubborn(release).await;
    }
}

#[test]
fn an_actor_that_is_left_behind_is_a_leak() {
    within_time("an actor that is left behind", || {
        let runtime = threads();
        let (end, release) = channel::bounded(1);
        let (begun, has_begun) = mpsc::channel();
        let mut scope = Box::pin(runtime.scope(move |scope| async move {
            let busy = scope.spawn(|| Busy).await?;
            busy.tell(Work(release)).await?;
            sleep(5.millis()).await?;
            begun.send(())?;
            std::future::pending::<Result<()>>().await
        }));
        tokio_block_on(async {
            tokio::select! {
                _ = &mut scope => unreachable!("it does not end"),
                () = async { while has_begun.try_recv().is_err() { tokio::task::yield_now().await } } => {}
            }
        });
        drop(scope);
        let text = message(|| runtime.assert_no_leaks());
        assert!(text.contains("(actor leaks::Busy) spawned at"), "{text}");
        tokio_block_on(end.send(())).expect("it is received");
        runtime.assert_no_leaks();
    });
}

#[test]
fn where_it_would_block_the_check_says_what_to_do_instead() {
    let one = single();
    let handle = Runtime::clone(&one);
    let text = message(|| handle.assert_no_leaks());
    assert!(text.contains("block_on"), "{text}");
    let text = tokio_block_on(async { message(|| one.assert_no_leaks()) });
    assert!(text.contains("inside asynchronous code"), "{text}");
    within_time("a check on an arbiter", || {
        let runtime = threads();
        let inside = runtime.clone();
        let text = runtime
            .block_on(|_scope| async move { Ok(message(|| inside.assert_no_leaks())) })
            .expect("nothing fails");
        assert!(text.contains("await the future instead"), "{text}");
    });
}

#[test]
fn an_arbiter_that_is_blocked_is_named_and_one_that_has_ended_is_not() {
    within_time("a blocked arbiter", || {
        let runtime = threads();
        let (begun, has_begun) = mpsc::channel();
        let (end, is_over) = mpsc::channel::<()>();
        let inside = runtime.clone();
        let blocked = std::thread::spawn(move || {
            inside.block_on(|_scope| async move {
                begun.send(())?;
                is_over.recv()?;
                Ok(())
            })
        });
        has_begun.recv().expect("it has begun");
        let text = message(|| runtime.assert_no_leaks());
        assert!(text.contains("does not answer"), "{text}");
        end.send(()).expect("it waits");
        blocked.join().expect("no panic").expect("no failure");
        runtime.assert_no_leaks();

        assert!(tokio_block_on(runtime.shutdown(1.secs())).is_clean());
        runtime.assert_no_leaks();
        let one = single();
        assert!(one.shutdown(Duration::ZERO).is_clean());
        one.assert_no_leaks();
    });
}

#[test]
fn on_a_paused_clock_half_a_second_is_given_at_once() {
    let one = Runtime::builder()
        .single_thread()
        .paused()
        .build()
        .expect("a single-threaded runtime starts");
    let context = one.context().clone();
    let (told, cancel) = context.with_cancel();
    let slow = context.without_cancel();
    let _after = told.after_func(async move {
        let _slept = sleep_on(&slow, 400.millis()).await;
    });
    cancel.cancel();
    assert_eq!(one.alive().leaks().count(), 1);
    one.assert_no_leaks();

    let (told, cancel) = context.with_cancel();
    let slow = context.without_cancel();
    let _after = told.after_func(async move {
        let _slept = sleep_on(&slow, 600.millis()).await;
    });
    cancel.cancel();
    assert!(message(|| one.assert_no_leaks()).contains("waits for a time"));
}
