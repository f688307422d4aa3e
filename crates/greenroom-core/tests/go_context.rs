//! What Go's package `context` promises. Tests with a number show that row of the list of behaviours.
//!
//! Row 34 (a nil parent, a nil key, a key that cannot be compared) is ruled out by types: a context
//! derives from a reference, and its keys are types.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use greenroom_core::context::{AfterFunc, CancelCauseHandle};
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, block_on};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::registry::Registry;
use greenroom_core::time::{Durations, SleepError, sleep};
use greenroom_core::{Context, Id};
use parking_lot::Mutex;

struct World {
    manual: Arc<Manual>,
    registry: Registry,
    handle: Handle,
    root: Context,
    cancel: CancelCauseHandle,
}

impl World {
    fn new() -> Self {
        let (manual, registry) = (Manual::new(), Registry::new());
        let handle = Handle::new(manual.clone(), false);
        let (root, cancel) = Context::root(Id::root(), handle.clone(), registry.clone());
        Self {
            manual,
            registry,
            handle,
            root,
            cancel,
        }
    }
}

/// Checks how a context ended: `None`, `"cancelled: <cause>"` or `"deadline: <cause>"`.
#[track_caller]
fn check(context: &Context, expected: impl Into<Option<&'static str>>) {
    let shown = context.err().map(|error| match error {
        ContextError::Cancelled(cause) => format!("cancelled: {cause}"),
        ContextError::Deadline(cause) => format!("deadline: {cause}"),
    });
    assert_eq!(shown.as_deref(), expected.into());
    assert_eq!(context.is_done(), shown.is_some());
    assert_eq!(context.cause().is_some(), shown.is_some());
    assert_eq!(poll_once(pin!(context.done())).is_ready(), shown.is_some());
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

fn cause(context: &Context) -> Option<String> {
    context.cause().map(|cause| cause.to_string())
}

fn flag() -> (Arc<AtomicBool>, impl Fn() -> bool) {
    let flag = Arc::new(AtomicBool::new(false));
    let read = flag.clone();
    (flag, move || read.load(SeqCst))
}

fn raise(flag: &Arc<AtomicBool>) -> impl Future<Output = ()> + Send + 'static {
    let flag = flag.clone();
    async move { flag.store(true, SeqCst) }
}

// Cancel.

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

// Deadlines.

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

// Detached contexts.

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

// Values.

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

// After-functions.

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

// Wake-ups.

struct Bell {
    rung: AtomicUsize,
    then: Box<dyn Fn() + Send + Sync>,
}

impl Bell {
    fn new(then: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            rung: AtomicUsize::new(0),
            then: Box::new(then),
        })
    }

    fn rung(&self) -> usize {
        self.rung.load(SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, SeqCst);
        (self.then)();
    }
}

#[test]
fn every_waiter_is_woken_once_and_a_dropped_one_never() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    let leaf = context.with_value(1_u8).with_cancel().0;
    let bells: Vec<_> = (0..8).map(|_| Bell::new(|| ())).collect();
    let mut waits: Vec<_> = bells
        .iter()
        .map(|bell| {
            let mut done = Box::pin(leaf.done());
            let waker = Waker::from(bell.clone());
            let polled = done.as_mut().poll(&mut TaskContext::from_waker(&waker));
            assert!(polled.is_pending());
            done
        })
        .collect();
    drop(waits.remove(3));
    cancel.cancel();
    let rung: Vec<_> = bells.iter().map(|bell| bell.rung()).collect();
    assert_eq!(rung, [1, 1, 1, 0, 1, 1, 1, 1]);
    for done in &mut waits {
        assert!(poll_once(done.as_mut()).is_ready());
    }
    assert!(bells.iter().all(|bell| Arc::strong_count(bell) == 1));
}

#[test]
fn a_waker_may_use_the_tree() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    let (inside, cancel_inside, root) = (context.clone(), cancel.clone(), w.root.clone());
    let bell = Bell::new(move || {
        cancel_inside.cancel();
        check(&inside.with_timeout(1.secs()), "cancelled: cancelled");
        drop(root.with_cancel());
        assert!(!inside.after_func(async {}).stop());
    });
    let waker = Waker::from(bell.clone());
    let mut done = pin!(context.done());
    let polled = done.as_mut().poll(&mut TaskContext::from_waker(&waker));
    assert!(polled.is_pending());
    cancel.cancel();
    assert_eq!(bell.rung(), 1);
}

// Running under a context.

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

// Size.

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

// Threads.

/// Runs each closure on a thread of its own, all let go at the same moment.
fn race(sides: &mut [&mut (dyn FnMut() + Send)]) {
    let barrier = Barrier::new(sides.len());
    thread::scope(|s| {
        for side in sides {
            let barrier = &barrier;
            s.spawn(move || {
                barrier.wait();
                side();
            });
        }
    });
}

