//! What is below the context of a scope or of the runtime, and in no scope.

use std::sync::mpsc;

use greenroom_actor::HowEnded;
use greenroom_core::Result;
use greenroom_core::error::Cause;
use greenroom_core::task::TaskKind;
use greenroom_core::time::{Durations, sleep};

use crate::{Log, Open, Slow, moment, named, names, never, node, paused, run_for};

#[test]
fn a_message_that_was_told_in_a_scope_is_handled_after_its_end() {
    let (one, log) = (paused(0), Log::default());
    let said = log.clone();
    one.block_on(|outer| async move {
        let a = outer.spawn(node("a", &log)).await?;
        let teller = a.clone();
        outer
            .scope(move |_scope| async move {
                teller.tell(Slow(1.secs())).await?;
                Ok(teller.tell(Slow(1.secs())).await?)
            })
            .await?;
        sleep(3.secs()).await?;
        assert_eq!(log.take(), "a a");
        drop(a);
        Ok(())
    })
    .expect("nothing fails");
    assert_eq!(said.take(), "-a");
}

#[test]
fn a_scope_that_fails_or_is_cancelled_keeps_its_cause() {
    let one = paused(0);
    one.block_on(|outer| async move {
        let failed: Result<()> = outer
            .scope(|scope| async move {
                scope.cancel("enough");
                Ok(scope.go(never()).await?)
            })
            .await;
        let failed = failed.expect_err("it was cancelled");
        assert!(failed.to_string().contains("enough"), "{failed}");
        let kept = outer
            .scope(|scope| async move {
                scope.cancel("enough");
                Ok(scope.context().clone())
            })
            .await?;
        assert_eq!(
            kept.err().map(|e| e.cause().clone()),
            Some(Cause::from("enough"))
        );
        Ok(())
    })
    .expect("nothing fails");
}

#[test]
fn functions_that_the_cancel_starts_run_to_their_end() {
    let one = paused(0);
    let (tell, told) = mpsc::channel();
    let other = tell.clone();
    let _of_root = one.context().after_func(async move {
        let _unheard = tell.send("root");
    });
    let _of_closing = one.closing().after_func(async move {
        let _awake = sleep(100.millis()).await;
        let _unheard = other.send("closing");
    });
    let report = one.shutdown(1.secs());
    assert!(report.is_clean(), "{report}");
    let mut heard: Vec<_> = told.try_iter().collect();
    heard.sort_unstable();
    assert_eq!(heard, ["closing", "root"]);
}

#[test]
fn a_function_that_goes_on_is_told_and_dropped() {
    let one = paused(0);
    let token = std::sync::Arc::new(());
    let held = token.clone();
    let _registered = one.closing().after_func(async move {
        let _held = held;
        let _never = never().await;
    });
    let late = token.clone();
    let _late = one.context().after_func(async move {
        let _held = late;
        let _never = never().await;
    });
    let report = one.shutdown(1.secs());
    assert_eq!(names(&report.cut), ["after_func", "after_func"], "{report}");
    for ending in &report.cut {
        assert_eq!(ending.task.kind, TaskKind::AfterFunc);
        assert_eq!(ending.how, HowEnded::Dropped);
    }
    drop(one);
    assert_eq!(std::sync::Arc::strong_count(&token), 1);
}

#[test]
fn a_function_below_a_lost_handle_ends_with_the_runtime_and_is_alive_once_it_runs() {
    let one = paused(0);
    let token = std::sync::Arc::new(());
    let (never_runs, runs) = (token.clone(), token.clone());
    let mut open = Open::new(&one, move |scope| async move {
        let detached = scope.context().without_cancel();
        let lost = detached.with_cancel().0;
        let _never_runs = lost.after_func(async move { drop(never_runs) });
        let (kept, cancel) = detached.with_cancel();
        let _runs = kept.after_func(async move {
            let _held = runs;
            let _never = never().await;
        });
        cancel.cancel();
        Ok(())
    });
    run_for(&one, moment());
    assert!(open.result().is_some_and(|result| result.is_ok()));
    let alive = one.alive();
    let kinds: Vec<_> = alive.leaks().map(|leak| leak.task.kind).collect();
    assert_eq!(kinds, [TaskKind::AfterFunc], "{alive}");
    let report = one.shutdown(1.secs());
    assert_eq!(named(&report.cut, "after_func").how, HowEnded::Dropped);
    drop((open, one));
    // The one that was never started has no task: it goes with its context.
    assert_eq!(std::sync::Arc::strong_count(&token), 1, "nothing is kept");
}
