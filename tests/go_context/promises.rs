//! What package `context` promises of errors, causes, deadlines and values, seen from a program.

use std::fmt;

use greenroom::channel::RecvError;
use greenroom::error::{Cause, ContextError};
use greenroom::prelude::*;
use greenroom::time::SleepError;

use crate::support::{Boom, at_once, check, idle};

fn cancelled(cause: &Cause) -> Option<ContextError> {
    Some(ContextError::Cancelled(cause.clone()))
}

fn too_late(cause: &Cause) -> Option<ContextError> {
    Some(ContextError::Deadline(cause.clone()))
}

#[test]
fn the_root_never_ends_and_has_neither_deadline_nor_value() {
    check(|scope| async move {
        let root = scope.context();
        assert!(!root.is_done() && root.check().is_ok());
        assert_eq!(
            (root.err(), root.cause(), root.deadline()),
            (None, None, None)
        );
        assert_eq!((root.remaining(), root.value::<u32>()), (None, None));
        assert!(at_once(root.done()).await.is_none());
        assert!(Context::current().is_some());
        Ok(())
    });
}

#[test]
fn err_and_cause_of_every_way_to_end() {
    check(|scope| async move {
        let root = scope.context();
        let [parent_cause, child_cause, too_slow, early] =
            ["parent", "child", "too slow", "early"].map(|text| Cause::new(Boom(text)));
        let (long, plain, late) = (1_000_000.secs(), Cause::Cancelled, Cause::Deadline);

        let (context, cancel) = root.with_cancel();
        cancel.cancel();
        assert_eq!(
            (context.err(), context.cause()),
            (cancelled(&plain), Some(plain.clone()))
        );

        let (context, cancel) = root.with_cancel_cause();
        cancel.cancel(parent_cause.clone());
        assert_eq!(context.cause(), Some(parent_cause.clone()));
        assert_ne!(
            context.cause(),
            Some(Cause::new(Boom("parent"))),
            "another with its text"
        );

        for parent_is_first in [true, false] {
            let (above, cancel_above) = root.with_cancel_cause();
            let (below, cancel_below) = above.with_cancel_cause();
            let first = if parent_is_first {
                cancel_above.cancel(parent_cause.clone());
                &parent_cause
            } else {
                &child_cause
            };
            cancel_below.cancel(child_cause.clone());
            cancel_above.cancel(parent_cause.clone());
            assert_eq!(above.err(), cancelled(&parent_cause));
            assert_eq!(below.err(), cancelled(first));
        }

        let (above, cancel_above) = root.with_cancel_cause();
        let (below, cancel_below) = above.with_cancel();
        cancel_below.cancel();
        cancel_above.cancel(parent_cause.clone());
        assert_eq!(
            (below.err(), above.err()),
            (cancelled(&plain), cancelled(&parent_cause))
        );

        assert_eq!(root.with_timeout(0.secs()).err(), too_late(&late));
        assert_eq!(
            root.with_timeout_cause(0.secs(), too_slow.clone()).err(),
            too_late(&too_slow)
        );

        let (above, cancel) = root.with_cancel();
        let timed = above.with_timeout_cause(long, too_slow.clone());
        assert_eq!(timed.err(), None);
        cancel.cancel();
        assert_eq!(
            (timed.err(), timed.cause()),
            (cancelled(&plain), Some(plain))
        );

        let (above, cancel) = root.with_cancel_cause();
        let over = above.with_timeout_cause(0.secs(), too_slow.clone());
        let going = above.with_timeout_cause(long, too_slow.clone());
        cancel.cancel(early.clone());
        assert_eq!(
            (over.err(), going.err()),
            (too_late(&too_slow), cancelled(&early))
        );

        let (above, cancel) = root.with_cancel_cause();
        let apart = above.without_cancel();
        cancel.cancel(early.clone());
        assert_eq!(
            (apart.err(), apart.cause(), apart.deadline()),
            (None, None, None)
        );
        let (own, cancel) = apart.with_cancel_cause();
        cancel.cancel(child_cause.clone());
        assert_eq!(own.err(), cancelled(&child_cause));
        let over = root.with_timeout_cause(0.secs(), too_slow.clone());
        assert_eq!(over.without_cancel().err(), None);
        assert_eq!(
            over.without_cancel().with_timeout(0.secs()).cause(),
            Some(late)
        );
        Ok(())
    });
}

