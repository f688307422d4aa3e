//! Branches of a scope, and places under a limit, by the public API.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;

use greenroom_actor::{IdleError, JoinError, JoinHandle, OnError, Placement, Runtime, Scope};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Result};

fn check<F, Fut>(body: F)
where
    F: Fn(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    for seed in 0..8 {
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .seed(seed)
            .build()
            .expect("a single-threaded runtime starts");
        if let Err(failure) = runtime.block_on(body.clone()) {
            unreachable!("seed {seed}: {failure:?}");
        }
    }
}

fn started<T, F>(result: Result<JoinHandle<T>, F>) -> JoinHandle<T> {
    result.unwrap_or_else(|_future| unreachable!("the scope has not ended"))
}

/// Polls once, and drops the future.
async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn its_error_is_its_own_and_cancels_its_own_tasks_only() {
    check(|scope| async move {
        let branch = scope.branch("branch", scope.context());
        let other = branch.go(async { Ok(sleep(1.secs()).await?) });
        let outside = scope.go(async { Ok(sleep(2.secs()).await?) });
        let failing = branch.go::<(), _>(async { Err(Failure::message("boom")) });
        assert!(matches!(failing.await, Err(JoinError::Failed(_))));
        branch.idle().await?;
        assert_eq!(
            branch.first_error().map(|error| error.to_string()),
            Some("boom".into())
        );
        assert!(matches!(
            branch.context().cause(),
            Some(Cause::SiblingFailed(_))
        ));
        assert!(other.await.is_err());
        outside.await?;
        scope.join().await?;
        Ok(())
    });
}

#[test]
fn its_tasks_count_as_the_scopes() {
    check(|scope| async move {
        let branch = scope.branch("branch", scope.context());
        let task = branch.go(async { Ok(sleep(1.secs()).await?) });
        assert_eq!((scope.len(), branch.len()), (1, 1));
        assert!(task.id().is_some_and(|id| id.is_within(scope.id())));
        scope.join().await?;
        assert!(task.is_finished() && branch.is_empty() && scope.is_empty());
        let inside = scope.branch("branch", scope.context());
        let waiter = {
            let inside = inside.clone();
            branch.go(async move {
                let waited = inside.idle().await;
                Ok(waited.is_ok())
            })
        };
        assert!(waiter.await?);
        let own = branch.clone();
        let cycle = branch.go(async move { Ok(own.idle().await) }).await?;
        assert!(matches!(cycle, Err(IdleError::Cycle { .. })));
        Ok(())
    });
}

#[test]
fn after_the_end_of_the_scope_it_starts_nothing() {
    check(|scope| async move {
        let kept = scope
            .scope(|inner| async move {
                let branch = inner.branch("branch", inner.context());
                branch.go(async { Ok(sleep(1.secs()).await?) }).detach();
                Ok(branch)
            })
            .await?;
        assert!(kept.is_empty());
        assert!(matches!(
            kept.go(async { Ok(()) }).await,
            Err(JoinError::Ended)
        ));
        let Some(place) = kept.try_reserve() else {
            unreachable!("nothing has a place");
        };
        assert!(kept.go_in(place, async { Ok(()) }).is_err());
        kept.idle().await?;
        Ok(())
    });
}

#[test]
fn it_tells_a_cut_by_its_own_end_from_a_cancel_of_one_task() {
    check(|scope| async move {
        let branch = scope.branch("branch", scope.context());
        let one = branch.go(std::future::pending::<Result<()>>());
        sleep(1.secs()).await?;
        one.cancel("not wanted");
        branch.idle().await?;
        assert!(branch.cut().is_none() && branch.first_error().is_none());
        branch.go(std::future::pending::<Result<()>>()).detach();
        branch.cancel("enough");
        branch.idle().await?;
        assert!(matches!(branch.cut(), Some(ContextError::Cancelled(_))));
        assert!(branch.first_error().is_none());
        Ok(())
    });
}

#[test]
fn the_first_error_may_leave_the_others_alone() {
    check(|scope| async move {
        let branch = scope.branch("branch", scope.context());
        branch.set_on_error(OnError::KeepFirst);
        for (after, text) in [(2, "second"), (1, "first"), (3, "third")] {
            branch
                .go::<(), _>(async move {
                    sleep(after.secs()).await?;
                    Err(Failure::message(text))
                })
                .detach();
        }
        let whole = branch.go(async {
            sleep(4.secs()).await?;
            Ok(7)
        });
        branch.idle().await?;
        assert_eq!(whole.await?, 7);
        assert_eq!(
            branch.first_error().map(|error| error.to_string()),
            Some("first".into())
        );
        Ok(())
    });
}

