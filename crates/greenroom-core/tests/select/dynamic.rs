//! A select whose cases are made at run time: what holds for `select!` holds for it.

use std::future::{pending, ready};
use std::task::Poll;
use std::time::Duration;

use greenroom_core::channel::{self, RecvError, SendError, SendFromError, TryRecvError};
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, root};
use greenroom_core::error::ContextError;
use greenroom_core::select;
use greenroom_core::select::Select;
use greenroom_core::time::{Durations, tick, timer};

use crate::common::{Counter, now, poll, poll_with};
use crate::{near, task};

#[test]
fn the_one_ready_case_fires_and_the_others_stay() {
    let channels: Vec<_> = (0..5).map(|_| channel::bounded::<usize>(1)).collect();
    let mut select = Select::new();
    let cases: Vec<_> = channels
        .iter()
        .map(|(_, rx)| select.recv(rx, |got| got.ok()))
        .collect();
    for n in [3, 0, 4, 3] {
        assert_eq!(channels[n].0.try_send(n), Ok(()));
        assert_eq!(now(select.wait()).unwrap(), (cases[n], Some(n)));
        assert_eq!(select.len(), 5);
    }
    assert!(select.try_wait().is_none());
    assert!(poll(&mut task(select.wait())).is_pending());
}

#[test]
fn a_closed_channel_is_ready_until_its_case_is_removed() {
    let inputs: Vec<_> = (0..10)
        .map(|n| {
            let (tx, rx) = channel::unbounded();
            assert!((0..n).all(|v| tx.try_send(v).is_ok()));
            rx
        })
        .collect();
    let mut select = Select::new();
    for rx in &inputs {
        select.recv(rx, |got| got);
    }
    let (mut sum, mut closed) = (0, 0);
    while !select.is_empty() {
        match now(select.wait()).unwrap() {
            (_, Ok(value)) => sum += value,
            (case, Err(RecvError::Closed)) => {
                closed += 1;
                assert!(select.remove(case));
                assert!(!select.remove(case));
            }
            (_, Err(error)) => panic!("{error}"),
        }
    }
    let all: usize = (0..10).map(|n: usize| (0..n).sum::<usize>()).sum();
    assert_eq!((sum, closed), (all, 10));
}

#[test]
fn each_case_has_an_equal_chance_not_each_channel() {
    let (ta, ra) = channel::unbounded();
    let (tb, rb) = channel::unbounded();
    for _ in 0..8000 {
        assert!(ta.try_send(0).is_ok() && tb.try_send(1).is_ok());
    }
    let mut select = Select::new();
    for rx in [&ra, &ra, &ra, &rb] {
        select.recv(rx, |got| got.unwrap());
    }
    let taken: usize = (0..8000).map(|_| now(select.wait()).unwrap().1).sum();
    near(taken, 8000, 0.25);
    assert_eq!(ra.len() + rb.len(), 8000);
}

#[test]
fn a_biased_one_takes_the_first_in_the_order_of_adding() {
    let (tx, rx) = channel::unbounded();
    let mut select = Select::biased();
    let first = select.recv(&channel::never(), |got: Result<u8, _>| got.ok());
    let second = select.recv(&rx, |got| got.ok());
    select.recv(&rx, |got| got.ok());
    for n in 0..100 {
        assert_eq!(tx.try_send(n), Ok(()));
        assert_eq!(now(select.wait()).unwrap(), (second, Some(n)));
    }
    assert!(select.remove(second));
    assert_eq!(tx.try_send(100), Ok(()));
    let (third, got) = now(select.wait()).unwrap();
    assert!(third > second && second > first);
    assert_eq!(got, Some(100));
}

