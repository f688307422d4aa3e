//! Watching from tasks, and watching tasks.

use greenroom_actor::JoinError;
use greenroom_actor::monitor::DownError;
use greenroom_core::select;
use greenroom_core::time::{Durations, after, sleep};
use greenroom_core::{Failure, channel};

use super::*;

#[test]
fn a_monitor_is_a_case_of_a_select() {
    check(|scope, log| async move {
        let target = node(&scope, "t", &log).await?;
        let (_tx, rx) = channel::bounded::<u64>(1);
        let mut monitor = target.monitor();
        select! {
            _ = rx.recv() => unreachable!("nobody sends"),
            _ = monitor.down() => unreachable!("it lives"),
            after(1.secs()) => {}
        }
        target.stop();
        select! {
            _ = rx.recv() => unreachable!("nobody sends"),
            down = monitor.down() => assert_eq!(word(&down?.reason), "normal"),
        }
        Ok(())
    });
}

#[test]
fn a_task_that_returned_ends_normally_and_its_value_is_left() {
    check(|scope, _log| async move {
        let task = scope.go(async {
            sleep(1.millis()).await?;
            Ok(7)
        });
        let mut monitor = scope.monitor(&task);
        assert_eq!(word(&monitor.down().await?.reason), "normal");
        assert!(matches!(monitor.down().await, Err(DownError::Told)));
        // One that comes late knows as well, also when the value is taken.
        assert_eq!(word(&task.monitor().down().await?.reason), "normal");
        let mut task = task;
        assert_eq!((&mut task).await?, 7);
        assert_eq!(word(&task.monitor().down().await?.reason), "normal");
        Ok(())
    });
}

#[test]
fn each_end_of_a_task_is_told() {
    check(|scope, _log| async move {
        let failed = scope.go(async { Err::<(), _>(Failure::message("no")) });
        let panicked = scope.go(async {
            if true {
                panic!("boom");
            }
            Ok(())
        });
        let cancelled = scope.go(async { Ok(sleep(60.secs()).await?) });
        cancelled.cancel("enough");
        let blocking = scope.go_blocking(|| Ok(()));
        for (task, told) in [
            (&failed, "failed:no"),
            (&panicked, "panicked:boom"),
            (&cancelled, "cancelled:enough"),
            (&blocking, "normal"),
        ] {
            assert_eq!(word(&scope.monitor(task).down().await?.reason), told);
        }
        Ok(())
    });
}

#[test]
fn a_task_is_found_by_its_id_also_before_its_first_turn() {
    check(|scope, _log| async move {
        let task = scope.go(async { Ok(sleep(1.millis()).await?) });
        let id = task.id().expect("it was started");
        let mut monitor = scope.monitor(id);
        assert_eq!(word(&monitor.down().await?.reason), "normal");
        assert_eq!(word(&scope.monitor(id).down().await?.reason), "gone");
        Ok(())
    });
}

#[test]
fn a_task_that_was_never_started_is_gone() {
    check(|scope, _log| async move {
        let kept = scope.scope(|inner| async move { Ok(inner) }).await?;
        let refused = kept.go(async { Ok(()) });
        assert!(refused.id().is_none());
        let down = scope.monitor(&refused).down().await?;
        assert!(down.is_gone());
        assert!(matches!(refused.await, Err(JoinError::Ended)));
        Ok(())
    });
}

#[test]
fn a_wait_ends_with_its_context_and_the_monitor_goes_on() {
    check(|scope, log| async move {
        let target = node(&scope, "t", &log).await?;
        let mut monitor = target.monitor();
        let soon = scope.context().with_timeout(1.millis());
        let late = soon.run(monitor.down()).await?;
        assert!(matches!(late, Err(DownError::Deadline)));
        let (soon, cancel) = scope.context().with_cancel_cause();
        cancel.cancel("enough");
        let cut = soon.run(monitor.down()).await?;
        assert!(matches!(cut, Err(DownError::Cancelled(_))));
        target.stop();
        assert_eq!(word(&monitor.down().await?.reason), "normal");
        Ok(())
    });
}

#[test]
fn an_end_that_was_told_is_there_without_waiting() {
    check(|scope, log| async move {
        let target = node(&scope, "t", &log).await?;
        let mut monitor = target.recipient::<Say>().monitor();
        assert!(monitor.try_down().is_none());
        target.stop();
        settle().await?;
        assert!(
            monitor
                .try_down()
                .is_some_and(|down| down.id == *target.id())
        );
        assert!(monitor.try_down().is_none());
        Ok(())
    });
}

#[test]
fn a_monitor_works_outside_the_runtime() {
    quiet();
    let runtime = Runtime::builder().arbiters(2).build().expect("it starts");
    let (send, receive) = std::sync::mpsc::channel();
    let running = runtime.clone();
    let body = std::thread::spawn(move || {
        running.block_on(|scope| async move {
            let log = Log::default();
            let target = node(&scope, "t", &log).await?;
            send.send(target.clone()).expect("it is awaited");
            target.closed().await?;
            Ok(())
        })
    });
    let target = receive.recv().expect("it is sent");
    let mut monitor = runtime.monitor(&target);
    target.stop();
    let down = greenroom_core::blocking::wait(monitor.down()).expect("it is no arbiter");
    assert_eq!(word(&down.expect("it ends").reason), "normal");
    assert!(body.join().expect("it returns").is_ok());
}
