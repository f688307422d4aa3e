//! Panics in tasks, and in what scopes and contexts run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context as TaskContext, Poll};

use greenroom_actor::{JoinError, JoinHandle, Scope, blocking};
use greenroom_core::time::{Durations, after, sleep};
use greenroom_core::{Panic, Result, channel, select};

use crate::{Bomb, is_told, none, one, survived};

const FILE: &str = "panics/tasks.rs";

/// A future that panics in its poll, or in its drop.
struct Torn(Option<Bomb>);

impl Future for Torn {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<()> {
        match &self.0 {
            Some(_) => Poll::Pending,
            None => panic!("in a poll"),
        }
    }
}

/// Starts a task in a scope of its own, and checks that both tell of its panic.
async fn fails<T, F>(scope: &Scope, start: F, text: &str, doing: &str, name: &str) -> Result<()>
where
    T: Send + 'static,
    F: FnOnce(&Scope) -> JoinHandle<T> + Send + 'static,
{
    let (told, joined) = channel::bounded(1);
    let failed = scope.scope(move |inner| async move {
        let task = start(&inner);
        let hold = inner.context().without_cancel();
        let joined = hold.run(task).await?.map(drop);
        assert!(told.try_send(joined).is_ok());
        Ok(())
    });
    let failure = failed.await.expect_err("a panic is its scope's");
    let panic = failure.downcast_ref::<Panic>().expect("a panic");
    is_told(panic, text, doing, name, FILE);
    match joined.recv().await? {
        Err(JoinError::Panicked(panic)) => is_told(&panic, text, doing, name, FILE),
        other => panic!("the handle gave {other:?}"),
    }
    Ok(())
}

#[test]
fn in_a_task() {
    survived(
        |scope| async move {
            let task = |scope: &Scope| {
                scope.go(async move {
                    sleep(1.millis()).await?;
                    if true {
                        panic!("in a task");
                    }
                    Ok(())
                })
            };
            fails(&scope, task, "in a task", "future", "task").await?;
            let task = |scope: &Scope| {
                scope.go(async move {
                    Torn(None).await;
                    Ok(())
                })
            };
            fails(&scope, task, "in a poll", "future", "task").await
        },
        none,
    );
}

#[test]
fn in_a_local_task_and_its_closure() {
    survived(
        |scope| async move {
            let task = |scope: &Scope| {
                scope.go_local(|| -> Pin<Box<dyn Future<Output = Result<()>>>> {
                    panic!("in the closure")
                })
            };
            fails(&scope, task, "in the closure", "future", "task").await?;
            let task = |scope: &Scope| {
                scope.go_local(|| async {
                    Torn(None).await;
                    Ok(())
                })
            };
            fails(&scope, task, "in a poll", "future", "task").await
        },
        none,
    );
}

#[test]
fn in_the_items_of_many_tasks() {
    survived(
        |scope| async move {
            let task = |scope: &Scope| {
                let items = (0..3).map(|item| match item {
                    1 => panic!("in an item"),
                    item => item,
                });
                scope.go_each(items, |_item: u64| async { Ok(()) })
            };
            fails(&scope, task, "in an item", "future", "each").await
        },
        none,
    );
}

#[test]
fn in_a_blocking_job() {
    survived(
        |scope| async move {
            let task = |scope: &Scope| scope.go_blocking(|| -> Result<()> { panic!("in a job") });
            fails(&scope, task, "in a job", "blocking job", "blocking").await?;
            let task = |scope: &Scope| {
                scope.go(async { blocking(|| -> Result<()> { panic!("in a job") }).await })
            };
            fails(&scope, task, "in a job", "future", "task").await
        },
        none,
    );
}

#[test]
fn in_the_body_of_a_scope() {
    survived(
        |scope| async move {
            let failed = scope.scope(|_inner| async move {
                if true {
                    panic!("in the body");
                }
                Ok(())
            });
            let failure = failed.await.expect_err("a panic is its scope's");
            let panic = failure.downcast_ref::<Panic>().expect("a panic");
            is_told(panic, "in the body", "scope body", "scope", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_closure_of_a_body() {
    survived(
        |scope| async move {
            let make =
                |_inner: Scope| -> std::future::Ready<Result<()>> { panic!("in the closure") };
            let failure = scope.scope(make).await.expect_err("a panic is its scope's");
            let panic = failure.downcast_ref::<Panic>().expect("a panic");
            is_told(panic, "in the closure", "scope body", "scope", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_drop_of_a_task_that_is_cancelled() {
    survived(
        |scope| async move {
            let task = |scope: &Scope| {
                let task: JoinHandle<()> = scope.go(async {
                    Torn(Some(Bomb("of a task"))).await;
                    Ok(())
                });
                task.cancel("enough");
                task
            };
            fails(&scope, task, "of a task", "drop of a future", "task").await
        },
        none,
    );
}

#[test]
fn in_a_function_that_runs_after_a_context() {
    survived(
        |scope| async move {
            let (context, cancel) = scope.context().with_cancel();
            let _registered = context.after_func(async { panic!("in a function") });
            cancel.cancel();
            sleep(5.millis()).await?;
            Ok(())
        },
        |panics| {
            one(
                panics,
                "in a function",
                "after-function",
                "after_func",
                FILE,
            )
        },
    );
}

#[test]
fn in_the_arm_of_a_select_and_in_the_drop_of_a_lost_one() {
    survived(
        |scope| async move {
            let task = |scope: &Scope| {
                scope.go(async {
                    let torn = std::pin::pin!(Torn(None));
                    select! {
                        () = torn => {}
                        _ = after(1.secs()) => {}
                    }
                    Ok(())
                })
            };
            fails(&scope, task, "in a poll", "future", "task").await?;
            let task = |scope: &Scope| {
                scope.go(async {
                    let lost = Box::pin(Torn(Some(Bomb("of a lost arm"))));
                    select! {
                        () = lost => {}
                        _ = after(1.millis()) => {}
                    }
                    Ok(())
                })
            };
            fails(&scope, task, "of a lost arm", "future", "task").await
        },
        none,
    );
}

#[test]
fn in_the_drop_of_a_result_that_nobody_takes() {
    survived(
        |scope| async move {
            scope.go(async { Ok(Bomb("of a result")) }).detach();
            scope.join().await
        },
        |panics| one(panics, "of a result", "Bomb", "task", FILE),
    );
}

#[test]
fn each_of_many_at_once() {
    survived(
        |scope| async move {
            let seen = Arc::new(AtomicUsize::new(0));
            let failed = scope.scope({
                let seen = seen.clone();
                move |inner| async move {
                    inner.set_on_error(greenroom_actor::OnError::Collect);
                    for number in 0..100 {
                        let seen = seen.clone();
                        let task = inner.go(async move {
                            seen.fetch_add(1, SeqCst);
                            assert!(number % 2 == 0, "odd");
                            Ok(())
                        });
                        task.detach();
                    }
                    Ok(())
                }
            });
            let failure = failed.await.expect_err("some panicked");
            let errors: &greenroom_actor::CollectedErrors = failure.downcast_ref().expect("all");
            assert_eq!(errors.errors().len(), 50);
            assert_eq!(seen.load(SeqCst), 100);
            Ok(())
        },
        none,
    );
}
