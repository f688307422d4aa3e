//! Selects that wait, alone and for each other.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use greenroom_core::channel::{self, RecvError, SendFromError, TryRecvError};
use greenroom_core::doc_support::block_on;
use greenroom_core::select;

use crate::common::{Counter, now, poll, poll_with};
use crate::task;

#[test]
fn sel_04_a_select_that_waits_four_times_in_one_queue_fires_once() {
    let (tx, rx) = channel::rendezvous();
    for n in 0..1000 {
        let mut sender = task(async {
            select! {
                r = tx.send(4 * n) => r.is_ok(),
                r = tx.send(4 * n + 1) => r.is_ok(),
                r = tx.send(4 * n + 2) => r.is_ok(),
                r = tx.send(4 * n + 3) => r.is_ok(),
            }
        });
        assert!(poll(&mut sender).is_pending());
        assert_eq!(rx.try_recv().map(|v| v / 4), Ok(n));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(poll(&mut sender), Poll::Ready(true));
    }
}

#[test]
fn sel_05_a_select_is_never_its_own_partner() {
    let (tx, rx) = channel::rendezvous();
    let counter = Counter::new();
    let mut alone = task(async {
        select! {
            tx.send(1) => (),
            _ = rx.recv() => (),
        }
    });
    assert!(poll_with(&mut alone, &counter).is_pending());
    assert!(poll_with(&mut alone, &counter).is_pending());
    assert_eq!(counter.count(), 0);
    drop(alone);
    let fired = now(async {
        select! {
            tx.send(1) => false,
            _ = rx.recv() => false,
            default => true,
        }
    });
    assert!(fired);
}

#[test]
fn sel_06_two_selects_pair_with_each_other_across_threads() {
    const ROUNDS: usize = 20_000;
    for _ in 0..2 {
        let (tx, rx) = channel::rendezvous::<usize>();
        let threads: Vec<_> = [0, 1]
            .map(|me| {
                let (tx, rx) = (tx.clone(), rx.clone());
                thread::spawn(move || {
                    block_on(async {
                        for _ in 0..ROUNDS {
                            select! {
                                r = tx.send(me) => assert!(r.is_ok()),
                                v = rx.recv() => assert_eq!(v.ok(), Some(1 - me)),
                            }
                        }
                    });
                })
            })
            .into();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn selects_that_meet_in_several_channels_do_not_turn_each_other_away_for_ever() {
    const ROUNDS: usize = 5_000;
    let (ta, ra) = channel::rendezvous::<usize>();
    let (tb, rb) = channel::rendezvous::<usize>();
    let moved = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|me| {
            let (ta, ra, tb, rb) = (ta.clone(), ra.clone(), tb.clone(), rb.clone());
            let moved = moved.clone();
            thread::spawn(move || {
                block_on(async {
                    for _ in 0..ROUNDS {
                        // Two tasks send through a and receive through b, the other two reverse it.
                        let (tx, rx) = if me % 2 == 0 { (&ta, &rb) } else { (&tb, &ra) };
                        select! {
                            r = tx.send(1) => assert!(r.is_ok()),
                            v = rx.recv() => {
                                moved.fetch_add(v.unwrap(), Ordering::Relaxed);
                            }
                        }
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(moved.load(Ordering::Relaxed), 2 * ROUNDS);
}

#[test]
fn sel_12_a_close_wakes_a_waiting_select_through_the_closed_case() {
    let (tx, _rx) = channel::rendezvous::<u8>();
    let (other, rx) = channel::rendezvous::<u8>();
    let idle = channel::never::<u8>();
    let counter = Counter::new();
    let mut slot = Some(1);
    let mut sender = task(async {
        select! {
            r = tx.send_from(&mut slot) => matches!(r, Err(SendFromError::Closed)),
            _ = idle.recv() => false,
        }
    });
    let mut receiver = task(async {
        select! {
            _ = idle.recv() => false,
            r = rx.recv() => matches!(r, Err(RecvError::Closed)),
        }
    });
    assert!(poll_with(&mut sender, &counter).is_pending());
    assert!(poll_with(&mut receiver, &counter).is_pending());
    tx.close();
    other.close();
    assert_eq!(counter.count(), 2);
    assert_eq!(poll(&mut sender), Poll::Ready(true));
    assert_eq!(poll(&mut receiver), Poll::Ready(true));
    drop(sender);
    assert_eq!(slot, Some(1));
}

#[test]
fn sel_14_the_losing_cases_leave_their_queues() {
    let (t1, c1) = channel::rendezvous::<u8>();
    let (s1, r1) = channel::rendezvous::<u8>();
    let (t2, c2) = channel::rendezvous::<u8>();
    let mut slot = Some(9);
    let mut waiting = task(async {
        select! {
            _ = c1.recv() => 1,
            s1.send_from(&mut slot) => 2,
            v = c2.recv() => v.unwrap(),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(t2.try_send(7), Ok(()));
    // Before it has been polled again, too.
    assert!(t1.try_send(1).unwrap_err().is_full());
    assert_eq!(r1.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll(&mut waiting), Poll::Ready(7));
    assert!(t1.try_send(1).unwrap_err().is_full());
    assert_eq!(r1.try_recv(), Err(TryRecvError::Empty));
    drop(waiting);
    assert_eq!(slot, Some(9));
}

#[test]
fn a_select_takes_from_a_waiting_select_in_either_direction() {
    for receiver_first in [true, false] {
        let (tx, rx) = channel::rendezvous();
        let idle = channel::never::<i32>();
        let mut receiver = task(async {
            select! {
                _ = idle.recv() => None,
                v = rx.recv() => v.ok(),
            }
        });
        let mut sender = task(async {
            select! {
                _ = idle.recv() => false,
                r = tx.send(5) => r.is_ok(),
            }
        });
        if receiver_first {
            assert!(poll(&mut receiver).is_pending());
            assert_eq!(poll(&mut sender), Poll::Ready(true));
            assert_eq!(poll(&mut receiver), Poll::Ready(Some(5)));
        } else {
            assert!(poll(&mut sender).is_pending());
            assert_eq!(poll(&mut receiver), Poll::Ready(Some(5)));
            assert_eq!(poll(&mut sender), Poll::Ready(true));
        }
    }
}

#[test]
fn a_select_keeps_its_place_while_its_futures_are_polled() {
    let (tx, rx) = channel::rendezvous();
    let mut select = task(async {
        select! {
            v = rx.recv() => v.ok(),
            _ = pending::<()>() => None,
        }
    });
    let mut plain = rx.recv();
    assert!(poll(&mut select).is_pending());
    assert!(poll(&mut plain).is_pending());
    assert!(poll(&mut select).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert!(poll(&mut plain).is_pending());
    assert_eq!(poll(&mut select), Poll::Ready(Some(1)));
}

#[test]
fn a_peer_that_meets_a_select_at_work_is_found_when_it_waits_again() {
    // The future sends into the select's own channel while it is polled: the select is not waiting
    // at that moment, and must see the sender when it waits again.
    let (tx, rx) = channel::rendezvous();
    let mut inner = Box::pin(async {
        let mut polls = 0;
        std::future::poll_fn(|_| {
            polls += 1;
            if polls < 3 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        assert!(tx.send(1).await.is_ok());
        pending::<()>().await;
    });
    let mut select = task(async {
        select! {
            v = rx.recv() => v.ok(),
            _ = &mut inner => None,
        }
    });
    assert!(poll(&mut select).is_pending());
    assert_eq!(poll(&mut select), Poll::Pending);
    assert_eq!(poll(&mut select), Poll::Ready(Some(1)));
}
