//! Scopes and tasks, by the public API.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use greenroom_actor::{JoinError, OnError, Placement, Runtime, ScopeError, SingleThread};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Panic, Result};

const SEEDS: std::ops::Range<u64> = 0..8;

fn paused(seed: u64) -> SingleThread {
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

#[derive(Debug, thiserror::Error)]
#[error("boom")]
struct Boom;

#[test]
fn a_scope_ends_after_everything_in_it() {
    for seed in SEEDS {
        let done = Arc::new(AtomicUsize::new(0));
        let counter = done.clone();
        paused(seed)
            .block_on(|scope| async move {
                for i in 0..10_u64 {
                    let counter = counter.clone();
                    scope
                        .go(async move {
                            sleep(i.millis()).await?;
                            counter.fetch_add(1, SeqCst);
                            Ok(())
                        })
                        .detach();
                }
                Ok(())
            })
            .expect("no task fails");
        assert_eq!(done.load(SeqCst), 10);
    }
}

#[test]
fn the_first_error_cancels_the_siblings_and_is_the_scopes_own() {
    for seed in SEEDS {
        let error = paused(seed)
            .block_on(|scope| async move {
                let waits = scope.go(async { Ok(sleep(1000.secs()).await?) });
                scope
                    .go(async {
                        sleep(1.secs()).await?;
                        Err::<(), Failure>(Boom.into())
                    })
                    .detach();
                let start = scope.context().now();
                let ended = waits.await;
                assert!(scope.context().now() - start < 2.secs());
                assert!(ended.is_err());
                Ok(())
            })
            .expect_err("a task failed");
        assert!(error.downcast_ref::<Boom>().is_some(), "{error:?}");
    }
}

#[test]
fn a_panic_is_an_error_with_its_payload_and_spawn_location() {
    let line = line!() + 4;
    let error = paused(1)
        .block_on(|scope| async move {
            scope
                .go::<(), _>(async {
                    sleep(1.millis()).await?;
                    panic!("ouch {}", 7)
                })
                .detach();
            Ok(())
        })
        .expect_err("a task panicked");
    let panic = error
        .downcast_ref::<Panic>()
        .expect("the error is the panic");
    assert_eq!(panic.message(), Some("ouch 7"));
    assert!(panic.spawned_at().file().ends_with("scope.rs"));
    assert_eq!(panic.spawned_at().line(), line);
}

#[test]
fn the_original_error_is_found_behind_a_handle() {
    let error = paused(1)
        .block_on(|scope| async move {
            scope.set_on_error(OnError::Collect);
            let task = scope.go(async { Err::<(), Failure>(Boom.into()) });
            let failure = Failure::from(task.await.expect_err("it failed"));
            assert!(failure.downcast_ref::<Boom>().is_some());
            assert!(matches!(failure.downcast_ref(), Some(JoinError::Failed(_))));
            Ok(())
        })
        .expect_err("collected");
    assert!(
        error
            .downcast_ref::<greenroom_actor::CollectedErrors>()
            .is_some()
    );
}

#[test]
fn a_scope_under_a_time_out_is_waited_for_to_its_end() {
    for seed in SEEDS {
        let cleaned = Arc::new(AtomicUsize::new(0));
        let seen = cleaned.clone();
        paused(seed)
            .block_on(|scope| async move {
                let timed = scope.context().with_timeout(1.secs());
                let inner = scope.scope(move |inner| async move {
                    inner.go(async move {
                        let context = Context::current().expect("in a task");
                        let _ended = context.done().await;
                        let clean = async {
                            sleep(1.secs()).await?;
                            cleaned.store(1, SeqCst);
                            Ok::<(), Failure>(())
                        };
                        context.without_cancel().run(clean).await?
                    });
                    sleep(100.secs()).await?;
                    Ok(())
                });
                assert!(timed.run(inner).await.expect("waited for").is_err());
                // Another section's shield is not this one's: a plain wait ends with its context.
                let detached = scope.context().without_cancel();
                let short = scope.context().with_timeout(1.secs());
                let ended = detached
                    .run(async move { short.run(std::future::pending::<()>()).await.is_err() })
                    .await;
                assert!(matches!(ended, Ok(true)));
                Ok(())
            })
            .expect("nothing fails");
        assert_eq!(seen.load(SeqCst), 1);
    }
}

#[test]
fn a_result_that_was_cut_from_outside_is_no_result() {
    for seed in SEEDS {
        paused(seed)
            .block_on(|scope| async move {
                let background = |inner: greenroom_actor::Scope| async move {
                    inner.go(async { Ok(sleep(100.secs()).await?) });
                    Ok(inner)
                };
                let timed = scope.context().with_timeout(1.secs());
                let cut = timed
                    .run(scope.scope(background))
                    .await
                    .expect("waited for");
                let error = cut.map(|_| ()).expect_err("its task was cut");
                assert!(matches!(
                    error.downcast_ref(),
                    Some(greenroom_core::error::ContextError::Deadline(_))
                ));
                let whole = scope
                    .scope(move |inner| async move {
                        background(inner).await?.cancel("done");
                        Ok(5)
                    })
                    .await?;
                assert_eq!(whole, 5, "a scope may end its own children");
                Ok(())
            })
            .expect("nothing fails");
    }
}

#[test]
fn collected_errors_are_all_kept_and_cancel_nobody() {
    let error = paused(3)
        .block_on(|scope| async move {
            scope.set_on_error(OnError::Collect);
            for i in 0..3_u64 {
                scope
                    .go(async move {
                        sleep(i.secs()).await?;
                        Err::<(), Failure>(Boom.into())
                    })
                    .detach();
            }
            Ok(())
        })
        .expect_err("tasks failed");
    let all = error
        .downcast_ref::<greenroom_actor::CollectedErrors>()
        .expect("collected");
    assert_eq!(all.errors().len(), 3);
}

#[test]
fn cancelling_one_task_leaves_its_siblings_alone() {
    for seed in SEEDS {
        paused(seed)
            .block_on(|scope| async move {
                let stuck = scope.go(std::future::pending::<Result<()>>());
                let other = scope.go(async {
                    sleep(1.secs()).await?;
                    Ok(5)
                });
                stuck.cancel("not wanted");
                assert!(matches!(stuck.await, Err(JoinError::Cancelled(Cause::Text(t))) if t == "not wanted"));
                assert_eq!(other.await?, 5);
                Ok(())
            })
            .expect("a cancelled task is no error of the scope");
    }
}

#[test]
fn a_limit_holds_tasks_back_and_zero_is_refused() {
    for seed in SEEDS {
        let peak = Arc::new(AtomicUsize::new(0));
        let seen = peak.clone();
        paused(seed)
            .block_on(|scope| async move {
                assert_eq!(scope.set_limit(0), Err(ScopeError::ZeroLimit));
                scope.set_limit(3)?;
                let now = Arc::new(AtomicUsize::new(0));
                let all = scope.go_each(0..50_u64, move |i| {
                    let (now, peak) = (now.clone(), peak.clone());
                    async move {
                        let running = now.fetch_add(1, SeqCst) + 1;
                        peak.fetch_max(running, SeqCst);
                        sleep((i % 7).millis()).await?;
                        now.fetch_sub(1, SeqCst);
                        Ok(())
                    }
                });
                assert_eq!(all.await?, 50);
                Ok(())
            })
            .expect("no task fails");
        assert_eq!(seen.load(SeqCst), 3);
    }
}

#[test]
fn a_handle_kept_past_the_end_gets_ended() {
    let runtime = paused(0);
    let kept = runtime
        .block_on(|scope| async move { Ok(scope) })
        .expect("the body returns");
    let late = kept.go(async { Ok(1) });
    assert!(late.is_finished());
    let error = runtime.block_on(|_| async move { Ok(late.await?) });
    assert!(matches!(
        error.expect_err("refused").downcast_ref(),
        Some(JoinError::Ended)
    ));
}

#[test]
fn a_dropped_scope_future_cancels_with_its_own_cause() {
    for seed in SEEDS {
        paused(seed)
            .block_on(|scope| async move {
                let cause = Arc::new(parking_lot::Mutex::new(None));
                let seen = cause.clone();
                let inner = scope.scope(|inner| async move {
                    let context = inner.context().clone();
                    inner
                        .go(async move {
                            let error = context.done().await;
                            *seen.lock() = Some(error.to_string());
                            Ok(())
                        })
                        .detach();
                    sleep(1000.secs()).await?;
                    Ok(())
                });
                let timed = scope.context().with_timeout(1.secs());
                assert!(timed.run(std::future::pending::<()>()).await.is_err());
                {
                    let mut inner = Box::pin(inner);
                    assert!(poll_once(&mut inner).await.is_pending());
                    sleep(1.secs()).await?;
                    assert!(poll_once(&mut inner).await.is_pending());
                }
                sleep(1.secs()).await?;
                let seen = cause.lock().clone();
                assert_eq!(
                    seen.as_deref(),
                    Some("context cancelled: the scope's future was dropped")
                );
                assert_eq!(scope.len(), 0);
                Ok(())
            })
            .expect("nothing fails");
    }
}

#[test]
fn a_cancelled_task_can_clean_up_without_cancel() {
    for seed in SEEDS {
        let cleaned = Arc::new(AtomicUsize::new(0));
        let seen = cleaned.clone();
        paused(seed)
            .block_on(|scope| async move {
                let task = scope.go(async move {
                    let context = Context::current().expect("in a task");
                    let _ended = context.done().await;
                    let clean = async {
                        sleep(5.secs()).await?;
                        cleaned.store(1, SeqCst);
                        Ok::<(), Failure>(())
                    };
                    context.without_cancel().run(clean).await??;
                    std::future::pending::<()>().await;
                    Ok(())
                });
                sleep(1.secs()).await?;
                task.cancel("stop");
                assert!(matches!(task.await, Err(JoinError::Cancelled(_))));
                Ok(())
            })
            .expect("nothing fails");
        assert_eq!(seen.load(SeqCst), 1);
    }
}

#[test]
fn blocking_code_sees_its_context_and_its_panic_is_the_tasks() {
    let runtime = Runtime::builder().arbiters(2).build().expect("starts");
    let sum = runtime
        .block_on(|scope| async move {
            let a = scope.go_blocking(|| {
                assert!(Context::current().is_some());
                Ok(20)
            });
            let b = greenroom_actor::blocking(|| Ok(22)).await?;
            Ok(a.await? + b)
        })
        .expect("no panic");
    assert_eq!(sum, 42);
    let error = runtime
        .block_on(|scope| async move {
            scope.go_blocking::<(), _>(|| panic!("blocked")).detach();
            Ok(())
        })
        .expect_err("panicked");
    assert_eq!(
        error.downcast_ref::<Panic>().and_then(Panic::message),
        Some("blocked")
    );
}

#[test]
fn spread_tasks_run_on_every_arbiter() {
    let runtime = Runtime::builder().arbiters(3).build().expect("starts");
    let threads = runtime
        .block_on(|scope| async move {
            let mut threads = std::collections::BTreeSet::new();
            for _ in 0..6 {
                let name = scope
                    .on(Placement::Spread)
                    .go(async { Ok(format!("{:?}", std::thread::current().id())) });
                threads.insert(name.await?);
            }
            Ok(threads.len())
        })
        .expect("no error");
    assert_eq!(threads, 3);
}

#[test]
fn shutdown_names_what_is_stuck_and_returns_in_time() {
    let runtime = Runtime::builder().arbiters(2).build().expect("starts");
    let (started, is_started) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let scope = runtime.scope(move |scope| async move {
        scope
            .on(Placement::Arbiter(1))
            .go(async move {
                started.send(()).ok();
                released.recv().ok();
                Ok(())
            })
            .detach();
        Ok(())
    });
    let waiter = std::thread::spawn(move || block_on(scope));
    is_started.recv().expect("the task runs");
    let report = block_on(runtime.shutdown(Duration::from_millis(50)));
    assert_eq!(report.cut.len(), 2, "the scope and the task: {report}");
    assert_eq!(report.stuck.len(), 1, "{report}");
    assert_eq!(report.stuck[0].arbiter, "arbiter-1");
    assert!(report.stuck[0].by.is_some());
    assert!(block_on(runtime.scope(|_| async { Ok(()) })).is_err());
    release.send(()).ok();
    let _ended: Result<()> = waiter.join().expect("the waiter does not panic");
}

fn block_on<F: Future>(future: F) -> F::Output {
    greenroom_core::doc_support::block_on(future)
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx)))
        .await
}
