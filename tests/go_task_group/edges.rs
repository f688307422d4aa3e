//! What the documents and the own tests of `errgroup` promise beyond the rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom::error::{Cause, ContextError};
use greenroom::patterns::task_group::{GoError, LimitError, TryGoError, WaitError};
use greenroom::prelude::*;

use crate::support::{Boom, at_once, check, idle};
use crate::told;

#[test]
fn a_plain_group_gives_the_first_error_so_far_for_every_list_of_results() {
    const ONE: Option<&str> = Some("one");
    const TWO: Option<&str> = Some("two");
    check(|scope| async move {
        let lists: [&[Option<&str>]; 5] = [&[], &[None], &[ONE], &[ONE, None], &[ONE, None, TWO]];
        for errors in lists {
            let group = TaskGroup::keep_going(&scope);
            let mut first = None;
            for &error in errors {
                group
                    .go(async move { error.map_or(Ok(()), |error| Err(Boom(error).into())) })
                    .await?;
                first = first.or(error);
                assert_eq!(told(group.wait().await), first.unwrap_or("nil"));
                assert!(!group.context().is_done(), "it has no context that ends");
            }
        }
        Ok(())
    });
}

#[test]
fn a_group_with_a_context_ends_it_with_the_first_error_or_plainly_after_the_wait() {
    check(|scope| async move {
        let lists: [&[bool]; 4] = [&[], &[true], &[false], &[false, true]];
        for are_well in lists {
            let group = TaskGroup::new(&scope);
            let all_well = are_well.iter().all(|&is_well| is_well);
            for &is_well in are_well {
                let result = if is_well {
                    Ok(())
                } else {
                    Err(Boom("doom").into())
                };
                assert!(group.try_go(async move { result }).is_ok());
            }
            assert_eq!(
                told(group.wait().await),
                if all_well { "nil" } else { "doom" }
            );
            let cause = group.context().cause();
            match all_well {
                true => assert_eq!(cause, Some(Cause::Cancelled)),
                false => {
                    let error = cause.as_ref().and_then(|cause| cause.downcast_ref());
                    assert_eq!(error, Some(&Boom("doom")));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn results_of_a_parallel_search_are_in_the_order_of_the_queries() {
    async fn search(kind: &'static str, query: &str) -> Result<String> {
        sleep((10 - kind.len() as u64).millis()).await?;
        match kind {
            "broken" => Err(Boom("no index").into()),
            _ => Ok(format!("{kind} result for {query:?}")),
        }
    }
    async fn google(scope: &Scope, kinds: &[&'static str]) -> Result<Vec<String>> {
        let group = TaskGroup::new(scope);
        let mut tasks = Vec::new();
        for &kind in kinds {
            tasks.push(
                group
                    .go(async move { search(kind, "golang").await })
                    .await?,
            );
        }
        group.wait().await?;
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await?);
        }
        Ok(results)
    }
    check(|scope| async move {
        assert_eq!(
            google(&scope, &["web", "image", "video"]).await?,
            ["web", "image", "video"].map(|kind| format!("{kind} result for \"golang\""))
        );
        let failure = google(&scope, &["web", "broken", "video"])
            .await
            .unwrap_err();
        assert_eq!(failure.downcast_ref::<Boom>(), Some(&Boom("no index")));
        Ok(())
    });
}

#[test]
fn a_pipeline_of_groups_walks_digests_and_collects() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let (paths, found) = channel::rendezvous();
        group
            .go(async move {
                for path in 0..50_u32 {
                    paths.send(path).await?;
                }
                Ok(())
            })
            .await?;
        let (sums, digests) = channel::rendezvous();
        for _ in 0..5 {
            let (found, sums) = (found.clone(), sums.clone());
            group
                .go(async move {
                    while let Ok(path) = found.recv().await {
                        sums.send((path, path * path)).await?;
                    }
                    Ok(())
                })
                .await?;
        }
        drop((found, sums));
        let mut all = Vec::new();
        while let Ok(digest) = digests.recv().await {
            all.push(digest);
        }
        group.wait().await?;
        all.sort_unstable();
        assert_eq!(all, (0..50).map(|n| (n, n * n)).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn try_go_is_refused_at_the_limit_and_taken_again_after_the_wait_also_with_another_limit() {
    check(|scope| async move {
        let group = TaskGroup::keep_going(&scope);
        group.set_limit(42)?;
        let (tx, rx) = channel::rendezvous();
        let send = || {
            let tx = tx.clone();
            async move { Ok(tx.send(()).await?) }
        };
        for _ in 0..42 {
            assert!(group.try_go(send()).is_ok());
        }
        assert!(matches!(group.try_go(send()), Err(TryGoError::Full(_))));
        for _ in 0..42 {
            rx.recv().await?;
        }
        group.wait().await?;
        group.set_limit(1)?;
        assert!(group.try_go(send()).is_ok());
        assert!(group.try_go(send()).unwrap_err().is_full());
        assert_eq!(group.set_limit(2), Err(LimitError::Active(1)));
        rx.recv().await?;
        group.wait().await?;
        assert_eq!(group.set_limit(0), Err(LimitError::Zero));
        group.set_limit(None)?;
        for _ in 0..100 {
            assert!(group.try_go(async { Ok(()) }).is_ok());
        }
        Ok(group.wait().await?)
    });
}

#[test]
fn no_more_run_than_the_limit_lets_however_many_come() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(10)?;
        let active = Arc::new(AtomicUsize::new(0));
        for _ in 0..200 {
            let active = active.clone();
            group
                .go(async move {
                    let now = active.fetch_add(1, SeqCst) + 1;
                    if now > 10 {
                        return Err(Failure::message(format!("{now} at a time")));
                    }
                    sleep(1.millis()).await?;
                    active.fetch_sub(1, SeqCst);
                    Ok(())
                })
                .await?;
        }
        Ok(group.wait().await?)
    });
}

#[test]
fn a_go_that_waits_goes_on_when_a_task_has_failed_and_its_task_sees_the_end() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        group
            .go::<(), _>(async {
                idle().await?;
                Err(Boom("first").into())
            })
            .await?;
        let late = group
            .go(async { Ok(Context::current().and_then(|context| context.err())) })
            .await?;
        let seen = late.await?;
        assert!(matches!(seen, Some(ContextError::Cancelled(_))), "{seen:?}");
        assert_eq!(told(group.wait().await), "first");
        Ok(())
    });
}

