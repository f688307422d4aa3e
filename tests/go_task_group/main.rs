//! Go's `errgroup.Group`: what it does at its edges.

mod edges;
mod limits;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use greenroom::error::{Cause, ContextError};
use greenroom::patterns::task_group::{GoError, TryGoError, WaitError};
use greenroom::prelude::*;
use greenroom::{JoinError, Panic};
use support::{Boom, at_once, check, idle, paused, quiet};

/// Go's `nil`, or the text of the error that a task returned.
fn told(waited: Result<(), WaitError>) -> &'static str {
    match waited {
        Ok(()) => "nil",
        Err(WaitError::Failed(failure)) => failure
            .downcast_ref::<Boom>()
            .map_or("another", |boom| boom.0),
        Err(_) => "another",
    }
}

async fn fails(after: u64, error: &'static str) -> Result<()> {
    // In Go a task need not look at its context.
    let context = Context::current().map(|context| context.without_cancel());
    match context {
        Some(context) => context.run(sleep(after.millis())).await??,
        None => unreachable!("in a task"),
    }
    Err(Boom(error).into())
}

#[test]
fn eg_02_the_first_error_in_time_wins_and_wait_returns_after_all() {
    check(|scope| async move {
        for group in [TaskGroup::new(&scope), TaskGroup::keep_going(&scope)] {
            let done = Arc::new(AtomicUsize::new(0));
            for (after, error) in [(30, Some("e1")), (5, Some("e2")), (40, None)] {
                let done = done.clone();
                group
                    .go(async move {
                        let failed = fails(after, error.unwrap_or("none")).await;
                        done.fetch_add(1, SeqCst);
                        if error.is_some() { failed } else { Ok(()) }
                    })
                    .await?;
            }
            assert_eq!(told(group.wait().await), "e2");
            assert_eq!(done.load(SeqCst), 3);
        }
        Ok(())
    });
}

#[test]
fn eg_03_a_failure_cancels_the_context_with_the_error_as_its_cause() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let context = group.context().clone();
        let other = group
            .go(async move {
                let ended = context.done().await;
                let cause = ended.cause().downcast_ref::<Boom>().copied();
                Ok((ended.is_deadline(), cause))
            })
            .await?;
        group.go(fails(5, "e1")).await?;
        assert_eq!(told(group.wait().await), "e1");
        assert_eq!(other.await?, (false, Some(Boom("e1"))));
        assert!(scope.context().err().is_none(), "the parent goes on");
        Ok(())
    });
    check(|scope| async move {
        // What the other makes of it does not count.
        let group = TaskGroup::new(&scope);
        let other = group.go(async { Ok(sleep(1.secs()).await?) }).await?;
        group.go(fails(5, "e1")).await?;
        assert_eq!(told(group.wait().await), "e1");
        assert!(other.await.is_err());
        Ok(())
    });
}

#[test]
fn eg_10_the_first_error_is_sticky() {
    check(|scope| async move {
        for group in [TaskGroup::new(&scope), TaskGroup::keep_going(&scope)] {
            group.go(fails(1, "e1")).await?;
            assert_eq!(told(group.wait().await), "e1");
            assert_eq!(told(group.wait().await), "e1");
            group.go(fails(1, "e2")).await?;
            assert_eq!(told(group.wait().await), "e1");
            group.go(async { Ok(()) }).await?;
            assert_eq!(told(group.wait().await), "e1");
        }
        Ok(())
    });
}

#[test]
fn eg_11_a_task_submitted_after_the_failure_runs() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.go(fails(1, "e1")).await?;
        assert_eq!(told(group.wait().await), "e1");
        let late = group.go(async { Ok(7) }).await?;
        assert_eq!(late.await?, 7);
        // Its context has ended, though: that is what its first wait tells.
        let waits = group
            .go(async { Ok(sleep(1.secs()).await.is_err()) })
            .await?;
        assert!(waits.await?);
        assert!(group.try_go(async { Ok(()) }).is_ok());
        assert_eq!(told(group.wait().await), "e1");
        Ok(())
    });
}

