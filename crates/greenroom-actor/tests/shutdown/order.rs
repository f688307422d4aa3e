//! What is refused, and who is drained when.

use greenroom_actor::supervision::{child, supervisor};
use greenroom_actor::{JoinError, Restart, Runtime, ScopeError, SpawnError, TellError};
use greenroom_core::channel;
use greenroom_core::time::{Durations, sleep};

use crate::{Log, Open, SEEDS, Slow, moment, named, names, never, node, paused, run_for};

#[test]
fn a_body_that_ends_at_the_close_drains_its_actors_in_reverse_order_with_what_they_have() {
    for seed in SEEDS {
        let (one, log) = (paused(seed), Log::default());
        let closing = one.closing().clone();
        let said = log.clone();
        let mut open = Open::new(&one, move |scope| async move {
            for name in ["a", "b", "c"] {
                // Held by its scope: one whose last address is gone ends by itself, in no order.
                let kept = scope.spawn(node(name, &log)).restart(Restart::Permanent);
                let address = kept.name(name).await?;
                for _ in 0..3 {
                    address.tell(Slow(1.secs())).await?;
                }
            }
            closing.done().await;
            Ok(7)
        });
        run_for(&one, moment());
        let report = one.shutdown(60.secs());
        assert!(report.is_clean(), "seed {seed}: {report}");
        assert_eq!(names(&report.finished), ["scope", "a", "b", "c"]);
        let b = named(&report.finished, "b");
        assert_eq!(b.queued, 2, "and one that it handles: {b}");
        assert_eq!(open.result().and_then(Result::ok), Some(7));
        let said = said.take();
        let ends: Vec<&str> = said.split(' ').filter(|s| s.starts_with('-')).collect();
        assert_eq!(ends, ["-c", "-b", "-a"], "seed {seed}: {said}");
        assert_eq!(said.split(' ').count(), 3 * 3 + 3, "{said}");
    }
}

#[test]
fn actors_are_drained_halfway_when_their_body_does_not_end() {
    for seed in SEEDS {
        let (one, log) = (paused(seed), Log::default());
        let said = log.clone();
        let mut opens = Vec::new();
        for names in [["a", "b"], ["e", "f"]] {
            let log = log.clone();
            opens.push(Open::new(&one, move |scope| async move {
                for name in names {
                    scope
                        .spawn(node(name, &log))
                        .restart(Restart::Permanent)
                        .await?
                        .tell(Slow(1.secs()))
                        .await?;
                }
                if names[0] == "e" {
                    return never().await;
                }
                // Started after `a` and `b`, and so drained before them.
                let inner = scope.scope(|inner| async move {
                    let c = inner.spawn(node("c", &log)).await?;
                    let d = inner.spawn(node("d", &log)).await?;
                    d.tell(Slow(20.secs())).await?;
                    never().await.map(|()| (c, d))
                });
                inner.await.map(|_| ())
            }));
        }
        run_for(&one, moment());
        let report = one.shutdown(100.secs());
        let said = said.take();
        let ends: Vec<&str> = said.split(' ').filter(|s| s.starts_with('-')).collect();
        assert_eq!(ends, ["-f", "-e", "-d", "-c", "-b", "-a"], "{said}");
        assert_eq!(names(&report.cut), ["scope"; 3], "the bodies: {report}");
        assert_eq!(report.finished.len(), 6, "the actors");
        for mut open in opens {
            assert!(open.result().is_some_and(|result| result.is_err()));
        }
    }
}

#[test]
fn a_supervisor_drains_its_children_from_right_to_left() {
    for seed in SEEDS {
        let (one, log) = (paused(seed), Log::default());
        let said = log.clone();
        let _open = Open::new(&one, move |scope| async move {
            let nest = supervisor("nest")
                .child(child("c", node("c", &log)))
                .child(child("d", node("d", &log)));
            let top = scope
                .supervisor("top")
                .child(child("a", node("a", &log)))
                .child(child("b", node("b", &log)))
                .child(nest)
                .await?;
            let a = top.address::<crate::Node>("a").await?;
            a.tell(Slow(1.secs())).await?;
            a.tell(Slow(1.secs())).await?;
            never().await
        });
        run_for(&one, moment());
        let report = one.shutdown(20.secs());
        assert_eq!(said.take(), "a a -d -c -b -a", "seed {seed}");
        assert_eq!(names(&report.cut), ["scope"], "{report}");
    }
}

#[test]
fn what_is_open_goes_on_and_takes_no_new_scopes_messages_after_half_or_tasks_after_the_deadline() {
    let (one, log) = (paused(0), Log::default());
    let handle = Runtime::clone(&one);
    let (tell, told) = std::sync::mpsc::channel();
    let _open = Open::new(&one, move |scope| async move {
        let a = scope.spawn(node("a", &log)).await?;
        handle.closing().done().await;
        sleep(1.secs()).await?;
        let refused = handle.scope(|_scope| async { Ok(()) }).await;
        let refused = refused.expect_err("no new scope");
        tell.send(matches!(refused.downcast_ref(), Some(ScopeError::ShutDown)))?;
        // Work that is under way may need both.
        tell.send(a.ask(Slow(moment())).await.is_ok())?;
        tell.send(scope.go(async { Ok(()) }).await.is_ok())?;
        sleep(5.secs()).await?;
        tell.send(matches!(
            a.tell(Slow(moment())).await,
            Err(TellError::Closed(_))
        ))?;
        tell.send(scope.go(async { Ok(()) }).await.is_ok())?;
        let detached = scope.context().without_cancel();
        detached
            .run(async move {
                scope.context().done().await;
                let task = scope.go(async { Ok(()) }).await;
                tell.send(matches!(task, Err(JoinError::Ended)))?;
                let actor = scope.spawn(node("late", &Log::default())).await;
                tell.send(matches!(actor, Err(SpawnError::Ended)))?;
                let inner = scope.scope(|_scope| async { Ok(()) }).await;
                tell.send(inner.is_err())?;
                greenroom_core::Result::Ok(())
            })
            .await?
    });
    run_for(&one, moment());
    let report = one.shutdown(10.secs());
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [true; 8], "{report}");
}

#[test]
fn a_task_that_starts_others_for_ever_is_refused_and_ends() {
    for detached in [false, true] {
        let one = paused(0);
        let (count, counted) = std::sync::mpsc::channel();
        let mut open = Open::new(&one, move |scope| async move {
            let own = scope.context().clone();
            let context = if detached { own.without_cancel() } else { own };
            let (tx, rx) = channel::bounded::<()>(1);
            let spawner = async move {
                loop {
                    let rx = rx.clone();
                    let task = scope.go(async move { Ok(rx.recv().await?) });
                    let refused = task.id().is_none();
                    if refused {
                        count.send(())?;
                        return Ok(());
                    }
                    sleep(100.millis()).await?;
                }
            };
            let ended: greenroom_core::Result<()> = context.run(spawner).await?;
            drop(tx);
            ended
        });
        run_for(&one, moment());
        let report = one.shutdown(10.secs());
        let is_refused = counted.try_recv().is_ok();
        assert_eq!(is_refused, detached, "the other is ended by its sleep");
        assert!(open.result().is_some_and(|result| result.is_err()));
        assert!(report.cut.len() > 5, "{report}");
    }
}
