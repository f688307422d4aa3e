//! Who is woken by the end of a context.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Waker};

use greenroom_core::doc_support::block_on;
use greenroom_core::time::Durations;

use crate::threads::race;
use crate::{Bell, World, check, flag, poll_once, raise};

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
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    let w = World::new();
    let (context, cancel) = w.root.with_cancel();
    let bad = Bell::new(|| panic!("foreign"));
    let good = Bell::new(|| ());
    let mut waits: Vec<_> = [&bad, &good, &bad, &good]
        .into_iter()
        .map(|bell| {
            let mut done = Box::pin(context.with_cancel().0.done());
            let waker = Waker::from(bell.clone());
            let polled = done.as_mut().poll(&mut TaskContext::from_waker(&waker));
            assert!(polled.is_pending());
            done
        })
        .collect();
    let (ran, has_run) = flag();
    let _ = context.after_func(raise(&ran));
    cancel.cancel();
    assert_eq!((bad.rung(), good.rung()), (2, 2));
    w.manual.run_spawned();
    assert!(has_run());
    for done in &mut waits {
        assert!(poll_once(done.as_mut()).is_ready());
    }
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
