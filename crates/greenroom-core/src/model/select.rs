//! Selects over channels: exactly one case takes effect, and no value is lost.

use std::sync::Arc;

use super::check;
use super::table::{Table, block_on, join, poll_once, spawn};
use crate::channel;
use crate::sync::Mutex;

#[derive(Debug, PartialEq, Eq)]
enum Met {
    SentA,
    SentB,
    GotA(u32),
    GotB(u32),
}

#[test]
fn two_selects_that_meet_crosswise_agree() {
    check(|| {
        let table = Table::new();
        let (a, from_a) = channel::rendezvous();
        let (b, from_b) = channel::rendezvous();
        let one = {
            let (a, from_b) = (a.clone(), from_b.clone());
            table.spawn(move || {
                block_on(async {
                    crate::select! {
                        sent = a.send(1) => { assert!(sent.is_ok()); Met::SentA }
                        got = from_b.recv() => Met::GotB(got.unwrap_or(0)),
                    }
                })
            })
        };
        let other = table.spawn(move || {
            block_on(async {
                crate::select! {
                    sent = b.send(2) => { assert!(sent.is_ok()); Met::SentB }
                    got = from_a.recv() => Met::GotA(got.unwrap_or(0)),
                }
            })
        });
        // Both ends of a stay open until both are done: a close would end a select as well.
        let met = (join(one), join(other));
        drop(a);
        drop(from_b);
        assert!(
            matches!(met, (Met::SentA, Met::GotA(1)) | (Met::GotB(2), Met::SentB)),
            "{met:?}"
        );
    });
}

#[test]
fn three_selects_in_a_ring_pair_up_once() {
    check(|| {
        let table = Table::new();
        let ends: Vec<_> = (0..3).map(|_| channel::rendezvous::<usize>()).collect();
        let ends = Arc::new(ends);
        // Each sends to the next or receives from the one before; a plain party meets who is left.
        let ring: Vec<_> = (0..3)
            .map(|at| {
                let ends = ends.clone();
                table.spawn(move || {
                    let (to, from) = (&ends[at].0, &ends[(at + 2) % 3].1);
                    block_on(async {
                        crate::select! {
                            sent = to.send(at) => { assert!(sent.is_ok()); None }
                            got = from.recv() => got.ok(),
                        }
                    })
                })
            })
            .collect();
        let plain: Vec<_> = (0..3)
            .map(|at| {
                let ends = ends.clone();
                table.spawn(move || block_on(async { ends[at].1.recv().await.ok() }))
            })
            .collect();
        let in_ring: Vec<_> = ring.into_iter().map(join).collect();
        let sent = in_ring.iter().filter(|got| got.is_none()).count();
        let received = in_ring.iter().flatten().count();
        // Who sent without a partner in the ring was met by a plain one; the others still wait.
        for end in &*ends {
            end.0.close();
        }
        let by_plain = plain.into_iter().filter_map(join).count();
        assert_eq!(sent, received + by_plain);
    });
}

