//! Values, and contexts without cancel that keep them.

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::time::Durations;

use crate::{World, check};

#[test]
fn ctx_17_a_detached_context_keeps_the_values_and_nothing_else() {
    let w = World::new();
    let (parent, cancel) = w.root.with_value("v").with_cancel_cause();
    let timed = parent.with_timeout(1.secs());
    let detached = timed.without_cancel();
    let (child, cancel_child) = detached.with_cancel_cause();
    cancel.cancel("old");
    check(&timed, "cancelled: old");
    check(&detached, None);
    check(&child, None);
    assert_eq!(detached.deadline(), None);
    assert_eq!(detached.value::<&str>(), Some(&"v"));
    cancel_child.cancel("own");
    check(&child, "cancelled: own");
    check(&detached, None);
    check(&timed.without_cancel(), None);
    check(
        &timed.without_cancel().with_timeout(Duration::ZERO),
        "deadline: deadline exceeded",
    );
}

#[test]
fn ctx_19_values_of_different_types_never_meet() {
    #[derive(Debug, PartialEq)]
    struct Mine(&'static str);
    #[derive(Debug, PartialEq)]
    struct Theirs(&'static str);
    let w = World::new();
    let context = w.root.with_value(Mine("key"));
    assert_eq!(context.value::<Mine>(), Some(&Mine("key")));
    assert_eq!(context.value::<Theirs>(), None);
    assert_eq!(context.value::<&str>(), None);
    assert_eq!(w.root.value::<Mine>(), None);
}

#[test]
fn ctx_20_an_explicit_none_hides_the_value_above() {
    let w = World::new();
    let context = w.root.with_value(Some(1_u32));
    let hidden = context.with_value(None::<u32>).with_value(2_u8);
    assert_eq!(hidden.value::<Option<u32>>(), Some(&None));
    assert_eq!(context.value::<Option<u32>>(), Some(&Some(1)));
}

#[test]
fn the_nearest_value_wins_and_siblings_do_not_see_it() {
    let w = World::new();
    let a = w.root.with_value(1_u32).with_value("x");
    let b = a.with_cancel().0.with_value(2_u32).with_timeout(1.secs());
    let c = a.with_value(3_u32);
    assert_eq!(a.value::<u32>(), Some(&1));
    assert_eq!(b.value::<u32>(), Some(&2));
    assert_eq!(c.value::<u32>(), Some(&3));
    assert_eq!(b.value::<&str>(), Some(&"x"));
    assert!(a.ends_with(&c) && !a.ends_with(&b));
}

#[test]
fn a_value_is_dropped_with_the_last_context_that_sees_it() {
    let w = World::new();
    let value = Arc::new(());
    let context = w.root.with_value(value.clone());
    let below = context.with_value(1_u8).with_cancel().0;
    drop(context);
    assert_eq!(Arc::strong_count(&value), 2);
    drop(below);
    assert_eq!(Arc::strong_count(&value), 1);
}
