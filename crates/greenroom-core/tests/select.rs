//! Select, by its public interface and without a runtime.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{Counter, now, poll, poll_with};
use greenroom_core::channel::{self, RecvError, SendError, SendFromError, TryRecvError};
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, block_on, root};
use greenroom_core::select;
use greenroom_core::time::{Durations, after};

type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn task<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Task<'a, T> {
    Box::pin(future)
}

/// Asserts that a count is near its expectation: six standard deviations, once in a billion wrong.
fn near(count: usize, of: usize, chance: f64) {
    let mean = of as f64 * chance;
    let most = 6.0 * (mean * (1.0 - chance)).sqrt();
    assert!((count as f64 - mean).abs() <= most, "{count} of {of}");
}

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
fn sel_04_a_select_that_waits_four_times_in_one_queue_fires_once() {
    let (tx, rx) = channel::rendezvous();
    for n in 0..1000 {
        let mut sender = task(async {
            select! {
                r = tx.send(4 * n) => r.is_ok(),
                r = tx.send(4 * n + 1) => r.is_ok(),
                r = tx.send(4 * n + 2) => r.is_ok(),
                r = tx.send(4 * n + 3) => r.is_ok(),
            }
        });
        assert!(poll(&mut sender).is_pending());
        assert_eq!(rx.try_recv().map(|v| v / 4), Ok(n));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(poll(&mut sender), Poll::Ready(true));
    }
}

#[test]
fn sel_05_a_select_is_never_its_own_partner() {
    let (tx, rx) = channel::rendezvous();
    let counter = Counter::new();
    let mut alone = task(async {
        select! {
            tx.send(1) => (),
            _ = rx.recv() => (),
        }
    });
    assert!(poll_with(&mut alone, &counter).is_pending());
    assert!(poll_with(&mut alone, &counter).is_pending());
    assert_eq!(counter.count(), 0);
    drop(alone);
    let fired = now(async {
        select! {
            tx.send(1) => false,
            _ = rx.recv() => false,
            default => true,
        }
    });
    assert!(fired);
}

