//! Signals and sends from several threads.

use std::task::Poll;
use std::thread;
use std::time::Duration;

use greenroom_core::channel;
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, block_on, root};
use greenroom_core::select;
use greenroom_core::time::{Durations, after};

use crate::common::poll;

const ROUNDS: usize = 10_000;

#[test]
fn a_cancel_and_a_send_from_two_threads_fire_exactly_one_case() {
    let mut fired = [0; 2];
    for n in 0..ROUNDS {
        let (tx, rx) = channel::rendezvous();
        let (context, cancel) = root().with_cancel();
        let (done, sent) = thread::scope(|threads| {
            threads.spawn(|| cancel.cancel());
            let sender = threads.spawn(|| tx.try_send(n).is_ok());
            let got = block_on(async {
                select! {
                    v = rx.recv() => v.ok(),
                    _ = context.done() => None,
                }
            });
            (got.is_none(), sender.join().unwrap())
        });
        assert_eq!(done, !sent);
        assert!(rx.try_recv().is_err());
        fired[usize::from(done)] += 1;
    }
    assert!(fired[1] > 0, "{fired:?}");
}

#[test]
fn a_value_that_is_sent_after_a_cancel_is_never_received_by_a_select_on_it() {
    for n in 0..ROUNDS {
        let (tx, rx) = channel::rendezvous();
        let (context, cancel) = root().with_cancel();
        thread::scope(|threads| {
            let sender = threads.spawn(|| {
                cancel.cancel();
                tx.try_send(n)
            });
            let seer = threads.spawn(|| {
                while !context.is_done() {
                    thread::yield_now();
                }
                tx.try_send(n)
            });
            let mut polls = 0;
            let done = block_on(async {
                select! {
                    biased;
                    _ = rx.recv() => false,
                    // It keeps the select at work much of the time.
                    _ = std::future::poll_fn(|cx| {
                        polls += 1;
                        if polls < 50 && n % 2 == 0 {
                            cx.waker().wake_by_ref();
                        }
                        Poll::<()>::Pending
                    }), if n % 4 < 3 => false,
                    _ = context.done() => true,
                }
            });
            assert!(done);
            assert!(sender.join().unwrap().unwrap_err().is_full());
            assert!(seer.join().unwrap().unwrap_err().is_full());
        });
    }
}

#[test]
fn a_timer_and_a_send_from_two_threads_fire_exactly_one_case() {
    let clock = Manual::new();
    for n in 0..ROUNDS {
        let (tx, rx) = channel::rendezvous();
        let mut timer = {
            let _entered = current::enter_driver(Handle::new(clock.clone(), false));
            after(1.millis())
        };
        // It is set: this clock fires no timer that comes late.
        assert!(poll(&mut timer).is_pending());
        thread::scope(|threads| {
            let sender = threads.spawn(|| {
                if n % 2 == 0 {
                    clock.advance(Duration::from_millis(1));
                }
                tx.try_send(n).is_ok()
            });
            if n % 2 == 1 {
                threads.spawn(|| clock.advance(Duration::from_millis(1)));
            }
            let got = block_on(async {
                select! {
                    biased;
                    v = rx.recv() => v.ok(),
                    _ = &mut timer => None,
                }
            });
            let sent = sender.join().unwrap();
            assert_eq!(got.is_some(), sent);
            assert!(n % 2 == 1 || !sent);
        });
    }
}
