//! Monitors and links over restarts, of either side.

use greenroom_actor::supervision::{Strategy, child};
use greenroom_core::time::{Durations, sleep};

use super::*;

async fn lasting(scope: &Scope, name: &'static str, log: &Log) -> Result<Address<Node>> {
    let log = log.clone();
    Ok(scope.spawn(move || Node::new(name, &log)).await?)
}

#[test]
fn a_monitor_outlives_a_restart_of_the_watched() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            lasting(&scope, "t", &log).await?,
        );
        watcher.ask(Watch(target.downgrade())).await?;
        target.tell(Boom).await?;
        target.ask(Say("back")).await?;
        settle().await?;
        assert_eq!(log.take(), "t:back");
        target.stop();
        settle().await?;
        assert_eq!(log.take(), "-t w:down:normal");
        Ok(())
    });
}

#[test]
fn a_monitor_of_each_end_sees_them_all() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            lasting(&scope, "t", &log).await?,
        );
        watcher.ask(WatchEach(target.downgrade())).await?;
        let mut outside = scope.monitor_each(&target);
        for _ in 0..3 {
            target.tell(Boom).await?;
        }
        target.ask(Say("back")).await?;
        settle().await?;
        target.stop();
        settle().await?;
        let said = log.take();
        let heard: Vec<_> = said
            .split(' ')
            .filter(|word| word.starts_with('w'))
            .collect();
        let fell = "w:down:panicked:boom...";
        assert_eq!(heard, [fell, fell, fell, "w:down:normal"]);
        for incarnation in 1..=4 {
            let down = outside.down().await?;
            assert_eq!(down.incarnation, incarnation);
            assert_eq!(down.is_final, incarnation == 4);
        }
        assert!(matches!(
            outside.down().await,
            Err(greenroom_actor::monitor::DownError::Told)
        ));
        Ok(())
    });
}

#[test]
fn ends_beyond_the_bound_are_counted() {
    check(|scope, log| async move {
        let log = log.clone();
        let target = scope
            .spawn(move || Node::new("t", &log))
            .intensity(1_000, 1.secs())
            .await?;
        let mut outside = scope.monitor_each(&target);
        for _ in 0..100 {
            target.tell(Boom).await?;
        }
        target.ask(Say("back")).await?;
        target.stop();
        target.closed().await?;
        let mut seen = 0;
        let last = loop {
            let down = outside.down().await?;
            if down.is_final {
                break down;
            }
            seen += 1;
        };
        assert_eq!((seen, last.missed), (64, 36));
        Ok(())
    });
}

#[test]
fn a_child_of_a_supervisor_tells_each_end_and_the_last_one_twice() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        let top = scope.supervisor("top").await?;
        let quiet = Log::default();
        let target = top
            .start(child("t", move || Node::new("t", &quiet)))
            .await?;
        watcher.ask(WatchEach(target.downgrade())).await?;
        watcher.ask(Watch(target.downgrade())).await?;
        target.tell(Boom).await?;
        target.ask(Say("back")).await?;
        sleep(1.secs()).await?;
        assert_eq!(log.take(), "w:down:panicked:boom...");
        top.terminate("t").await?;
        sleep(1.secs()).await?;
        let said = log.take();
        assert_eq!(said.matches("...").count(), 1, "{said}");
        assert_eq!(said.split(' ').count(), 3, "{said}");
        Ok(())
    });
}

#[test]
fn a_restart_of_the_watcher_forgets_its_monitors_and_links() {
    check(|scope, log| async move {
        let (watcher, target) = (
            lasting(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        watcher.ask(Watch(target.downgrade())).await?;
        watcher.ask(Trap(true)).await?;
        watcher.ask(Tie(target.downgrade())).await?;
        let other = node(&scope, "o", &log).await?;
        other.ask(Trap(true)).await?;
        other.ask(Tie(watcher.downgrade())).await?;
        watcher.tell(Boom).await?;
        // The links told of the incarnation's end.
        assert_eq!(word(&target.closed().await?), "linked(panicked:boom)");
        settle().await?;
        watcher.ask(Say("back")).await?;
        let said = log.take();
        let mut said: Vec<_> = said.split(' ').collect();
        said.sort_unstable();
        assert_eq!(said, ["-t", "o:exit:panicked:boom", "w:back"]);
        other.tell(Boom).await?;
        settle().await?;
        watcher.ask(Say("still")).await?;
        assert_eq!(log.take(), "w:still");
        Ok(())
    });
}

#[test]
fn one_that_is_taken_down_is_restarted_as_after_any_failure() {
    check(|scope, log| async move {
        let (a, b) = (
            node(&scope, "a", &log).await?,
            lasting(&scope, "b", &log).await?,
        );
        scope.link(&a, &b);
        a.tell(Boom).await?;
        settle().await?;
        b.ask(Say("back")).await?;
        assert_eq!(log.take(), "-b b:back");
        Ok(())
    });
}

#[test]
fn a_supervisor_decides_about_a_child_that_a_link_took_down() {
    check(|scope, log| async move {
        let top = scope
            .supervisor("top")
            .strategy(Strategy::OneForAll)
            .await?;
        let (one, two) = (log.clone(), log.clone());
        let a = top.start(child("a", move || Node::new("a", &one))).await?;
        let _b = top.start(child("b", move || Node::new("b", &two))).await?;
        let outside = node(&scope, "o", &log).await?;
        scope.link(&outside, &a);
        outside.tell(Boom).await?;
        sleep(1.secs()).await?;
        a.ask(Say("back")).await?;
        assert_eq!(log.take(), "-a -b a:back");
        Ok(())
    });
}
