//! Ticks as cases of a select: the kernel's, with the guarantees of a channel's.

use std::future::{Future, pending};
use std::task::Poll;

use greenroom_core::channel::{self, RecvError};
use greenroom_core::current;
use greenroom_core::select;
use greenroom_core::time::{Durations, after, tick, timer};

use crate::Clock;
use crate::common::{Counter, now, poll, poll_with};

#[derive(Debug, PartialEq)]
enum Fired {
    Tick(u64),
    Value(u8),
    Ended,
    Nothing,
}

#[test]
fn a_tick_wins_a_waiting_select_before_a_later_send() {
    let clock = Clock::new();
    let (tx, rx) = channel::rendezvous();
    let (ticker, once) = (tick(5.millis()).unwrap(), timer(5.millis()));
    let mut by_ticker = Box::pin(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            at = ticker.tick() => Fired::Tick(clock.since(at.unwrap())),
        }
    });
    let mut by_timer = Box::pin(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            at = once.fired() => Fired::Tick(clock.since(at.unwrap())),
            _ = pending::<()>() => unreachable!(),
        }
    });
    let counter = Counter::new();
    assert!(poll_with(&mut by_ticker, &counter).is_pending());
    assert!(poll_with(&mut by_timer, &counter).is_pending());
    clock.advance(5);
    assert_eq!(counter.count(), 2);
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(poll(&mut by_ticker), Poll::Ready(Fired::Tick(5)));
    assert_eq!(poll(&mut by_timer), Poll::Ready(Fired::Tick(5)));
}

#[test]
fn a_losing_tick_case_takes_nothing_and_a_dropped_select_gives_it_back() {
    let clock = Clock::new();
    let (tx, rx) = channel::bounded(1);
    let ticker = tick(5.millis()).unwrap();
    for dropped in [false, true] {
        let mut waits = Box::pin(async {
            select! {
                v = rx.recv() => Fired::Value(v.unwrap()),
                at = ticker.tick() => Fired::Tick(clock.since(at.unwrap())),
            }
        });
        assert!(poll(&mut waits).is_pending());
        if dropped {
            clock.advance(5);
            drop(waits);
        } else {
            tx.try_send(1).unwrap();
            clock.advance(5);
            assert_eq!(poll(&mut waits), Poll::Ready(Fired::Value(1)));
        }
        let mut next = ticker.tick();
        assert!(clock.poll(&mut next).is_some());
        assert_eq!(clock.poll(&mut ticker.tick()), None);
    }
}

#[test]
fn one_tick_fires_one_of_many_selects_and_cases() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    let wait = || {
        Box::pin(async {
            select! {
                _ = ticker.tick() => (),
                _ = ticker.tick() => (),
            }
        })
    };
    let mut waits = [wait(), wait(), wait()];
    for wait in &mut waits {
        assert!(poll(wait).is_pending());
    }
    for n in 0..3 {
        clock.advance(5);
        let done: Vec<_> = waits[n..].iter_mut().map(|w| poll(w).is_ready()).collect();
        assert_eq!(done.iter().filter(|&&done| done).count(), 1);
        assert!(done[0]);
    }
    assert_eq!(clock.poll(&mut ticker.tick()), None);
}

#[test]
fn a_pass_does_not_go_past_a_tick_that_came_first() {
    let clock = Clock::new();
    let (tx, rx) = channel::bounded(1);
    let once = timer(5.millis());
    let fired = now(async {
        select! {
            biased;
            at = once.fired() => Fired::Tick(clock.since(at.unwrap())),
            between(|| { clock.advance(5); tx.try_send(1).unwrap(); }) => unreachable!(),
            v = rx.recv() => Fired::Value(v.unwrap()),
        }
    });
    assert_eq!((fired, rx.len()), (Fired::Tick(5), 1));
}

/// A case that is never ready, and acts once between the tries of the cases around it.
fn between(act: impl FnOnce()) -> impl Future<Output = ()> {
    let mut act = Some(act);
    std::future::poll_fn(move |_| {
        if let Some(act) = act.take() {
            act();
        }
        Poll::Pending
    })
}