#[test]
fn places_go_to_who_has_waited_longest_held_tasks_included() {
    check(|scope| async move {
        let branch = scope.branch("branch", scope.context());
        branch.set_limit(Some(1))?;
        let order = Arc::new(AtomicUsize::new(0));
        let place = branch.reserve().await?;
        assert!(branch.try_reserve().is_none());
        let mut tasks = Vec::new();
        for turn in 0..6 {
            let (branch, order) = (branch.clone(), order.clone());
            let work = async move {
                assert_eq!(order.fetch_add(1, SeqCst), turn);
                sleep(1.secs()).await?;
                Ok(())
            };
            if turn % 2 == 0 {
                tasks.push(branch.go(work));
            } else {
                tasks.push(scope.go(async move {
                    let place = branch.reserve().await?;
                    started(branch.go_in(place, work)).await?;
                    Ok(())
                }));
            }
            sleep(1.millis()).await?;
        }
        assert_eq!(order.load(SeqCst), 0);
        drop(place);
        for task in tasks {
            task.await?;
        }
        assert!(branch.try_reserve().is_some());
        Ok(())
    });
}

#[test]
fn a_place_that_is_granted_and_not_taken_goes_to_the_next() {
    check(|scope| async move {
        let branch = scope.branch("branch", scope.context());
        branch.set_limit(Some(1))?;
        let place = branch.reserve().await?;
        {
            let mut gone = pin!(branch.reserve());
            let mut next = pin!(branch.reserve());
            assert!(once(gone.as_mut()).await.is_none());
            assert!(once(next.as_mut()).await.is_none());
            drop(place);
            assert!(once(next.as_mut()).await.is_none(), "it is not its turn");
            // Granted by now, and dropped unpolled at the end of this block.
            let _never = (gone.as_mut(), next.as_mut());
        }
        assert!(
            once(branch.reserve())
                .await
                .is_some_and(|place| place.is_ok())
        );
        let held = branch.reserve().await?;
        for _ in 0..1000 {
            assert!(once(branch.reserve()).await.is_none());
        }
        let hurried = scope.context().with_timeout(1.secs());
        assert!(matches!(
            hurried.run(branch.reserve()).await?,
            Err(ContextError::Deadline(_))
        ));
        drop(held);
        assert!(branch.try_reserve().is_some());
        Ok(())
    });
}

#[test]
fn a_place_of_another_branch_goes_back_to_it() {
    check(|scope| async move {
        let (one, other) = (
            scope.branch("one", scope.context()),
            scope.branch("other", scope.context()),
        );
        one.set_limit(Some(1))?;
        other.set_limit(Some(1))?;
        let place = one.reserve().await?;
        started(other.go_in(place, async { Ok(sleep(1.secs()).await?) })).detach();
        assert!(one.try_reserve().is_some());
        assert!(other.try_reserve().is_none());
        other.idle().await?;
        assert!(other.try_reserve().is_some());
        Ok(())
    });
}

#[test]
fn never_more_than_the_limit_run_on_several_arbiters() {
    let runtime = Runtime::builder()
        .arbiters(2)
        .build()
        .expect("threads start");
    runtime
        .block_on(|scope| async move {
            let branch = scope.branch("branch", scope.context());
            branch.set_limit(Some(3))?;
            let (now, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            for feeder in 0..4 {
                let (branch, now, done) = (branch.clone(), now.clone(), done.clone());
                scope
                    .on(Placement::Arbiter(feeder))
                    .go(async move {
                        for _ in 0..50 {
                            let place = branch.reserve().await?;
                            let (now, done) = (now.clone(), done.clone());
                            started(branch.go_in(place, async move {
                                assert!(now.fetch_add(1, SeqCst) < 3);
                                sleep(20.micros()).await?;
                                now.fetch_sub(1, SeqCst);
                                done.fetch_add(1, SeqCst);
                                Ok(())
                            }))
                            .detach();
                        }
                        Ok(())
                    })
                    .detach();
            }
            scope.join().await?;
            assert!(branch.first_error().is_none());
            assert_eq!(done.load(SeqCst), 200);
            Ok(())
        })
        .expect("nothing fails");
}

#[test]
fn a_panic_tells_the_place_that_was_given() {
    check(|scope| async move {
        std::panic::set_hook(Box::new(|_| ()));
        let at = std::panic::Location::caller();
        let branch = scope.at(at).branch("branch", scope.context());
        let failed = branch.go::<(), _>(async { panic!("boom") }).await;
        match failed {
            Err(JoinError::Panicked(panic)) => assert_eq!(panic.spawned_at(), at),
            other => unreachable!("{other:?}"),
        }
        Ok(())
    });
}
