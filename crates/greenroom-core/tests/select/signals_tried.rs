//! The end of a context and a timer, when a select tries its cases.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use greenroom_core::channel;
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, root};
use greenroom_core::select;
use greenroom_core::time::{Durations, after};

use crate::Fired;
use crate::common::{now, poll};

/// A case that is never ready, and acts once between the tries of the cases around it.
fn between(act: impl FnOnce() + Send) -> impl Future<Output = ()> {
    let mut act = Some(act);
    std::future::poll_fn(move |_| {
        if let Some(act) = act.take() {
            act();
        }
        Poll::Pending
    })
}

#[test]
fn a_pass_does_not_go_past_a_context_that_ended_first() {
    let (tx, rx) = channel::bounded(1);
    let (context, cancel) = root().with_cancel();
    let fired = now(async {
        select! {
            biased;
            _ = context.done() => Fired::Done,
            between(|| { cancel.cancel(); let _ = tx.try_send(1); }) => unreachable!(),
            v = rx.recv() => Fired::Value(v.unwrap()),
        }
    });
    assert_eq!((fired, rx.len()), (Fired::Done, 1));
}

#[test]
fn a_pass_does_not_go_past_a_value_that_came_before_the_end() {
    let (tx, rx) = channel::bounded(1);
    let (context, cancel) = root().with_cancel();
    let fired = now(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            between(|| { let _ = tx.try_send(1); cancel.cancel(); }) => unreachable!(),
            _ = context.done() => Fired::Done,
        }
    });
    assert_eq!(fired, Fired::Value(1));
}

#[test]
fn a_pass_does_not_go_past_a_timer_that_fired_first() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::bounded(1);
    let mut timer = after(5.secs());
    assert!(poll(&mut timer).is_pending());
    let fired = now(async {
        select! {
            biased;
            _ = &mut timer => Fired::Timer,
            between(|| { clock.advance(Duration::from_secs(5)); let _ = tx.try_send(1); }) => unreachable!(),
            v = rx.recv() => Fired::Value(v.unwrap()),
        }
    });
    assert_eq!((fired, rx.len()), (Fired::Timer, 1));
}

#[test]
fn no_default_with_an_ended_context() {
    let rx = channel::never::<u8>();
    for early in [true, false] {
        let (context, cancel) = root().with_cancel();
        if early {
            cancel.cancel();
        }
        let fired = now(async {
            select! {
                biased;
                _ = context.done() => true,
                _ = rx.recv() => false,
                between(|| cancel.cancel()) => false,
                default => false,
            }
        });
        assert!(fired, "{early}");
    }
}

#[test]
fn no_default_and_no_timer_with_one_that_is_due() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    for due in [true, false] {
        let fired = now(async {
            select! {
                after(if due { 0.secs() } else { 1.secs() }) => true,
                default => false,
            }
        });
        assert_eq!((fired, clock.timers()), (due, 0));
    }
}
