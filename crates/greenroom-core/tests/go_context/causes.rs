//! Who gives the cause: each way to end a context, at each distance.

use std::error::Error as _;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use greenroom_core::error::{Cause, ContextError};
use greenroom_core::time::Durations;
use greenroom_core::{Context, Failure};

use crate::{World, check, poll_once};

#[test]
fn the_first_end_gives_the_cause_at_every_depth() {
    // Who is ended first: the parent or the child, with a cause or without, or by a deadline.
    type End = fn(&World, &greenroom_core::context::CancelCauseHandle);
    let ends: [(End, &str); 3] = [
        (|_, cancel| cancel.cancel("own"), "cancelled: own"),
        (
            |_, cancel| cancel.cancel(Cause::Cancelled),
            "cancelled: cancelled",
        ),
        (|w, _| w.manual.advance(1.secs()), "deadline: slow"),
    ];
    for (end, shown) in ends {
        let w = World::new();
        let (top, cancel) = w.root.with_cancel_cause();
        let timed = top.with_timeout_cause(1.secs(), "slow");
        let (below, cancel_below) = timed.with_cancel_cause();
        let leaf = below.with_value(1_u8).with_timeout_cause(2.secs(), "later");
        end(&w, &cancel);
        for context in [&timed, &below, &leaf] {
            check(context, shown);
        }
        // Whatever comes later changes nothing.
        cancel_below.cancel("late");
        cancel.cancel("late");
        w.manual.advance(3.secs());
        for context in [&timed, &below, &leaf] {
            check(context, shown);
        }
    }
}

#[test]
fn a_deadline_of_a_child_ends_the_child_alone() {
    let w = World::new();
    let outer = w.root.with_timeout_cause(2.secs(), "outer");
    let inner = outer.with_timeout_cause(1.secs(), "inner");
    let sibling = outer.with_cancel().0;
    w.manual.advance(1.secs());
    check(&inner, "deadline: inner");
    check(&outer, None);
    check(&sibling, None);
    w.manual.advance(1.secs());
    check(&inner, "deadline: inner");
    check(&sibling, "deadline: outer");
}

#[test]
fn a_cause_for_a_deadline_in_the_past_is_the_cause_at_once() {
    let w = World::new();
    w.manual.advance(10.secs());
    let past = w.root.now() - 1.secs();
    check(
        &w.root.with_deadline_cause(past, "missed"),
        "deadline: missed",
    );
    check(
        &w.root.with_timeout_cause(Duration::ZERO, "missed"),
        "deadline: missed",
    );
    // Below one that was cancelled before, the parent's end comes first.
    let (parent, cancel) = w.root.with_cancel_cause();
    cancel.cancel("parent");
    check(
        &parent.with_deadline_cause(past, "missed"),
        "cancelled: parent",
    );
}

#[test]
fn an_error_as_the_cause_is_found_behind_every_layer() {
    let w = World::new();
    let (top, cancel) = w.root.with_cancel_cause();
    let leaf = top.with_timeout(1.secs()).with_value(1_u8).with_cancel().0;
    cancel.cancel(Cause::new(std::io::Error::other("disk gone")));
    let Some(ContextError::Cancelled(cause)) = leaf.err() else {
        panic!("it was cancelled");
    };
    let error: &std::io::Error = cause.downcast_ref().unwrap();
    assert_eq!(error.to_string(), "disk gone");
    assert!(cause.downcast_ref::<std::fmt::Error>().is_none());
}

#[test]
fn the_two_ends_are_told_apart_and_shown_as_errors() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel_cause();
    cancel.cancel("stop");
    let cancelled = context.err().unwrap();
    assert!(!cancelled.is_deadline());
    assert_eq!(cancelled.to_string(), "context cancelled: stop");

    let deadline = w.root.with_timeout(Duration::ZERO).err().unwrap();
    assert!(deadline.is_deadline());
    assert_eq!(deadline.to_string(), "context deadline exceeded");
    assert!(deadline.source().is_none());

    // `?` takes it, and gives it back.
    let failed = |context: &Context| -> greenroom_core::Result<()> { Ok(context.check()?) };
    let failure: Failure = failed(&context).unwrap_err();
    let found: &ContextError = failure.downcast_ref().unwrap();
    assert_eq!(found.cause().to_string(), "stop");
    assert!(failed(&w.root).is_ok());
}

#[test]
fn done_completes_for_everyone_and_as_often_as_it_is_asked() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel_cause();
    let mut before = pin!(context.done());
    let mut other = pin!(context.with_value(1_u8).done());
    assert!(poll_once(before.as_mut()).is_pending());
    assert!(poll_once(other.as_mut()).is_pending());
    cancel.cancel("stop");
    for _ in 0..3 {
        let Poll::Ready(error) = poll_once(pin!(context.done())) else {
            panic!("it is done");
        };
        assert_eq!(error.cause().to_string(), "stop");
    }
    assert!(poll_once(before.as_mut()).is_ready());
    assert!(poll_once(other.as_mut()).is_ready());
}

#[test]
fn a_detached_context_outlives_the_root_and_detaching_again_changes_nothing() {
    let w = World::new();
    let detached = w.root.with_value(7_u32).without_cancel();
    let again = detached.without_cancel();
    let timed = again.with_timeout_cause(1.secs(), "own");
    w.cancel.cancel("root");
    check(&detached, None);
    check(&again, None);
    check(&timed, None);
    assert!(poll_once(pin!(detached.done())).is_pending());
    assert_eq!(again.value::<u32>(), Some(&7));
    assert_eq!(timed.value::<u32>(), Some(&7));
    w.manual.advance(1.secs());
    check(&timed, "deadline: own");
    check(&again, None);
}
