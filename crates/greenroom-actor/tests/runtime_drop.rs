//! A runtime may be dropped anywhere: it never panics and never hangs.

mod common;

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context as TaskContext, Waker};
use std::thread;

use common::{single, threads, tokio_block_on, within_time};
use greenroom_actor::{Actor, ActorContext, AskError, Handler, Runtime};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Id};

struct Echo;
struct Wait;

impl Actor for Echo {}

impl Handler<Wait> for Echo {
    type Reply = ();
    async fn handle(&mut self, _: Wait, _cx: &mut ActorContext<Self>) {
        std::future::pending().await
    }
}

#[test]
fn a_runtime_is_dropped_inside_its_own_task() {
    within_time("the drop in its own task", || {
        let runtime = threads();
        let inside = runtime.clone();
        let (give, take) = mpsc::channel::<Runtime>();
        let scope = tokio_block_on(async {
            let scope = runtime.scope(move |_scope| async move {
                sleep(1.millis()).await?;
                drop(take.recv()?);
                drop(inside);
                std::future::pending::<()>().await;
                Ok(())
            });
            give.send(runtime).expect("it is received");
            scope.await
        });
        assert!(scope.is_err());
    });
}

#[test]
fn a_runtime_is_dropped_inside_a_task_of_another() {
    within_time("the drop in another's task", || {
        threads()
            .block_on(|scope| async move {
                let inner = threads();
                let five = inner.scope(|_scope| async { Ok(5) }).await?;
                let busy = inner.clone();
                scope
                    .go(async move {
                        drop(busy);
                        Ok(())
                    })
                    .await?;
                drop(inner);
                assert_eq!(five, 5);
                Ok(())
            })
            .expect("nothing fails");
    });
}

#[tokio::test]
async fn a_runtime_is_dropped_inside_tokio() {
    let runtime = threads();
    let five = runtime.scope(|_scope| async { Ok(5) }).await;
    assert_eq!(five.ok(), Some(5));
    drop(runtime);
}

#[test]
fn a_single_thread_is_dropped_inside_tokio() {
    within_time("the drop inside tokio", || {
        std::panic::set_hook(Box::new(|_| ()));
        let one = single();
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = Counted(dropped.clone());
        let open = one.scope(move |_scope| async move {
            let _counted = counted;
            Ok(())
        });
        tokio_block_on(async move {
            let mut open = pin!(open);
            let polled = open
                .as_mut()
                .poll(&mut TaskContext::from_waker(Waker::noop()));
            assert!(polled.is_pending());
            drop(one);
            assert!(open.await.is_err());
        });
        assert_eq!(dropped.load(SeqCst), 1);
    });
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_single_thread_that_never_ran_drops_what_it_was_given() {
    let one = single();
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Counted(dropped.clone());
    let mut open = Box::pin(one.scope(move |_scope| async move {
        let _counted = counted;
        Ok(())
    }));
    let polled = open
        .as_mut()
        .poll(&mut TaskContext::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    drop(one);
    assert_eq!(dropped.load(SeqCst), 1);
    drop(open);
}

#[test]
fn fifty_runtimes_are_dropped_in_parallel_with_work_in_them() {
    within_time("fifty drops", || {
        let all: Vec<_> = (0..50)
            .map(|i| {
                thread::spawn(move || {
                    let runtime = Runtime::builder().arbiters(1).build()?;
                    let mut open = Box::pin(runtime.scope(|scope| async move {
                        let echo = scope.spawn(|| Echo).await?;
                        scope.go(async move { Ok(echo.ask(Wait).await?) }).detach();
                        std::future::pending::<()>().await;
                        Ok(())
                    }));
                    let _pending = open
                        .as_mut()
                        .poll(&mut TaskContext::from_waker(Waker::noop()));
                    if i % 2 == 0 {
                        drop(open);
                        drop(runtime);
                    } else {
                        drop(runtime);
                        assert!(tokio_block_on(open).is_err());
                    }
                    Ok::<(), Failure>(())
                })
            })
            .collect();
        for one in all {
            one.join().expect("no panic").expect("the threads start");
        }
    });
}

#[test]
fn a_runtime_is_dropped_by_its_blocking_code() {
    within_time("the drop on the blocking pool", || {
        let runtime = threads();
        let inside = runtime.clone();
        let scope = runtime.scope(move |scope| async move {
            scope
                .go_blocking(move || {
                    drop(inside);
                    Ok(())
                })
                .await?;
            std::future::pending::<()>().await;
            Ok(())
        });
        let ended = thread::spawn(move || tokio_block_on(scope));
        drop(runtime);
        assert!(ended.join().expect("no panic").is_err());
    });
}

#[test]
fn an_ask_from_outside_ends_when_the_runtime_is_dropped() {
    within_time("an ask over the end", || {
        let runtime = threads();
        let (give, take) = mpsc::channel();
        let mut open = Box::pin(runtime.scope(move |scope| async move {
            let echo = scope.spawn(|| Echo).await?;
            give.send(echo)?;
            std::future::pending::<()>().await;
            Ok(())
        }));
        let _pending = open
            .as_mut()
            .poll(&mut TaskContext::from_waker(Waker::noop()));
        let echo = take.recv().expect("it is sent");
        let asks: Vec<_> = (0..3)
            .map(|_| {
                let echo = echo.clone();
                thread::spawn(move || tokio_block_on(async move { echo.ask(Wait).await }))
            })
            .collect();
        while echo.queued() < 2 {
            thread::yield_now();
        }
        drop(runtime);
        for ask in asks {
            let answer = ask.join().expect("no panic");
            assert!(
                matches!(answer, Err(AskError::Cancelled(Cause::Shutdown))),
                "{answer:?}"
            );
        }
        assert!(Context::current().is_none());
    });
}

#[test]
fn a_question_to_a_runtime_that_is_dropped_is_answered() {
    within_time("a question over the end", || {
        let one = single();
        let nobody = Id::root().child("nobody");
        let cancelling = one.registry().cancel(&nobody, Cause::Cancelled);
        let snapshot = one.registry().snapshot(one.context(), 3600.secs());
        drop(one);
        assert!(!tokio_block_on(cancelling));
        assert!(tokio_block_on(snapshot).tasks.is_empty());
    });
}

#[test]
fn a_deadline_that_cannot_come_any_more_ends_its_context_and_lets_its_after_function_go() {
    let runtime = single();
    let held = Arc::new(());
    let inside = held.clone();
    let (give, take) = mpsc::channel();
    let ran = runtime.block_on(move |scope| async move {
        // Outside the runtime's tree, so that only its own deadline ends it.
        let late = scope.context().without_cancel().with_timeout(3600.secs());
        let (below, _cancel) = late.with_cancel();
        let _ = below.after_func(async move { drop(inside) });
        give.send(below)?;
        Ok(())
    });
    ran.expect("the body succeeds");
    let context = take.recv().expect("it was sent");
    assert!(!context.is_done());
    drop(runtime);
    assert!(matches!(context.cause(), Some(Cause::Shutdown)));
    drop(context);
    assert_eq!(Arc::strong_count(&held), 1, "the function went with it");
}
