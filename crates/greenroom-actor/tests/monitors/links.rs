//! Links: who goes down with whom.

use greenroom_actor::{JoinError, Restart, SpawnError};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Id, Result};

use super::*;

async fn three(scope: &Scope, log: &Log) -> Result<[Address<Node>; 3]> {
    Ok([
        node(scope, "a", log).await?,
        node(scope, "b", log).await?,
        node(scope, "c", log).await?,
    ])
}

#[test]
fn a_failure_takes_down_what_is_linked_and_that_takes_down_the_next() {
    check(|scope, log| async move {
        let [a, b, c] = three(&scope, &log).await?;
        a.ask(Tie(b.downgrade())).await?;
        b.ask(Tie(c.downgrade())).await?;
        a.tell(Boom).await?;
        assert_eq!(word(&b.closed().await?), "linked(panicked:boom)");
        let last = c.closed().await?;
        assert_eq!(word(&last), "linked(linked(panicked:boom))");
        let ExitReason::Linked(linked) = &last else {
            unreachable!("{last}");
        };
        let hops: Vec<_> = linked.chain().map(|hop| hop.to().clone()).collect();
        assert_eq!(hops, [b.id().clone(), a.id().clone()]);
        assert_eq!(linked.of(), c.id());
        assert_eq!(word(linked.root()), "panicked:boom");
        assert!(last.to_string().starts_with(&format!(
            "linked to {}, which ended: linked to {}, which ended: {} panicked",
            b.id(),
            a.id(),
            a.id()
        )));
        Ok(())
    });
}

#[test]
fn a_link_works_from_both_ends() {
    check(|scope, log| async move {
        let [a, b, _c] = three(&scope, &log).await?;
        a.ask(Tie(b.downgrade())).await?;
        b.tell(Boom).await?;
        assert_eq!(word(&a.closed().await?), "linked(panicked:boom)");
        Ok(())
    });
}

#[test]
fn a_circle_takes_all_down_and_ends() {
    check(|scope, log| async move {
        let nodes = three(&scope, &log).await?;
        for (at, one) in nodes.iter().enumerate() {
            one.ask(Tie(nodes[(at + 1) % 3].downgrade())).await?;
        }
        nodes[1].tell(Boom).await?;
        for one in &nodes {
            assert!(!one.closed().await?.is_orderly());
        }
        Ok(())
    });
}

#[test]
fn a_normal_end_takes_nobody_down() {
    check(|scope, log| async move {
        let [a, b, _c] = three(&scope, &log).await?;
        a.ask(Tie(b.downgrade())).await?;
        a.stop();
        a.closed().await?;
        settle().await?;
        b.ask(Say("here")).await?;
        assert_eq!(log.take(), "-a b:here");
        Ok(())
    });
}

#[test]
fn a_shutdown_takes_down_and_counts_as_one() {
    check(|scope, log| async move {
        let again = log.clone();
        let outside = scope
            .spawn(move || Node::new("o", &again))
            .restart(Restart::Transient)
            .await?;
        let (inside, linked) = (log.clone(), outside.clone());
        let _kept = scope
            .scope(|inner| async move {
                let target = node(&inner, "t", &inside).await?;
                target.ask(Tie(linked.downgrade())).await?;
                Ok(target)
            })
            .await?;
        // A transient one is not restarted.
        assert_eq!(word(&outside.closed().await?), "linked(shutdown)");
        assert_eq!(log.take(), "-t -o");
        Ok(())
    });
}

#[test]
fn a_trapping_actor_gets_a_message_and_lives_on() {
    check(|scope, log| async move {
        let [a, b, c] = three(&scope, &log).await?;
        b.ask(Trap(true)).await?;
        a.ask(Tie(b.downgrade())).await?;
        b.ask(Tie(c.downgrade())).await?;
        a.tell(Boom).await?;
        settle().await?;
        // Of a normal end, too.
        c.stop();
        settle().await?;
        assert_eq!(log.take(), "b:exit:panicked:boom -c b:exit:normal");
        b.ask(Trap(false)).await?;
        let d = node(&scope, "d", &log).await?;
        d.ask(Tie(b.downgrade())).await?;
        d.tell(Boom).await?;
        assert_eq!(word(&b.closed().await?), "linked(panicked:boom)");
        Ok(())
    });
}

#[test]
fn an_unlinked_one_is_spared() {
    check(|scope, log| async move {
        let [a, b, _c] = three(&scope, &log).await?;
        let link = a.ask(Tie(b.downgrade())).await?;
        assert!(link.unlink());
        assert!(!link.unlink());
        a.tell(Boom).await?;
        settle().await?;
        b.ask(Say("here")).await?;
        assert_eq!(log.take(), "b:here");
        Ok(())
    });
}

#[test]
fn of_two_links_one_may_be_undone() {
    check(|scope, log| async move {
        let [a, b, _c] = three(&scope, &log).await?;
        let link = a.ask(Tie(b.downgrade())).await?;
        a.ask(Tie(b.downgrade())).await?;
        assert!(link.unlink());
        a.tell(Boom).await?;
        assert_eq!(word(&b.closed().await?), "linked(panicked:boom)");
        Ok(())
    });
}