#[test]
fn the_errors_say_which_end_it_was() {
    check(|scope| async move {
        let over = scope.context().with_timeout(0.secs());
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let (Some(late), Some(stopped)) = (over.err(), context.err()) else {
            panic!("both have ended");
        };
        assert_eq!(late.to_string(), "context deadline exceeded");
        assert!(stopped.to_string().starts_with("context cancelled"));
        assert!(late.is_deadline() && !stopped.is_deadline());
        // As an error of a function, both are found again.
        let failure = Failure::from(late.clone());
        assert_eq!(failure.downcast_ref::<ContextError>(), Some(&late));
        Ok(())
    });
}

#[test]
fn the_cause_is_found_as_the_error_that_was_given() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        cancel.cancel(Cause::new(Boom("disk full")));
        let cause = context.with_timeout(1.secs()).cause();
        assert_eq!(
            cause
                .as_ref()
                .and_then(|cause| cause.downcast_ref::<Boom>()),
            Some(&Boom("disk full"))
        );
        // An error of a wait carries it too.
        let Ok(Err(SleepError::Cancelled(cause))) = context.run(sleep(1.secs())).await else {
            panic!("the context has ended");
        };
        assert_eq!(cause.downcast_ref::<Boom>(), Some(&Boom("disk full")));
        Ok(())
    });
}

#[test]
fn a_child_ends_alone_and_its_parent_and_siblings_go_on() {
    check(|scope| async move {
        let (parent, cancel_parent) = scope.context().with_cancel();
        let (first, cancel) = parent.with_cancel();
        let second = parent.with_timeout(1.secs());
        cancel.cancel();
        assert_eq!(
            [&parent, &first, &second].map(Context::is_done),
            [false, true, false]
        );
        sleep(1.secs()).await?;
        assert_eq!([&parent, &second].map(Context::is_done), [false, true]);
        cancel_parent.cancel();
        assert_eq!(
            second.err(),
            too_late(&Cause::Deadline),
            "its first end stays"
        );
        Ok(())
    });
}

#[test]
fn the_shorter_of_two_deadlines_counts_and_both_are_told_from_the_start() {
    check(|scope| async move {
        let root = scope.context();
        let start = root.now();
        let outer = root.with_timeout(10.millis());
        let later = outer.with_timeout(1.secs());
        let sooner = outer.with_deadline(start + 4.millis());
        assert_eq!(later.deadline(), Some(start + 10.millis()));
        assert_eq!(sooner.deadline(), Some(start + 4.millis()));
        assert_eq!(sooner.remaining(), Some(4.millis()));
        sooner.done().await;
        assert_eq!(root.now() - start, 4.millis());
        assert!(!outer.is_done());
        later.done().await;
        assert_eq!(root.now() - start, 10.millis());
        assert_eq!(
            (outer.err(), later.err()),
            (too_late(&Cause::Deadline), later.err())
        );
        assert_eq!(later.remaining(), Some(0.secs()));
        Ok(())
    });
}

#[test]
fn done_is_one_signal_for_any_number_of_waiters_and_stays() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        let waits: Vec<_> = (0..20)
            .map(|_| {
                let context = context.clone();
                scope.go(async move { Ok(context.done().await) })
            })
            .collect();
        idle().await?;
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        cancel.cancel("now");
        for wait in waits {
            assert_eq!(wait.await?, ContextError::Cancelled("now".into()));
        }
        for _ in 0..3 {
            assert!(at_once(context.done()).await.is_some());
        }
        Ok(())
    });
}

