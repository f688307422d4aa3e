//! When children are restarted, how often, and how long that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::supervision::{
    AutoShutdown, BackOff, SpecError, Standing, StartError, Strategy, child, keeper, task,
};
use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler, Kept, Restart};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Failure, Result};

use crate::{Add, Boom, Log, Node, Quit, check, line, node, paused, settle, status};

#[test]
fn the_kind_of_child_says_which_ends_are_followed_by_a_restart() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .intensity(10, 5.secs())
            .child(node("p", &log).restart(Restart::Permanent))
            .child(node("t", &log).restart(Restart::Transient))
            .child(node("x", &log).restart(Restart::Temporary))
            .await?;
        let mut nodes: Vec<Address<Node>> = Vec::new();
        for id in ["p", "t", "x"] {
            nodes.push(top.address(id).await?);
        }
        for node in &nodes[..2] {
            assert!(node.ask(Boom).await.is_err());
        }
        settle().await?;
        assert_eq!(line(&top).await?, "p t x");
        for node in &nodes {
            node.ask(Quit).await?;
        }
        settle().await?;
        assert_eq!(line(&top).await?, "p [t]", "a temporary one is forgotten");
        assert_eq!(nodes[0].ask(Add(1)).await?, 1);
        assert!(matches!(nodes[1].ask(Add(1)).await, Err(AskError::Closed)));
        assert!(matches!(nodes[2].ask(Add(1)).await, Err(AskError::Closed)));
        let p = status(&top, "p").await?;
        assert_eq!(p.restarts, 2);
        assert!(matches!(p.last_exit, Some(ExitReason::Normal)));
        let t = status(&top, "t").await?;
        assert_eq!((t.restarts, t.actor), (1, None));
        Ok(())
    });
}

#[test]
fn a_temporary_child_of_a_group_is_stopped_and_forgotten() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .strategy(Strategy::OneForAll)
            .child(node("x", &log).restart(Restart::Temporary))
            .child(node("a", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        assert!(a.ask(Boom).await.is_err());
        a.ask(Add(1)).await?;
        assert_eq!(log.take(), "+x +a !a -x +a");
        assert_eq!(line(&top).await?, "a");
        Ok(())
    });
}

#[test]
fn a_group_starts_those_again_that_had_ended() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .strategy(Strategy::OneForAll)
            .child(node("a", &log))
            .child(node("b", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        let b: Address<Node> = top.address("b").await?;
        a.ask(Quit).await?;
        settle().await?;
        assert_eq!(line(&top).await?, "[a] b");
        assert!(b.ask(Boom).await.is_err());
        settle().await?;
        assert_eq!(line(&top).await?, "a b");
        assert!(a.is_closed(), "its earlier mailbox was closed for good");
        assert_eq!(top.address::<Node>("a").await?.ask(Add(1)).await?, 1);
        Ok(())
    });
}

#[test]
fn state_that_the_supervisor_keeps_outlives_restarts_of_the_group() {
    struct Sum(Kept<u64>);
    impl Actor for Sum {}
    impl Handler<u64> for Sum {
        type Reply = u64;
        async fn handle(&mut self, n: u64, _cx: &mut ActorContext<Self>) -> u64 {
            *self.0 += n;
            *self.0
        }
    }
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        let built = paused(1).block_on(move |scope| async move {
            let log = Log::default();
            let top = scope
                .supervisor("top")
                .strategy(strategy)
                .child(node("a", &log))
                .child(keeper("sum", 0, Sum))
                .await?;
            let sum: Address<Sum> = top.address("sum").await?;
            sum.ask(40).await?;
            let a: Address<Node> = top.address("a").await?;
            assert!(a.ask(Boom).await.is_err());
            settle().await?;
            assert_eq!(sum.ask(2).await?, 42, "{strategy:?}");
            top.terminate("sum").await?;
            top.restart("sum").await?;
            let sum: Address<Sum> = top.address("sum").await?;
            assert_eq!(sum.ask(0).await?, 42, "and a new life");
            Ok(())
        });
        assert!(built.is_ok(), "{built:?}");
    }
}

