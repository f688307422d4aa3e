//! When the default fires, and when a pass begins anew.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use greenroom_core::channel::{self};
use greenroom_core::select;

use crate::common::now;

#[test]
fn sel_22_no_default_while_a_value_or_the_close_is_there() {
    for _ in 0..3000 {
        let (tx, rx) = channel::bounded(1);
        assert_eq!(tx.try_send(1), Ok(()));
        let other = rx.clone();
        let asker = thread::spawn(move || {
            now(async {
                select! {
                    _ = other.recv() => true,
                    default => false,
                }
            })
        });
        tx.close();
        let _ = rx.try_recv();
        assert!(asker.join().unwrap());
    }
}

#[test]
fn sel_23_no_default_while_one_of_two_channels_is_always_ready() {
    let mut defaults = 0;
    for _ in 0..3000 {
        let (t1, c1) = channel::bounded(1);
        let (t2, c2) = channel::bounded(1);
        assert_eq!(t1.try_send(()), Ok(()));
        let (a1, a2) = (c1.clone(), c2.clone());
        let begun = Arc::new(AtomicBool::new(false));
        let go = begun.clone();
        let asker = thread::spawn(move || {
            go.store(true, Ordering::SeqCst);
            now(async {
                select! {
                    _ = a1.recv() => false,
                    _ = a2.recv() => false,
                    default => true,
                }
            })
        });
        while !begun.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert_eq!(t2.try_send(()), Ok(()));
        let _ = c1.try_recv();
        defaults += usize::from(asker.join().unwrap());
    }
    assert_eq!(defaults, 0);
}

/// A case that is never ready, and acts between the tries of the cases around it.
fn between(act: impl FnMut()) -> impl Future<Output = ()> {
    let mut act = act;
    std::future::poll_fn(move |_| {
        act();
        Poll::Pending
    })
}

#[test]
fn a_pass_in_which_a_tried_channel_became_ready_ends_in_no_default() {
    let (t1, c1) = channel::bounded(1);
    let (t2, c2) = channel::bounded(1);
    assert_eq!(t1.try_send(1), Ok(()));
    let fired = now(async {
        select! {
            biased;
            v = c2.recv() => v.ok(),
            // At each instant one of the two holds a value.
            between(|| { let _ = t2.try_send(2); let _ = c1.try_recv(); }) => None,
            v = c1.recv() => v.ok(),
            default => None,
        }
    });
    assert_eq!(fired, Some(2));
}

#[test]
fn a_pass_does_not_go_past_a_case_that_became_ready_first() {
    let (t1, c1) = channel::bounded(1);
    let (t2, c2) = channel::bounded(1);
    let fired = now(async {
        select! {
            biased;
            v = c1.recv() => v.ok(),
            between(|| { let _ = t1.try_send(1); let _ = t2.try_send(2); }) => None,
            v = c2.recv() => v.ok(),
        }
    });
    assert_eq!((fired, c2.len()), (Some(1), 1));
}
