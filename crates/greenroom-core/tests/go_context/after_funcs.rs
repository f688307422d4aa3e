//! Functions that run after a context.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use greenroom_core::Context;
use greenroom_core::context::AfterFunc;
use greenroom_core::time::Durations;
use parking_lot::Mutex;

use crate::threads::race;
use crate::{World, check, flag, raise};

#[test]
fn ctx_23_after_a_cancelled_context_it_runs_at_once_in_its_own_task() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    cancel.cancel();
    let (ran, has_run) = flag();
    let mut after = context.after_func(raise(&ran));
    assert!(!has_run(), "not inline");
    assert!(!after.stop());
    assert_eq!(w.manual.run_spawned(), 1);
    assert!(has_run());
}

#[test]
fn ctx_26_an_after_function_may_cancel_its_context_and_stop_itself() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    let own = Arc::new(Mutex::new(None::<AfterFunc>));
    let (stopped, was_stopped) = flag();
    let (inside, cancel_inside) = (own.clone(), cancel.clone());
    let after = context.after_func(async move {
        cancel_inside.cancel();
        let taken_back = inside.lock().as_mut().unwrap().stop();
        stopped.store(taken_back, SeqCst);
    });
    *own.lock() = Some(after);
    cancel.cancel();
    assert_eq!(w.manual.run_spawned(), 1);
    assert!(!was_stopped());
}

#[test]
fn an_after_function_runs_once_after_a_cancel_or_a_deadline() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    let count = Arc::new(AtomicUsize::new(0));
    let register = |context: &Context| {
        let count = count.clone();
        context.after_func(async move {
            count.fetch_add(1, SeqCst);
        })
    };
    // The same function twice is two functions.
    let mut kept = register(&context);
    let _ = register(&context);
    let timed = context.with_timeout(1.secs());
    let _ = register(&timed);
    assert_eq!(w.manual.run_spawned(), 0);
    w.manual.advance(1.secs());
    assert_eq!(w.manual.run_spawned(), 1);
    cancel.cancel();
    cancel.cancel();
    assert_eq!(w.manual.run_spawned(), 2);
    assert_eq!(count.load(SeqCst), 3);
    assert!(!kept.stop());
}

#[test]
fn a_stopped_after_function_never_runs_and_the_second_stop_is_false() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    let held = Arc::new(());
    let inside = held.clone();
    let mut after = context.after_func(async move { drop(inside) });
    let (ran, has_run) = flag();
    let mut other = context.after_func(raise(&ran));
    assert!(after.stop());
    assert_eq!(Arc::strong_count(&held), 1, "it is dropped by the stop");
    assert!(!after.stop());
    // It has the place that the first one had.
    let (ran_late, late_has_run) = flag();
    let _ = context.after_func(raise(&ran_late));
    assert!(!after.stop());
    cancel.cancel();
    assert_eq!(w.manual.run_spawned(), 2);
    assert!(has_run() && late_has_run());
    assert!(!other.stop());
}

#[test]
fn an_after_function_sees_the_values_but_not_the_end() {
    let w = World::new();
    let (context, cancel) = w.root.with_value(7_u32).with_cancel();
    let (right, was_right) = flag();
    let _ = context.after_func(async move {
        let current = Context::current().unwrap();
        let fine = current.err().is_none() && current.value::<u32>() == Some(&7);
        right.store(fine, SeqCst);
    });
    cancel.cancel();
    w.manual.run_spawned();
    assert!(was_right());
}

#[test]
fn an_after_function_runs_although_its_context_was_dropped() {
    // By the handle, by an ancestor, and by the deadline: in Go each of them holds the context.
    for way in 0..3 {
        let w = World::new();
        let (context, cancel) = w.root.with_timeout(1.secs()).with_cancel();
        let (ran, has_run) = flag();
        let _ = context.after_func(raise(&ran));
        drop(context);
        match way {
            0 => cancel.cancel(),
            1 => w.cancel.cancel("root"),
            _ => w.manual.advance(1.secs()),
        }
        assert_eq!(w.manual.run_spawned(), 1, "way {way}");
        assert!(has_run());
        drop(cancel);
        if way == 0 {
            assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
        }
    }
}

#[test]
fn a_stopped_after_function_lets_its_dropped_context_go() {
    let w = World::new();
    let value = Arc::new(());
    let context = w.root.with_timeout(1.secs());
    let inside = value.clone();
    let mut after = context.after_func(async move { drop(inside) });
    drop(context);
    assert_eq!(w.manual.timers(), 1, "the function still waits for it");
    assert!(after.stop());
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
}

#[test]
fn contexts_that_cancel_each_other_do_not_deadlock() {
    let w = World::new();
    let (parent, cancel_parent) = w.root.with_cancel();
    let (child, cancel_child) = parent.with_cancel();
    let inside = cancel_parent.clone();
    let _ = child.after_func(async move { inside.cancel() });
    let inside = cancel_child.clone();
    let _ = parent.after_func(async move { inside.cancel() });
    cancel_child.cancel();
    assert_eq!(w.manual.run_spawned(), 1);
    check(&parent, "cancelled: cancelled");
    assert_eq!(w.manual.run_spawned(), 1);
}

#[test]
fn an_after_function_is_stopped_or_started_never_both() {
    for _ in 0..300 {
        let w = World::new();
        let (context, cancel) = w.root.with_cancel();
        let mut after = context.after_func(async {});
        let mut stopped = false;
        race(&mut [&mut || stopped = after.stop(), &mut || cancel.cancel()]);
        assert_eq!(w.manual.run_spawned(), usize::from(!stopped));
    }
}

#[test]
fn an_after_function_of_a_descendant_runs_when_an_ancestor_ends() {
    let w = World::new();
    let (top, cancel) = w.root.with_cancel_cause();
    let leaf = top.with_value(1_u8).with_timeout(1.secs()).with_cancel().0;
    let (ran, has_run) = flag();
    let _ = leaf.after_func(raise(&ran));
    // One that is detached has an end of its own only.
    let (wrong, has_gone_wrong) = flag();
    let _ = leaf.without_cancel().after_func(raise(&wrong));
    cancel.cancel("top");
    w.manual.run_spawned();
    assert!(has_run() && !has_gone_wrong());
}

#[test]
fn two_contexts_are_merged_by_an_after_function() {
    // The one that ends first ends the merged one, with its cause.
    for first in 0..2 {
        let w = World::new();
        let (a, cancel_a) = w.root.with_value("a").with_cancel_cause();
        let (b, cancel_b) = w.root.with_cancel_cause();
        let (merged, cancel) = a.with_cancel_cause();
        let source = b.clone();
        let mut after = b.after_func(async move {
            if let Some(cause) = source.cause() {
                cancel.cancel(cause);
            }
        });
        if first == 0 {
            cancel_a.cancel("by a");
            check(&merged, "cancelled: by a");
            assert!(after.stop(), "it is taken back when it is not needed");
            cancel_b.cancel("by b");
            w.manual.run_spawned();
            check(&merged, "cancelled: by a");
        } else {
            cancel_b.cancel("by b");
            w.manual.run_spawned();
            check(&merged, "cancelled: by b");
            check(&a, None);
            assert!(!after.stop());
        }
        assert_eq!(merged.value::<&str>(), Some(&"a"));
    }
}