#[test]
fn a_losing_send_keeps_its_value_over_the_waits_and_goes_when_it_has_fired() {
    let (tx, rx) = channel::rendezvous();
    let (other, others) = channel::bounded(1);
    let mut slot = Some(8);
    let mut select = Select::new();
    let owned = select.send(&tx, 7, |sent| sent.is_ok());
    let borrowed = select.send_from(&tx, &mut slot, |sent| sent.is_ok());
    select.recv(&others, |got| got.is_ok());
    for _ in 0..3 {
        assert_eq!(other.try_send(()), Ok(()));
        assert!(now(select.wait()).unwrap().1);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
    // Whichever entered the queue first.
    let mut waits = task(select.wait());
    assert!(poll(&mut waits).is_pending());
    let got = rx.try_recv().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let Poll::Ready(Ok((case, true))) = poll(&mut waits) else {
        panic!("the send has fired")
    };
    assert_eq!(case, if got == 7 { owned } else { borrowed });
    drop(waits);
    assert!(!select.remove(case));
    assert_eq!(select.len(), 2);
    drop(select);
    assert_eq!(slot, (got == 7).then_some(8));
}

#[test]
fn failing_sends_fire_with_the_value_or_leave_it_in_its_slot() {
    let (tx, rx) = channel::rendezvous::<u8>();
    drop(rx);
    let (mut slot, mut empty) = (Some(2), None);
    let mut select = Select::biased();
    select.send(&tx, 1, |sent| matches!(sent, Err(SendError::Closed(1))));
    select.send_from(&tx, &mut slot, |sent| {
        matches!(sent, Err(SendFromError::Closed))
    });
    select.send_from(&tx, &mut empty, |sent| {
        matches!(sent, Err(SendFromError::Empty))
    });
    for left in [2, 1, 0] {
        assert!(now(select.wait()).unwrap().1);
        assert_eq!(select.len(), left);
    }
    drop(select);
    assert_eq!(slot, Some(2));
}

#[test]
fn a_dropped_wait_loses_nothing_and_the_cases_stay() {
    let (tx, rx) = channel::rendezvous();
    let (out, outs) = channel::rendezvous();
    let mut select = Select::new();
    let receives = select.recv(&rx, |got| got.ok());
    let sends = select.send(&out, 9, |sent| sent.ok().map(|()| 0));
    let counter = Counter::new();

    // Handed a value, and dropped: the next receiver gets it.
    let mut waits = task(select.wait());
    assert!(poll_with(&mut waits, &counter).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    let mut plain = rx.recv();
    assert!(poll(&mut plain).is_pending());
    drop(waits);
    assert!(matches!(poll(&mut plain), Poll::Ready(Ok(1))));

    // Dropped while nothing had happened.
    let mut waits = task(select.wait());
    assert!(poll(&mut waits).is_pending());
    drop(waits);
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(outs.try_recv(), Err(TryRecvError::Empty));

    // Its value accepted, and dropped: the next wait says so.
    let mut waits = task(select.wait());
    assert!(poll(&mut waits).is_pending());
    assert_eq!(outs.try_recv(), Ok(9));
    drop(waits);
    assert_eq!(select.try_wait(), Some((sends, Some(0))));
    assert_eq!(select.len(), 1);
    let mut send = tx.send(2);
    assert!(poll(&mut send).is_pending());
    assert_eq!(now(select.wait()).unwrap(), (receives, Some(2)));
    assert_eq!(counter.count(), 1);
}

#[test]
fn a_forgotten_wait_is_taken_up_by_the_next() {
    let (tx, rx) = channel::rendezvous();
    let mut select = Select::new();
    let case = select.recv(&rx, |got| got.ok());
    let mut waits = task(select.wait());
    assert!(poll(&mut waits).is_pending());
    std::mem::forget(waits);
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(now(select.wait()).unwrap(), (case, Some(1)));
    let mut waits = task(select.wait());
    assert!(poll(&mut waits).is_pending());
    std::mem::forget(waits);
    drop(select);
    assert!(tx.try_send(1).unwrap_err().is_full());
}

#[test]
fn it_is_never_its_own_partner_and_fires_once_per_wait() {
    let (tx, rx) = channel::rendezvous();
    let mut select = Select::new();
    select.recv(&rx, |got| got.ok());
    select.recv(&rx, |got| got.ok());
    select.send(&tx, 1, |sent| sent.ok().map(|()| 0));
    assert!(select.try_wait().is_none());
    let mut waits = task(select.wait());
    let counter = Counter::new();
    assert!(poll_with(&mut waits, &counter).is_pending());
    assert_eq!(tx.try_send(5), Ok(()));
    assert!(tx.try_send(6).unwrap_err().is_full());
    assert!(matches!(poll(&mut waits), Poll::Ready(Ok((_, Some(5))))));
    assert_eq!(counter.count(), 1);
}

#[test]
fn two_of_them_pair_with_each_other_and_with_select() {
    let (tx, rx) = channel::rendezvous();
    for round in 0..3 {
        let mut sender = Select::new();
        sender.send(&tx, 7, |sent| sent.is_ok());
        let mut receiver = Select::new();
        receiver.recv(&rx, |got| got.ok());
        let mut by_macro = task(async {
            select! {
                got = rx.recv() => got.ok(),
                _ = pending::<()>() => None,
            }
        });
        match round {
            0 => {
                let mut waits = task(receiver.wait());
                assert!(poll(&mut waits).is_pending());
                assert!(now(sender.wait()).unwrap().1);
                assert!(matches!(poll(&mut waits), Poll::Ready(Ok((_, Some(7))))));
            }
            1 => {
                let mut waits = task(sender.wait());
                assert!(poll(&mut waits).is_pending());
                assert_eq!(receiver.try_wait().map(|(_, got)| got), Some(Some(7)));
                assert!(matches!(poll(&mut waits), Poll::Ready(Ok((_, true)))));
            }
            _ => {
                assert!(poll(&mut by_macro).is_pending());
                assert!(now(sender.wait()).unwrap().1);
                assert_eq!(poll(&mut by_macro), Poll::Ready(Some(7)));
            }
        }
    }
}

#[test]
fn a_cancel_wins_before_a_later_send_and_no_pass_goes_past_what_came_first() {
    let (tx, rx) = channel::bounded(1);
    let (context, cancel) = root().with_cancel();
    let mut select = Select::biased();
    select.recv(&rx, |got| got.ok());
    select.done(&context, |_| None);
    let mut waits = task(select.wait());
    assert!(poll(&mut waits).is_pending());
    cancel.cancel();
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(rx.len(), 1);
    assert!(matches!(poll(&mut waits), Poll::Ready(Ok((_, None)))));
    drop(waits);
    assert_eq!(rx.try_recv(), Ok(1));
    // It is ready ever after.
    assert_eq!(now(select.wait()).unwrap().1, None);

    let mut select = Select::biased();
    let (t1, c1) = channel::bounded(1);
    let (t2, c2) = channel::bounded(1);
    let (a, b) = (t1.clone(), t2.clone());
    select.recv(&c1, |got| got.ok());
    let mut acted = false;
    let between = std::future::poll_fn(move |_| {
        if !std::mem::replace(&mut acted, true) {
            assert!(a.try_send(1).is_ok() && b.try_send(2).is_ok());
        }
        Poll::<()>::Pending
    });
    select.future(between, |()| None);
    select.recv(&c2, |got| got.ok());
    assert_eq!(now(select.wait()).unwrap().1, Some(1));
    assert_eq!((t1.len(), t2.len()), (0, 1));
}

#[test]
fn nothing_is_given_only_if_at_one_instant_nothing_was_ready() {
    let (t1, c1) = channel::bounded(1);
    let (t2, c2) = channel::bounded(1);
    assert_eq!(t1.try_send(1), Ok(()));
    // At each instant one of the two holds a value.
    let (a, b) = (c1.clone(), t2.clone());
    let moves = std::future::poll_fn(move |_| {
        let _ = b.try_send(2);
        let _ = a.try_recv();
        Poll::<()>::Pending
    });
    let mut select = Select::biased();
    select.recv(&c2, |got| got.ok());
    select.future(moves, |()| None);
    select.recv(&c1, |got| got.ok());
    assert_eq!(select.try_wait().map(|(_, got)| got), Some(Some(2)));
}

#[test]
fn the_end_of_the_current_context_is_an_error_of_the_wait_and_takes_nothing() {
    let (tx, rx) = channel::bounded(1);
    let (context, cancel) = root().with_cancel();
    let _inside = current::enter_context(context.clone());
    let mut select = Select::new();
    let case = select.recv(&rx, |got| got.ok());
    let mut waits = task(select.wait());
    let counter = Counter::new();
    assert!(poll_with(&mut waits, &counter).is_pending());
    cancel.cancel();
    assert_eq!(counter.count(), 1);
    let ended = poll(&mut waits);
    assert!(matches!(
        ended,
        Poll::Ready(Err(ContextError::Cancelled(_)))
    ));
    drop(waits);
    assert_eq!(tx.try_send(1), Ok(()));
    assert!(now(select.wait()).is_err());
    assert_eq!(select.try_wait(), Some((case, Some(1))));
    // Its own end is a case like others then.
    let done = select.done(&context, |_| None);
    assert_eq!(now(select.wait()).unwrap(), (done, None));
}

#[test]
fn without_a_case_it_waits_for_the_end_of_the_context() {
    let (context, cancel) = root().with_cancel();
    let _inside = current::enter_context(context);
    let mut select = Select::<()>::new();
    assert!(select.try_wait().is_none());
    let mut waits = task(select.wait());
    let counter = Counter::new();
    assert!(poll_with(&mut waits, &counter).is_pending());
    cancel.cancel();
    assert_eq!(counter.count(), 1);
    assert!(matches!(poll(&mut waits), Poll::Ready(Err(_))));
}

#[test]
fn timers_ticks_and_futures_are_cases() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (ticker, once) = (tick(2.millis()).unwrap(), timer(3.millis()));
    let mut select = Select::biased();
    select.after(5.millis(), |_| "after");
    select.fired(&once, |_| "timer");
    select.tick(&ticker, |_| "tick");
    let mut fired = Vec::new();
    for _ in 0..6 {
        clock.advance(Duration::from_millis(1));
        while let Some((_, what)) = select.try_wait() {
            fired.push(what);
        }
    }
    assert_eq!(fired, ["tick", "timer", "tick", "after", "tick"]);
    assert_eq!(select.len(), 2);
    once.reset(1.millis());
    let mut waits = task(select.wait());
    assert!(poll(&mut waits).is_pending());
    clock.advance(Duration::from_millis(1));
    assert!(matches!(poll(&mut waits), Poll::Ready(Ok((_, "timer")))));
    drop(waits);
    select.future(ready(5), |five| if five == 5 { "future" } else { "?" });
    assert_eq!(select.try_wait().map(|(_, what)| what), Some("future"));
    assert_eq!(select.len(), 2);
    drop((select, ticker, once));
    assert_eq!(clock.timers(), 0);
}

#[test]
fn a_hundred_cases_and_more() {
    let channels: Vec<_> = (0..1000).map(|_| channel::rendezvous::<usize>()).collect();
    let mut select = Select::new();
    for (_, rx) in &channels {
        select.recv(rx, |got| got.unwrap());
    }
    for n in [999, 0, 63, 64, 65, 500] {
        let mut waits = task(select.wait());
        assert!(poll(&mut waits).is_pending());
        assert_eq!(channels[n].0.try_send(n), Ok(()));
        assert!(matches!(poll(&mut waits), Poll::Ready(Ok((_, got))) if got == n));
        drop(waits);
        let mut send = channels[n].0.send(n);
        assert!(poll(&mut send).is_pending());
        assert_eq!(now(select.wait()).unwrap().1, n);
    }
}

#[test]
fn a_case_holds_its_channel_until_it_goes() {
    let (tx, rx) = channel::rendezvous::<u8>();
    let mut select = Select::new();
    let case = select.recv(&rx, |got| got.ok());
    drop(rx);
    assert!(!tx.is_closed());
    select.remove(case);
    assert!(tx.is_closed());
}

#[test]
fn it_and_its_wait_are_send() {
    fn is_send<T: Send>(_: &T) {}
    let (_tx, rx) = channel::rendezvous::<u8>();
    let mut select = Select::new();
    select.recv(&rx, |got| got.is_ok());
    is_send(&select);
    is_send(&select.wait());
}
