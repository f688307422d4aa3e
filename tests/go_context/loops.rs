//! Workers that look at their context, and what becomes of those that do not.

use greenroom::channel::RecvError;
use greenroom::error::ContextError;
use greenroom::prelude::*;

use crate::support::check;

#[test]
fn a_loop_that_polls_is_done_ends_with_its_context() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        let worker = scope.go(async move {
            let mut rounds = 0;
            while !context.is_done() {
                rounds += 1;
                sleep(1.millis()).await?;
            }
            Ok((rounds, context.cause()))
        });
        sleep(10.millis()).await?;
        cancel.cancel("enough");
        let (rounds, cause) = worker.await?;
        assert!(
            (10..=12).contains(&rounds),
            "one each millisecond: {rounds}"
        );
        assert_eq!(
            cause.map(|cause| cause.to_string()).as_deref(),
            Some("enough")
        );
        Ok(())
    });
}

#[test]
fn a_loop_with_a_default_ends_with_its_context() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        let worker = scope.go(async move {
            let mut rounds = 0;
            loop {
                select! {
                    ended = context.done() => return Ok((rounds, ended)),
                    default => rounds += 1,
                }
                sleep(1.millis()).await?; // doWork()
            }
        });
        sleep(10.millis()).await?;
        cancel.cancel("enough");
        let (rounds, ended) = worker.await?;
        assert!(
            (10..=12).contains(&rounds),
            "one each millisecond: {rounds}"
        );
        assert_eq!(ended.to_string(), "context cancelled: enough");
        Ok(())
    });
}

#[test]
fn a_loop_that_has_ended_before_it_begins_does_nothing() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let polled = context.clone();
        let polls = scope.go(async move {
            let mut rounds = 0;
            while !polled.is_done() {
                rounds += 1;
            }
            Ok(rounds)
        });
        let selects = scope.go(async move {
            select! {
                _ended = context.done() => Ok(0),
                default => Ok(1),
            }
        });
        assert_eq!((polls.await?, selects.await?), (0, 0));
        Ok(())
    });
}

#[test]
fn a_loop_on_another_thread_polls_as_well() {
    let runtime = Runtime::builder().arbiters(1).build().unwrap();
    let rounds = runtime.block_on(|scope| async move {
        let (begun, has_begun) = channel::bounded(1);
        let (counted, count) = channel::bounded(1);
        let (context, cancel) = scope.context().with_cancel();
        let worker = context.run(scope.scope(|inner| async move {
            let counting = inner.go_blocking(move || {
                let context = Context::current().ok_or_else(|| Failure::message("no context"))?;
                let mut rounds = 0_u64;
                while !context.is_done() {
                    rounds += 1;
                    let _told_before = begun.try_send(());
                    std::thread::yield_now();
                }
                Ok(counted.try_send(rounds)?)
            });
            Ok(counting.await?)
        }));
        let stop = async {
            has_begun.recv().await?;
            cancel.cancel();
            Ok::<(), Failure>(())
        };
        let (worker, stopped) = futures_util::future::join(worker, stop).await;
        stopped?;
        assert!(!matches!(worker, Ok(Ok(()))), "the scope was cut");
        Ok(count.recv().await?)
    });
    assert!(rounds.unwrap() >= 1);
    runtime.assert_no_leaks();
}

#[test]
fn a_loop_that_never_looks_ends_at_its_next_wait() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        let (jobs, work) = channel::bounded(10);
        let worker = scope.go(async move {
            let mut done = 0;
            let all = async {
                loop {
                    match work.recv().await {
                        Ok(job) => done += job,
                        Err(ended) => return ended,
                    }
                }
            };
            let ended = context.run(all).await;
            Ok((done, ended))
        });
        for job in [1, 2, 3] {
            jobs.send(job).await?;
        }
        sleep(1.millis()).await?;
        cancel.cancel("enough");
        let (done, ended) = worker.await?;
        assert!(jobs.send(4).await.is_err(), "its receiver has gone with it");
        assert_eq!(done, 6);
        assert!(matches!(ended, Ok(RecvError::Cancelled(_))), "{ended:?}");
        Ok(())
    });
}

#[test]
fn a_loop_that_waits_for_something_foreign_is_dropped() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        let worker = scope.go(async move { Ok(context.run(std::future::pending::<()>()).await) });
        sleep(1.millis()).await?;
        cancel.cancel("enough");
        assert!(matches!(worker.await?, Err(ContextError::Cancelled(_))));
        Ok(())
    });
}

#[test]
fn a_cancel_reaches_tasks_and_actors_of_scopes_inside() {
    check(|scope| async move {
        struct Idle;
        impl Actor for Idle {}

        let (context, cancel) = scope.context().with_cancel_cause();
        let outer = scope.clone();
        let tree = scope.go_local(move || async move {
            let tree = outer.scope(|inner| async move {
                let _idle = inner.spawn(|| Idle).await?;
                let waits = inner.scope(|deeper| async move {
                    let waits = deeper.go(std::future::pending::<Result<()>>());
                    Ok(waits.await?)
                });
                waits.await
            });
            Ok(context.run(tree).await)
        });
        sleep(1.millis()).await?;
        let living = scope.len();
        cancel.cancel("enough");
        let ended = tree.await?;
        assert!(living >= 1);
        let failed = !matches!(ended, Ok(Ok(())));
        assert!(failed, "a tree that was cut has no result");
        assert!(!scope.context().is_done());
        Ok(())
    });
}

#[test]
fn what_must_be_finished_runs_without_cancel() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel();
        let worker = scope.go(async move {
            context.done().await;
            let apart = context.without_cancel();
            let cleaned = apart.run(async {
                sleep(5.millis()).await?;
                Ok::<&str, Failure>("cleaned up")
            });
            cleaned.await?
        });
        sleep(1.millis()).await?;
        cancel.cancel();
        assert_eq!(worker.await?, "cleaned up");
        Ok(())
    });
}

#[test]
fn an_after_function_that_waits_does_not_hold_up_the_others() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel();
        let (ran, runs) = channel::bounded(2);
        let (end, release) = channel::bounded::<()>(1);
        let _ = context.after_func(async move {
            let _released = release.recv().await;
        });
        for number in [1, 2] {
            let ran = ran.clone();
            let _ = context.after_func(async move {
                let _told = ran.send(number).await;
            });
        }
        drop(ran);
        cancel.cancel();
        let mut ran = runs.collect().await?;
        ran.sort_unstable();
        assert_eq!(ran, [1, 2]);
        end.send(()).await?;
        Ok(())
    });
}
