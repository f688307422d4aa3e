//! Many contexts, and long chains of them.

use std::time::Duration;

use greenroom_core::Context;
use greenroom_core::time::Durations;

use crate::{World, check};

#[test]
fn a_hundred_thousand_children_come_go_and_end_in_constant_time_each() {
    let w = World::new();
    let (parent, cancel) = w.root.with_cancel();
    let mut children: Vec<_> = (1..=100_000_u64)
        .map(|i| parent.with_timeout(Duration::from_secs(i)))
        .collect();
    assert_eq!(w.registry.deadlines(), 100_000);
    assert_eq!(w.manual.timers(), 100_000);
    // Dropped from the front, the middle and the back; were a removal a search, this would not end.
    let kept = children.split_off(50_000);
    drop(children);
    assert_eq!(w.registry.deadlines(), 50_000);
    assert_eq!(w.manual.timers(), 50_000);
    let again: Vec<_> = (0..50_000).map(|_| parent.with_cancel()).collect();
    for (_, cancel) in &again {
        cancel.cancel();
    }
    cancel.cancel();
    assert!(kept.iter().all(Context::is_done));
    assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
}

#[test]
fn dropped_contexts_leave_no_entry() {
    let w = World::new();
    for i in 0..1000 {
        let timed = w.root.with_timeout(1.secs());
        let below = timed.with_value(i).with_timeout(1.millis());
        let (leaf, _) = below.with_cancel();
        drop(timed);
        drop(below);
        assert_eq!((w.manual.timers(), w.registry.deadlines()), (2, 2));
        drop(leaf);
        assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
    }
}

#[test]
fn a_chain_of_a_hundred_thousand_is_cancelled_and_dropped_without_recursion() {
    for cancelled in [false, true] {
        let w = World::new();
        let (top, cancel) = w.root.with_cancel();
        let mut leaf = top.clone();
        for _ in 0..100_000 {
            leaf = leaf.with_cancel().0;
        }
        if cancelled {
            cancel.cancel();
            check(&leaf, "cancelled: cancelled");
        }
        drop(top);
        drop(leaf);
    }
}

#[test]
fn a_chain_of_a_hundred_thousand_values_is_searched_and_dropped_without_recursion() {
    let w = World::new();
    let mut leaf = w.root.with_value("bottom");
    for i in 0..100_000_u32 {
        leaf = leaf.with_value(i);
    }
    assert_eq!(leaf.value::<&str>(), Some(&"bottom"));
    assert_eq!(leaf.value::<u32>(), Some(&99_999));
    assert_eq!(leaf.value::<u64>(), None);
    drop(leaf);
}
