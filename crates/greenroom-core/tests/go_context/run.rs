//! Running a future under a context.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use greenroom_core::Context;
use greenroom_core::current::{self};
use greenroom_core::doc_support::block_on;
use greenroom_core::time::{Durations, SleepError, sleep};

use crate::{Bell, World, poll_once};

#[test]
fn run_ends_a_pending_foreign_future_and_drops_it() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel_cause();
    let held = Arc::new(());
    let inside = held.clone();
    let bell = Bell::new(|| ());
    let waker = Waker::from(bell.clone());
    let mut run = pin!(context.run(async move {
        std::future::pending::<()>().await;
        drop(inside);
    }));
    let mut cx = TaskContext::from_waker(&waker);
    assert!(run.as_mut().poll(&mut cx).is_pending());
    cancel.cancel("enough");
    assert_eq!(bell.rung(), 1);
    let Poll::Ready(Err(error)) = run.as_mut().poll(&mut cx) else {
        panic!("it ends with its context");
    };
    assert_eq!(error.cause().to_string(), "enough");
    assert_eq!(Arc::strong_count(&held), 1, "gone at once, not with `run`");
}

#[test]
fn run_lets_a_wait_of_the_kernel_report_the_end_itself() {
    let w = World::new();
    let _driver = current::enter_driver(w.handle.clone());
    let (context, cancel) = w.root.with_cancel_cause();
    let mut run = pin!(context.run(async { sleep(1.secs()).await }));
    assert!(poll_once(run.as_mut()).is_pending());
    assert_eq!(w.manual.timers(), 1);
    cancel.cancel("enough");
    let Poll::Ready(Ok(Err(SleepError::Cancelled(cause)))) = poll_once(run.as_mut()) else {
        panic!("the sleep says that it was cancelled");
    };
    assert_eq!(cause.to_string(), "enough");
    assert_eq!(w.manual.timers(), 0);

    let timed = w.root.with_timeout(1.millis());
    let mut run = pin!(timed.run(async { sleep(1.secs()).await }));
    assert!(poll_once(run.as_mut()).is_pending());
    w.manual.advance(1.millis());
    let ended = poll_once(run.as_mut());
    assert!(matches!(ended, Poll::Ready(Ok(Err(SleepError::Deadline)))));
}

#[test]
fn run_gives_the_output_of_what_is_ready_even_when_the_context_has_ended() {
    let w = World::new();
    let expired = w.root.with_timeout(Duration::ZERO);
    assert_eq!(block_on(expired.run(async { 5 })).unwrap(), 5);
    assert!(block_on(expired.run(std::future::pending::<()>())).is_err());
}

#[test]
fn run_makes_the_context_current_in_polls_only_and_nests() {
    let w = World::new();
    let outer = w.root.with_value("outer");
    let inner = outer.with_value("inner");
    let seen = || Context::current().and_then(|c| c.value::<&str>().copied());
    block_on(async {
        assert_eq!(seen(), None);
        outer
            .run(async {
                assert_eq!(seen(), Some("outer"));
                let mut nested = pin!(inner.run(async {
                    assert_eq!(seen(), Some("inner"));
                    std::future::pending::<()>().await;
                }));
                assert!(poll_once(nested.as_mut()).is_pending());
                assert_eq!(seen(), Some("outer"));
            })
            .await
            .unwrap();
        assert_eq!(seen(), None);
    });
}

#[test]
fn run_restores_the_current_context_after_a_panic() {
    let w = World::new();
    let outer = w.root.with_value("outer");
    let inner = outer.with_value("inner");
    let seen = || Context::current().and_then(|c| c.value::<&str>().copied());
    block_on(outer.run(async {
        let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
            block_on(inner.run(async { std::panic::resume_unwind(Box::new("boom")) }))
        }));
        assert!(caught.is_err());
        assert_eq!(seen(), Some("outer"));
    }))
    .unwrap();
    assert_eq!(seen(), None);
}
