//! Futures of channels that are dropped while they wait, or end with their context.

use super::check;
use super::table::{Table, block_on, join, poll_once, spawn};
use crate::channel::{self, Receiver, RecvError};

fn all(rx: &Receiver<u32>) -> Vec<u32> {
    let mut got = Vec::new();
    while let Ok(value) = block_on(rx.recv()) {
        got.push(value);
    }
    got
}

/// One receiver gives up after one poll, another stays: nothing is lost.
fn give_up((tx, rx): (channel::Sender<u32>, Receiver<u32>)) {
    let other = rx.clone();
    let leaving = spawn(move || {
        let mut recv = other.recv();
        let polled = poll_once(&mut recv);
        drop(recv);
        match polled {
            std::task::Poll::Ready(Ok(value)) => Some(value),
            _ => None,
        }
    });
    let sending = spawn(move || {
        for value in 0..2 {
            assert!(block_on(tx.send(value)).is_ok());
        }
    });
    let mut got = all(&rx);
    join(sending);
    got.extend(join(leaving));
    // What was given back after this one was told of the close is stored.
    got.extend(std::iter::from_fn(|| rx.try_recv().ok()));
    got.sort_unstable();
    assert_eq!(got, [0, 1]);
}

#[test]
fn a_dropped_receive_passes_its_value_on_at_a_rendezvous() {
    check(|| give_up(channel::rendezvous()));
}

#[test]
fn a_dropped_receive_passes_its_value_on_in_a_bounded_channel() {
    check(|| give_up(channel::bounded(1)));
}

#[test]
fn a_dropped_receive_passes_its_value_on_in_an_unbounded_channel() {
    check(|| give_up(channel::unbounded()));
}

#[test]
fn a_dropped_receive_passes_its_wake_up_on() {
    check(|| {
        let (tx, rx) = channel::rendezvous();
        let other = rx.clone();
        let waiting = spawn(move || block_on(rx.recv()).is_ok());
        let leaving = spawn(move || {
            let mut recv = other.recv();
            poll_once(&mut recv).is_ready()
        });
        // One value, which the one that leaves may have been handed: then the other gets it.
        let first = block_on(tx.send(1)).is_ok();
        let left_with_it = join(leaving);
        if left_with_it {
            assert!(block_on(tx.send(2)).is_ok());
        }
        assert!(first && join(waiting));
    });
}

#[test]
fn a_dropped_send_has_its_value_back_or_sent_it() {
    check(|| {
        let (tx, rx) = channel::rendezvous();
        let sending = spawn(move || {
            let mut slot = Some(7);
            let mut send = tx.send_from(&mut slot);
            let sent = match poll_once(&mut send) {
                std::task::Poll::Ready(sent) => Some(sent.is_ok()),
                std::task::Poll::Pending => None,
            };
            drop(send);
            assert!(sent.is_none_or(|sent| sent == slot.is_none()));
            slot
        });
        let got = all(&rx);
        match join(sending) {
            None => assert_eq!(got, [7]),
            Some(7) => assert!(got.is_empty()),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_dropped_send_leaves_its_place_to_the_next() {
    check(|| {
        let (tx, rx) = channel::bounded(1);
        assert_eq!(tx.try_send(0), Ok(()));
        let other = tx.clone();
        let leaving = spawn(move || {
            let mut send = other.send(1);
            let sent = poll_once(&mut send).is_ready();
            drop(send);
            sent
        });
        let sending = spawn(move || assert!(block_on(tx.send(2)).is_ok()));
        let got = all(&rx);
        join(sending);
        let is_sent = join(leaving);
        // A dropped send may have been accepted before it was dropped, and not know.
        assert!(got.contains(&0) && got.contains(&2) && (!is_sent || got.contains(&1)));
    });
}

#[test]
fn a_receive_that_is_cancelled_leaves_the_value() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let (tx, rx) = channel::rendezvous();
        let receiving = {
            let rx = rx.clone();
            spawn(move || {
                // Whoever runs a future ends it with its context; here the wait does so itself.
                let _entered = crate::current::enter_context(context);
                block_on(rx.recv())
            })
        };
        let sending = spawn(move || tx.try_send(1).is_ok());
        cancel.cancel();
        let received = join(receiving);
        let sent = join(sending);
        match received {
            Ok(1) => assert!(sent),
            Err(RecvError::Cancelled(_) | RecvError::Closed) => assert!(!sent),
            other => panic!("{other:?}"),
        }
        assert!(rx.try_recv().is_err());
    });
}

#[test]
fn a_run_that_is_cancelled_gives_back_what_was_handed_over() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let (tx, rx) = channel::bounded(1);
        let receiving = {
            let rx = rx.clone();
            spawn(move || block_on(context.run(async move { rx.recv().await.ok() })))
        };
        let sending = spawn(move || assert!(block_on(tx.send(1)).is_ok()));
        cancel.cancel();
        let received = join(receiving).ok().flatten();
        join(sending);
        // Received, or still there.
        let left = rx.try_recv().ok();
        assert_eq!(received.or(left), Some(1));
        assert!(received.is_none() || left.is_none());
    });
}

#[test]
fn a_send_that_is_cancelled_has_sent_or_has_its_value() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let (tx, rx) = channel::rendezvous();
        let sending = spawn(move || {
            let _entered = crate::current::enter_context(context);
            let mut slot = Some(1);
            let sent = block_on(tx.send_from(&mut slot)).is_ok();
            assert_eq!(sent, slot.is_none());
            sent
        });
        let receiving = spawn(move || all(&rx));
        cancel.cancel();
        let sent = join(sending);
        assert_eq!(join(receiving).len(), usize::from(sent));
    });
}
