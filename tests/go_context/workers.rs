//! Workers that stop by the context of their own task, as Go's do by the one they are given.

use greenroom::JoinError;
use greenroom::channel::RecvError;
use greenroom::error::{Cause, ContextError};
use greenroom::prelude::*;

use crate::support::{Boom, check, idle};

/// The context that a task runs in.
fn own() -> Result<Context> {
    Context::current().ok_or_else(|| Failure::message("outside a task"))
}

#[test]
fn a_worker_that_selects_on_its_own_context_ends_in_its_own_way() {
    check(|scope| async move {
        let (jobs, work) = channel::rendezvous();
        let worker = scope.go(async move {
            let (context, mut done) = (own()?, 0);
            loop {
                select! {
                    job = work.recv() => done += job?,
                    ended = context.done() => return Ok((done, ended)),
                }
            }
        });
        jobs.send(1).await?;
        jobs.send(2).await?;
        idle().await?;
        worker.cancel("enough");
        assert_eq!(worker.await?, (3, ContextError::Cancelled("enough".into())));
        Ok(())
    });
}

#[test]
fn a_worker_without_that_case_sees_the_end_in_its_receive() {
    check(|scope| async move {
        let (_jobs, work) = channel::rendezvous::<u32>();
        let worker = scope.go(async move {
            select! {
                job = work.recv() => Ok(job),
            }
        });
        idle().await?;
        worker.cancel("enough");
        assert_eq!(worker.await?, Err(RecvError::Cancelled("enough".into())));
        Ok(())
    });
}

#[test]
fn a_clean_up_that_waits_needs_a_context_without_cancel() {
    check(|scope| async move {
        let (told, tells) = channel::unbounded();
        let [short, long] = [false, true].map(|is_apart| {
            let told = told.clone();
            scope.go(async move {
                let context = own()?;
                context.done().await;
                let clean = async {
                    sleep(5.millis()).await?;
                    told.send(is_apart).await?;
                    Ok::<(), Failure>(())
                };
                match is_apart {
                    true => context.without_cancel().run(clean).await?,
                    false => clean.await,
                }
            })
        });
        idle().await?;
        short.cancel("stop");
        long.cancel("stop");
        assert!(short.await.is_err());
        long.await?;
        assert_eq!((tells.try_recv(), tells.len()), (Ok(true), 0));
        Ok(())
    });
}

#[test]
fn a_request_ends_the_work_below_it_and_the_server_goes_on() {
    check(|scope| async move {
        async fn query(scope: &Scope, delay: u64) -> Result<u64> {
            let context = own()?;
            let task = scope.go(async move {
                // A task of the scope belongs to the scope: it is run for the request.
                let slept = context.run(sleep(delay.millis())).await?;
                Ok(slept.map(|()| delay))
            });
            Ok(task.await??)
        }
        let mut results = Vec::new();
        for delay in [1, 100, 2] {
            let request = scope.context().with_timeout(10.millis());
            let result = request.run(query(&scope, delay)).await;
            results.push(matches!(result, Ok(Ok(n)) if n == delay));
        }
        assert_eq!(results, [true, false, true]);
        Ok(())
    });
}

#[test]
fn the_first_error_of_several_fetches_is_the_cause_for_the_others() {
    check(|scope| async move {
        let (context, cancel) = scope.context().with_cancel_cause();
        let fetches: Vec<_> = (0..4_u64)
            .map(|n| {
                let (context, cancel) = (context.clone(), cancel.clone());
                scope.go(async move {
                    let fetched = context.run(async {
                        sleep((10 * (n + 1)).millis()).await?;
                        match n {
                            1 => Err(Failure::from(Boom("404"))),
                            _ => Ok(n),
                        }
                    });
                    let fetched = fetched.await?;
                    if fetched.is_err() {
                        cancel.cancel(Cause::new(Boom("404")));
                    }
                    Ok(fetched.is_ok())
                })
            })
            .collect();
        let mut well = Vec::new();
        for fetch in fetches {
            well.push(fetch.await?);
        }
        assert_eq!(well, [true, false, false, false]);
        let cause = context.cause();
        assert_eq!(
            cause.as_ref().and_then(Cause::downcast_ref),
            Some(&Boom("404"))
        );
        Ok(())
    });
}

#[test]
fn a_deadline_of_the_whole_is_shared_by_steps_that_each_have_their_own() {
    check(|scope| async move {
        let whole = scope.context().with_timeout(25.millis());
        let mut ends = Vec::new();
        for _ in 0..4 {
            let step = whole.with_timeout(10.millis());
            let slept = step.run(sleep(1.secs())).await?;
            assert!(slept.is_err());
            ends.push((scope.context().now(), whole.is_done()));
        }
        let start = ends[0].0 - 10.millis();
        let ends: Vec<_> = ends
            .into_iter()
            .map(|(at, is_over)| ((at - start).as_millis(), is_over))
            .collect();
        assert_eq!(ends, [(10, false), (20, false), (25, true), (25, true)]);
        Ok(())
    });
}

#[test]
fn a_task_that_waits_for_another_gives_up_without_ending_it() {
    check(|scope| async move {
        let slow = scope.go(async {
            sleep(10.millis()).await?;
            Ok(7)
        });
        let hurried = scope.context().with_timeout(1.millis());
        let waited = hurried.run(slow.into_future());
        assert!(matches!(waited.await?, Err(JoinError::WaitEnded(_))));
        Ok(())
    });
}

#[test]
fn a_tree_of_scopes_ends_from_the_top_and_each_level_tells_the_cause() {
    check(|scope| async move {
        let (seen, causes) = channel::unbounded();
        let outer_seen = seen.clone();
        let tree = scope.scope(move |outer| async move {
            let own_seen = outer_seen.clone();
            let inner = outer.scope(move |inner| async move {
                inner.go(async move {
                    let ended = own()?.done().await;
                    // A send that waits would fail: its context has ended.
                    Ok(own_seen.try_send(ended.cause().to_string())?)
                });
                Ok(())
            });
            let (inner, ()) = futures_util::future::join(inner, async {
                idle().await.ok();
                outer.cancel("from the top");
            })
            .await;
            outer_seen.try_send(String::from("outer"))?;
            inner
        });
        tree.await?; // Its only task has come to its own end.
        drop(seen);
        assert_eq!(causes.collect().await?, ["from the top", "outer"]);
        Ok(())
    });
}
