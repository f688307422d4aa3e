//! Go's `sync.Once`, `sync.OnceFunc` and `sync.OnceValue`: what they do at their edges.

mod edges;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom::error::Cause;
use greenroom::patterns::once::OnceError;
use greenroom::prelude::*;
use greenroom::{Panic, current};
use support::{Boom, at_once, check, idle, paused, polls, quiet};

/// Counts the runs of a closure.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) -> usize {
        self.0.fetch_add(1, SeqCst) + 1
    }

    fn so_far(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[test]
fn once_01_fifty_callers_make_one_run_and_none_returns_before_its_end() {
    check(|scope| async move {
        let (runs, ended) = (Runs::default(), Runs::default());
        let once = Once::spawn(&scope, {
            let (runs, ended) = (runs.clone(), ended.clone());
            || async move {
                runs.count();
                sleep(15.millis()).await?;
                ended.count();
                Ok("value")
            }
        })
        .await?;
        for _ in 0..50 {
            let (once, ended) = (once.clone(), ended.clone());
            scope
                .go(async move {
                    assert_eq!(*once.get().await?, "value");
                    assert_eq!(ended.so_far(), 1);
                    Ok(())
                })
                .detach();
        }
        scope.join().await?;
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn once_05_a_run_that_asks_for_its_own_value_gets_an_error() {
    check(|scope| async move {
        let (own, owned) = channel::bounded::<Once<&'static str>>(1);
        let once = Once::spawn(&scope, || async move {
            let own = owned.recv().await?;
            Ok(match own.get().await {
                Err(OnceError::Recursive) => "recursive",
                _ => "another",
            })
        })
        .await?;
        own.send(once.clone()).await?;
        assert_eq!(*once.get().await?, "recursive");
        Ok(())
    });
    // It may be the run's own error.
    check(|scope| async move {
        let (own, owned) = channel::bounded::<Once<()>>(1);
        let once = Once::spawn(&scope, || async move {
            owned.recv().await?.get().await?;
            Ok(())
        })
        .await?;
        own.send(once.clone()).await?;
        let Err(OnceError::Failed(failure)) = once.get().await else {
            unreachable!("the run failed");
        };
        assert!(matches!(failure.downcast_ref(), Some(OnceError::Recursive)));
        Ok(())
    });
}

#[test]
fn once_08_a_run_that_is_aborted_is_the_only_one_unless_it_is_to_be_repeated() {
    async fn aborted(runs: Runs) -> Result<usize> {
        let run = runs.count();
        if run == 1
            && let Some(task) = current::task()
        {
            task.cancel(Cause::from("gone"));
            std::future::pending::<()>().await;
        }
        Ok(run)
    }
    check(|scope| async move {
        let runs = Runs::default();
        let once = Once::spawn(&scope, {
            let runs = runs.clone();
            || aborted(runs)
        })
        .await?;
        for _ in 0..2 {
            assert!(matches!(once.get().await, Err(OnceError::Cut(_))));
        }
        assert_eq!(runs.so_far(), 1);

        let again = Runs::default();
        let once = Once::spawn_retrying(&scope, {
            let again = again.clone();
            move || aborted(again.clone())
        })
        .await?;
        assert!(matches!(once.get().await, Err(OnceError::Cut(_))));
        assert_eq!(*once.get().await?, 2);
        assert_eq!(*once.get().await?, 2);
        Ok(())
    });
}

#[test]
fn nothing_runs_before_it_is_asked_for() {
    check(|scope| async move {
        let runs = Runs::default();
        let once = Once::spawn(&scope, {
            let runs = runs.clone();
            || async move { Ok(runs.count()) }
        })
        .await?;
        idle().await?;
        assert!(once.try_get().is_none());
        assert_eq!(runs.so_far(), 0);
        for _ in 0..100 {
            assert_eq!(*once.get().await?, 1);
        }
        assert!(once.try_get().is_some_and(|value| value.is_ok()));
        Ok(())
    });
}

#[test]
fn all_get_the_same_value() {
    check(|scope| async move {
        let once = Once::spawn(&scope, || async { Ok(String::from("one")) }).await?;
        let first = once.get().await?;
        let second = once.clone().get().await?;
        assert!(Arc::ptr_eq(&first, &second));
        Ok(())
    });
}

#[test]
fn an_error_is_kept_with_its_original() {
    check(|scope| async move {
        let runs = Runs::default();
        let once = Once::<u8>::spawn(&scope, {
            let runs = runs.clone();
            || async move {
                runs.count();
                sleep(1.millis()).await?;
                Err(Boom("e1").into())
            }
        })
        .await?;
        for _ in 0..3 {
            let Err(OnceError::Failed(failure)) = once.get().await else {
                unreachable!("the run failed");
            };
            assert_eq!(failure.downcast_ref(), Some(&Boom("e1")));
        }
        assert!(once.try_get().is_some_and(|kept| kept.is_err()));
        assert_eq!(runs.so_far(), 1);
        // Through `?` too.
        let raised: Result<()> = async {
            once.get().await?;
            Ok(())
        }
        .await;
        assert!(raised.is_err_and(|raised| raised.downcast_ref() == Some(&Boom("e1"))));
        Ok(())
    });
}

#[test]
fn a_panic_is_every_callers_error_and_the_run_is_not_repeated() {
    quiet();
    check(|scope| async move {
        let runs = Runs::default();
        let counted = runs.clone();
        let line = line!() + 1;
        let once = Once::<u8>::spawn(&scope, || async move {
            counted.count();
            sleep(1.millis()).await?;
            panic!("x")
        });
        let once = once.await?;
        let others: Vec<_> = (0..5)
            .map(|_| {
                let once = once.clone();
                scope.go(async move { Ok(once.get().await) })
            })
            .collect();
        let check = |got: Result<Arc<u8>, OnceError>| {
            let Err(OnceError::Panicked(panic)) = got else {
                unreachable!("the run panicked");
            };
            assert_eq!(panic.message(), Some("x"));
            assert_eq!(panic.spawned_at().line(), line);
            assert!(panic.spawned_at().file().ends_with("go_once/main.rs"));
        };
        for other in others {
            check(other.await?);
        }
        check(once.get().await);
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn a_closure_that_panics_before_its_future_is_there_is_a_panic_of_the_run() {
    quiet();
    check(|scope| async move {
        let once = Once::spawn_retrying(&scope, || {
            assert!(Context::current().is_none(), "x");
            async { Ok(1) }
        })
        .await?;
        for _ in 0..5 {
            assert!(matches!(once.get().await, Err(OnceError::Panicked(_))));
        }
        Ok(())
    });
}

#[test]
fn a_failure_is_retried_by_the_next_caller_if_so_chosen() {
    quiet();
    check(|scope| async move {
        let runs = Runs::default();
        let once = Once::spawn_retrying(&scope, {
            let runs = runs.clone();
            move || {
                let runs = runs.clone();
                async move {
                    let run = runs.count();
                    sleep(1.millis()).await?;
                    match run {
                        1 => Err(Boom("e1").into()),
                        2 => panic!("x"),
                        _ => Ok(run),
                    }
                }
            }
        })
        .await?;
        let asked: Vec<_> = (0..5)
            .map(|_| {
                let once = once.clone();
                scope.go(async move { Ok(once.get().await) })
            })
            .collect();
        for one in asked {
            assert!(matches!(one.await?, Err(OnceError::Failed(_))));
        }
        assert_eq!(runs.so_far(), 1, "all of them waited for the same run");
        assert!(once.try_get().is_none());
        assert!(matches!(once.get().await, Err(OnceError::Panicked(_))));
        assert_eq!(*once.get().await?, 3);
        assert_eq!(*once.get().await?, 3);
        Ok(())
    });
}

#[test]
fn a_caller_that_gives_up_ends_neither_the_run_nor_the_others() {
    check(|scope| async move {
        let runs = Runs::default();
        let once = Once::spawn(&scope, {
            let runs = runs.clone();
            || async move {
                sleep(10.millis()).await?;
                Ok(runs.count())
            }
        })
        .await?;
        let (context, cancel) = scope.context().with_cancel();
        let first = {
            let once = once.clone();
            scope.go(async move { Ok(context.run(once.get()).await?) })
        };
        idle().await?;
        let second = {
            let once = once.clone();
            scope.go(async move { Ok(once.get().await) })
        };
        assert!(at_once(once.get()).await.is_none());
        idle().await?;
        cancel.cancel();
        assert!(matches!(first.await?, Err(OnceError::Cancelled(_))));
        let hurried = scope.context().with_timeout(1.millis());
        let late = hurried.run(once.get()).await?;
        assert!(matches!(late, Err(OnceError::Deadline)));
        assert_eq!(*second.await??, 1);
        // A value that is there needs no wait.
        assert_eq!(hurried.run(once.get()).await??, once.get().await?);
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn a_run_goes_on_though_nobody_waits() {
    check(|scope| async move {
        let once = Once::spawn(&scope, || async {
            sleep(10.millis()).await?;
            Ok(1)
        })
        .await?;
        // The second poll is after the owner has it.
        assert!(polls(1, once.get()).await.is_none());
        let hurried = scope.context().with_timeout(1.millis());
        assert!(hurried.run(once.get()).await?.is_err());
        sleep(20.millis()).await?;
        assert!(once.try_get().is_some());
        Ok(())
    });
}

#[test]
fn the_closure_is_let_go_after_its_last_run() {
    check(|scope| async move {
        let held = Arc::new(());
        let once = Once::spawn(&scope, {
            let held = held.clone();
            || async move {
                drop(held);
                Ok(())
            }
        })
        .await?;
        assert_eq!(Arc::strong_count(&held), 2);
        once.get().await?;
        idle().await?;
        assert_eq!(Arc::strong_count(&held), 1);
        let once = Once::spawn_retrying(&scope, {
            let held = held.clone();
            move || {
                let held = held.clone();
                async move {
                    drop(held);
                    Ok(())
                }
            }
        })
        .await?;
        once.get().await?;
        idle().await?;
        assert_eq!(Arc::strong_count(&held), 1);
        Ok(())
    });
}

#[test]
fn the_run_sees_the_values_of_the_scope_and_not_those_of_who_asked() {
    struct RequestId;
    check(|scope| async move {
        let once = Once::spawn(&scope, || async {
            let context = Context::current();
            Ok(context.is_some_and(|context| context.value::<RequestId>().is_some()))
        })
        .await?;
        let request = scope.context().with_value(RequestId);
        assert!(!*request.run(once.get()).await??);
        Ok(())
    });
}

#[test]
fn a_value_outlives_its_scope_and_one_that_was_not_made_is_closed() {
    for seed in support::SEEDS {
        let (made, unmade) = paused(seed)
            .block_on(|scope| async move {
                let made = Once::spawn(&scope, || async { Ok(5) }).await?;
                made.get().await?;
                let unmade = Once::spawn(&scope, || async { Ok(5) }).await?;
                Ok((made, unmade))
            })
            .expect("nothing fails");
        paused(seed)
            .block_on(move |_| async move {
                assert_eq!(*made.get().await?, 5);
                assert!(matches!(unmade.get().await, Err(OnceError::Closed)));
                assert!(unmade.try_get().is_none());
                Ok(())
            })
            .expect("nothing fails");
    }
}

#[test]
fn the_end_of_the_scope_waits_for_a_run_and_a_cancel_cuts_it() {
    for seed in support::SEEDS {
        let once = paused(seed)
            .block_on(|scope| async move {
                let once = Once::spawn(&scope, || async {
                    sleep(1.secs()).await?;
                    Ok(5)
                })
                .await?;
                let hurried = scope.context().with_timeout(1.millis());
                assert!(hurried.run(once.get()).await?.is_err());
                Ok(once)
            })
            .expect("nothing fails");
        assert!(once.try_get().is_some());
    }
    check(|outer| async move {
        let (kept, waiter) = outer
            .scope({
                let outer = outer.clone();
                |scope| async move {
                    let once = Once::spawn(&scope, std::future::pending::<Result<()>>).await?;
                    let waiter = {
                        let once = once.clone();
                        outer.go(async move { Ok(once.get().await) })
                    };
                    idle().await?;
                    scope.cancel("enough");
                    Ok((once, waiter))
                }
            })
            .await?;
        let waited = waiter.await?;
        assert!(
            matches!(waited, Err(OnceError::Cut(_) | OnceError::Closed)),
            "{waited:?}"
        );
        assert!(kept.get().await.is_err());
        Ok(())
    });
}

#[test]
fn a_panic_payload_is_there_for_one_who_takes_it() {
    quiet();
    check(|scope| async move {
        let once = Once::<()>::spawn(&scope, || async { std::panic::panic_any(7_u8) }).await?;
        let Err(OnceError::Panicked(panic)) = once.get().await else {
            unreachable!("the run panicked");
        };
        assert_eq!(panic.message(), None);
        let payload = panic.take_payload();
        assert!(payload.is_some_and(|payload| payload.downcast_ref() == Some(&7_u8)));
        let raised: Result<()> = async {
            once.get().await?;
            Ok(())
        }
        .await;
        assert!(raised.is_err_and(|raised| raised.downcast_ref::<Panic>().is_some()));
        Ok(())
    });
}
