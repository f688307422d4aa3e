//! What is told of whom.

use greenroom_actor::{Actor, ActorContext, HowEnded, Runtime};
use greenroom_core::task::{TaskKind, WaitKind};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result, channel};

use crate::{Log, Open, Slow, moment, named, names, never, node, paused, run_for};

#[test]
fn a_handler_that_waits_is_told_with_its_message_its_queue_its_place_and_for_how_long() {
    let (one, log) = (paused(0), Log::default());
    let line = line!() + 2;
    let _open = Open::new(&one, move |scope| async move {
        let a = scope.spawn(node("a", &log)).name("a").await?;
        sleep(1.secs()).await?;
        for _ in 0..4 {
            a.tell(Slow(3600.secs())).await?;
        }
        never().await
    });
    run_for(&one, 3.secs());
    let report = one.shutdown(10.secs());
    assert_eq!(names(&report.cut), ["scope", "a"]);
    let a = named(&report.cut, "a");
    assert_eq!(a.task.id.to_string(), "root/scope#1/a#1");
    assert_eq!(a.task.kind, TaskKind::Actor);
    assert!(a.actor_type.is_some_and(|name| name.ends_with("Node")));
    assert!(a.doing.is_some_and(|name| name.ends_with("Slow")), "{a}");
    // 2 seconds before the shutdown, and its 10.
    assert_eq!(a.busy, Some(12.secs()));
    assert_eq!(a.task.alive, 13.secs());
    assert_eq!(a.queued, 3);
    let waiting = a.task.waiting.as_ref().map(|waiting| waiting.kind);
    assert_eq!(waiting, Some(WaitKind::Sleep));
    let place = format!("report.rs:{line}:");
    assert!(a.task.spawned_at.contains(&place), "{a}");
    assert_eq!(a.how, HowEnded::Cancelled);

    let text = report.to_string();
    assert!(text.starts_with("shutdown: 0 finished, 2 cut\n"), "{text}");
    let told = "Slow for 12s, waits for a time, 3 queued: ended after the cancel";
    assert!(text.contains(told), "{text}");
    let json = serde_json::to_value(&report).expect("it is plain data");
    let a = &json["cut"][1];
    assert_eq!(a["id"], "root/scope#1/a#1", "{json}");
    assert_eq!(a["busy"], 12.0);
    assert_eq!(a["queued"], 3);
    assert_eq!(a["how"], "cancelled");
    assert!(!report.is_clean());
}

#[test]
fn an_idle_actor_is_busy_with_nothing() {
    let (one, log) = (paused(0), Log::default());
    let _open = Open::new(&one, move |scope| async move {
        let a = scope.spawn(node("a", &log)).name("a").await?;
        a.ask(Slow(1.secs())).await?;
        never().await.map(|()| drop(a))
    });
    run_for(&one, 2.secs());
    let report = one.shutdown(10.secs());
    let a = named(&report.finished, "a");
    assert_eq!((a.doing, a.busy, a.queued), (None, None, 0));
    assert_eq!(a.how, HowEnded::Finished);
}

struct Hangs(&'static str);

impl Actor for Hangs {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        match self.0 {
            "started" => never().await,
            _ => Ok(()),
        }
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        if self.0 == "stopping" {
            let _never = never().await;
        }
    }
}

#[test]
fn a_hook_that_hangs_is_told_by_its_name() {
    for hook in ["started", "stopping"] {
        let one = paused(0);
        let _open = Open::new(&one, move |scope| async move {
            let hangs = scope.spawn(move || Hangs(hook)).name("hangs");
            let hangs = hangs.shutdown(3600.secs()).await?;
            hangs.stop();
            never().await
        });
        run_for(&one, moment());
        let report = one.shutdown(10.secs());
        let hangs = named(&report.cut, "hangs");
        assert_eq!(hangs.doing, Some(hook), "{report}");
        // From the first moment on, whatever came before.
        assert_eq!(hangs.busy, Some(10.secs() + moment()));
    }
}

#[test]
fn what_runs_without_cancel_is_dropped_and_said_to_be() {
    let one = paused(0);
    let (_tx, rx) = channel::bounded::<()>(1);
    let _open = Open::new(&one, move |scope| async move {
        let waits = rx.clone();
        scope
            .named("heeds")?
            .go(async move { Ok(waits.recv().await?) });
        let stubborn = scope.named("stubborn")?.go(async move {
            let own = Context::current().expect("a task has one");
            Ok(own.without_cancel().run(rx.recv()).await??)
        });
        Ok(stubborn.await?)
    });
    run_for(&one, moment());
    let report = one.shutdown(1.secs());
    assert_eq!(names(&report.cut), ["scope", "heeds", "stubborn"]);
    let (heeds, stubborn) = (named(&report.cut, "heeds"), named(&report.cut, "stubborn"));
    assert_eq!(heeds.how, HowEnded::Cancelled);
    assert_eq!(stubborn.how, HowEnded::Dropped);
    assert_eq!(named(&report.cut, "scope").how, HowEnded::Dropped);
    for task in [heeds, stubborn] {
        assert_eq!(task.task.kind, TaskKind::Task);
        let waiting = task.task.waiting.as_ref().map(|waiting| waiting.kind);
        assert_eq!(waiting, Some(WaitKind::Receive));
    }
    assert!(report.to_string().contains("waits to receive: was dropped"));
}

#[test]
fn a_shutdown_of_nothing_is_clean_and_short() {
    let one = paused(0);
    let before = one.context().now();
    let report = one.shutdown(3600.secs());
    assert!(report.is_clean() && report.finished.is_empty());
    assert_eq!(report.to_string(), "shutdown: 0 finished, 0 cut");
    assert!(one.context().now() - before < 1.secs());
    let again = Runtime::clone(&one);
    drop(one);
    let report = greenroom_core::doc_support::block_on(again.shutdown(1.secs()));
    assert!(report.is_clean());
}
