//! Who starts and stops when.

use std::time::Duration;

use greenroom_actor::supervision::{Strategy, supervisor};
use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler, Restart};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Result};

use crate::{Add, Boom, Log, Node, Slow, check, line, node, paused, settle};

#[test]
fn children_start_from_left_to_right_and_stop_from_right_to_left() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .child(node("a", &log))
            .child(node("b", &log))
            .child(node("c", &log))
            .await?;
        assert_eq!(log.take(), "+a +b +c");
        top.stop();
        assert!(matches!(top.closed().await?, ExitReason::Normal));
        assert_eq!(log.take(), "-c -b -a");
        Ok(())
    });
}

#[test]
fn the_end_of_the_scope_stops_in_the_same_order_after_what_is_queued() {
    for seed in crate::SEEDS {
        let log = Log::default();
        let said = log.clone();
        paused(seed)
            .block_on(|scope| async move {
                let top = scope
                    .supervisor("top")
                    .child(node("a", &log))
                    .child(node("b", &log))
                    .await?;
                let a: Address<Node> = top.address("a").await?;
                let b: Address<Node> = top.address("b").await?;
                for node in [&a, &b] {
                    node.tell(Slow(1.secs())).await?;
                    node.tell(Boom).await?;
                    node.tell(Slow(1.secs())).await?;
                }
                Ok(())
            })
            .expect("a drain is no failure");
        let said = said.take();
        assert!(said.starts_with("+a +b"), "{said}");
        // Each goes on after its panic; `a` may have, before its turn has come.
        assert_eq!(said.matches("slow b").count(), 2, "{said}");
        assert_eq!(said.matches("slow a").count(), 2, "{said}");
        assert!(said.find("-b") < said.find("-a"), "{said}");
    }
}

#[test]
fn each_strategy_restarts_its_own() {
    for (strategy, said) in [
        (Strategy::OneForOne, "!b +b"),
        (Strategy::OneForAll, "!b -c -a +a +b +c"),
        (Strategy::RestForOne, "!b -c +b +c"),
    ] {
        for seed in crate::SEEDS {
            paused(seed)
                .block_on(move |scope| async move {
                    let log = Log::default();
                    let top = scope
                        .supervisor("top")
                        .strategy(strategy)
                        .child(node("a", &log))
                        .child(node("b", &log))
                        .child(node("c", &log))
                        .await?;
                    log.take();
                    let b: Address<Node> = top.address("b").await?;
                    assert!(matches!(b.ask(Boom).await, Err(AskError::Panicked(_))));
                    assert_eq!(b.ask(Add(1)).await?, 1, "the address is the same");
                    settle().await?;
                    assert_eq!(log.take(), said, "{strategy:?}");
                    Ok(())
                })
                .expect("it is restarted");
        }
    }
}

#[test]
fn messages_queued_for_siblings_survive_the_restart_of_the_group() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .strategy(Strategy::OneForAll)
            .child(node("a", &log))
            .child(node("b", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        let b: Address<Node> = top.address("b").await?;
        let busy = a.clone();
        let busy = scope.go(async move { Ok(busy.ask(Slow(2.secs())).await?) });
        settle().await?;
        let queued: Vec<_> = (0..3)
            .map(|_| {
                let a = a.clone();
                scope.go(async move { Ok(a.ask(Add(1)).await?) })
            })
            .collect();
        settle().await?;
        assert!(b.ask(Boom).await.is_err());
        busy.await?;
        let mut sum = 0;
        for queued in queued {
            sum += queued.await?;
        }
        assert_eq!(sum, 1 + 2 + 3, "the next incarnation has counted them");
        settle().await?;
        assert_eq!(log.take(), "+a +b !b slow a -a +a +b");
        Ok(())
    });
}

/// Never hears a stop: its handler waits for ever.
struct Deaf(Log);
struct Listen;

impl Actor for Deaf {
    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        self.0.say("stopping");
        std::future::pending().await
    }
}

impl Handler<Listen> for Deaf {
    type Reply = ();

    async fn handle(&mut self, _listen: Listen, _cx: &mut ActorContext<Self>) {
        std::future::pending().await
    }
}

