//! When a `Down` comes, and when it does not.

use greenroom_actor::Recipient;
use greenroom_core::time::{Durations, sleep};

use super::*;

/// Sends its last words, and stops.
struct Speaker(Recipient<Say, ()>);

struct Last;

impl Actor for Speaker {
    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        let _told = self.0.tell(Say("stopping")).await;
    }
}

impl Handler<Last> for Speaker {
    type Reply = ();

    async fn handle(&mut self, _last: Last, cx: &mut ActorContext<Self>) {
        for word in ["one", "two", "three"] {
            let _told = self.0.tell(Say(word)).await;
        }
        cx.stop();
    }
}

#[test]
fn a_down_comes_after_what_the_ended_one_had_sent() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        let heard = watcher.recipient::<Say>();
        let speaker = scope.spawn(move || Speaker(heard.clone())).await?;
        watcher.ask(WatchId(speaker.id().clone())).await?;
        speaker.tell(Last).await?;
        settle().await?;
        assert_eq!(log.take(), "w:one w:two w:three w:stopping w:down:normal");
        Ok(())
    });
}

#[test]
fn a_trapped_exit_comes_after_what_the_ended_one_had_sent() {
    check(|scope, log| async move {
        let watcher = node(&scope, "w", &log).await?;
        let heard = watcher.recipient::<Say>();
        let speaker = scope.spawn(move || Speaker(heard.clone())).await?;
        watcher.ask(Trap(true)).await?;
        scope.link(&watcher, &speaker);
        speaker.tell(Last).await?;
        settle().await?;
        assert_eq!(log.take(), "w:one w:two w:three w:stopping w:exit:normal");
        Ok(())
    });
}

#[test]
fn a_down_needs_no_room_and_later_messages_do_not_hold_it_up() {
    check(|scope, log| async move {
        let again = log.clone();
        let watcher = scope
            .spawn(move || Node::new("w", &again))
            .mailbox(2)
            .await?;
        let target = node(&scope, "t", &log).await?;
        watcher.ask(Watch(target.downgrade())).await?;
        watcher.tell(Linger).await?;
        settle().await?;
        watcher.try_tell(Say("one")).expect("there is room");
        watcher.try_tell(Say("two")).expect("there is room");
        assert!(watcher.try_tell(Say("three")).is_err(), "it is full");
        target.stop();
        target.closed().await?;
        let late = scope.go({
            let watcher = watcher.clone();
            async move {
                for _ in 0..3 {
                    watcher.tell(Say("late")).await?;
                }
                Ok(())
            }
        });
        sleep(61.secs()).await?;
        late.await?;
        settle().await?;
        let said = log.take();
        let at = |word: &str| said.split(' ').position(|said| said == word);
        assert!(at("w:two") < at("w:down:normal"), "{said}");
        assert_eq!(said.matches("late").count(), 3);
        let (before, _after) = said.split_once("w:down:normal").expect("it came");
        assert!(before.matches("late").count() < 3, "{said}");
        Ok(())
    });
}

#[test]
fn a_down_that_waits_is_taken_back_by_demonitor() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        let monitor = watcher.ask(Watch(target.downgrade())).await?;
        watcher.tell(Linger).await?;
        let taken = scope.go({
            let watcher = watcher.clone();
            async move { Ok(watcher.ask(Demonitor(monitor)).await?) }
        });
        settle().await?;
        target.stop();
        target.closed().await?;
        sleep(61.secs()).await?;
        assert!(taken.await?, "its down was not handled");
        settle().await?;
        assert_eq!(log.take(), "-t w:lingered");
        assert!(!watcher.ask(Demonitor(monitor)).await?);
        Ok(())
    });
}

#[test]
fn a_monitor_that_has_told_is_not_set_any_more() {
    check(|scope, log| async move {
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        let monitor = watcher.ask(Watch(target.downgrade())).await?;
        target.stop();
        settle().await?;
        assert!(!watcher.ask(Demonitor(monitor)).await?);
        assert_eq!(log.take(), "-t w:down:normal");
        Ok(())
    });
}

#[test]
fn ten_thousand_monitors_of_one_all_tell() {
    let runtime = paused(0);
    let ended = runtime.block_on(|scope| async move {
        let log = Log::default();
        let (watcher, target) = (
            node(&scope, "w", &log).await?,
            node(&scope, "t", &log).await?,
        );
        let mut first = Vec::new();
        for _ in 0..10_000 {
            first.push(watcher.ask(Watch(target.downgrade())).await?);
        }
        for monitor in first.iter().step_by(2) {
            assert!(watcher.ask(Demonitor(*monitor)).await?);
        }
        let mut outside: Vec<_> = (0..100).map(|_| target.monitor()).collect();
        target.stop();
        for monitor in &mut outside {
            assert_eq!(word(&monitor.down().await?.reason), "normal");
        }
        settle().await?;
        assert_eq!(log.take().matches("w:down:normal").count(), 5_000);
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}