#[test]
fn back_off_doubles_up_to_its_cap_and_the_mailbox_accepts_meanwhile() {
    check(|scope, log| async move {
        let back_off = BackOff::exponential(1.secs(), 3.secs()).reset_after(60.secs());
        let top = scope
            .supervisor("top")
            .intensity(100, 1.secs())
            .back_off(back_off)
            .child(node("a", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        let mut waits = Vec::new();
        for healthy in [0, 0, 0, 0, 60] {
            sleep(healthy.secs()).await?;
            let start = scope.context().now();
            assert!(a.ask(Boom).await.is_err());
            settle().await?;
            assert_eq!(line(&top).await?, "(a)");
            assert_eq!(a.ask(Add(1)).await?, 1, "it was accepted, and waited");
            waits.push((scope.context().now() - start).as_secs());
        }
        assert_eq!(waits, [1, 2, 3, 3, 1]);
        Ok(())
    });
}

#[test]
fn jitter_is_chosen_by_the_driver() {
    let wait = |seed| {
        paused(seed)
            .block_on(|scope| async move {
                let log = Log::default();
                let top = scope
                    .supervisor("top")
                    .back_off(BackOff::exponential(10.secs(), 10.secs()).jitter(50))
                    .child(node("a", &log))
                    .await?;
                let a: Address<Node> = top.address("a").await?;
                let start = scope.context().now();
                assert!(a.ask(Boom).await.is_err());
                a.ask(Add(1)).await?;
                Ok(scope.context().now() - start)
            })
            .expect("it is restarted")
    };
    let waits: Vec<_> = (0..20).map(wait).collect();
    assert_eq!(waits, (0..20).map(wait).collect::<Vec<_>>(), "by the seed");
    assert!(
        waits.iter().all(|w| *w >= 5.secs() && *w <= 10.secs()),
        "{waits:?}"
    );
    assert!(waits.iter().any(|w| *w != waits[0]));
}

#[test]
fn a_deadline_runs_while_a_restart_waits() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .back_off(BackOff::exponential(10.secs(), 10.secs()))
            .child(node("a", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        assert!(a.ask(Boom).await.is_err());
        let hurried = scope.context().with_timeout(1.secs());
        let late = hurried.run(a.ask(Add(1))).await;
        assert!(
            matches!(late, Ok(Err(AskError::DeadlineInMailbox)) | Err(_)),
            "{late:?}"
        );
        Ok(())
    });
}

#[test]
fn a_factory_that_panics_at_a_restart_is_tried_again() {
    check(|scope, log| async move {
        let built = Arc::new(AtomicUsize::new(0));
        let top = scope
            .supervisor("top")
            .strategy(Strategy::OneForAll)
            .intensity(5, 5.secs())
            .child(node("a", &log))
            .child(child("b", {
                let (log, built) = (log.clone(), built.clone());
                move || {
                    let before = built.fetch_add(1, SeqCst);
                    assert!(before == 0 || before > 2, "not yet");
                    Node::new("b", &log)
                }
            }))
            .child(node("c", &log))
            .await?;
        let c: Address<Node> = top.address("c").await?;
        assert!(c.ask(Boom).await.is_err());
        assert_eq!(c.ask(Add(1)).await?, 1);
        assert_eq!(built.load(SeqCst), 4);
        assert_eq!(log.take(), "+a +b +c !c -b -a +a -a +a -a +a +b +c");
        Ok(())
    });
}

#[test]
fn auto_shutdown_ends_with_any_or_all_significant_children() {
    for (auto_shutdown, survives_one) in [
        (AutoShutdown::AnySignificant, false),
        (AutoShutdown::AllSignificant, true),
    ] {
        let done = paused(0).block_on(move |scope| async move {
            let log = Log::default();
            let top = scope
                .supervisor("top")
                .auto_shutdown(auto_shutdown)
                .child(node("a", &log).significant())
                .child(node("b", &log).significant().restart(Restart::Temporary))
                .child(node("c", &log))
                .await?;
            let a: Address<Node> = top.address("a").await?;
            let b: Address<Node> = top.address("b").await?;
            assert!(a.ask(Boom).await.is_err(), "it is restarted");
            top.terminate("c").await?;
            top.restart("c").await?;
            log.take();
            a.ask(Quit).await?;
            settle().await?;
            if survives_one {
                assert_eq!(line(&top).await?, "[a] b c");
                assert!(b.ask(Boom).await.is_err(), "temporary: it ends");
            }
            assert!(matches!(top.closed().await?, ExitReason::Shutdown));
            let said = log.take();
            assert!(said.ends_with("-c") || said.ends_with("-c -b"), "{said}");
            Ok(())
        });
        assert!(done.is_ok(), "{auto_shutdown:?}: {done:?}");
    }
}

#[test]
fn a_child_that_its_supervisor_terminates_shuts_nothing_down() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(node("a", &log).significant())
            .await?;
        assert!(top.terminate("a").await?);
        settle().await?;
        assert_eq!(line(&top).await?, "[a]");
        Ok(())
    });
}