#[test]
fn a_group_in_a_context_with_a_deadline_ends_with_it() {
    check(|scope| async move {
        let hurried = scope.context().with_timeout(5.millis());
        let inner = scope.clone();
        let group = hurried.run(async move { TaskGroup::new(&inner) }).await?;
        let task = group.go(async { Ok(sleep(1.secs()).await?) }).await?;
        let waited = group.wait().await;
        assert!(
            matches!(waited, Err(WaitError::Cut(ContextError::Deadline(_)))),
            "{waited:?}"
        );
        assert!(task.await.is_err());
        Ok(())
    });
}

#[test]
fn groups_nest_and_the_error_of_the_inner_is_that_of_its_task() {
    check(|scope| async move {
        let outer = TaskGroup::new(&scope);
        let inner_scope = scope.clone();
        outer
            .go(async move {
                let inner = TaskGroup::new(&inner_scope);
                for n in 0..3 {
                    inner
                        .go(async move {
                            match n {
                                1 => Err(Boom("inner").into()),
                                _ => Ok(sleep(1.secs()).await?),
                            }
                        })
                        .await?;
                }
                Ok(inner.wait().await?)
            })
            .await?;
        let sibling = outer.go(async { Ok(sleep(1.secs()).await?) }).await?;
        let start = scope.context().now();
        let failure = Failure::from(outer.wait().await.unwrap_err());
        assert_eq!(failure.downcast_ref::<Boom>(), Some(&Boom("inner")));
        assert_eq!(scope.context().now(), start, "nobody slept to the end");
        assert!(sibling.await.is_err());
        Ok(())
    });
}

#[test]
fn clones_are_one_group_and_a_task_may_start_others_through_one() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let ran = Arc::new(AtomicUsize::new(0));
        let (own, count) = (group.clone(), ran.clone());
        group
            .go(async move {
                for _ in 0..3 {
                    let count = count.clone();
                    own.go(async move {
                        idle().await?;
                        count.fetch_add(1, SeqCst);
                        Ok(())
                    })
                    .await?;
                }
                Ok(())
            })
            .await?;
        group.wait().await?;
        assert_eq!(ran.load(SeqCst), 3);
        Ok(())
    });
}

#[test]
fn waits_of_several_tasks_get_the_same_result() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let waits: Vec<_> = {
            group
                .go::<(), _>(async {
                    idle().await?;
                    Err(Boom("all").into())
                })
                .await?;
            (0..5)
                .map(|_| {
                    let group = group.clone();
                    scope.go(async move { Ok(told(group.wait().await)) })
                })
                .collect()
        };
        for wait in waits {
            assert_eq!(wait.await?, "all");
        }
        Ok(())
    });
}

#[test]
fn a_go_whose_own_context_has_ended_starts_nothing() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let over = scope.context().with_timeout(0.millis());
        let refused = over.run(group.go(async { Ok(()) })).await?;
        assert_eq!(refused.err(), Some(GoError::Deadline));
        assert!(at_once(group.wait()).await.is_some());
        Ok(())
    });
}
