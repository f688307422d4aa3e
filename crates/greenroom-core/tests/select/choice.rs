//! Which case fires.

use greenroom_core::channel::{self, RecvError, SendError};
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::Manual;
use greenroom_core::select;
use greenroom_core::time::{Durations, after};

use crate::common::{now, poll};
use crate::{near, task};

#[test]
fn sel_01_the_default_fires_if_and_only_if_nothing_is_ready() {
    let (tx, a) = channel::bounded::<u8>(1);
    let b = channel::never::<u8>();
    for ready in [false, true] {
        for _ in 0..1000 {
            if ready {
                assert_eq!(tx.try_send(1), Ok(()));
            }
            let fired = now(async {
                select! {
                    v = a.recv() => v.ok(),
                    v = b.recv() => v.ok(),
                    default => None,
                }
            });
            assert_eq!(fired.is_some(), ready);
        }
    }
}

#[test]
fn sel_03_each_clause_has_an_equal_chance_not_each_channel() {
    let (ta, a) = channel::unbounded();
    let (tb, b) = channel::unbounded();
    for _ in 0..8000 {
        assert!(ta.try_send(()).is_ok() && tb.try_send(()).is_ok());
    }
    let mut fired = [0; 4];
    for _ in 0..8000 {
        let clause = now(async {
            select! {
                _ = a.recv() => 0,
                _ = a.recv() => 1,
                _ = a.recv() => 2,
                _ = b.recv() => 3,
            }
        });
        fired[clause] += 1;
    }
    for count in fired {
        near(count, 8000, 0.25);
    }
    assert_eq!(8000 - a.len(), fired[0] + fired[1] + fired[2]);
    assert_eq!(8000 - b.len(), fired[3]);
}

#[test]
fn sel_08_a_case_that_is_not_there_is_never_chosen_and_never_an_error() {
    let (tx, rx) = channel::bounded(1);
    let nil: Option<channel::Receiver<u8>> = None;
    assert_eq!(tx.try_send(1), Ok(()));
    for default in [false, true] {
        let fired = now(async {
            select! {
                _ = nil.as_ref().unwrap().recv(), if nil.is_some() => "nil",
                _ = rx.recv(), if !default => "real",
                default => "default",
            }
        });
        assert_eq!(fired, if default { "default" } else { "real" });
    }
    let mut blocked = task(async {
        select! {
            _ = rx.recv(), if nil.is_some() => (),
        }
    });
    assert!(poll(&mut blocked).is_pending());
    assert!(poll(&mut blocked).is_pending());
}

#[test]
fn sel_11_a_send_on_a_closed_channel_is_ready() {
    let (tx, rx) = channel::rendezvous::<u8>();
    tx.close();
    let mut sends = 0;
    for _ in 0..2000 {
        now(async {
            select! {
                r = tx.send(1) => {
                    assert!(matches!(r, Err(SendError::Closed(1))));
                    sends += 1;
                }
                r = rx.recv() => assert!(matches!(r, Err(RecvError::Closed))),
            }
        });
    }
    near(sends, 2000, 0.5);
}

#[test]
fn sel_20_a_value_and_an_expired_timer_have_equal_chances() {
    let clock = Manual::new();
    let mut values = 0;
    for _ in 0..400 {
        let (tx, rx) = channel::bounded(1);
        assert_eq!(tx.try_send(1), Ok(()));
        let mut timer = {
            let _entered = current::enter_driver(Handle::new(clock.clone(), false));
            after(0.millis())
        };
        values += now(async {
            select! {
                _ = rx.recv() => 1,
                _ = &mut timer => 0,
            }
        });
    }
    near(values, 400, 0.5);
}

#[test]
fn sel_26_a_case_that_is_always_ready_does_not_starve_another() {
    let (hot, closed) = channel::rendezvous::<u8>();
    hot.close();
    for _ in 0..500 {
        let (tx, rx) = channel::bounded(1);
        assert_eq!(tx.try_send(1), Ok(()));
        let run = now(async {
            for run in 0.. {
                select! {
                    _ = closed.recv() => {}
                    _ = rx.recv() => return run,
                }
            }
            0
        });
        assert!(run < 40, "{run}");
    }
}