#[test]
fn a_group_without_tasks_is_done() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        assert_eq!(at_once(group.wait()).await.map(told), Some("nil"));
        let group = TaskGroup::keep_going(&scope);
        assert_eq!(at_once(group.wait()).await.map(told), Some("nil"));
        Ok(())
    });
}

#[test]
fn a_group_that_keeps_going_gives_the_first_error_so_far_after_each_round() {
    check(|scope| async move {
        for errors in [
            vec![],
            vec![None],
            vec![Some("e1")],
            vec![Some("e1"), None],
            vec![Some("e1"), None, Some("e2")],
        ] {
            let group = TaskGroup::keep_going(&scope);
            let mut first = None;
            for error in errors {
                group
                    .go(async move { error.map_or(Ok(()), |error| Err(Boom(error).into())) })
                    .await?;
                first = first.or(error);
                assert_eq!(told(group.wait().await), first.unwrap_or("nil"));
                assert!(group.context().err().is_none());
            }
        }
        Ok(())
    });
}

#[test]
fn a_group_with_a_context_gives_the_first_error_and_its_context_is_done_after_the_wait() {
    check(|scope| async move {
        for (errors, want) in [
            (vec![], "nil"),
            (vec![None], "nil"),
            (vec![Some("e1")], "e1"),
            (vec![None, Some("e1")], "e1"),
            (vec![Some("e1"), None, Some("e2")], "e1"),
        ] {
            let group = TaskGroup::new(&scope);
            for (after, error) in (1..).zip(errors) {
                let planned = async move {
                    let failed = fails(after, error.unwrap_or("none")).await;
                    if error.is_some() { failed } else { Ok(()) }
                };
                group.go(planned).await?;
            }
            assert_eq!(told(group.wait().await), want);
            let cause = group.context().cause();
            match want {
                "nil" => assert!(matches!(cause, Some(Cause::Cancelled)), "{cause:?}"),
                _ => {
                    let error = cause.as_ref().and_then(|cause| cause.downcast_ref());
                    assert_eq!(error, Some(&Boom(want)));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_task_sees_the_values_of_the_context_that_the_group_was_made_in() {
    struct RequestId(u32);
    check(|scope| async move {
        let context = scope.context().with_value(RequestId(7));
        let group = context.run(async { TaskGroup::new(&scope) }).await?;
        let seen = group
            .go(async {
                let context = Context::current();
                Ok(context.and_then(|context| context.value::<RequestId>().map(|id| id.0)))
            })
            .await?;
        assert_eq!(seen.await?, Some(7));
        Ok(())
    });
}

#[test]
fn the_end_of_the_parent_context_ends_the_group() {
    check(|scope| async move {
        let parent = scope.context().with_timeout(5.millis());
        let group = parent.run(async { TaskGroup::new(&scope) }).await?;
        let task = group.go(std::future::pending::<Result<()>>()).await?;
        let waited = group.wait().await;
        assert!(
            matches!(waited, Err(WaitError::Cut(ContextError::Deadline(_)))),
            "{waited:?}"
        );
        assert!(matches!(task.await, Err(JoinError::Deadline)));
        // A parent that has ended already: the task runs, as far as it does not wait.
        let group = parent.run(async { TaskGroup::new(&scope) }).await?;
        assert_eq!(group.go(async { Ok(1) }).await?.await?, 1);
        assert_eq!(told(group.wait().await), "nil");
        Ok(())
    });
}

#[test]
fn a_cancel_ends_the_tasks_and_its_cause_is_told() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.go(std::future::pending::<Result<()>>()).await?;
        group.cancel(Cause::new(Boom("stop")));
        group.cancel("a second cause is not kept");
        match group.wait().await {
            Err(WaitError::Cut(ended)) => {
                assert_eq!(ended.cause().downcast_ref(), Some(&Boom("stop")));
            }
            other => unreachable!("{other:?}"),
        }
        // Nothing was cut short here.
        let group = TaskGroup::new(&scope);
        group.go(async { Ok(()) }).await?;
        idle().await?;
        group.cancel("late");
        assert_eq!(told(group.wait().await), "nil");
        Ok(())
    });
}

#[test]
fn a_panic_is_the_groups_error_with_its_payload_and_place() {
    quiet();
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let panics = async { std::panic::panic_any(42_u8) };
        let line = line!() + 1;
        let task = group.go::<(), _>(panics).await?;
        let other = group.go(std::future::pending::<Result<()>>()).await?;
        let Err(WaitError::Panicked(panic)) = group.wait().await else {
            unreachable!("the task panicked");
        };
        assert_eq!(panic.spawned_at().line(), line);
        assert!(panic.spawned_at().file().ends_with("go_task_group/main.rs"));
        assert_eq!(Some(panic.id()), task.id());
        let payload = panic.take_payload();
        assert!(payload.is_some_and(|payload| payload.downcast_ref() == Some(&42_u8)));
        assert!(other.await.is_err(), "a panic cancels as an error does");
        assert!(matches!(group.wait().await, Err(WaitError::Panicked(_))));
        let cause = group.context().cause();
        assert!(cause.is_some_and(|cause| cause.downcast_ref::<Panic>().is_some()));
        Ok(())
    });
}

#[test]
fn a_wait_that_is_given_up_leaves_the_group() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let task = group
            .go(async {
                sleep(10.millis()).await?;
                Ok(5)
            })
            .await?;
        assert!(at_once(group.wait()).await.is_none());
        let hurried = scope.context().with_timeout(1.millis());
        let waited = hurried.run(group.wait()).await?;
        assert!(matches!(waited, Err(WaitError::Deadline)));
        assert!(group.context().err().is_none());
        assert_eq!(task.await?, 5);
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn a_wait_in_a_task_of_the_group_is_an_error() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let own = group.clone();
        let waited = group.go(async move { Ok(own.wait().await) }).await?;
        assert!(matches!(waited.await?, Err(WaitError::Cycle(_))));
        // Another group inside a task is no such case.
        let nested = group
            .go({
                let scope = scope.clone();
                async move {
                    let inner = TaskGroup::new(&scope);
                    inner.go(async { Ok(sleep(1.millis()).await?) }).await?;
                    Ok(inner.wait().await?)
                }
            })
            .await?;
        nested.await?;
        Ok(())
    });
}

