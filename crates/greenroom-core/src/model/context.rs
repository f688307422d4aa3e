//! The tree of contexts: marks, causes, after-functions.

use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::atomic::{AtomicUsize, Ordering};

use super::check;
use super::table::{Table, block_on, join, poll_once, spawn};
use crate::Context;
use crate::error::Cause;

const SECOND: Duration = Duration::from_secs(1);

fn cause(text: &'static str) -> Cause {
    Cause::new(std::io::Error::other(text))
}

fn shown(context: &Context) -> Option<String> {
    context.cause().map(|cause| cause.to_string())
}

#[test]
fn a_cancel_that_returned_has_marked_the_subtree() {
    check(|| {
        let table = Table::new();
        let (top, cancel) = table.root().with_cancel();
        let made = Arc::new(std::sync::Mutex::new(Vec::new()));
        let making = {
            let (top, made) = (top.clone(), made.clone());
            spawn(move || {
                let (child, _) = top.with_cancel();
                let grandchild = child.with_timeout(SECOND);
                if let Ok(mut made) = made.lock() {
                    made.push(grandchild.clone());
                }
                let (leaf, _) = grandchild.with_cancel();
                // The middle may go: it is held from below.
                drop(child);
                drop(grandchild);
                leaf
            })
        };
        cancel.cancel();
        let known = made.lock().map(|made| made.clone()).unwrap_or_default();
        assert!(top.is_done() && known.iter().all(Context::is_done));
        let leaf = join(making);
        assert!(leaf.is_done());
        drop((known, made, leaf, top));
        assert_eq!(table.timers(), 0);
    });
}

#[test]
fn two_cancels_leave_each_context_its_first_cause() {
    check(|| {
        let table = Table::new();
        let (top, end_top) = table.root().with_cancel_cause();
        let (child, end_child) = top.with_cancel_cause();
        let (leaf, _) = child.with_cancel();
        let looking = {
            let (child, leaf) = (child.clone(), leaf.clone());
            spawn(move || {
                let (first, leaf) = (shown(&child), shown(&leaf));
                let second = shown(&child);
                assert!(first.is_none() || first == second);
                // From the parent, never past it.
                assert!(leaf.is_none() || leaf == second, "{leaf:?} {second:?}");
            })
        };
        let ending = {
            let leaf = leaf.clone();
            spawn(move || {
                end_child.cancel(cause("child"));
                assert!(leaf.is_done());
            })
        };
        end_top.cancel(cause("top"));
        assert!(top.is_done() && child.is_done() && leaf.is_done());
        assert_eq!(shown(&top), Some("top".to_owned()));
        let at_first = shown(&leaf);
        join(ending);
        join(looking);
        assert_eq!(shown(&leaf), at_first);
        assert_eq!(shown(&leaf), shown(&child));
    });
}

#[test]
fn a_deadline_and_a_cancel_race() {
    check(|| {
        let table = Table::new();
        let root = table.root();
        let (above, cancel) = root.with_cancel();
        let making = table.spawn(move || {
            let context = above.with_timeout(SECOND);
            let seen = context.err();
            (context, seen)
        });
        let ticking = {
            let table = table.clone();
            spawn(move || table.advance(SECOND))
        };
        cancel.cancel();
        let (context, seen) = join(making);
        join(ticking);
        let end = context.err();
        assert!(end.is_some());
        if let (Some(seen), Some(end)) = (seen, end) {
            assert_eq!(seen.is_deadline(), end.is_deadline());
        }
        // At its end, not only when it is dropped.
        assert_eq!((table.timers(), root.registry().deadlines()), (0, 0));
    });
}

#[test]
fn an_after_function_runs_once_or_is_taken_back() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let ran = Arc::new(AtomicUsize::new(0));
        let counting = ran.clone();
        let mut after = context.after_func(async move {
            counting.fetch_add(1, Ordering::SeqCst);
        });
        let again = spawn({
            let cancel = cancel.clone();
            move || cancel.cancel()
        });
        // The last context goes while the function is registered.
        let dropping = spawn(move || drop(context));
        let stopping = spawn(move || after.stop());
        cancel.cancel();
        join(again);
        join(dropping);
        let taken_back = join(stopping);
        let started = table.run_spawned();
        assert_eq!(started, usize::from(!taken_back));
        assert_eq!(ran.load(Ordering::SeqCst), started);
    });
}

#[test]
fn an_after_function_that_is_registered_beside_a_cancel_runs_once() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let registering = spawn(move || {
            let _ = context.after_func(async {});
        });
        cancel.cancel();
        join(registering);
        assert_eq!(table.run_spawned(), 1);
        assert_eq!(table.run_spawned(), 0);
    });
}

#[test]
fn who_waits_for_the_end_is_woken() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (child, _) = context.with_cancel();
                spawn(move || block_on(child.done()))
            })
            .collect();
        let leaving = spawn(move || {
            let mut done = context.done();
            let _polled = poll_once(&mut done);
        });
        cancel.cancel();
        for end in waiting.into_iter().map(join) {
            assert!(!end.is_deadline());
        }
        join(leaving);
    });
}

#[test]
fn a_child_that_goes_takes_only_its_own_place() {
    check(|| {
        let table = Table::new();
        let (top, cancel) = table.root().with_cancel();
        let coming: Vec<_> = (0..2)
            .map(|_| {
                let top = top.clone();
                spawn(move || {
                    drop(top.with_cancel());
                    top.with_cancel().0
                })
            })
            .collect();
        cancel.cancel();
        for child in coming.into_iter().map(join) {
            assert!(child.is_done());
        }
    });
}

#[test]
fn a_child_is_made_in_time_or_made_ended() {
    check(|| {
        let table = Table::new();
        let (top, cancel) = table.root().with_cancel();
        let making = spawn(move || top.with_cancel().0);
        cancel.cancel();
        assert!(join(making).is_done());
    });
}
