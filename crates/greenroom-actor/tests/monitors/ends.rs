//! Each way to end, as a watcher hears of it.

use greenroom_actor::Restart;
use greenroom_core::error::Cause;
use greenroom_core::registry::Registry;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Id};

use super::*;

fn registry() -> Registry {
    let current = Context::current().expect("a task has one");
    current.registry().clone()
}

#[test]
fn a_stopped_actor_ends_normally() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        watcher.ask(Watch(target.downgrade())).await?;
        target.stop();
        settle().await?;
        assert_eq!(log.take(), "-t w:down:normal");
        Ok(())
    });
}

#[test]
fn a_panic_is_told_with_its_text() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        watcher.ask(Watch(target.downgrade())).await?;
        target.tell(Boom).await?;
        settle().await?;
        assert_eq!(log.take(), "w:down:panicked:boom");
        Ok(())
    });
}

#[test]
fn a_cancel_is_told_with_its_cause() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        watcher.ask(Watch(target.downgrade())).await?;
        registry().cancel_actor(target.id(), Cause::from("maintenance"));
        settle().await?;
        assert_eq!(log.take(), "-t w:down:cancelled:maintenance");
        Ok(())
    });
}

#[test]
fn the_end_of_its_scope_is_a_shutdown() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        let (inside, told) = (log.clone(), watcher.clone());
        scope
            .scope(|inner| async move {
                let target = node(&inner, "t", &inside).await?;
                told.ask(Watch(target.downgrade())).await?;
                Ok(())
            })
            .await?;
        settle().await?;
        // The last address may go before the scope drains it.
        let said = log.take();
        assert!(
            ["-t w:down:shutdown", "-t w:down:normal"].contains(&said.as_str()),
            "{said}"
        );
        Ok(())
    });
}

#[test]
fn an_actor_that_is_drained_with_its_scope_was_shut_down() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        let (inside, told) = (log.clone(), watcher.clone());
        let target = scope
            .scope(|inner| async move {
                let target = node(&inner, "t", &inside).await?;
                told.ask(Watch(target.downgrade())).await?;
                Ok(target)
            })
            .await?;
        settle().await?;
        assert_eq!(log.take(), "-t w:down:shutdown");
        drop(target);
        Ok(())
    });
}

#[test]
fn a_deadline_is_told_as_one() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        let (inside, told) = (log.clone(), watcher.clone());
        let context = scope.context().with_timeout(5.millis());
        let late = context.run(scope.scope(|inner| async move {
            let target = node(&inner, "t", &inside).await?;
            told.ask(Watch(target.downgrade())).await?;
            sleep(60.secs()).await?;
            drop(target);
            Ok(())
        }));
        assert!(!matches!(late.await, Ok(Ok(()))));
        settle().await?;
        assert_eq!(log.take(), "-t w:down:deadline");
        Ok(())
    });
}

#[test]
fn a_failure_is_told_with_its_error() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        let task = scope.go(async {
            sleep(1.millis()).await?;
            Err::<(), _>(Failure::message("disk full"))
        });
        let id = task.id().expect("it was started").clone();
        watcher.ask(WatchId(id)).await?;
        sleep(5.millis()).await?;
        assert_eq!(log.take(), "w:down:failed:disk full");
        Ok(())
    });
}

#[test]
fn one_that_was_taken_down_by_a_link_says_so() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        let other = node(&scope, "o", &log).await?;
        watcher.ask(Watch(target.downgrade())).await?;
        target.ask(Tie(other.downgrade())).await?;
        other.tell(Boom).await?;
        settle().await?;
        assert_eq!(log.take(), "-t w:down:linked(panicked:boom)");
        Ok(())
    });
}

#[test]
fn an_id_that_nobody_has_is_told_of_at_once() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        watcher.ask(WatchId(Id::root().child("nobody"))).await?;
        settle().await?;
        assert_eq!(log.take(), "w:down:gone");
        Ok(())
    });
}

#[test]
fn what_ended_before_is_told_of_with_its_reason_if_that_is_known() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        target.tell(Boom).await?;
        target.closed().await?;
        watcher.ask(Watch(target.downgrade())).await?;
        watcher.ask(WatchId(target.id().clone())).await?;
        settle().await?;
        assert_eq!(log.take(), "w:down:panicked:boom w:down:gone");
        Ok(())
    });
}