#[test]
fn the_scope_waits_for_the_tasks_and_does_not_have_their_errors() {
    let done = Arc::new(AtomicBool::new(false));
    for seed in support::SEEDS {
        done.store(false, SeqCst);
        let seen = done.clone();
        let group = paused(seed)
            .block_on(move |scope| async move {
                let group = TaskGroup::keep_going(&scope);
                group
                    .go(async move {
                        sleep(10.millis()).await?;
                        seen.store(true, SeqCst);
                        Ok(())
                    })
                    .await?;
                group.go(fails(5, "e1")).await?;
                Ok(group)
            })
            .expect("the errors are the group's");
        assert!(done.load(SeqCst));
        paused(seed)
            .block_on(move |_| async move {
                assert_eq!(told(group.wait().await), "e1");
                let refused = group.go(async { Ok(()) }).await;
                assert!(matches!(refused, Err(GoError::Closed)));
                let refused = group.try_go(async { Ok(()) });
                assert!(matches!(refused, Err(TryGoError::Closed(_))));
                Ok(())
            })
            .expect("nothing fails");
    }
}

#[test]
fn the_values_of_the_tasks_are_had_by_their_handles() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let mut results = Vec::new();
        for n in 0..5_u64 {
            let task = group.go(async move {
                sleep((5 - n).millis()).await?;
                Ok(n * n)
            });
            results.push(task.await?);
        }
        group.wait().await?;
        let mut squares = Vec::new();
        for result in results {
            squares.push(result.await?);
        }
        assert_eq!(squares, [0, 1, 4, 9, 16]);
        Ok(())
    });
}
