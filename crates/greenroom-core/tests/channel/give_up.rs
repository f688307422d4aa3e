//! Operations that are dropped while they wait, and values that come back.

use std::task::Poll;

use greenroom_core::channel::{self, SendFromError, TryRecvError, TrySendError};

use crate::common::{Counter, now, poll, poll_with};

#[test]
fn ch_21_a_send_or_receive_that_gave_up_leaves_nothing_behind() {
    let (tx, rx) = channel::rendezvous();
    let mut send = tx.send(1);
    assert!(poll(&mut send).is_pending());
    drop(send);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));

    let mut recv = rx.recv();
    assert!(poll(&mut recv).is_pending());
    drop(recv);
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    let mut send = tx.send(42);
    assert!(poll(&mut send).is_pending());
    assert_eq!(now(rx.recv()).ok(), Some(42));
    assert!(matches!(poll(&mut send), Poll::Ready(Ok(()))));
}

#[test]
fn rs_03_a_value_handed_to_a_dropped_receive_is_not_lost() {
    for capacity in [0, 1, 3] {
        for receivers in [1, 2] {
            for n in 0..1000 {
                let (tx, rx) = channel::bounded(capacity);
                let counter = Counter::new();
                let mut first = rx.recv();
                let mut second = rx.recv();
                assert!(poll(&mut first).is_pending());
                if receivers == 2 {
                    assert!(poll_with(&mut second, &counter).is_pending());
                }
                assert_eq!(tx.try_send(n), Ok(()));
                drop(first);
                assert_eq!(counter.count(), receivers - 1);
                assert!(matches!(poll(&mut second), Poll::Ready(Ok(got)) if got == n));
            }
        }
    }
}

#[test]
fn a_value_given_back_on_a_rendezvous_channel_goes_before_any_sender() {
    let (tx, rx) = channel::rendezvous();
    let mut dropped = rx.recv();
    assert!(poll(&mut dropped).is_pending());
    assert!(now(tx.send(1)).is_ok());
    drop(dropped);
    assert_eq!((rx.len(), rx.is_empty(), tx.is_full()), (0, true, true));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    let mut send = tx.send(2);
    assert!(poll(&mut send).is_pending());
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(poll(&mut send).is_pending());
    assert_eq!(rx.try_recv(), Ok(2));
    assert!(matches!(poll(&mut send), Poll::Ready(Ok(()))));
}

#[test]
fn a_close_still_delivers_what_was_given_back() {
    let (tx, rx) = channel::rendezvous();
    let mut dropped = rx.recv();
    let mut next = rx.recv();
    assert!(poll(&mut dropped).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert!(poll(&mut next).is_pending());
    tx.close();
    drop(dropped);
    assert!(matches!(poll(&mut next), Poll::Ready(Ok(1))));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn values_given_back_keep_their_order() {
    let (tx, rx) = channel::bounded(2);
    let mut waiting: Vec<_> = (0..3).map(|_| rx.recv()).collect();
    for recv in &mut waiting {
        assert!(poll(recv).is_pending());
    }
    for n in 0..5 {
        assert_eq!(tx.try_send(n), Ok(()));
    }
    let mut late = tx.send(5);
    assert!(poll(&mut late).is_pending());
    for gone in [1, 0, 0] {
        drop(waiting.remove(gone));
    }
    assert_eq!(rx.len(), 5);
    let got: Vec<_> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_send_that_was_accepted_may_be_dropped() {
    let (tx, rx) = channel::rendezvous();
    let mut slot = Some(1);
    let mut send = tx.send_from(&mut slot);
    assert!(poll(&mut send).is_pending());
    assert_eq!(rx.try_recv(), Ok(1));
    drop(send);
    assert_eq!(slot, None);
}

#[test]
fn send_from_puts_the_value_back_unless_it_was_accepted() {
    let (tx, rx) = channel::rendezvous();
    let mut slot = Some(1);
    let mut send = tx.send_from(&mut slot);
    assert!(poll(&mut send).is_pending());
    drop(send);
    assert_eq!(slot, Some(1));

    let mut send = tx.send_from(&mut slot);
    assert!(poll(&mut send).is_pending());
    tx.close();
    assert!(matches!(
        poll(&mut send),
        Poll::Ready(Err(SendFromError::Closed))
    ));
    drop(send);
    assert_eq!(slot.take(), Some(1));
    assert!(matches!(
        now(tx.send_from(&mut slot)),
        Err(SendFromError::Empty)
    ));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}