#[test]
fn an_actor_is_found_by_its_id() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        watcher.ask(WatchId(target.id().clone())).await?;
        target.stop();
        settle().await?;
        assert_eq!(log.take(), "-t w:down:normal");
        Ok(())
    });
}

#[test]
fn two_monitors_of_one_tell_twice() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        let one = watcher.ask(Watch(target.downgrade())).await?;
        let two = watcher.ask(Watch(target.downgrade())).await?;
        assert_ne!(one, two);
        target.stop();
        settle().await?;
        assert_eq!(log.take(), "-t w:down:normal w:down:normal");
        Ok(())
    });
}

#[test]
fn an_actor_hears_of_itself_never() {
    check(|scope, log| async move {
        let target = node(&scope, "t", &log).await?;
        target.ask(Watch(target.downgrade())).await?;
        target.ask(Tie(target.downgrade())).await?;
        target.stop();
        settle().await?;
        assert_eq!(log.take(), "-t");
        Ok(())
    });
}

#[test]
fn a_monitor_keeps_nobody_alive() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        let mut outside = target.monitor();
        watcher.ask(Watch(target.downgrade())).await?;
        drop(target);
        assert_eq!(word(&outside.down().await?.reason), "normal");
        settle().await?;
        assert_eq!(log.take(), "-t w:down:normal");
        Ok(())
    });
}

#[test]
fn a_monitor_goes_one_way() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        watcher.ask(Watch(target.downgrade())).await?;
        watcher.tell(Boom).await?;
        settle().await?;
        target.ask(Say("here")).await?;
        assert_eq!(log.take(), "t:here");
        Ok(())
    });
}

#[test]
fn a_handler_of_a_down_that_panics_is_a_failure_as_any() {
    check(|scope, log| async move {
        let again = log.clone();
        let watcher = scope
            .spawn(move || Node::new("w", &again))
            .restart(Restart::Permanent)
            .await?;
        let target = node(&scope, "t", &log).await?;
        watcher.ask(Watch(target.downgrade())).await?;
        registry().cancel_actor(target.id(), Cause::from("contagious"));
        settle().await?;
        watcher.ask(Say("back")).await?;
        assert_eq!(log.take(), "-t w:down:cancelled:contagious w:back");
        let record = registry().actor(watcher.id()).expect("it lives");
        assert_eq!(record.restarts(), 1);
        Ok(())
    });
}

#[test]
fn the_registry_shows_who_watches() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        let other = node(&scope, "o", &log).await?;
        let monitor = watcher.ask(Watch(target.downgrade())).await?;
        let link = target.ask(Tie(other.downgrade())).await?;
        let now = scope.context().now();
        let of = |address: &Address<Node>| {
            let mut records = registry().actors(now).into_iter();
            let record = records.find(|record| record.task.id == *address.id());
            let task = record.expect("it lives").task;
            (task.monitored_by, task.linked_to)
        };
        assert_eq!(
            of(&target),
            (vec![watcher.id().clone()], vec![other.id().clone()])
        );
        assert_eq!(of(&other), (vec![], vec![target.id().clone()]));
        assert!(watcher.ask(Demonitor(monitor)).await?);
        assert!(link.unlink());
        assert_eq!(of(&target), (vec![], vec![]));
        assert_eq!(of(&other), (vec![], vec![]));
        Ok(())
    });
}

#[test]
fn a_watcher_that_ends_leaves_nothing_with_the_watched() {
    check(|scope, log| async move {
        let target = node(&scope, "t", &log).await?;
        for _ in 0..100 {
            let watcher = node(&scope, "w", &log).await?;
            watcher.ask(Watch(target.downgrade())).await?;
            watcher.ask(Tie(target.downgrade())).await?;
            watcher.stop();
            watcher.closed().await?;
            drop(target.monitor());
        }
        let now = scope.context().now();
        let mut records = registry().actors(now).into_iter();
        let task = records
            .find(|record| record.task.id == *target.id())
            .expect("it lives");
        assert!(task.task.monitored_by.is_empty() && task.task.linked_to.is_empty());
        Ok(())
    });
}
