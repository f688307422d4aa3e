//! Channels, by their public interface and without a runtime.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use futures_util::StreamExt as _;

use common::{Counter, now, poll, poll_with};
use greenroom_core::channel::{
    self, Receiver, RecvError, SendError, SendFromError, Sender, TryRecvError, TrySendError,
};
use greenroom_core::doc_support::{block_on, root};
use greenroom_core::error::Cause;

fn closed<T>(result: Result<T, RecvError>) -> bool {
    matches!(result, Err(RecvError::Closed))
}

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

#[test]
fn try_send_on_a_rendezvous_channel_needs_a_waiting_receiver() {
    let (tx, rx) = channel::bounded(0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    let mut recv = rx.recv();
    assert!(poll(&mut recv).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    assert!(matches!(poll(&mut recv), Poll::Ready(Ok(1))));
}

#[test]
fn recv_many_takes_what_is_there_and_admits_waiting_senders() {
    let (tx, rx) = channel::bounded(2);
    let mut sends: Vec<_> = (1..=4).map(|n| tx.send(n)).collect();
    for send in &mut sends {
        let _ = poll(send);
    }
    let mut batch = vec![0];
    assert_eq!(now(rx.recv_many(&mut batch, 3)).ok(), Some(3));
    assert_eq!(batch, [0, 1, 2, 3]);
    assert_eq!(rx.len(), 1);
    assert_eq!(now(rx.recv_many(&mut batch, 0)).ok(), Some(0));
    assert_eq!(now(rx.recv_many(&mut batch, 3)).ok(), Some(1));

    let mut many = rx.recv_many(&mut batch, 2);
    assert!(poll(&mut many).is_pending());
    for n in 5..=7 {
        assert_eq!(tx.try_send(n), Ok(()));
    }
    assert!(matches!(poll(&mut many), Poll::Ready(Ok(2))));
    drop(many);
    assert_eq!(batch, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(rx.try_recv(), Ok(7));
}

#[test]
fn an_operation_in_an_ended_context_does_nothing() {
    let (tx, rx) = channel::unbounded();
    assert_eq!(tx.try_send(1), Ok(()));
    let (context, cancel) = root().with_cancel_cause();
    cancel.cancel("stop");
    let mut slot = Some(3);
    let sent = now(context.run(tx.send(2)));
    assert!(matches!(
        sent,
        Ok(Err(SendError::Cancelled(2, Cause::Text(_))))
    ));
    let sent = now(context.run(tx.send_from(&mut slot)));
    assert!(matches!(sent, Ok(Err(SendFromError::Cancelled(_)))));
    assert_eq!(slot, Some(3));
    let got = now(context.run(rx.recv()));
    assert!(matches!(got, Ok(Err(RecvError::Cancelled(_)))));
    assert!(matches!(now(context.run(tx.closed())), Ok(Err(_))));
    let expired = root().with_timeout(std::time::Duration::ZERO);
    let got = now(expired.run(rx.recv()));
    assert!(matches!(got, Ok(Err(RecvError::Deadline))));
    assert_eq!(rx.len(), 1);
}

#[test]
fn the_end_of_the_context_wakes_what_waits_and_a_peer_that_came_first_wins() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let _entered = greenroom_core::current::enter_context(context);
    let counter = Counter::new();
    let mut first = rx.recv();
    let mut second = rx.recv();
    assert!(poll_with(&mut first, &counter).is_pending());
    assert!(poll_with(&mut second, &counter).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    cancel.cancel();
    assert_eq!(counter.count(), 3);
    assert!(matches!(poll(&mut first), Poll::Ready(Ok(1))));
    assert!(matches!(
        poll(&mut second),
        Poll::Ready(Err(RecvError::Cancelled(_)))
    ));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
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
fn a_pending_future_wakes_the_one_who_polled_it_last() {
    let (tx, rx) = channel::rendezvous();
    let (before, after) = (Counter::new(), Counter::new());
    let mut recv = rx.recv();
    assert!(poll_with(&mut recv, &before).is_pending());
    assert!(poll_with(&mut recv, &after).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!((before.count(), after.count()), (0, 1));
}

#[test]
fn never_is_never_ready_and_never_closed() {
    let rx = channel::never::<u8>();
    assert!(poll(&mut rx.recv()).is_pending());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(!rx.is_closed());
}

#[test]
fn a_stream_ends_with_the_channel_and_stays_pending_with_its_context() {
    let (tx, rx) = channel::bounded(1);
    let counter = Counter::new();
    let mut stream = rx.clone().stream();
    assert!(poll_with(&mut stream.next(), &counter).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(counter.count(), 1);
    let rx = stream.into_inner();
    assert_eq!(rx.len(), 1);

    let mut stream = rx.stream();
    {
        let (context, cancel) = root().with_cancel();
        let _entered = greenroom_core::current::enter_context(context);
        cancel.cancel();
        assert!(poll(&mut stream.next()).is_pending());
    }
    assert_eq!(now(stream.next()), Some(1));
    tx.close();
    assert_eq!(now(stream.next()), None);
    assert_eq!(now(stream.next()), None);
}

#[test]
fn handles_know_their_channel() {
    let (tx, rx) = channel::bounded::<u8>(1);
    let (other, _) = channel::bounded::<u8>(1);
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
    assert!(rx.same_channel(&rx.clone()));
    assert!(tx.id().is_none() && rx.id().is_none());
}

#[test]
fn errors_say_what_happened_without_asking_for_debug() {
    struct Opaque;
    assert_eq!(format!("{:?}", SendError::Closed(Opaque)), "Closed(..)");
    assert_eq!(format!("{:?}", TrySendError::Full(Opaque)), "Full(..)");
    assert_eq!(
        SendError::Cancelled(Opaque, Cause::from("stop")).to_string(),
        "send cancelled: stop"
    );
    assert!(matches!(
        SendError::Deadline(std::cell::Cell::new(1)).without_value(),
        SendError::Deadline(())
    ));
}

#[test]
fn ends_and_futures_are_send_sync_and_unpin_where_they_can_be() {
    fn all<T: Send + Sync + Unpin>() {}
    fn send<T: Send + Unpin>() {}
    type NotSync = std::cell::Cell<u8>;
    all::<Sender<NotSync>>();
    all::<Receiver<NotSync>>();
    all::<channel::WeakSender<NotSync>>();
    all::<channel::ReceiverStream<NotSync>>();
    all::<channel::Recv<'_, NotSync>>();
    all::<channel::Closed<'_, NotSync>>();
    send::<channel::Send<'_, NotSync>>();
    send::<channel::SendFrom<'_, NotSync>>();
    send::<channel::RecvMany<'_, NotSync>>();
    send::<SendError<NotSync>>();
    all::<SendError<()>>();
    send::<channel::Send<'_, std::marker::PhantomPinned>>();
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
