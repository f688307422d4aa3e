//! Cancel: what is done when it returns, and with which cause.

use std::time::Duration;

use greenroom_core::error::Cause;
use greenroom_core::time::Durations;

use crate::{World, check};

#[test]
fn ctx_02_second_cancel_changes_nothing() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    check(&context, None);
    cancel.cancel();
    check(&context, "cancelled: cancelled");
    cancel.cancel();
    cancel.clone().cancel();
    check(&context, "cancelled: cancelled");
    check(&w.root, None);

    let (context, cancel) = w.root.with_cancel_cause();
    cancel.cancel("first");
    cancel.cancel("second");
    check(&context, "cancelled: first");
}

#[test]
fn ctx_03_every_layer_is_done_when_cancel_returns() {
    for _ in 0..500 {
        let w = World::new();
        let (top, cancel) = w.root.with_cancel();
        let mut layers = vec![top];
        for layer in 0..5_u32 {
            let last = layers.last().unwrap();
            layers.push(last.with_value(layer).with_timeout(3600.secs()));
        }
        cancel.cancel();
        for layer in &layers {
            check(layer, "cancelled: cancelled");
        }
        assert_eq!(layers.last().unwrap().value::<u32>(), Some(&4));
        assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
    }
}

#[test]
fn ctx_05_a_child_of_a_cancelled_parent_is_done_at_once_with_its_cause() {
    let w = World::new();
    let (parent, cancel) = w.root.with_cancel_cause();
    cancel.cancel("parent");
    let (child, own) = parent.with_cancel_cause();
    check(&child, "cancelled: parent");
    own.cancel("own");
    check(&child, "cancelled: parent");
    let timed = parent.with_timeout_cause(1.secs(), "slow");
    check(&timed, "cancelled: parent");
    assert!(timed.deadline().is_some());
    check(&parent.with_timeout(Duration::ZERO), "cancelled: parent");
    assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
}

#[test]
fn ctx_08_a_cancel_without_a_cause_fixes_the_cause() {
    let w = World::new();
    let (parent, cancel_parent) = w.root.with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel();
    cancel_child.cancel();
    cancel_parent.cancel("late");
    check(&child, "cancelled: cancelled");
    check(&parent, "cancelled: late");

    let (parent, cancel_parent) = w.root.with_cancel();
    let (child, cancel_child) = parent.with_cancel_cause();
    cancel_parent.cancel();
    cancel_child.cancel("late");
    check(&child, "cancelled: cancelled");
}

#[test]
fn a_child_with_its_own_cause_keeps_it_when_the_parent_is_cancelled() {
    let w = World::new();
    let (parent, cancel_parent) = w.root.with_cancel_cause();
    let (child, cancel_child) = parent.with_cancel_cause();
    let (sibling, _) = parent.with_cancel();
    let (below, _) = child.with_cancel();
    cancel_child.cancel("child");
    check(&parent, None);
    check(&sibling, None);
    check(&below, "cancelled: child");
    cancel_parent.cancel("parent");
    check(&below, "cancelled: child");
    check(&sibling, "cancelled: parent");
}

#[test]
fn the_cause_is_the_error_that_was_given() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel_cause();
    cancel.cancel(Cause::new(std::io::Error::other("disk gone")));
    let cause = context.with_value(1_u8).cause().unwrap();
    let error = cause.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(error.to_string(), "disk gone");
}

#[test]
fn a_dropped_handle_neither_cancels_nor_leaks() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    drop(cancel);
    check(&context, None);
    w.cancel.cancel("root");
    check(&context, "cancelled: root");
}

#[test]
fn a_handle_outlives_its_context_and_does_nothing_then() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    drop(context);
    cancel.cancel();
    check(&w.root, None);
}

#[test]
fn a_cancel_reaches_a_grandchild_whose_parent_was_dropped() {
    let w = World::new();
    let (parent, cancel) = w.root.with_cancel();
    let grandchild = parent.with_cancel().0.with_cancel().0;
    drop(parent);
    check(&grandchild, None);
    cancel.cancel();
    check(&grandchild, "cancelled: cancelled");
}

#[test]
fn a_parent_is_cancelled_after_its_child_was_dropped() {
    let w = World::new();
    let (parent, cancel) = w.root.with_cancel();
    let (first, _) = parent.with_cancel();
    let (second, _) = parent.with_cancel();
    drop(first);
    // It takes the place of the first in the list.
    let (third, cancel_third) = parent.with_cancel_cause();
    drop(second);
    cancel_third.cancel("third");
    let (fourth, _) = parent.with_cancel();
    drop(third);
    check(&fourth, None);
    cancel.cancel();
    check(&fourth, "cancelled: cancelled");
}