#[test]
fn a_child_that_does_not_stop_is_dropped_at_its_deadline_and_the_next_waits_for_that() {
    check(|scope, log| async move {
        let deaf = log.clone();
        let top = scope.supervisor("top").child(node("a", &log)).await?;
        let child = greenroom_actor::supervision::child("deaf", move || Deaf(deaf.clone()));
        let deaf = top.start(child.shutdown(3.secs())).await?;
        let asked = deaf.clone();
        let asked = scope.go(async move { Ok(asked.ask(Listen).await) });
        settle().await?;
        log.take();
        let start = scope.context().now();
        top.stop();
        sleep(2.secs()).await?;
        assert_eq!(log.take(), "", "the handler has its time, and `a` waits");
        top.closed().await?;
        // The handler, then the hook.
        assert_eq!((scope.context().now() - start).as_secs(), 6);
        assert_eq!(log.take(), "stopping -a");
        assert!(matches!(asked.await?, Err(AskError::Dropped)));
        Ok(())
    });
}

#[test]
fn a_shutdown_time_of_zero_is_a_kill() {
    check(|scope, log| async move {
        let child = greenroom_actor::supervision::child("deaf", move || Deaf(log.clone()));
        let top = scope.supervisor("top").await?;
        let deaf = top.start(child.shutdown(Duration::ZERO)).await?;
        deaf.tell(Listen).await?;
        settle().await?;
        let start = scope.context().now();
        top.terminate("deaf").await?;
        assert_eq!(scope.context().now(), start);
        Ok(())
    });
}

#[test]
fn trees_three_deep_start_and_stop_depth_first() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .child(node("a", &log))
            .child(
                supervisor("mid").child(node("b", &log)).child(
                    supervisor("low")
                        .strategy(Strategy::OneForAll)
                        .child(node("c", &log))
                        .child(node("d", &log)),
                ),
            )
            .child(node("e", &log))
            .await?;
        assert_eq!(log.take(), "+a +b +c +d +e");
        let low = top.supervisor("mid").await?.supervisor("low").await?;
        let d: Address<Node> = low.address("d").await?;
        assert!(d.ask(Boom).await.is_err());
        assert_eq!(d.ask(Add(1)).await?, 1);
        assert_eq!(log.take(), "!d -c +c +d");
        assert_eq!(line(&top).await?, "a mid e");
        assert_eq!(top.count().await?.supervisors, 1);
        top.stop();
        top.closed().await?;
        assert_eq!(log.take(), "-e -d -c -b -a");
        assert!(matches!(d.ask(Add(1)).await, Err(AskError::Closed)));
        Ok(())
    });
}

#[test]
fn a_cancel_of_the_scope_ends_a_tree_at_once() {
    for seed in crate::SEEDS {
        let runtime = paused(seed);
        let ended = runtime.block_on(|scope| async move {
            let log = Log::default();
            let top = scope
                .supervisor("top")
                .child(node("a", &log))
                .child(supervisor("mid").child(node("b", &log).restart(Restart::Permanent)))
                .await?;
            let a: Address<Node> = top.address("a").await?;
            a.tell(Slow(3600.secs())).await?;
            settle().await?;
            scope.cancel("enough");
            Ok(())
        });
        assert!(ended.is_ok(), "{ended:?}");
        runtime.assert_no_leaks();
    }
}

#[test]
fn the_snapshot_shows_the_tree() -> Result<()> {
    let runtime = paused(0);
    let inside = (*runtime).clone();
    runtime.block_on(|scope| async move {
        let log = Log::default();
        let top = scope
            .supervisor("top")
            .strategy(Strategy::RestForOne)
            .child(node("a", &log).name("first"))
            .await?;
        let snapshot = inside.snapshot(1.secs()).await;
        let found = |name: &str| {
            let mut actors = snapshot.actors.iter();
            actors.find(|actor| actor.task.name == name).cloned()
        };
        let shown = found("top").expect("it is shown");
        assert_eq!(shown.strategy, Some("rest_for_one"));
        let a = found("a").expect("it is shown");
        assert_eq!(a.strategy, None);
        assert_eq!(a.task.parent.as_ref(), Some(top.id()));
        let by_name: Address<Node> = inside.whereis("first")?;
        assert_eq!(by_name, top.address("a").await?);
        Ok(())
    })
}
