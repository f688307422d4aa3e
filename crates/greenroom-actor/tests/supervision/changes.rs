//! Children that come and go while the supervisor is at work.

use std::time::Duration;

use greenroom_actor::supervision::{
    BackOff, ChildError, Standing, StartError, Strategy, child, supervisor,
};
use greenroom_actor::{Actor, ActorContext, Address, AskError};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};

use crate::{Add, Boom, Node, Slow, check, line, node, settle, status};

#[test]
fn children_are_started_terminated_restarted_and_deleted() {
    check(|scope, log| async move {
        let top = scope.supervisor("top").child(node("a", &log)).await?;
        let b = top.start(node("b", &log)).await?;
        assert_eq!(line(&top).await?, "a b");
        assert!(matches!(
            top.start(node("b", &log)).await,
            Err(StartError::AlreadyRunning(_))
        ));
        assert!(matches!(
            top.restart("b").await,
            Err(StartError::AlreadyRunning(_))
        ));
        assert!(matches!(top.delete("b").await, Err(ChildError::Running(_))));
        assert!(top.terminate("b").await?);
        assert!(!top.terminate("b").await?, "once is enough");
        assert_eq!(line(&top).await?, "a [b]");
        assert!(matches!(b.ask(Add(1)).await, Err(AskError::Closed)));
        assert!(matches!(
            top.start(node("b", &log)).await,
            Err(StartError::AlreadyPresent(_))
        ));
        assert!(matches!(
            top.address::<Node>("b").await,
            Err(ChildError::Ended(_))
        ));
        top.restart("b").await?;
        let again: Address<Node> = top.address("b").await?;
        assert_ne!(again, b);
        assert_eq!(again.ask(Add(1)).await?, 1);
        top.terminate("b").await?;
        top.delete("b").await?;
        assert!(matches!(
            top.delete("b").await,
            Err(ChildError::NotFound(_))
        ));
        assert!(matches!(
            top.restart("b").await,
            Err(StartError::NotFound(_))
        ));
        assert!(matches!(
            top.terminate("x").await,
            Err(ChildError::NotFound(_))
        ));
        top.remove("a").await?;
        assert_eq!(top.count().await?.specs, 0);
        assert_eq!(log.take(), "+a +b -b +b -b -a");
        Ok(())
    });
}

#[test]
fn an_address_is_asked_for_with_its_type() {
    struct Other;
    impl Actor for Other {}
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .child(node("a", &log))
            .child(supervisor("mid"))
            .await?;
        let other = top.address::<Other>("a").await;
        assert!(
            matches!(other, Err(ChildError::OtherType { .. })),
            "{other:?}"
        );
        assert!(matches!(
            top.supervisor("a").await,
            Err(ChildError::OtherType { .. })
        ));
        let mid = top.supervisor("mid").await?;
        assert_eq!(mid.id().parent(), Some(top.id()));
        assert!(matches!(
            top.address::<Node>("").await,
            Err(ChildError::Name(_))
        ));
        Ok(())
    });
}

#[test]
fn a_nested_supervisor_comes_and_goes_whole() {
    check(|scope, log| async move {
        let top = scope.supervisor("top").await?;
        let mid = supervisor("mid")
            .child(node("a", &log))
            .child(node("b", &log));
        let mid = top.start(mid).await?;
        let a: Address<Node> = mid.address("a").await?;
        top.terminate("mid").await?;
        assert_eq!(log.take(), "+a +b -b -a");
        assert!(a.is_closed());
        assert!(mid.children().await.is_err());
        top.restart("mid").await?;
        let mid = top.supervisor("mid").await?;
        assert_eq!(line(&mid).await?, "a b");
        top.remove("mid").await?;
        assert_eq!(log.take(), "+a +b -b -a");
        Ok(())
    });
}

