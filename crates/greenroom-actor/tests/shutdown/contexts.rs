//! What is below the context of a scope or of the runtime, and in no scope.

use std::sync::mpsc;

use greenroom_actor::{HowEnded, Runtime};
use greenroom_core::error::Cause;
use greenroom_core::task::TaskKind;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::Result;

use crate::{Open, moment, named, names, never, paused, run_for};

#[test]
fn the_end_of_a_scope_ends_its_context_after_its_result() {
    let one = paused(0);
    let handle = Runtime::clone(&one);
    let (tell, told) = mpsc::channel();
    one.block_on(move |outer| async move {
        let tell_child = tell.clone();
        let elsewhere = outer.clone();
        let (inner, task) = outer
            .scope(move |scope| async move {
                let child = scope.context().with_cancel().0;
                let heard = child.clone();
                let _registered = child.after_func(async move {
                    let cause = heard.err().map(|error| error.cause().clone());
                    let _unheard = tell_child.send(cause);
                });
                // A task of another scope, in a context below this one's.
                let task = child.run(async { elsewhere.go(async { Ok(()) }) }).await?;
                Ok((scope.context().clone(), task))
            })
            .await?;
        assert_eq!(inner.err().map(|e| e.cause().clone()), Some(Cause::ScopeEnded));
        assert!(task.await.is_ok(), "it was done before");
        sleep(moment()).await?;
        assert!(outer.context().err().is_none());
        assert!(handle.alive().await.leaks().next().is_none());
        Ok(())
    })
    .expect("the results are what they were");
    assert_eq!(told.try_recv().ok(), Some(Some(Cause::ScopeEnded)));
}

#[test]
fn a_branch_below_the_context_of_an_ended_scope_ends() {
    let one = paused(0);
    one.block_on(|outer| async move {
        let elsewhere = outer.clone();
        let waits = outer
            .scope(move |scope| async move {
                let branch = elsewhere.branch("late", scope.context());
                Ok(branch.go(never()))
            })
            .await?;
        let ended = waits.await.expect_err("its context has ended");
        assert!(ended.to_string().contains("the scope has ended"), "{ended}");
        Ok(())
    })
    .expect("nothing fails");
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
        assert_eq!(kept.err().map(|e| e.cause().clone()), Some(Cause::from("enough")));
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
