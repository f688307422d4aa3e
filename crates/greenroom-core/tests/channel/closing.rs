//! Closes, by a call or by the drop of an end.

use std::sync::Arc;
use std::task::Poll;

use greenroom_core::channel::{self, RecvError, SendError, TryRecvError, TrySendError};

use crate::closed;
use crate::common::{Counter, now, poll, poll_badly, poll_with};

#[test]
fn ch_04_close_keeps_what_is_stored_and_a_zero_is_not_closed() {
    let (tx, rx) = channel::bounded(4);
    assert_eq!(tx.try_send(7), Ok(()));
    assert_eq!(tx.try_send(0), Ok(()));
    assert!(tx.close());
    assert_eq!(rx.len(), 2);
    assert_eq!(now(rx.recv()).ok(), Some(7));
    assert_eq!(now(rx.recv()).ok(), Some(0));
    assert!(closed(now(rx.recv())) && closed(now(rx.recv())));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(rx.capacity(), Some(4));
}

#[test]
fn ch_05_a_send_on_a_closed_channel_fails_with_room_or_without() {
    let (tx, rx) = channel::bounded(1);
    assert!(tx.close());
    assert!(matches!(now(tx.send(1)), Err(SendError::Closed(1))));
    assert_eq!(tx.try_send(2), Err(TrySendError::Closed(2)));
    drop(rx);

    let (tx, rx) = channel::bounded(1);
    assert_eq!(tx.try_send(1), Ok(()));
    tx.close();
    assert!(matches!(now(tx.send(2)), Err(SendError::Closed(2))));
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn ch_08_close_wakes_every_waiting_receiver() {
    let (tx, rx) = channel::bounded::<u8>(1);
    let counter = Counter::new();
    let mut waiting: Vec<_> = (0..8).map(|_| rx.recv()).collect();
    for recv in &mut waiting {
        assert!(poll_with(recv, &counter).is_pending());
    }
    tx.close();
    assert_eq!(counter.count(), 8);
    assert!(
        waiting
            .iter_mut()
            .all(|recv| matches!(poll(recv), Poll::Ready(Err(RecvError::Closed))))
    );
}

#[test]
fn ch_10_a_close_fails_waiting_senders_and_moves_nothing_in() {
    let (tx, rx) = channel::bounded(2);
    let counter = Counter::new();
    let mut sends: Vec<_> = (1..=5).map(|n| tx.send(n)).collect();
    for send in &mut sends {
        let _ = poll_with(send, &counter);
    }
    tx.close();
    assert_eq!(counter.count(), 3);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    for (send, value) in sends[2..].iter_mut().zip(3..) {
        match poll(send) {
            Poll::Ready(Err(SendError::Closed(back))) => assert_eq!(back, value),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn ch_24_a_close_is_seen_through_every_handle() {
    let (tx, rx) = channel::bounded(1);
    let other = tx.clone();
    assert_eq!(tx.try_send(1), Ok(()));
    assert!(tx.close());
    assert!(!other.close());
    assert_eq!(rx.clone().try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(other.try_send(2), Err(TrySendError::Closed(2)));
}

#[test]
fn rs_01_dropping_the_last_sender_closes_behind_the_stored_values() {
    let (tx, rx) = channel::bounded(2);
    let mut other = rx.recv();
    assert!(poll(&mut other).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.clone().try_send(2), Ok(()));
    drop(tx);
    assert!(matches!(poll(&mut other), Poll::Ready(Ok(1))));
    assert_eq!(now(rx.recv()).ok(), Some(2));
    assert!(closed(now(rx.recv())));
}

#[test]
fn rs_02_dropping_the_last_receiver_fails_senders_and_drops_what_is_stored() {
    let value = Arc::new(());
    let (tx, rx) = channel::bounded(1);
    let counter = Counter::new();
    assert!(now(tx.send(value.clone())).is_ok());
    let mut waiting = tx.send(value.clone());
    assert!(poll_with(&mut waiting, &counter).is_pending());
    drop(rx.clone());
    assert!(!tx.is_closed());
    drop(rx);
    assert_eq!(counter.count(), 1);
    assert!(matches!(
        poll(&mut waiting),
        Poll::Ready(Err(SendError::Closed(_)))
    ));
    drop(waiting);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn closed_waits_for_the_close_by_either_end() {
    for by_sender in [true, false] {
        let (tx, rx) = channel::bounded::<u8>(1);
        let counter = Counter::new();
        let mut gone = tx.closed();
        let mut closed = tx.closed();
        assert!(poll_with(&mut gone, &counter).is_pending());
        assert!(poll_with(&mut closed, &counter).is_pending());
        drop(gone);
        if by_sender {
            tx.close();
        } else {
            drop(rx);
        }
        assert_eq!(counter.count(), 1);
        assert!(matches!(poll(&mut closed), Poll::Ready(Ok(()))));
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_learning_of_the_close() {
    for bad in 0..5 {
        let (tx, rx) = channel::bounded::<u8>(1);
        let good = Counter::new();
        let mut receives: Vec<_> = (0..3).map(|_| rx.recv()).collect();
        let mut closes: Vec<_> = (0..2).map(|_| tx.closed()).collect();
        for (n, recv) in receives.iter_mut().enumerate() {
            let polled = if n == bad {
                poll_badly(recv)
            } else {
                poll_with(recv, &good)
            };
            assert!(polled.is_pending());
        }
        for (n, closed) in closes.iter_mut().enumerate() {
            let polled = if n + 3 == bad {
                poll_badly(closed)
            } else {
                poll_with(closed, &good)
            };
            assert!(polled.is_pending());
        }
        tx.close();
        assert_eq!(good.count(), 4);
    }
}