#[test]
fn changes_during_a_restart_that_waits_are_made_at_once() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .strategy(Strategy::RestForOne)
            .back_off(BackOff::exponential(10.secs(), 10.secs()))
            .child(node("a", &log))
            .child(node("b", &log))
            .child(node("c", &log))
            .child(node("d", &log))
            .await?;
        let b: Address<Node> = top.address("b").await?;
        let c: Address<Node> = top.address("c").await?;
        assert!(b.ask(Boom).await.is_err());
        settle().await?;
        assert_eq!(line(&top).await?, "a (b) (c) (d)");
        assert!(matches!(
            top.delete("b").await,
            Err(ChildError::Restarting(_))
        ));
        assert!(matches!(
            top.restart("b").await,
            Err(StartError::AlreadyRunning(_))
        ));
        let start = scope.context().now();
        let e = top.start(node("e", &log)).await?;
        assert_eq!(e.ask(Add(1)).await?, 1);
        top.remove("d").await?;
        assert_eq!(scope.context().now(), start, "nothing waited");
        let queued = c.clone();
        let queued = scope.go(async move { Ok(queued.ask(Add(1)).await?) });
        settle().await?;
        log.take();
        top.terminate("b").await?;
        settle().await?;
        assert_eq!(line(&top).await?, "a [b] c e", "who waited for it goes on");
        assert_eq!(queued.await?, 1);
        assert_eq!(log.take(), "+c");
        sleep(20.secs()).await?;
        assert_eq!(log.take(), "", "its restart was given up");
        Ok(())
    });
}

#[test]
fn an_earlier_failure_takes_a_later_wait_along() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .strategy(Strategy::RestForOne)
            .back_off(BackOff::exponential(10.secs(), 10.secs()))
            .child(node("a", &log))
            .child(node("b", &log))
            .child(node("c", &log))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        let b: Address<Node> = top.address("b").await?;
        assert!(b.ask(Boom).await.is_err());
        sleep(5.secs()).await?;
        assert!(a.ask(Boom).await.is_err());
        sleep(6.secs()).await?;
        assert_eq!(line(&top).await?, "(a) (b) (c)");
        sleep(5.secs()).await?;
        assert_eq!(line(&top).await?, "a b c");
        assert_eq!(log.take(), "+a +b +c !b -c !a +a +b +c");
        Ok(())
    });
}

/// Takes its time to start, from the second time on.
struct Late(crate::Log, Duration);

impl Actor for Late {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        self.0.say("late?");
        sleep(self.1).await?;
        self.0.say("late!");
        Ok(())
    }
}

#[test]
fn a_stop_ends_a_restart_that_is_under_way() {
    check(|scope, log| async move {
        let mut delay = Duration::ZERO;
        let late = {
            let log = log.clone();
            move || {
                let delay = std::mem::replace(&mut delay, 3600.secs());
                Late(log.clone(), delay)
            }
        };
        let top = scope
            .supervisor("top")
            .strategy(Strategy::OneForAll)
            .child(node("a", &log))
            .child(child("late", late).shutdown(2.secs()))
            .child(node("c", &log))
            .await?;
        let c: Address<Node> = top.address("c").await?;
        let queued = c.clone();
        assert!(c.ask(Boom).await.is_err());
        let queued = scope.go(async move { Ok(queued.ask(Add(1)).await) });
        sleep(10.secs()).await?;
        assert_eq!(log.take(), "+a late? late! +c !c -a +a late?");
        let start = scope.context().now();
        top.stop();
        top.closed().await?;
        assert_eq!((scope.context().now() - start).as_secs(), 2);
        assert_eq!(log.take(), "-a");
        assert!(matches!(queued.await?, Err(AskError::Closed)));
        Ok(())
    });
}

#[test]
fn a_stop_ends_a_restart_that_fails_again_and_again() {
    check(|scope, log| async move {
        let built = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let failing = {
            let log = log.clone();
            move || {
                let before = built.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                assert_eq!(before, 0, "never again");
                Node::new("a", &log)
            }
        };
        let top = scope
            .supervisor("top")
            .intensity(usize::MAX, 1.secs())
            .child(child("a", failing))
            .await?;
        let a: Address<Node> = top.address("a").await?;
        assert!(a.ask(Boom).await.is_err());
        for _ in 0..100 {
            greenroom_core::task::yield_now().await;
        }
        let shown = status(&top, "a").await?;
        assert_eq!(shown.standing, Standing::Restarting);
        assert!(shown.restarts > 1, "{shown:?}");
        top.stop();
        top.closed().await?;
        Ok(())
    });
}

#[test]
fn who_gives_up_waiting_for_a_start_leaves_a_whole_family() {
    check(|scope, log| async move {
        let top = scope.supervisor("top").child(node("a", &log)).await?;
        let a: Address<Node> = top.address("a").await?;
        a.tell(Slow(2.secs())).await?;
        settle().await?;
        let hurried = scope.context().with_timeout(1.secs());
        let given_up = hurried.run(top.terminate("a")).await;
        assert!(matches!(given_up, Ok(Err(ChildError::Ask(_))) | Err(_)));
        sleep(2.secs()).await?;
        assert_eq!(line(&top).await?, "[a]", "it was terminated all the same");
        Ok(())
    });
}
