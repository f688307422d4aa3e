//! Channels: values, wake-ups and ends.

use std::collections::BTreeMap;

use super::table::{block_on, join, spawn};
use super::{check, check_all};
use crate::channel::{self, Receiver, Sender, TrySendError};

/// A value knows its sender.
type Value = (usize, usize);
type Ends = (Sender<Value>, Receiver<Value>);

fn all(rx: &Receiver<Value>) -> Vec<Value> {
    let mut got = Vec::new();
    while let Ok(value) = block_on(rx.recv()) {
        got.push(value);
    }
    got
}

/// Asserts that what one receiver got of one sender is in the order of sending.
fn assert_in_order(got: &[Value]) {
    let mut last = BTreeMap::new();
    for (sender, number) in got {
        let before = last.insert(sender, number);
        assert!(before < Some(number), "{got:?}");
    }
}

/// Some senders, some receivers: each value arrives once, and in the order of its sender.
fn traffic((tx, rx): Ends, senders: usize, each: usize, receivers: usize) {
    let sending: Vec<_> = (0..senders)
        .map(|sender| {
            let tx = tx.clone();
            spawn(move || {
                for number in 0..each {
                    assert!(block_on(tx.send((sender, number))).is_ok());
                }
            })
        })
        .collect();
    drop(tx);
    let receiving: Vec<_> = (0..receivers)
        .map(|_| {
            let rx = rx.clone();
            spawn(move || all(&rx))
        })
        .collect();
    drop(rx);
    sending.into_iter().for_each(join);
    let mut received = Vec::new();
    for got in receiving.into_iter().map(join) {
        assert_in_order(&got);
        received.extend(got);
    }
    received.sort_unstable();
    let sent: Vec<_> = (0..senders)
        .flat_map(|sender| (0..each).map(move |number| (sender, number)))
        .collect();
    assert_eq!(received, sent);
}

#[test]
fn each_value_of_a_rendezvous_is_received_once() {
    check(|| traffic(channel::rendezvous(), 2, 2, 2));
}

#[test]
fn each_value_of_a_bounded_channel_is_received_once() {
    check(|| traffic(channel::bounded(1), 2, 2, 2));
}

#[test]
fn each_value_of_an_unbounded_channel_is_received_once() {
    check(|| traffic(channel::unbounded(), 2, 2, 2));
}

#[test]
fn many_senders_share_one_place() {
    check(|| traffic(channel::bounded(1), 3, 1, 1));
}

#[test]
fn two_parties_meet() {
    check(|| traffic(channel::rendezvous(), 1, 1, 1));
}

#[test]
fn one_value_reaches_who_waits_for_it_under_each_schedule() {
    check_all(|| {
        let (tx, rx) = channel::rendezvous();
        let waiting = spawn(move || block_on(rx.recv()).is_ok());
        let sent = tx.try_send((0, 0)).is_ok();
        tx.close();
        assert_eq!(join(waiting), sent);
    });
}

#[test]
fn one_place_is_given_once_under_each_schedule() {
    check_all(|| {
        let (tx, rx) = channel::bounded(1);
        let other = tx.clone();
        let sending = spawn(move || other.try_send((1, 0)).is_ok());
        let sent = tx.try_send((0, 0)).is_ok();
        assert!(sent != join(sending) && rx.len() == 1);
    });
}

#[test]
fn a_close_wakes_each_receiver() {
    check(|| {
        let (tx, rx) = channel::bounded::<Value>(1);
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let rx = rx.clone();
                spawn(move || all(&rx).len())
            })
            .collect();
        let sender = {
            let tx = tx.clone();
            spawn(move || usize::from(block_on(tx.send((0, 0))).is_ok()))
        };
        assert!(tx.close());
        let accepted = join(sender);
        let received: usize = waiting.into_iter().map(join).sum();
        assert_eq!(received, accepted);
    });
}

#[test]
fn a_close_gives_each_waiting_sender_its_value_back() {
    check(|| {
        let (tx, rx) = channel::bounded(1);
        let waiting: Vec<_> = (0..3)
            .map(|sender| {
                let tx = tx.clone();
                spawn(move || match block_on(tx.send((sender, 0))) {
                    Ok(()) => None,
                    Err(error) => Some(error.into_inner()),
                })
            })
            .collect();
        let seen = {
            let tx = tx.clone();
            spawn(move || block_on(tx.closed()).is_ok())
        };
        assert!(tx.close());
        let mut values: Vec<_> = waiting.into_iter().filter_map(join).collect();
        assert!(join(seen));
        // What was accepted before the close is stored.
        values.extend(all(&rx));
        values.sort_unstable();
        assert_eq!(values, [(0, 0), (1, 0), (2, 0)]);
    });
}

#[test]
fn the_last_sender_closes_and_the_last_receiver_hangs_up() {
    check(|| {
        let (tx, rx) = channel::rendezvous::<Value>();
        let (again, other) = (tx.clone(), rx.clone());
        let sending = spawn(move || {
            let sent = block_on(tx.send((0, 0))).is_ok();
            drop(tx);
            sent
        });
        let idle = spawn(move || drop(again));
        let leaving = spawn(move || drop(other));
        let received = all(&rx).len();
        drop(rx);
        assert!(join(sending));
        join(idle);
        join(leaving);
        assert_eq!(received, 1);
    });
}

#[test]
fn a_sender_learns_that_the_last_receiver_went() {
    check(|| {
        let (tx, rx) = channel::rendezvous::<Value>();
        let other = rx.clone();
        let leaving = [spawn(move || drop(rx)), spawn(move || drop(other))];
        assert_eq!(
            block_on(tx.send((7, 7))).map_err(|error| error.into_inner()),
            Err((7, 7))
        );
        leaving.into_iter().for_each(join);
        assert_eq!(tx.try_send((8, 8)), Err(TrySendError::Closed((8, 8))));
    });
}

#[test]
fn a_weak_sender_keeps_a_channel_open_or_finds_it_closed_under_each_schedule() {
    check_all(|| {
        let (tx, rx) = channel::unbounded();
        let weak = tx.downgrade();
        let dropping = spawn(move || drop(tx));
        let accepted = match weak.upgrade() {
            Some(tx) => {
                assert_eq!(tx.try_send((0, 0)), Ok(()));
                1
            }
            None => 0,
        };
        join(dropping);
        assert_eq!(all(&rx).len(), accepted);
    });
}

#[test]
fn tries_neither_lose_nor_double() {
    check(|| {
        let (tx, rx) = channel::bounded(1);
        let sending: Vec<_> = (0..2)
            .map(|sender| {
                let tx = tx.clone();
                spawn(move || usize::from(tx.try_send((sender, 0)).is_ok()))
            })
            .collect();
        let trying = {
            let rx = rx.clone();
            spawn(move || usize::from(rx.try_recv().is_ok()))
        };
        drop(tx);
        let waited = all(&rx).len();
        let sent: usize = sending.into_iter().map(join).sum();
        assert_eq!(waited + join(trying), sent);
    });
}

#[test]
fn a_batch_admits_the_waiting_senders() {
    check(|| {
        let (tx, rx) = channel::bounded(1);
        let sending: Vec<_> = (0..2)
            .map(|sender| {
                let tx = tx.clone();
                spawn(move || {
                    for number in 0..2 {
                        assert!(block_on(tx.send((sender, number))).is_ok());
                    }
                })
            })
            .collect();
        drop(tx);
        let mut got = Vec::new();
        while block_on(rx.recv_many(&mut got, 3)).is_ok() {}
        sending.into_iter().for_each(join);
        assert_in_order(&got);
        assert_eq!(got.len(), 4);
    });
}
