//! Who is served when, and what is counted.

use std::collections::HashSet;
use std::task::Poll;
use std::thread;

use greenroom_core::channel::{self, TryRecvError};
use greenroom_core::doc_support::block_on;

use crate::common::{now, poll};

#[test]
fn ch_03_len_counts_stored_values_only() {
    for (capacity, stored) in [(2, 2), (0, 0)] {
        let (tx, rx) = channel::bounded(capacity);
        let mut sends: Vec<_> = (0..5).map(|n| tx.send(n)).collect();
        let accepted = sends.iter_mut().filter_map(|s| match poll(s) {
            Poll::Ready(sent) => Some(sent.is_ok()),
            Poll::Pending => None,
        });
        assert_eq!(accepted.filter(|ok| *ok).count(), stored);
        assert_eq!((rx.len(), tx.len()), (stored, stored));
        assert_eq!(rx.capacity(), Some(capacity));
    }
}

#[test]
fn ch_11_receivers_are_served_in_the_order_in_which_they_began_to_wait() {
    let (tx, rx) = channel::rendezvous();
    let mut waiting: Vec<_> = (0..5).map(|_| rx.recv()).collect();
    for recv in &mut waiting {
        assert!(poll(recv).is_pending());
    }
    for n in 0..5 {
        assert!(now(tx.send(n)).is_ok());
    }
    for (recv, n) in waiting.iter_mut().zip(0..) {
        assert!(matches!(poll(recv), Poll::Ready(Ok(got)) if got == n));
    }
}

#[test]
fn ch_13_a_receive_moves_the_oldest_waiting_value_to_the_tail() {
    let (tx, rx) = channel::bounded(2);
    let mut sends: Vec<_> = (1..=5).map(|n| tx.send(n)).collect();
    for send in &mut sends {
        let _ = poll(send);
    }
    let got: Vec<_> = (0..5).map(|_| (rx.try_recv().ok(), rx.len())).collect();
    let want = [(1, 2), (2, 2), (3, 2), (4, 1), (5, 0)].map(|(v, len)| (Some(v), len));
    assert_eq!(got, want);
}

#[test]
fn ch_15_no_newcomer_overtakes_a_waiting_receiver() {
    let (tx, rx) = channel::bounded(4);
    for n in 0..300 {
        let mut waiting = rx.recv();
        assert!(poll(&mut waiting).is_pending());
        assert_eq!(tx.try_send(n), Ok(()));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(rx.len(), 0);
        assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(got)) if got == n));
    }
}

#[test]
fn ch_18_each_value_is_received_exactly_once() {
    for capacity in [0, 7] {
        let (tx, rx) = channel::bounded(capacity);
        let consumers: Vec<_> = (0..5)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || {
                    block_on(async {
                        let mut got = Vec::new();
                        while let Ok(value) = rx.recv().await {
                            got.push(value);
                        }
                        got
                    })
                })
            })
            .collect();
        block_on(async {
            for n in 0..2000 {
                assert!(tx.send(n).await.is_ok());
            }
        });
        drop(tx);
        let all: Vec<u32> = consumers
            .into_iter()
            .flat_map(|c| c.join().unwrap())
            .collect();
        assert_eq!(all.len(), 2000);
        assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 2000);
    }
}