#[test]
fn who_sees_the_end_sees_its_error() {
    let runtime = Runtime::builder().arbiters(2).build().unwrap();
    let seen = runtime.block_on(|scope| async move {
        for _ in 0..200 {
            let (context, cancel) = scope.context().with_cancel();
            let watched = context.clone();
            let task = scope.on(Placement::Spread).go(async move {
                watched.done().await;
                Ok(watched.err().is_some() && watched.cause().is_some())
            });
            cancel.cancel();
            assert!(task.await?);
            assert!(context.is_done());
        }
        Ok(())
    });
    seen.unwrap();
}

#[test]
fn two_contexts_that_cancel_each_other_from_tasks_both_end() {
    check(|scope| async move {
        let (parent, cancel_parent) = scope.context().with_cancel();
        let (child, cancel_child) = parent.with_cancel();
        let (other, cancel_other) = scope.context().with_cancel();
        let watched = parent.clone();
        scope.go(async move {
            watched.done().await;
            cancel_child.cancel();
            cancel_other.cancel();
            Ok(())
        });
        let watched = other.clone();
        let back = cancel_parent.clone();
        let _ = other.after_func(async move {
            watched.done().await;
            back.cancel();
        });
        cancel_parent.cancel();
        child.done().await;
        other.done().await;
        assert!(parent.is_done());
        Ok(())
    });
}

