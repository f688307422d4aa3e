//! Channels between threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use greenroom_core::channel::{self};
use greenroom_core::doc_support::block_on;

use crate::closed;
use crate::common::poll;

#[test]
fn ch_26_what_was_written_before_a_send_or_close_is_seen_after_the_receive() {
    for _ in 0..200 {
        let (tx, rx) = channel::bounded::<()>(1);
        let cell = Arc::new(AtomicUsize::new(0));
        let theirs = cell.clone();
        let writer = thread::spawn(move || {
            theirs.store(1, Ordering::Relaxed);
            assert_eq!(tx.try_send(()), Ok(()));
            theirs.store(2, Ordering::Relaxed);
        });
        assert!(block_on(rx.recv()).is_ok());
        assert!(cell.load(Ordering::Relaxed) >= 1);
        assert!(closed(block_on(rx.recv())));
        assert_eq!(cell.load(Ordering::Relaxed), 2);
        writer.join().unwrap();
    }
}

/// Eight threads send and receive, and drop what they wait with at random.
#[test]
fn every_accepted_value_is_received_or_stored_under_random_drops() {
    const ROUNDS: usize = 12_500;
    for capacity in [Some(0), Some(1), Some(3), None] {
        let (tx, rx) = match capacity {
            Some(capacity) => channel::bounded::<usize>(capacity),
            None => channel::unbounded(),
        };
        let accepted = Arc::new(AtomicUsize::new(0));
        let received = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (tx, rx) = (tx.clone(), rx.clone());
                let (accepted, received) = (accepted.clone(), received.clone());
                thread::spawn(move || {
                    let mut random = fastrand::Rng::with_seed(n);
                    for _ in 0..ROUNDS {
                        if n % 2 == 0 {
                            let mut slot = Some(1);
                            let mut send = tx.send_from(&mut slot);
                            for _ in 0..random.usize(1..4) {
                                if poll(&mut send).is_ready() {
                                    break;
                                }
                                thread::yield_now();
                            }
                            drop(send);
                            accepted.fetch_add(usize::from(slot.is_none()), Ordering::Relaxed);
                        } else {
                            let mut recv = rx.recv();
                            for _ in 0..random.usize(1..4) {
                                if let Poll::Ready(got) = poll(&mut recv) {
                                    received.fetch_add(got.unwrap(), Ordering::Relaxed);
                                    break;
                                }
                                thread::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let stored = std::iter::from_fn(|| rx.try_recv().ok()).count();
        assert_eq!(
            accepted.load(Ordering::Relaxed),
            received.load(Ordering::Relaxed) + stored,
            "capacity {capacity:?}"
        );
    }
}

#[test]
fn a_hundred_thousand_values_cross_threads_without_a_hang() {
    for capacity in [0, 1, 64] {
        let (tx, rx) = channel::bounded(capacity);
        let producers: Vec<_> = (0..2)
            .map(|_| {
                let tx = tx.clone();
                thread::spawn(move || {
                    block_on(async {
                        for n in 0..50_000_u64 {
                            assert!(tx.send(n).await.is_ok());
                        }
                    });
                })
            })
            .collect();
        drop(tx);
        let sum = block_on(async {
            let (mut sum, mut batch) = (0, Vec::new());
            while rx.recv_many(&mut batch, 32).await.is_ok() {
                sum += batch.drain(..).sum::<u64>();
            }
            sum
        });
        assert_eq!(sum, 2 * (49_999 * 50_000 / 2));
        for producer in producers {
            producer.join().unwrap();
        }
    }
}