#[test]
fn records_that_contradict_themselves_are_refused() {
    check(|scope, log| async move {
        let refused = scope
            .supervisor("top")
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(node("a", &log).significant().restart(Restart::Permanent))
            .await;
        let Err(StartError::Spec(SpecError::PermanentSignificant(a))) = refused else {
            unreachable!("{refused:?}")
        };
        assert_eq!(a.as_str(), "a");
        let top = scope.supervisor("top").child(node("a", &log)).await?;
        let refused = top.start(node("b", &log).significant()).await;
        assert!(matches!(
            refused,
            Err(StartError::Spec(SpecError::NeverSignificant(_)))
        ));
        let twice = scope
            .supervisor("top")
            .child(node("a", &log))
            .child(node("a", &log));
        assert!(matches!(
            twice.await,
            Err(StartError::Spec(SpecError::Duplicate(_)))
        ));
        let unnamed = scope.supervisor("top").child(node("", &log)).await;
        assert!(matches!(unnamed, Err(StartError::Spec(SpecError::Name(_)))));
        assert_eq!(log.take(), "+a", "nothing else was started");
        Ok(())
    });
}

#[test]
fn a_task_is_made_again_and_its_end_is_a_normal_one() {
    check(|scope, log| async move {
        let tries = Arc::new(AtomicUsize::new(0));
        let work = {
            let (tries, log) = (tries.clone(), log.clone());
            move || {
                let (tries, log) = (tries.clone(), log.clone());
                async move {
                    match tries.fetch_add(1, SeqCst) {
                        0 => Err(Failure::message("not yet")),
                        1 => panic!("nor now"),
                        _ => {
                            log.say("done");
                            Ok(())
                        }
                    }
                }
            }
        };
        let cleaned = log.clone();
        let top = scope
            .supervisor("top")
            .child(task("work", work))
            .child(task("server", move || {
                let log = cleaned.clone();
                async move {
                    let cut = sleep(3600.secs()).await;
                    assert!(cut.is_err());
                    // In a context without cancel it may finish, within its shutdown time.
                    let rest = greenroom_core::Context::current();
                    let rest = rest.map(|context| context.without_cancel());
                    if let Some(rest) = rest {
                        rest.run(sleep(2.secs())).await??;
                    }
                    log.say("cleaned");
                    Ok(())
                }
            }))
            .await?;
        settle().await?;
        assert_eq!(log.take(), "done");
        assert_eq!(line(&top).await?, "[work] server");
        assert_eq!(status(&top, "work").await?.restarts, 2);
        let start = scope.context().now();
        top.stop();
        top.closed().await?;
        assert_eq!(log.take(), "cleaned");
        assert_eq!((scope.context().now() - start).as_secs(), 2);
        Ok(())
    });
}

#[test]
fn the_list_tells_the_last_exit_and_who_waits() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .back_off(BackOff::exponential(10.secs(), 10.secs()))
            .child(node("a", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        assert!(a.ask(Boom).await.is_err());
        settle().await?;
        let shown = status(&top, "a").await?;
        assert_eq!(shown.standing, Standing::Restarting);
        let Some(ExitReason::Panicked(panic)) = shown.last_exit else {
            unreachable!("{shown:?}")
        };
        assert_eq!(panic.message(), Some("boom"));
        top.terminate("a").await?;
        settle().await?;
        assert_eq!(line(&top).await?, "[a]", "its restart is given up");
        Ok::<(), Failure>(())
    });
}

#[test]
fn a_child_whose_context_was_cancelled_gets_a_new_life() -> Result<()> {
    let runtime = paused(0);
    let inside = (*runtime).clone();
    runtime.block_on(|scope| async move {
        let log = Log::default();
        let top = scope.supervisor("top").child(node("a", &log)).await?;
        let a: Address<Node> = top.address("a").await?;
        inside.registry().cancel(a.id(), "reset".into()).await;
        settle().await?;
        assert_eq!(line(&top).await?, "a");
        assert!(a.is_closed());
        assert_eq!(top.address::<Node>("a").await?.ask(Add(1)).await?, 1);
        let shown = status(&top, "a").await?;
        assert!(matches!(shown.last_exit, Some(ExitReason::Cancelled(_))));
        Ok(())
    })
}
