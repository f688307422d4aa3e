//! What happens above a supervisor that gives up.

use greenroom_actor::supervision::{GaveUp, RootPolicy, StartError, child, supervisor};
use greenroom_actor::{Actor, Address, AskError, OnError, Restart, SpawnError};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Failure, Panic};

use crate::{Add, Boom, Log, Node, Slow, check, line, node, paused, settle, status};

#[test]
fn too_many_restarts_fail_the_scope_with_the_child_and_its_reason() {
    for seed in crate::SEEDS {
        let runtime = paused(seed);
        let error = runtime
            .block_on(|scope| async move {
                let log = Log::default();
                let top = scope
                    .supervisor("top")
                    .intensity(1, 5.secs())
                    .child(node("a", &log))
                    .child(node("b", &log))
                    .await?;
                let b: Address<Node> = top.address("b").await?;
                assert!(b.ask(Boom).await.is_err());
                assert!(b.ask(Boom).await.is_err());
                Ok(sleep(1.secs()).await?)
            })
            .expect_err("it gave up");
        let gave_up = error.downcast_ref::<GaveUp>().expect("it says who");
        assert_eq!(gave_up.child().as_str(), "b");
        assert_eq!(gave_up.supervisor().name(), "top");
        let ExitReason::Panicked(panic) = gave_up.reason() else {
            unreachable!("{gave_up}")
        };
        assert_eq!(panic.message(), Some("boom"));
        let source = std::error::Error::source(gave_up).and_then(|s| s.downcast_ref::<Panic>());
        assert!(source.is_some());
        runtime.assert_no_leaks();
    }
}

#[test]
fn the_host_may_let_the_scope_go_on() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .intensity(0, 1.secs())
            .on_give_up(RootPolicy::Leave)
            .child(node("a", &log))
            .child(node("b", &log))
            .child(node("c", &log))
            .await?;
        let b: Address<Node> = top.address("b").await?;
        assert!(b.ask(Boom).await.is_err());
        let ExitReason::Failed(failure) = top.closed().await? else {
            unreachable!("it gave up")
        };
        assert!(failure.downcast_ref::<GaveUp>().is_some());
        assert_eq!(log.take(), "+a +b +c !b -c -a");
        assert!(top.children().await.is_err());
        Ok(())
    });
}

#[test]
fn the_scope_may_collect_it() {
    let log = Log::default();
    let error = paused(0)
        .block_on(|scope| async move {
            scope.set_on_error(OnError::Collect);
            let top = scope
                .supervisor("top")
                .intensity(0, 1.secs())
                .child(node("a", &log))
                .await?;
            let sibling = scope.go(async { Ok(sleep(2.secs()).await?) });
            let a: Address<Node> = top.address("a").await?;
            assert!(a.ask(Boom).await.is_err());
            sibling.await?;
            Ok(())
        })
        .expect_err("it gave up");
    assert!(error.to_string().contains("gave up its child a"), "{error}");
}

#[test]
fn queued_askers_of_who_is_given_up_get_restarting() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .intensity(0, 1.secs())
            .on_give_up(RootPolicy::Leave)
            .child(node("a", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        let slow = a.clone();
        let slow = scope.go(async move { Ok(slow.ask(Slow(1.secs())).await?) });
        settle().await?;
        let boom = a.clone();
        let boom = scope.go(async move { Ok(boom.ask(Boom).await) });
        settle().await?;
        let queued = a.clone();
        let queued = scope.go(async move { Ok(queued.ask(Add(1)).await) });
        slow.await?;
        assert!(matches!(boom.await?, Err(AskError::Panicked(_))));
        assert!(matches!(queued.await?, Err(AskError::Restarting)));
        assert!(matches!(a.ask(Add(1)).await, Err(AskError::Closed)));
        Ok(())
    });
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_by_its_parent_with_its_children() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .child(node("a", &log))
            .child(
                supervisor("mid")
                    .intensity(1, 5.secs())
                    .child(node("b", &log))
                    .child(node("c", &log)),
            )
            .await?;
        let mid = top.supervisor("mid").await?;
        let added = mid.start(node("d", &log)).await?;
        let extra = mid
            .start(node("x", &log).restart(Restart::Temporary))
            .await?;
        let b: Address<Node> = mid.address("b").await?;
        log.take();
        assert!(b.ask(Boom).await.is_err());
        assert!(b.ask(Boom).await.is_err());
        assert_eq!(
            b.ask(Add(1)).await?,
            1,
            "its address outlived its supervisor"
        );
        assert_eq!(added.ask(Add(1)).await?, 1);
        assert!(matches!(extra.ask(Add(1)).await, Err(AskError::Closed)));
        assert_eq!(log.take(), "!b +b !b -x -d -c +b +c +d");
        assert_eq!(line(&mid).await?, "b c d");
        let mid = status(&top, "mid").await?;
        assert_eq!(mid.restarts, 1);
        assert!(matches!(mid.last_exit, Some(ExitReason::Failed(_))));
        Ok(())
    });
}