/// Spins for a while, since a yield would put the two sides in step.
fn spin_until(ready: impl Fn() -> bool) {
    let mut spins = 0;
    while !ready() {
        spins += 1;
        if spins % 10_000 == 0 {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

/// A root with three layers of four children each, parents before children.
fn bush(top: &Context) -> Vec<(Option<usize>, Context, CancelCauseHandle)> {
    let (first, cancel) = top.with_cancel_cause();
    let mut all = vec![(None, first, cancel)];
    let mut layer = 0..1;
    for _ in 0..3 {
        let start = all.len();
        for parent in layer {
            for _ in 0..4 {
                let (child, cancel) = all[parent].1.with_cancel_cause();
                all.push((Some(parent), child, cancel));
            }
        }
        layer = start..all.len();
    }
    all
}

#[test]
fn when_one_of_two_racing_cancels_returns_every_descendant_is_done() {
    for round in 0..1000 {
        let w = World::new();
        let (parent, cancel) = w.root.with_cancel_cause();
        let nodes = bush(&parent);
        // The second cancels the same context, or one below.
        let below = if round % 2 == 0 {
            cancel.clone()
        } else {
            nodes[0].2.clone()
        };
        let all_done = |what| {
            let open = nodes.iter().filter(|(_, node, _)| !node.is_done()).count();
            assert_eq!(open, 0, "{what} has returned in round {round}");
        };
        race(&mut [
            &mut || {
                cancel.cancel("a");
                all_done("the first");
            },
            &mut || {
                below.cancel("b");
                all_done("the second");
            },
        ]);
        let top = cause(&nodes[0].1);
        assert!(nodes.iter().all(|(_, node, _)| cause(node) == top));
    }
}

#[test]
fn no_descendant_shows_another_cause_than_its_parent_unless_it_was_cancelled_itself() {
    for round in 0..300 {
        let w = World::new();
        let nodes = bush(&w.root);
        let last = nodes.len() - 1;
        // A context that nobody cancels by its own handle, looked at all the while.
        let (leaf, _) = nodes[last].1.with_cancel();
        race(&mut [
            &mut || nodes[0].2.cancel("node 0"),
            &mut || {
                nodes[1 + round % 4]
                    .2
                    .cancel(format!("node {}", 1 + round % 4))
            },
            &mut || nodes[last].2.cancel(format!("node {last}")),
            &mut || {
                let shown = loop {
                    if let Some(shown) = cause(&leaf) {
                        break shown;
                    }
                    thread::yield_now();
                };
                assert_eq!(cause(&nodes[last].1), Some(shown));
            },
        ]);
        for (i, (parent, node, _)) in nodes.iter().enumerate() {
            let shown = cause(node);
            let own = Some(format!("node {i}"));
            let inherited = parent.and_then(|parent| cause(&nodes[parent].1));
            assert!(
                shown == own || (shown.is_some() && shown == inherited),
                "node {i} shows {shown:?}, its parent {inherited:?}"
            );
        }
    }
}

#[test]
fn one_cancel_wins_of_many_threads() {
    for _ in 0..100 {
        let w = World::new();
        let (context, cancel) = w.root.with_cancel_cause();
        let (leaf, _) = context.with_cancel();
        let seen = Mutex::new(Vec::new());
        let mut sides: Vec<_> = (0..4)
            .map(|i| {
                let (cancel, leaf, seen) = (&cancel, &leaf, &seen);
                move || {
                    cancel.cancel(format!("thread {i}"));
                    seen.lock().push(cause(leaf).unwrap());
                }
            })
            .collect();
        let mut sides: Vec<_> = sides
            .iter_mut()
            .map(|side| side as &mut (dyn FnMut() + Send))
            .collect();
        race(&mut sides);
        let seen = seen.into_inner();
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|cause| *cause == seen[0]));
    }
}

#[test]
fn a_child_made_while_the_parent_is_being_cancelled_is_done() {
    let w = World::new();
    let parents: Vec<_> = (0..40_000).map(|_| w.root.with_cancel()).collect();
    let (round, returned) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut missed = 0;
    thread::scope(|s| {
        s.spawn(|| {
            for (i, (_, cancel)) in parents.iter().enumerate() {
                spin_until(|| round.load(SeqCst) > i);
                // At another point of the making each time.
                (0..i % 512).for_each(|_| std::hint::spin_loop());
                cancel.cancel();
                returned.store(i + 1, SeqCst);
            }
        });
        for (i, (parent, _)) in parents.iter().enumerate() {
            let mut children = Vec::new();
            round.store(i + 1, SeqCst);
            while !parent.is_done() {
                children.push(parent.with_cancel().0);
                if children.len() % 4096 == 0 {
                    thread::yield_now();
                }
            }
            // The parent shows its end a moment before the walk has reached every child.
            spin_until(|| returned.load(SeqCst) > i);
            missed += children.iter().filter(|child| !child.is_done()).count();
        }
    });
    assert_eq!(missed, 0);
}

#[test]
fn waits_that_begin_during_a_cancel_are_woken() {
    for _ in 0..300 {
        let w = World::new();
        let (context, cancel) = w.root.with_cancel();
        let leaf = context.with_cancel().0;
        race(&mut [
            &mut || {
                block_on(leaf.done());
            },
            &mut || {
                block_on(context.done());
            },
            &mut || cancel.cancel(),
        ]);
    }
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
fn drops_racing_a_cancel_leave_nothing() {
    for _ in 0..300 {
        let w = World::new();
        let (parent, cancel) = w.root.with_cancel();
        let mut leaf = Some((0..20).fold(parent.clone(), |c, _| c.with_timeout(1.secs())));
        let mut others: Vec<_> = (0..20).map(|_| parent.with_timeout(1.secs())).collect();
        race(&mut [
            &mut || drop(leaf.take()),
            &mut || others.clear(),
            &mut || cancel.cancel(),
        ]);
        assert_eq!((w.manual.timers(), w.registry.deadlines()), (0, 0));
    }
}