#[test]
fn a_tick_that_comes_while_a_select_is_at_work_is_found_when_it_waits_again() {
    let clock = Clock::new();
    let once = timer(5.millis());
    let mut polls = 0;
    let mut waits = Box::pin(async {
        let inner = std::future::poll_fn(|_| {
            polls += 1;
            if polls == 2 {
                clock.advance(5);
            }
            Poll::<()>::Pending
        });
        select! {
            at = once.fired() => Fired::Tick(clock.since(at.unwrap())),
            _ = inner => unreachable!(),
        }
    });
    // It is tried and then polled again, or the other way round, as it chooses.
    let first = poll(&mut waits);
    let fired = if first.is_ready() {
        first
    } else {
        poll(&mut waits)
    };
    assert_eq!(fired, Poll::Ready(Fired::Tick(5)));
}

#[test]
fn the_default_fires_if_and_only_if_no_tick_is_there() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    let look = || {
        now(async {
            select! {
                at = ticker.tick() => Fired::Tick(clock.since(at.unwrap())),
                default => Fired::Nothing,
            }
        })
    };
    assert_eq!(look(), Fired::Nothing);
    clock.advance(5);
    assert_eq!(look(), Fired::Tick(5));
    assert_eq!(look(), Fired::Nothing);
    ticker.stop();
    clock.advance(5);
    assert_eq!(look(), Fired::Nothing);
}

#[test]
fn the_end_of_the_context_fails_another_case_and_not_the_tick() {
    let clock = Clock::new();
    let (_tx, rx) = channel::rendezvous::<u8>();
    let ticker = tick(5.millis()).unwrap();
    let (context, cancel) = clock.manual.root().with_cancel();
    let _inside = current::enter_context(context);
    let wait = || {
        Box::pin(async {
            select! {
                at = ticker.tick() => Fired::Tick(clock.since(at.unwrap())),
                v = rx.recv() => match v {
                    Err(RecvError::Cancelled(_)) => Fired::Ended,
                    v => Fired::Value(v.unwrap()),
                },
            }
        })
    };
    let mut waits = wait();
    assert!(poll(&mut waits).is_pending());
    cancel.cancel();
    assert_eq!(poll(&mut waits), Poll::Ready(Fired::Ended));
    assert_eq!(poll(&mut wait()), Poll::Ready(Fired::Ended));
    let mut alone = Box::pin(async {
        select! {
            at = ticker.tick() => Fired::Tick(clock.since(at.unwrap())),
            after(9.millis()) => Fired::Nothing,
        }
    });
    assert!(poll(&mut alone).is_pending());
    clock.advance(5);
    assert_eq!(poll(&mut alone), Poll::Ready(Fired::Tick(5)));
}

#[test]
fn a_wait_that_began_outside_keeps_what_it_was_handed() {
    let clock = Clock::new();
    let once = timer(5.millis());
    let mut began = once.fired();
    assert!(poll(&mut began).is_pending());
    clock.advance(5);
    let idle = channel::never::<u8>();
    let fired = now(async {
        select! {
            v = idle.recv() => Fired::Value(v.unwrap()),
            at = began => Fired::Tick(clock.since(at.unwrap())),
        }
    });
    assert_eq!(fired, Fired::Tick(5));
}

#[test]
fn a_stop_takes_a_tick_out_of_a_select_s_reach() {
    let clock = Clock::new();
    let ticker = tick(5.millis()).unwrap();
    let idle = channel::never::<u8>();
    let mut waits = Box::pin(async {
        select! {
            v = idle.recv() => Fired::Value(v.unwrap()),
            at = ticker.tick() => Fired::Tick(clock.since(at.unwrap())),
        }
    });
    assert!(poll(&mut waits).is_pending());
    ticker.stop();
    clock.advance(50);
    assert!(poll(&mut waits).is_pending());
    ticker.reset(3.millis()).unwrap();
    clock.advance(3);
    assert_eq!(poll(&mut waits), Poll::Ready(Fired::Tick(53)));
}