#[test]
fn failures_climb_three_levels() {
    let error = paused(0)
        .block_on(|scope| async move {
            let log = Log::default();
            let low = supervisor("low")
                .intensity(0, 1.secs())
                .child(node("a", &log));
            let mid = supervisor("mid").intensity(0, 1.secs()).child(low);
            let top = scope
                .supervisor("top")
                .intensity(0, 1.secs())
                .child(mid)
                .await?;
            let low = top.supervisor("mid").await?.supervisor("low").await?;
            let a: Address<Node> = low.address("a").await?;
            assert!(a.ask(Boom).await.is_err());
            Ok(sleep(1.secs()).await?)
        })
        .expect_err("it climbed to the top");
    let mut path = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error.as_error());
    while let Some(error) = next {
        if let Some(gave_up) = error.downcast_ref::<GaveUp>() {
            path.push(gave_up.child().to_string());
        }
        next = error.source();
    }
    assert_eq!(path, ["mid", "low", "a"]);
}

#[test]
fn one_that_cannot_start_ends_those_before_it_and_is_told_to_who_started() {
    struct Broken;
    impl Actor for Broken {
        async fn started(
            &mut self,
            _cx: &mut greenroom_actor::ActorContext<Self>,
        ) -> greenroom_core::Result<()> {
            Err(Failure::message("no disk"))
        }
    }
    check(|scope, log| async move {
        let refused = scope
            .supervisor("top")
            .child(node("a", &log))
            .child(
                supervisor("mid")
                    .child(node("b", &log))
                    .child(child("bad", || Broken)),
            )
            .child(node("c", &log))
            .await;
        let Err(StartError::Spawn(SpawnError::Failed(failure))) = refused else {
            unreachable!("{refused:?}")
        };
        let text = failure.to_string();
        assert!(text.contains("no disk"), "{text}");
        assert_eq!(log.take(), "+a +b -b -a");
        let top = scope.supervisor("top").await?;
        let refused = top.start(child("bad", || Broken)).await;
        assert!(
            matches!(&refused, Err(StartError::Spawn(SpawnError::Failed(f))) if f.to_string() == "no disk"),
            "{refused:?}"
        );
        assert_eq!(line(&top).await?, "", "it is not kept");
        Ok(())
    });
}

#[test]
fn a_task_that_a_child_started_belongs_to_the_scope_above() {
    struct Parent;
    struct Go;
    impl Actor for Parent {}
    impl greenroom_actor::Handler<Go> for Parent {
        type Reply = ();
        async fn handle(&mut self, _go: Go, cx: &mut greenroom_actor::ActorContext<Self>) {
            let failing = async { Err::<(), _>(Failure::message("task")) };
            cx.scope().go(failing).detach();
        }
    }
    let error = paused(0)
        .block_on(|scope| async move {
            let top = scope.supervisor("top").await?;
            let parent = top.start(child("parent", || Parent)).await?;
            parent.tell(Go).await?;
            Ok(sleep(1.secs()).await?)
        })
        .expect_err("the task failed");
    assert_eq!(error.to_string(), "task");
}
