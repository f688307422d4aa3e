//! The end of a context and a timer as cases: at their moment they win a waiting select.

use std::future::pending;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use greenroom_core::channel::{self, TryRecvError};
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, root};
use greenroom_core::time::{Durations, after};
use greenroom_core::{Context, select};

use crate::common::{Counter, poll, poll_with};
use crate::{Fired, task};

#[test]
fn a_cancel_wins_a_waiting_select_before_a_later_send() {
    for _ in 0..64 {
        let (tx, rx) = channel::rendezvous();
        let (context, cancel) = root().with_cancel();
        let counter = Counter::new();
        let mut biased = task(async {
            select! {
                biased;
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
            }
        });
        let mut fair = task(async {
            select! {
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
                _ = pending::<()>() => unreachable!(),
            }
        });
        assert!(poll_with(&mut biased, &counter).is_pending());
        assert!(poll_with(&mut fair, &counter).is_pending());
        assert!(poll_with(&mut fair, &counter).is_pending());
        cancel.cancel();
        assert_eq!(counter.count(), 2);
        assert!(tx.try_send(1).unwrap_err().is_full());
        let mut send = tx.send(2);
        assert!(poll(&mut send).is_pending());
        assert_eq!(poll(&mut biased), Poll::Ready(Fired::Done));
        assert_eq!(poll(&mut fair), Poll::Ready(Fired::Done));
        assert!(poll(&mut send).is_pending());
        assert_eq!(rx.try_recv(), Ok(2));
    }
}

#[test]
fn a_send_wins_a_waiting_select_before_a_later_cancel() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let mut waiting = task(async {
        select! {
            biased;
            _ = context.done() => Fired::Done,
            v = rx.recv() => Fired::Value(v.unwrap()),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    cancel.cancel();
    assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Value(1)));
}

#[test]
fn a_cancel_keeps_the_value_of_a_waiting_send_case() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let mut slot = Some(1);
    let mut waiting = task(async {
        select! {
            tx.send_from(&mut slot) => false,
            context.done() => true,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    cancel.cancel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll(&mut waiting), Poll::Ready(true));
    drop(waiting);
    assert_eq!(slot, Some(1));
}

#[test]
fn the_end_of_a_parent_and_a_deadline_win_as_a_cancel_does() {
    let clock = Manual::new();
    let (parent, cancel) = clock.root().with_cancel();
    let child = parent.with_value(1_u8).with_cancel().0;
    let timed = clock.root().with_timeout(5.secs());
    let (tx, rx) = channel::rendezvous();
    let watch = |context: Context| {
        task(async {
            let context = context;
            select! {
                biased;
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
            }
        })
    };
    let (mut first, mut second) = (watch(child), watch(timed));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    cancel.cancel();
    clock.advance(Duration::from_secs(5));
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(poll(&mut first), Poll::Ready(Fired::Done));
    assert_eq!(poll(&mut second), Poll::Ready(Fired::Done));
}

#[test]
fn a_timer_wins_a_waiting_select_before_a_later_send() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous();
    let mut kept = after(5.secs());
    let mut by_reference = task(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            _ = &mut kept => Fired::Timer,
        }
    });
    let mut by_value = task(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            after(5.secs()) => Fired::Timer,
        }
    });
    assert!(poll(&mut by_reference).is_pending());
    assert!(poll(&mut by_value).is_pending());
    clock.advance(Duration::from_secs(5));
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(poll(&mut by_reference), Poll::Ready(Fired::Timer));
    assert_eq!(poll(&mut by_value), Poll::Ready(Fired::Timer));
}

#[test]
fn a_timer_by_reference_goes_on_over_several_selects() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous();
    let mut timer = after(5.secs());
    for n in 0..4 {
        let mut waiting = task(async {
            select! {
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = &mut timer => Fired::Timer,
            }
        });
        assert!(poll(&mut waiting).is_pending());
        assert_eq!(tx.try_send(n), Ok(()));
        clock.advance(Duration::from_secs(1));
        assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Value(n)));
    }
    assert!(poll(&mut timer).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(poll(&mut timer).is_ready());
}

#[test]
fn a_done_by_reference_is_a_case_of_its_context_too() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let _entered = current::enter_context(context.clone());
    let mut done = context.done();
    assert!(poll(&mut done).is_pending());
    let mut waiting = task(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            _ = &mut done => Fired::Done,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    cancel.cancel();
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Done));
}

#[test]
fn a_cancelled_select_leaves_the_value_to_the_next() {
    let (tx, rx) = channel::rendezvous();
    let root = root();
    let ((first, cancel), (second, _keep)) = (root.with_cancel(), root.with_cancel());
    let watch = |context: Context| {
        task(async {
            let context = context;
            select! {
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
            }
        })
    };
    let (mut first, mut second) = (watch(first), watch(second));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    cancel.cancel();
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(poll(&mut first), Poll::Ready(Fired::Done));
    assert_eq!(poll(&mut second), Poll::Ready(Fired::Value(1)));
}

#[test]
fn a_select_goes_past_one_that_was_cancelled() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let mut slot = Some(1);
    let mut sender = task(async {
        select! {
            tx.send_from(&mut slot) => false,
            context.done() => true,
        }
    });
    let mut receiver = task(async {
        select! {
            v = rx.recv() => v.ok(),
            _ = root().done() => None,
        }
    });
    assert!(poll(&mut sender).is_pending());
    cancel.cancel();
    assert!(poll(&mut receiver).is_pending());
    assert_eq!(poll(&mut sender), Poll::Ready(true));
    assert!(poll(&mut receiver).is_pending());
    drop(sender);
    assert_eq!(slot, Some(1));
}

#[test]
fn a_select_of_signals_only_waits_for_them() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (ended, end) = clock.root().with_cancel();
    let (context, _cancel) = clock.root().with_cancel();
    let _ambient = current::enter_context(ended);
    // The end of another context concerns no case here.
    end.cancel();
    let mut waiting = task(async {
        select! {
            _ = context.done() => Fired::Done,
            after(5.secs()) => Fired::Timer,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert!(poll(&mut waiting).is_pending());
    clock.advance(Duration::from_secs(5));
    assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Timer));
}

#[test]
fn a_select_that_ends_or_is_dropped_leaves_nothing_behind() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous::<u8>();
    let (context, cancel) = clock.root().with_cancel();
    let mut kept = after(9.secs());
    let counter = Counter::new();
    for fires in [true, false] {
        let mut waiting = task(async {
            select! {
                _ = rx.recv() => (),
                context.done() => (),
                after(5.secs()) => (),
                _ = &mut kept => (),
            }
        });
        assert!(poll_with(&mut waiting, &counter).is_pending());
        assert_eq!(clock.timers(), 2);
        assert!(Arc::strong_count(&counter) > 1);
        if fires {
            assert_eq!(tx.try_send(1), Ok(()));
            assert_eq!(poll_with(&mut waiting, &counter), Poll::Ready(()));
        }
        drop(waiting);
        // Whatever still knew the select would hold its waker.
        assert_eq!((Arc::strong_count(&counter), clock.timers()), (1, 1));
    }
    let woken = counter.count();
    drop(kept);
    assert_eq!(clock.timers(), 0);
    cancel.cancel();
    clock.advance(Duration::from_secs(9));
    assert_eq!(counter.count(), woken);
}