#[test]
fn a_value_is_found_by_its_type_through_every_kind_of_child() {
    #[derive(Debug, PartialEq)]
    struct Language(&'static str);
    #[derive(Debug, PartialEq)]
    struct Colour(&'static str);

    check(|scope| async move {
        let root = scope.context().with_value(Language("Go"));
        assert_eq!(root.value::<Colour>(), None);
        let (cancelled, cancel) = root.with_cancel();
        let deep = cancelled.with_timeout(1.secs()).with_value(Colour("green"));
        let hidden = deep.with_value(Language("Rust"));
        cancel.cancel();
        for context in [&deep, &deep.without_cancel()] {
            assert_eq!(context.value(), Some(&Language("Go")));
            assert_eq!(context.value(), Some(&Colour("green")));
        }
        assert_eq!(hidden.value(), Some(&Language("Rust")));
        assert_eq!(root.value(), Some(&Language("Go")));
        Ok(())
    });
}

#[test]
fn two_contexts_are_merged_by_an_after_function_with_the_cause_of_the_other() {
    /// Ends when either does; the values are those of the first.
    fn merged(first: &Context, second: &Context) -> (Context, impl FnOnce()) {
        let (context, cancel) = first.with_cancel_cause();
        let (both, other) = (cancel.clone(), second.clone());
        let mut stop = second.after_func(async move {
            both.cancel(other.cause().unwrap_or(Cause::Cancelled));
        });
        (context, move || {
            stop.stop();
            cancel.cancel(Cause::Cancelled);
        })
    }
    check(|scope| async move {
        let (first, _cancel) = scope.context().with_value(5_u8).with_cancel_cause();
        let (second, cancel) = scope.context().with_cancel_cause();
        let (both, _stop) = merged(&first, &second);
        let (left, stop) = merged(&first, &second);
        stop();
        assert_eq!(left.cause(), Some(Cause::Cancelled));
        cancel.cancel("second ended");
        both.done().await;
        assert_eq!(both.cause(), Some("second ended".into()));
        assert_eq!((both.value(), first.is_done()), (Some(&5_u8), false));
        Ok(())
    });
}

#[test]
fn an_after_function_that_was_not_stopped_is_waited_for_by_a_channel() {
    check(|scope| async move {
        let (stopped, is_stopped) = channel::rendezvous::<()>();
        let context = scope.context().with_timeout(1.millis());
        let mut stop = context.after_func(async move {
            sleep(5.millis()).await.ok();
            drop(stopped);
        });
        let (_silent, input) = channel::rendezvous::<u8>();
        let read = context.run(input.recv()).await?;
        assert_eq!(read, Err(RecvError::Deadline));
        assert!(!stop.stop(), "it was started");
        assert_eq!(is_stopped.recv().await, Err(RecvError::Closed));
        Ok(())
    });
}

#[test]
fn an_after_function_is_started_for_a_deadline_a_parent_and_never_for_the_root() {
    check(|scope| async move {
        let (ran, runs) = channel::unbounded();
        let tell = |what: &'static str| {
            let ran = ran.clone();
            async move { drop(ran.send(what).await) }
        };
        let (parent, cancel) = scope.context().with_cancel();
        let _ = parent.with_value(1).after_func(tell("value"));
        let _ = parent.with_timeout(1.secs()).after_func(tell("parent"));
        let _ = scope
            .context()
            .with_timeout(5.millis())
            .after_func(tell("deadline"));
        let endless = scope.context().without_cancel();
        let mut never = endless.after_func(tell("never"));
        let mut stopped = parent.after_func(tell("stopped"));
        assert!(stopped.stop() && !stopped.stop());
        idle().await?;
        assert!(runs.is_empty());
        cancel.cancel();
        sleep(10.millis()).await?;
        let mut seen = Vec::new();
        while let Ok(what) = runs.try_recv() {
            seen.push(what);
        }
        seen.sort_unstable();
        assert_eq!(seen, ["deadline", "parent", "value"]);
        assert!(never.stop() && !never.stop());
        Ok(())
    });
}

#[test]
fn an_after_function_of_a_context_that_never_ends_is_stopped_once_though_that_is_gone() {
    check(|scope| async move {
        let mut never = scope.context().without_cancel().after_func(async {});
        assert!(never.stop());
        assert!(!never.stop());
        let gone = scope.context().with_timeout(1.millis());
        let mut started = gone.after_func(async {});
        drop(gone);
        sleep(2.millis()).await?;
        assert!(!started.stop(), "it was started, and its context is gone");
        Ok(())
    });
}

#[test]
fn a_condition_is_waited_for_until_a_context_ends() {
    check(|scope| async move {
        let mutex = Mutex::spawn(&scope, 0).await?;
        let waits: Vec<_> = (0..4)
            .map(|_| {
                let mutex = mutex.clone();
                scope.go(async move {
                    let context = Context::current()
                        .ok_or_else(|| Failure::message("no context"))?
                        .with_timeout(1.millis());
                    let lease = mutex.lock().await?;
                    let waited = context.run(mutex.condition().wait_while(lease, |n| *n == 0));
                    Ok(waited.await?.is_err() && context.is_done())
                })
            })
            .collect();
        for wait in waits {
            assert!(wait.await?);
        }
        assert_eq!(*mutex.lock().await?, 0);
        Ok(())
    });
}

#[test]
fn a_context_can_be_shown_and_shared() {
    fn shows<T: fmt::Debug + Clone + Send + Sync>(_: &T) {}
    check(|scope| async move {
        let context = scope.context().with_timeout(1.secs());
        shows(&context);
        assert!(format!("{context:?}").contains("deadline"));
        assert!(context.ends_with(&context.clone()) && context.ends_with(&context.with_value(1)));
        assert!(!context.ends_with(&context.with_cancel().0));
        Ok(())
    });
}

#[test]
fn a_cancelled_context_fails_every_wait_at_once_and_nothing_is_taken() {
    check(|scope| async move {
        let (tx, rx) = channel::bounded(2);
        tx.send(1).await?;
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let ended = context.run(async {
            let got = rx.recv().await;
            let sent = tx.send(2).await;
            let slept = sleep(0.secs()).await;
            (got.is_err(), sent.is_err(), slept.is_err())
        });
        assert_eq!(ended.await?, (true, true, true));
        assert_eq!((rx.len(), rx.recv().await?), (1, 1));
        Ok(())
    });
}