#[test]
fn two_selects_share_what_two_senders_send() {
    check(|| {
        let table = Table::new();
        let (a, from_a) = channel::rendezvous();
        let (b, from_b) = channel::rendezvous();
        let selecting: Vec<_> = (0..2)
            .map(|_| {
                let (from_a, from_b) = (from_a.clone(), from_b.clone());
                table.spawn(move || {
                    block_on(async {
                        crate::select! {
                            got = from_a.recv() => got,
                            got = from_b.recv() => got,
                        }
                    })
                })
            })
            .collect();
        let sending = [
            table.spawn({
                let a = a.clone();
                move || assert!(block_on(a.send(1)).is_ok())
            }),
            table.spawn({
                let b = b.clone();
                move || assert!(block_on(b.send(2)).is_ok())
            }),
        ];
        let mut got: Vec<_> = selecting.into_iter().filter_map(|t| join(t).ok()).collect();
        sending.into_iter().for_each(join);
        drop((a, b));
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn a_select_that_is_dropped_loses_no_value() {
    check(|| {
        let table = Table::new();
        let (a, from_a) = channel::unbounded();
        let (b, from_b) = channel::unbounded();
        let leaving = {
            let (from_a, from_b) = (from_a.clone(), from_b.clone());
            table.spawn(move || {
                let mut select = Box::pin(async move {
                    crate::select! {
                        got = from_a.recv() => got.ok(),
                        got = from_b.recv() => got.ok(),
                    }
                });
                let polled = poll_once(&mut select);
                drop(select);
                match polled {
                    std::task::Poll::Ready(got) => got,
                    std::task::Poll::Pending => None,
                }
            })
        };
        let sending = [
            spawn(move || assert_eq!(a.try_send(1), Ok(()))),
            spawn(move || assert_eq!(b.try_send(2), Ok(()))),
        ];
        sending.into_iter().for_each(join);
        let mut got: Vec<_> = join(leaving).into_iter().collect();
        got.extend(from_a.try_recv().ok());
        got.extend(from_b.try_recv().ok());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn a_losing_send_keeps_its_value() {
    check(|| {
        let table = Table::new();
        let (a, from_a) = channel::rendezvous();
        let (b, from_b) = channel::rendezvous();
        let selecting = table.spawn(move || {
            let (mut first, mut second) = (Some(1), Some(2));
            block_on(async {
                crate::select! {
                    sent = a.send_from(&mut first) => assert!(sent.is_ok()),
                    sent = b.send_from(&mut second) => assert!(sent.is_ok()),
                }
            });
            // Who lost is closed by the drop of its sender.
            (first, second)
        });
        let receiving = [
            spawn(move || block_on(from_a.recv()).ok()),
            spawn(move || block_on(from_b.recv()).ok()),
        ];
        let slots = join(selecting);
        let got = receiving.map(join);
        match slots {
            (None, Some(2)) => assert_eq!(got, [Some(1), None]),
            (Some(1), None) => assert_eq!(got, [None, Some(2)]),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_close_wakes_a_waiting_select() {
    check(|| {
        let table = Table::new();
        let (a, from_a) = channel::rendezvous::<u32>();
        let (b, from_b) = channel::rendezvous::<u32>();
        let selecting = table.spawn(move || {
            block_on(async {
                crate::select! {
                    got = from_a.recv() => got,
                    got = from_b.recv() => got,
                }
            })
        });
        let closing = spawn(move || a.close());
        assert!(join(selecting).is_err());
        assert!(join(closing));
        drop(b);
    });
}

#[test]
fn a_select_polls_its_futures_without_losing_its_place() {
    check(|| {
        let table = Table::new();
        let (publisher, watch) = crate::watch::channel(0);
        let (tx, rx) = channel::rendezvous();
        let selecting = table.spawn(move || {
            block_on(async {
                let (mut value, mut published) = (0, 0);
                while value == 0 || published < 2 {
                    crate::select! {
                        got = rx.recv(), if value == 0 => value = got.unwrap_or(9),
                        news = watch.changed(), if published < 2 => published = news.map_or(9, |n| *n),
                    }
                }
                (value, published)
            })
        });
        let sending = table.spawn(move || assert!(block_on(tx.send(5)).is_ok()));
        publisher.publish(1);
        publisher.publish(2);
        join(sending);
        assert_eq!(join(selecting), (5, 2));
    });
}

#[test]
fn a_select_and_a_plain_receiver_share() {
    check(|| {
        let (tx, rx) = channel::rendezvous();
        let other = rx.clone();
        let selecting = spawn(move || {
            block_on(async {
                crate::select! {
                    biased;
                    got = other.recv() => assert!(got.is_ok()),
                }
            });
        });
        assert!(block_on(tx.send(1)).is_ok());
        drop(tx);
        drop(rx);
        join(selecting);
    });
}

#[test]
fn a_peer_that_passed_a_select_at_work_is_seen_before_it_waits_again() {
    check(|| {
        let table = Table::new();
        let waker = Arc::new(Mutex::new(None));
        let (tx, rx) = channel::rendezvous();
        let selecting = {
            let waker = waker.clone();
            table.spawn(move || {
                // It is polled again whenever it is woken, and never ready.
                let foreign = std::future::poll_fn(|cx| {
                    *waker.lock() = Some(cx.waker().clone());
                    std::task::Poll::<()>::Pending
                });
                block_on(async {
                    crate::select! {
                        got = rx.recv() => got.ok(),
                        () = foreign => None,
                    }
                })
            })
        };
        let waking = spawn(move || {
            for _ in 0..2 {
                let woken: Option<std::task::Waker> = waker.lock().take();
                if let Some(woken) = woken {
                    woken.wake();
                }
            }
        });
        assert!(block_on(tx.send(1)).is_ok());
        assert_eq!(join(selecting), Some(1));
        join(waking);
    });
}