#[test]
fn unlink_takes_back_an_exit_that_waits() {
    check(|scope, log| async move {
        let [a, b, _c] = three(&scope, &log).await?;
        b.ask(Trap(true)).await?;
        let link = a.ask(Tie(b.downgrade())).await?;
        b.tell(Linger).await?;
        a.tell(Boom).await?;
        a.closed().await?;
        settle().await?;
        assert!(link.unlink(), "the exit waits behind the handler");
        sleep(61.secs()).await?;
        assert_eq!(log.take(), "b:lingered");
        Ok(())
    });
}

#[test]
fn linking_to_what_is_gone_takes_effect_at_once() {
    check(|scope, log| async move {
        let [a, b, c] = three(&scope, &log).await?;
        a.stop();
        a.closed().await?;
        b.tell(Tie(a.downgrade())).await?;
        assert_eq!(word(&b.closed().await?), "linked(gone)");
        c.ask(Trap(true)).await?;
        c.ask(TieId(Id::root().child("nobody"))).await?;
        settle().await?;
        assert_eq!(log.take(), "-a -b c:exit:gone");
        Ok(())
    });
}

#[test]
fn a_handler_is_dropped_at_its_next_await() {
    check(|scope, log| async move {
        let [a, b, _c] = three(&scope, &log).await?;
        a.ask(Tie(b.downgrade())).await?;
        b.tell(Linger).await?;
        settle().await?;
        a.tell(Boom).await?;
        assert_eq!(word(&b.closed().await?), "linked(panicked:boom)");
        assert_eq!(log.take(), "-b");
        Ok(())
    });
}

/// Links itself in `started`, which then waits.
struct Late(Address<Node>);

impl Actor for Late {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.link(&self.0);
        sleep(60.secs()).await?;
        Ok(())
    }
}

#[test]
fn an_actor_that_is_taken_down_as_it_starts_was_not_started() {
    check(|scope, log| async move {
        let other = node(&scope, "o", &log).await?;
        let linked = other.clone();
        let start = scope.go({
            let scope = scope.clone();
            async move {
                let late = scope.spawn(move || Late(linked.clone()));
                Ok(late.await.map(|_address| ()))
            }
        });
        settle().await?;
        other.tell(Boom).await?;
        let Err(SpawnError::Linked(linked)) = start.await? else {
            unreachable!("the start is cut");
        };
        assert_eq!(word(linked.reason()), "panicked:boom");
        Ok(())
    });
}

#[test]
fn a_task_is_cancelled_and_says_why() {
    check(|scope, log| async move {
        let a = node(&scope, "a", &log).await?;
        let plain = scope.go(async { Ok(sleep(60.secs()).await?) });
        let stubborn = scope.go(async {
            let _ended = sleep(60.secs()).await;
            let context = Context::current().expect("a task has one");
            let ended = context.err().expect("it has ended");
            Ok(ended.to_string())
        });
        let mut monitor = plain.monitor();
        scope.link(&a, &plain);
        scope.link(&stubborn, &a);
        a.tell(Boom).await?;
        let JoinError::Linked(linked) = plain.await.expect_err("it was taken down") else {
            unreachable!("by the link");
        };
        assert_eq!(linked.to(), a.id());
        assert_eq!(word(&monitor.down().await?.reason), "linked(panicked:boom)");
        // One that goes on all the same gives its value.
        assert!(stubborn.await?.contains("which ended"));
        Ok(())
    });
}

#[test]
fn a_task_that_fails_takes_an_actor_down() {
    check(|scope, log| async move {
        let a = node(&scope, "a", &log).await?;
        let task = scope.go(async {
            sleep(1.millis()).await?;
            Err::<(), _>(Failure::message("no route"))
        });
        let id = task.id().expect("it was started").clone();
        scope.link(&id, &a);
        assert_eq!(word(&a.closed().await?), "linked(failed:no route)");
        Ok(())
    });
}

#[test]
fn what_a_linked_task_has_started_was_not_linked() {
    check(|scope, log| async move {
        let a = node(&scope, "a", &log).await?;
        let (tell, told) = greenroom_core::channel::bounded(1);
        let task = scope.go({
            let scope = scope.clone();
            async move {
                scope
                    .scope(|inner| async move {
                        let child = inner.go(async { Ok(sleep(60.secs()).await?) });
                        tell.send(child.monitor()).await?;
                        Ok(child.await?)
                    })
                    .await
            }
        });
        let mut child = told.recv().await?;
        scope.link(&a, &task);
        a.tell(Boom).await?;
        let context = scope.context().without_cancel();
        let down = context.run(child.down()).await??;
        assert!(
            matches!(&down.reason, ExitReason::Cancelled(Cause::Custom(_))),
            "{down:?}"
        );
        assert!(matches!(task.await, Err(JoinError::Linked(_))));
        Ok(())
    });
}

#[test]
fn a_chain_of_thousands_needs_no_stack() {
    let runtime = paused(0);
    let ended = runtime.block_on(|scope| async move {
        let log = Log::default();
        let first = node(&scope, "n", &log).await?;
        let mut row = vec![first.clone()];
        for at in 0..2_000 {
            let next = node(&scope, "n", &log).await?;
            scope.link(&row[at], &next);
            row.push(next);
        }
        first.tell(Boom).await?;
        let reason = row[2_000].closed().await?;
        let ExitReason::Linked(linked) = &reason else {
            unreachable!("{reason}");
        };
        assert_eq!(linked.chain().count(), 2_000);
        assert!(reason.to_string().contains("1992 more links"));
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}
