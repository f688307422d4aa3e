//! Cancels on several threads at once.

use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use greenroom_core::Context;
use greenroom_core::context::CancelCauseHandle;
use greenroom_core::time::Durations;
use parking_lot::Mutex;

use crate::{World, cause};

/// Runs each closure on a thread of its own, all let go at the same moment.
pub(crate) fn race(sides: &mut [&mut (dyn FnMut() + Send)]) {
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
        if spins % 1_000 == 0 {
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
    let parents: Vec<_> = (0..8_000).map(|_| w.root.with_cancel()).collect();
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
                if children.len() % 512 == 0 {
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
