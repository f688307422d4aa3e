//! Deadlines, and the timers behind them.

use std::time::Duration;

use greenroom_core::error::Cause;
use greenroom_core::time::Durations;

use crate::{World, check};

#[test]
fn ctx_09_a_cancel_after_the_deadline_changes_nothing() {
    let w = World::new();
    let (parent, cancel) = w.root.with_cancel();
    let context = parent.with_timeout(15.millis());
    assert_eq!(context.remaining(), Some(15.millis()));
    check(&context, None);
    w.manual.advance(15.millis() - Duration::from_nanos(1));
    check(&context, None);
    w.manual.advance(Duration::from_nanos(1));
    check(&context, "deadline: deadline exceeded");
    assert!(context.err().unwrap().is_deadline());
    cancel.cancel();
    check(&context, "deadline: deadline exceeded");
    check(&parent, "cancelled: cancelled");
    assert_eq!(context.remaining(), Some(Duration::ZERO));
}

#[test]
fn ctx_10_a_deadline_in_the_past_needs_no_timer() {
    let w = World::new();
    w.manual.advance(7200.secs());
    let zero = w.root.with_timeout(Duration::ZERO);
    check(&zero, "deadline: deadline exceeded");
    let past = w.root.with_deadline(w.root.now() - 3600.secs());
    check(&past, "deadline: deadline exceeded");
    check(&past.with_cancel().0, "deadline: deadline exceeded");
    let caused = w.root.with_deadline_cause(w.root.now(), "late");
    check(&caused, "deadline: late");
    assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
}

#[test]
fn ctx_11_a_cancel_before_the_deadline_stays() {
    let w = World::new();
    let (parent, cancel) = w.root.with_cancel();
    let context = parent.with_timeout(10.millis());
    let at = context.deadline();
    cancel.cancel();
    assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
    w.manual.advance(20.millis());
    check(&context, "cancelled: cancelled");
    assert!(at.is_some() && context.deadline() == at);
}

#[test]
fn ctx_15_the_cause_of_a_deadline_is_used_only_if_it_passes() {
    let w = World::new();
    let expired = w.root.with_timeout_cause(5.millis(), "too slow");
    let (parent, cancel) = w.root.with_cancel();
    let early = parent.with_timeout_cause(5.millis(), "too slow");
    cancel.cancel();
    w.manual.advance(5.millis());
    check(&expired, "deadline: too slow");
    check(&early, "cancelled: cancelled");
}

#[test]
fn the_earlier_deadline_of_a_chain_stays_in_force_with_its_cause() {
    let w = World::new();
    let outer = w.root.with_timeout_cause(10.millis(), "outer");
    let later = outer.with_timeout_cause(20.millis(), "inner");
    assert_eq!(later.deadline(), outer.deadline());
    assert_eq!(w.manual.timers(), 1, "the later one needs no timer");
    let same = outer.with_timeout_cause(10.millis(), "inner");
    let sooner = outer.with_timeout_cause(5.millis(), "sooner");
    w.manual.advance(5.millis());
    check(&sooner, "deadline: sooner");
    check(&outer, None);
    w.manual.advance(5.millis());
    for context in [&outer, &later, &same] {
        check(context, "deadline: outer");
    }
    assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
}

#[test]
fn a_deadline_is_inherited_through_cancels_and_values() {
    let w = World::new();
    let timed = w.root.with_timeout(10.millis());
    let leaf = timed.with_value(1_u8).with_cancel().0.with_value(2_u16);
    assert_eq!(leaf.deadline(), timed.deadline());
    w.manual.advance(10.millis());
    check(&leaf, "deadline: deadline exceeded");
}

#[test]
fn a_timeout_beyond_the_clock_is_never() {
    let w = World::new();
    let context = w.root.with_timeout(Duration::MAX);
    assert_eq!(context.deadline(), None);
    assert_eq!(w.manual.timers(), 0);
    let bounded = w.root.with_timeout(1.secs()).with_timeout(Duration::MAX);
    assert_eq!(bounded.remaining(), Some(1.secs()));
}

#[test]
fn the_registry_lists_and_cancels_what_is_due() {
    let w = World::new();
    let soon = w.root.with_timeout(1.secs());
    let late = w.root.with_timeout(2.secs());
    let at = soon.deadline().unwrap();
    assert!(w.registry.deadlines_due(w.root.now()).is_empty());
    assert_eq!(w.registry.deadlines_due(at), [at]);
    w.registry.cancel_deadlines(at, &Cause::from("swept"));
    check(&soon, "cancelled: swept");
    check(&late, None);
    assert_eq!((w.manual.timers(), w.registry.deadlines()), (1, 1));
}
