//! What a select leaves behind, and the end of its context.

use std::future::ready;
use std::task::Poll;
use std::time::Duration;

use greenroom_core::channel::{self, RecvError, SendFromError, TryRecvError};
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, root};
use greenroom_core::select;
use greenroom_core::time::{Durations, after};

use crate::common::{Counter, now, poll, poll_with};
use crate::{near, task};

#[test]
fn sel_21_a_cancelled_context_is_one_ready_case_among_others() {
    let (tx, rx) = channel::unbounded();
    for _ in 0..20_000 {
        assert_eq!(tx.try_send(()), Ok(()));
    }
    let (context, cancel) = root().with_cancel();
    cancel.cancel();
    let stops = 2000;
    let (mut jobs, mut biased) = (0, 0);
    for _ in 0..stops {
        let _entered = current::enter_context(context.clone());
        now(async {
            loop {
                select! {
                    context.done() => break,
                    _ = rx.recv() => jobs += 1,
                }
            }
            loop {
                select! {
                    biased;
                    context.done() => break,
                    _ = rx.recv() => biased += 1,
                }
            }
        });
    }
    near(stops, stops + jobs, 0.5);
    assert_eq!(biased, 0);
}

#[test]
fn rs_03_a_value_handed_to_a_dropped_select_goes_to_the_next_receiver() {
    for capacity in [0, 2] {
        for n in 0..1000 {
            let (tx, rx) = channel::bounded(capacity);
            let idle = channel::never::<i32>();
            let counter = Counter::new();
            let mut first = task(async {
                select! {
                    _ = idle.recv() => (),
                    _ = rx.recv() => (),
                }
            });
            let mut second = task(async {
                select! {
                    v = rx.recv() => v.ok(),
                    v = idle.recv() => v.ok(),
                }
            });
            assert!(poll(&mut first).is_pending());
            assert!(poll_with(&mut second, &counter).is_pending());
            assert_eq!(tx.try_send(n), Ok(()));
            assert_eq!(counter.count(), 0);
            drop(first);
            assert_eq!(counter.count(), 1);
            assert_eq!(poll(&mut second), Poll::Ready(Some(n)));
        }
    }
}

#[test]
fn dropping_a_waiting_select_puts_every_value_back_into_its_slot() {
    let (t1, r1) = channel::rendezvous();
    let (t2, r2) = channel::rendezvous();
    let (mut a, mut b) = (Some(1), Some(2));
    let mut waiting = task(async {
        select! {
            t1.send_from(&mut a) => (),
            t2.send_from(&mut b) => (),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    drop(waiting);
    assert_eq!((a, b), (Some(1), Some(2)));
    assert_eq!(r1.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(r2.try_recv(), Err(TryRecvError::Empty));

    let mut waiting = task(async {
        select! {
            t1.send_from(&mut a) => (),
            t2.send_from(&mut b) => (),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(r2.try_recv(), Ok(2));
    drop(waiting);
    assert_eq!((a, b), (Some(1), None));
}

#[test]
fn a_select_without_a_case_for_the_end_fails_through_its_first_channel_case() {
    let (tx, rx) = channel::bounded::<u8>(1);
    let (out, _keep) = channel::rendezvous::<u8>();
    let (context, cancel) = root().with_cancel();
    let counter = Counter::new();
    let mut slot = Some(1);
    let mut waiting = task(async {
        select! {
            _ = ready(()), if false => "future",
            r = rx.recv(), if false => { let _ = r; "disabled" }
            r = out.send_from(&mut slot) => {
                assert!(matches!(r, Err(SendFromError::Cancelled(_))));
                "first"
            }
            _ = rx.recv() => "second",
        }
    });
    {
        let _entered = current::enter_context(context.clone());
        assert!(poll_with(&mut waiting, &counter).is_pending());
        cancel.cancel();
        assert_eq!(counter.count(), 1);
        assert_eq!(poll(&mut waiting), Poll::Ready("first"));
    }
    drop(waiting);
    assert_eq!(slot, Some(1));

    assert_eq!(tx.try_send(1), Ok(()));
    let _entered = current::enter_context(context);
    let failed = now(async {
        select! {
            r = rx.recv() => matches!(r, Err(RecvError::Cancelled(_))),
            default => false,
        }
    });
    assert!(failed);
    assert_eq!(rx.len(), 1);
}

#[test]
fn the_end_of_a_context_fires_its_case_in_a_waiting_select() {
    let rx = channel::never::<u8>();
    let (context, cancel) = root().with_cancel();
    let _entered = current::enter_context(context.clone());
    let mut waiting = task(async {
        select! {
            _ = rx.recv() => false,
            context.done() => true,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    cancel.cancel();
    assert_eq!(poll(&mut waiting), Poll::Ready(true));
}

#[test]
fn a_timer_ends_a_waiting_select() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous::<u8>();
    let counter = Counter::new();
    let mut waiting = task(async {
        select! {
            _ = rx.recv() => false,
            after(5.secs()) => true,
        }
    });
    assert!(poll_with(&mut waiting, &counter).is_pending());
    clock.advance(Duration::from_secs(5));
    assert_eq!(counter.count(), 1);
    assert_eq!(poll(&mut waiting), Poll::Ready(true));
    assert!(tx.try_send(1).unwrap_err().is_full());
}

#[test]
fn a_receive_that_began_outside_keeps_what_it_was_handed() {
    let (tx, rx) = channel::rendezvous();
    let mut recv = rx.recv();
    assert!(poll(&mut recv).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    let got = now(async {
        select! {
            v = recv => v.ok(),
            default => None,
        }
    });
    assert_eq!(got, Some(1));
}