#[test]
fn sel_06_two_selects_pair_with_each_other_across_threads() {
    const ROUNDS: usize = 20_000;
    for _ in 0..2 {
        let (tx, rx) = channel::rendezvous::<usize>();
        let threads: Vec<_> = [0, 1]
            .map(|me| {
                let (tx, rx) = (tx.clone(), rx.clone());
                thread::spawn(move || {
                    block_on(async {
                        for _ in 0..ROUNDS {
                            select! {
                                r = tx.send(me) => assert!(r.is_ok()),
                                v = rx.recv() => assert_eq!(v.ok(), Some(1 - me)),
                            }
                        }
                    });
                })
            })
            .into();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn selects_that_meet_in_several_channels_do_not_turn_each_other_away_for_ever() {
    const ROUNDS: usize = 5_000;
    let (ta, ra) = channel::rendezvous::<usize>();
    let (tb, rb) = channel::rendezvous::<usize>();
    let moved = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|me| {
            let (ta, ra, tb, rb) = (ta.clone(), ra.clone(), tb.clone(), rb.clone());
            let moved = moved.clone();
            thread::spawn(move || {
                block_on(async {
                    for _ in 0..ROUNDS {
                        // Two tasks send through a and receive through b, the other two reverse it.
                        let (tx, rx) = if me % 2 == 0 { (&ta, &rb) } else { (&tb, &ra) };
                        select! {
                            r = tx.send(1) => assert!(r.is_ok()),
                            v = rx.recv() => {
                                moved.fetch_add(v.unwrap(), Ordering::Relaxed);
                            }
                        }
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(moved.load(Ordering::Relaxed), 2 * ROUNDS);
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
fn sel_12_a_close_wakes_a_waiting_select_through_the_closed_case() {
    let (tx, _rx) = channel::rendezvous::<u8>();
    let (other, rx) = channel::rendezvous::<u8>();
    let idle = channel::never::<u8>();
    let counter = Counter::new();
    let mut slot = Some(1);
    let mut sender = task(async {
        select! {
            r = tx.send_from(&mut slot) => matches!(r, Err(SendFromError::Closed)),
            _ = idle.recv() => false,
        }
    });
    let mut receiver = task(async {
        select! {
            _ = idle.recv() => false,
            r = rx.recv() => matches!(r, Err(RecvError::Closed)),
        }
    });
    assert!(poll_with(&mut sender, &counter).is_pending());
    assert!(poll_with(&mut receiver, &counter).is_pending());
    tx.close();
    other.close();
    assert_eq!(counter.count(), 2);
    assert_eq!(poll(&mut sender), Poll::Ready(true));
    assert_eq!(poll(&mut receiver), Poll::Ready(true));
    drop(sender);
    assert_eq!(slot, Some(1));
}

#[test]
fn sel_14_the_losing_cases_leave_their_queues() {
    let (t1, c1) = channel::rendezvous::<u8>();
    let (s1, r1) = channel::rendezvous::<u8>();
    let (t2, c2) = channel::rendezvous::<u8>();
    let mut slot = Some(9);
    let mut waiting = task(async {
        select! {
            _ = c1.recv() => 1,
            s1.send_from(&mut slot) => 2,
            v = c2.recv() => v.unwrap(),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(t2.try_send(7), Ok(()));
    // Before it has been polled again, too.
    assert!(t1.try_send(1).unwrap_err().is_full());
    assert_eq!(r1.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll(&mut waiting), Poll::Ready(7));
    assert!(t1.try_send(1).unwrap_err().is_full());
    assert_eq!(r1.try_recv(), Err(TryRecvError::Empty));
    drop(waiting);
    assert_eq!(slot, Some(9));
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
fn sel_21_a_cancelled_context_is_one_ready_case_among_others() {
    let (tx, rx) = channel::unbounded();
    for _ in 0..20_000 {
        assert_eq!(tx.try_send(()), Ok(()));
    }
    let (context, cancel) = root().with_cancel();
    cancel.cancel();
    let stops = 2000;
    let (mut jobs, mut biased) = (0, 0);
    for _ in 0..stops {
        let _entered = current::enter_context(context.clone());
        now(async {
            loop {
                select! {
                    context.done() => break,
                    _ = rx.recv() => jobs += 1,
                }
            }
            loop {
                select! {
                    biased;
                    context.done() => break,
                    _ = rx.recv() => biased += 1,
                }
            }
        });
    }
    near(stops, stops + jobs, 0.5);
    assert_eq!(biased, 0);
}

#[test]
fn sel_22_no_default_while_a_value_or_the_close_is_there() {
    for _ in 0..3000 {
        let (tx, rx) = channel::bounded(1);
        assert_eq!(tx.try_send(1), Ok(()));
        let other = rx.clone();
        let asker = thread::spawn(move || {
            now(async {
                select! {
                    _ = other.recv() => true,
                    default => false,
                }
            })
        });
        tx.close();
        let _ = rx.try_recv();
        assert!(asker.join().unwrap());
    }
}

#[test]
fn sel_23_no_default_while_one_of_two_channels_is_always_ready() {
    let mut defaults = 0;
    for _ in 0..3000 {
        let (t1, c1) = channel::bounded(1);
        let (t2, c2) = channel::bounded(1);
        assert_eq!(t1.try_send(()), Ok(()));
        let (a1, a2) = (c1.clone(), c2.clone());
        let begun = Arc::new(AtomicBool::new(false));
        let go = begun.clone();
        let asker = thread::spawn(move || {
            go.store(true, Ordering::SeqCst);
            now(async {
                select! {
                    _ = a1.recv() => false,
                    _ = a2.recv() => false,
                    default => true,
                }
            })
        });
        while !begun.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert_eq!(t2.try_send(()), Ok(()));
        let _ = c1.try_recv();
        defaults += usize::from(asker.join().unwrap());
    }
    assert_eq!(defaults, 0);
}

/// A case that is never ready, and acts between the tries of the cases around it.
fn between(act: impl FnMut()) -> impl Future<Output = ()> {
    let mut act = act;
    std::future::poll_fn(move |_| {
        act();
        Poll::Pending
    })
}

#[test]
fn a_pass_in_which_a_tried_channel_became_ready_ends_in_no_default() {
    let (t1, c1) = channel::bounded(1);
    let (t2, c2) = channel::bounded(1);
    assert_eq!(t1.try_send(1), Ok(()));
    let fired = now(async {
        select! {
            biased;
            v = c2.recv() => v.ok(),
            // At each instant one of the two holds a value.
            between(|| { let _ = t2.try_send(2); let _ = c1.try_recv(); }) => None,
            v = c1.recv() => v.ok(),
            default => None,
        }
    });
    assert_eq!(fired, Some(2));
}

#[test]
fn a_pass_does_not_go_past_a_case_that_became_ready_first() {
    let (t1, c1) = channel::bounded(1);
    let (t2, c2) = channel::bounded(1);
    let fired = now(async {
        select! {
            biased;
            v = c1.recv() => v.ok(),
            between(|| { let _ = t1.try_send(1); let _ = t2.try_send(2); }) => None,
            v = c2.recv() => v.ok(),
        }
    });
    assert_eq!((fired, c2.len()), (Some(1), 1));
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

#[test]
fn rs_03_a_value_handed_to_a_dropped_select_goes_to_the_next_receiver() {
    for capacity in [0, 2] {
        for n in 0..1000 {
            let (tx, rx) = channel::bounded(capacity);
            let idle = channel::never::<i32>();
            let counter = Counter::new();
            let mut first = task(async {
                select! {
                    _ = idle.recv() => (),
                    _ = rx.recv() => (),
                }
            });
            let mut second = task(async {
                select! {
                    v = rx.recv() => v.ok(),
                    v = idle.recv() => v.ok(),
                }
            });
            assert!(poll(&mut first).is_pending());
            assert!(poll_with(&mut second, &counter).is_pending());
            assert_eq!(tx.try_send(n), Ok(()));
            assert_eq!(counter.count(), 0);
            drop(first);
            assert_eq!(counter.count(), 1);
            assert_eq!(poll(&mut second), Poll::Ready(Some(n)));
        }
    }
}

#[test]
fn dropping_a_waiting_select_puts_every_value_back_into_its_slot() {
    let (t1, r1) = channel::rendezvous();
    let (t2, r2) = channel::rendezvous();
    let (mut a, mut b) = (Some(1), Some(2));
    let mut waiting = task(async {
        select! {
            t1.send_from(&mut a) => (),
            t2.send_from(&mut b) => (),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    drop(waiting);
    assert_eq!((a, b), (Some(1), Some(2)));
    assert_eq!(r1.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(r2.try_recv(), Err(TryRecvError::Empty));

    let mut waiting = task(async {
        select! {
            t1.send_from(&mut a) => (),
            t2.send_from(&mut b) => (),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(r2.try_recv(), Ok(2));
    drop(waiting);
    assert_eq!((a, b), (Some(1), None));
}

#[test]
fn a_select_takes_from_a_waiting_select_in_either_direction() {
    for receiver_first in [true, false] {
        let (tx, rx) = channel::rendezvous();
        let idle = channel::never::<i32>();
        let mut receiver = task(async {
            select! {
                _ = idle.recv() => None,
                v = rx.recv() => v.ok(),
            }
        });
        let mut sender = task(async {
            select! {
                _ = idle.recv() => false,
                r = tx.send(5) => r.is_ok(),
            }
        });
        if receiver_first {
            assert!(poll(&mut receiver).is_pending());
            assert_eq!(poll(&mut sender), Poll::Ready(true));
            assert_eq!(poll(&mut receiver), Poll::Ready(Some(5)));
        } else {
            assert!(poll(&mut sender).is_pending());
            assert_eq!(poll(&mut receiver), Poll::Ready(Some(5)));
            assert_eq!(poll(&mut sender), Poll::Ready(true));
        }
    }
}

#[test]
fn a_select_keeps_its_place_while_its_futures_are_polled() {
    let (tx, rx) = channel::rendezvous();
    let mut select = task(async {
        select! {
            v = rx.recv() => v.ok(),
            _ = pending::<()>() => None,
        }
    });
    let mut plain = rx.recv();
    assert!(poll(&mut select).is_pending());
    assert!(poll(&mut plain).is_pending());
    assert!(poll(&mut select).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert!(poll(&mut plain).is_pending());
    assert_eq!(poll(&mut select), Poll::Ready(Some(1)));
}

#[test]
fn a_peer_that_meets_a_select_at_work_is_found_when_it_waits_again() {
    // The future sends into the select's own channel while it is polled: the select is not waiting
    // at that moment, and must see the sender when it waits again.
    let (tx, rx) = channel::rendezvous();
    let mut inner = Box::pin(async {
        let mut polls = 0;
        std::future::poll_fn(|_| {
            polls += 1;
            if polls < 3 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        assert!(tx.send(1).await.is_ok());
        pending::<()>().await;
    });
    let mut select = task(async {
        select! {
            v = rx.recv() => v.ok(),
            _ = &mut inner => None,
        }
    });
    assert!(poll(&mut select).is_pending());
    assert_eq!(poll(&mut select), Poll::Pending);
    assert_eq!(poll(&mut select), Poll::Ready(Some(1)));
}

#[test]
fn a_select_without_a_case_for_the_end_fails_through_its_first_channel_case() {
    let (tx, rx) = channel::bounded::<u8>(1);
    let (out, _keep) = channel::rendezvous::<u8>();
    let (context, cancel) = root().with_cancel();
    let counter = Counter::new();
    let mut slot = Some(1);
    let mut waiting = task(async {
        select! {
            _ = ready(()), if false => "future",
            r = rx.recv(), if false => { let _ = r; "disabled" }
            r = out.send_from(&mut slot) => {
                assert!(matches!(r, Err(SendFromError::Cancelled(_))));
                "first"
            }
            _ = rx.recv() => "second",
        }
    });
    {
        let _entered = current::enter_context(context.clone());
        assert!(poll_with(&mut waiting, &counter).is_pending());
        cancel.cancel();
        assert_eq!(counter.count(), 1);
        assert_eq!(poll(&mut waiting), Poll::Ready("first"));
    }
    drop(waiting);
    assert_eq!(slot, Some(1));

    assert_eq!(tx.try_send(1), Ok(()));
    let _entered = current::enter_context(context);
    let failed = now(async {
        select! {
            r = rx.recv() => matches!(r, Err(RecvError::Cancelled(_))),
            default => false,
        }
    });
    assert!(failed);
    assert_eq!(rx.len(), 1);
}

#[test]
fn the_end_of_a_context_fires_its_case_in_a_waiting_select() {
    let rx = channel::never::<u8>();
    let (context, cancel) = root().with_cancel();
    let _entered = current::enter_context(context.clone());
    let mut waiting = task(async {
        select! {
            _ = rx.recv() => false,
            context.done() => true,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    cancel.cancel();
    assert_eq!(poll(&mut waiting), Poll::Ready(true));
}

#[test]
fn a_timer_ends_a_waiting_select() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous::<u8>();
    let counter = Counter::new();
    let mut waiting = task(async {
        select! {
            _ = rx.recv() => false,
            after(5.secs()) => true,
        }
    });
    assert!(poll_with(&mut waiting, &counter).is_pending());
    clock.advance(Duration::from_secs(5));
    assert_eq!(counter.count(), 1);
    assert_eq!(poll(&mut waiting), Poll::Ready(true));
    assert!(tx.try_send(1).unwrap_err().is_full());
}

#[test]
fn a_receive_that_began_outside_keeps_what_it_was_handed() {
    let (tx, rx) = channel::rendezvous();
    let mut recv = rx.recv();
    assert!(poll(&mut recv).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    let got = now(async {
        select! {
            v = recv => v.ok(),
            default => None,
        }
    });
    assert_eq!(got, Some(1));
}

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

#[test]
fn nothing_is_lost_between_selects_on_many_threads_that_give_up_at_random() {
    const ROUNDS: usize = 10_000;
    let (t1, r1) = channel::rendezvous::<usize>();
    let (t2, r2) = channel::bounded::<usize>(2);
    let sent = Arc::new(AtomicUsize::new(0));
    let got = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let (t1, r1, t2, r2) = (t1.clone(), r1.clone(), t2.clone(), r2.clone());
            let (sent, got) = (sent.clone(), got.clone());
            thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(n);
                for _ in 0..ROUNDS {
                    let (mut a, mut b) = (Some(1), Some(1));
                    let polls = random.usize(1..5);
                    {
                        let mut select = pin!(async {
                            let mut spin = pin!(pending::<()>());
                            if n % 2 == 0 {
                                select! {
                                    t1.send_from(&mut a) => (),
                                    t2.send_from(&mut b) => (),
                                    _ = &mut spin, if n % 4 == 0 => (),
                                }
                            } else {
                                let value = select! {
                                    v = r1.recv() => v,
                                    v = r2.recv() => v,
                                    _ = &mut spin, if n % 4 == 1 => return,
                                };
                                got.fetch_add(value.unwrap(), Ordering::Relaxed);
                            }
                        });
                        for _ in 0..polls {
                            if poll(&mut select).is_ready() {
                                break;
                            }
                            thread::yield_now();
                        }
                    }
                    if n % 2 == 0 {
                        let accepted = usize::from(a.is_none()) + usize::from(b.is_none());
                        assert!(accepted <= 1);
                        sent.fetch_add(accepted, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let stored = std::iter::from_fn(|| r1.try_recv().or_else(|_| r2.try_recv()).ok()).count();
    let (sent, got) = (sent.load(Ordering::Relaxed), got.load(Ordering::Relaxed));
    assert_eq!(sent, got + stored);
    assert!(got > 0);
}
