//! The other operations, contexts and handles.

use std::task::Poll;

use futures_util::StreamExt as _;
use greenroom_core::channel::{
    self, Receiver, RecvError, SendError, SendFromError, Sender, TryRecvError, TrySendError,
};
use greenroom_core::doc_support::root;
use greenroom_core::error::Cause;

use crate::common::{Counter, now, poll, poll_with};

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
