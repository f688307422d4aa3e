//! The shapes that the macro takes.

use std::future::ready;

use greenroom_core::channel::{self, RecvError};
use greenroom_core::doc_support::root;
use greenroom_core::select;

use crate::common::now;

#[test]
fn futures_that_must_not_move_may_stand_in_a_case() {
    let rx = channel::never::<u8>();
    let not_unpin = async {
        let local = 5;
        let borrowed = &local;
        std::future::ready(()).await;
        *borrowed
    };
    let got = now(async {
        select! {
            _ = rx.recv() => 0,
            v = not_unpin => v,
        }
    });
    assert_eq!(got, 5);
}

#[test]
fn bodies_are_in_the_surrounding_function() {
    async fn first(rx: &channel::Receiver<u8>) -> Result<u8, RecvError> {
        loop {
            select! {
                v = rx.recv() => match v? {
                    0 => continue,
                    1 => break,
                    v => return Ok(v),
                },
                (_, b) = async { (1, 2) }, if rx.is_closed() && b_is_open() => return Ok(b),
            }
        }
        rx.recv().await
    }
    fn b_is_open() -> bool {
        false
    }
    let (tx, rx) = channel::unbounded();
    for n in [0, 9, 1, 7] {
        assert_eq!(tx.try_send(n), Ok(()));
    }
    assert_eq!(now(first(&rx)).ok(), Some(9));
    assert_eq!(now(first(&rx)).ok(), Some(7));
    tx.close();
    assert!(now(first(&rx)).is_err());
}

#[test]
fn a_select_may_have_thirty_two_cases() {
    let (tx, rx) = channel::bounded(1);
    let n = channel::never::<u8>();
    assert_eq!(tx.try_send(1), Ok(()));
    let got = now(async {
        select! {
            _ = n.recv() => 0, _ = n.recv() => 1, _ = n.recv() => 2, _ = n.recv() => 3,
            _ = n.recv() => 4, _ = n.recv() => 5, _ = n.recv() => 6, _ = n.recv() => 7,
            _ = n.recv() => 8, _ = n.recv() => 9, _ = n.recv() => 10, _ = n.recv() => 11,
            _ = n.recv() => 12, _ = n.recv() => 13, _ = n.recv() => 14, _ = n.recv() => 15,
            _ = n.recv() => 16, _ = n.recv() => 17, _ = n.recv() => 18, _ = n.recv() => 19,
            _ = n.recv() => 20, _ = n.recv() => 21, _ = n.recv() => 22, _ = n.recv() => 23,
            _ = n.recv() => 24, _ = n.recv() => 25, _ = n.recv() => 26, _ = n.recv() => 27,
            _ = n.recv() => 28, _ = n.recv() => 29, _ = n.recv() => 30, _ = rx.recv() => 31,
        }
    });
    assert_eq!(got, 31);
}

#[test]
fn the_future_of_a_select_can_cross_threads() {
    fn send<T: Send>(_: T) {}
    let (tx, rx) = channel::rendezvous::<u8>();
    let (context, _cancel) = root().with_cancel();
    send(async move {
        let mut slot = Some(1);
        select! {
            _ = rx.recv() => (),
            tx.send_from(&mut slot) => (),
            context.done() => (),
            _ = ready(1) => (),
        }
    });
}
