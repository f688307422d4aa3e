//! Shared flights, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Ledger, arbiters, check, idle, polls, quiet};
use greenroom_actor::Placement;
use greenroom_core::Context;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::single_flight::SingleFlight;

#[test]
fn smoke() {
    check(|scope| async move {
        let flights = SingleFlight::spawn(&scope).await?;
        assert_eq!(flights.call("k", || async { Ok(7) }).await?.value, 7);
        Ok(())
    });
}

#[test]
fn the_future_of_a_run_need_not_be_send_and_the_value_is_cloned_for_each() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let flights = SingleFlight::spawn(&scope).await?;
        let tickets: Vec<_> = (0..3)
            .map(|_| {
                let ledger = ledger.clone();
                flights.start("k", || async move {
                    let local = std::rc::Rc::new(7);
                    sleep(1.millis()).await?;
                    Ok(ledger.token(*local))
                })
            })
            .collect();
        let mut values = Vec::new();
        for ticket in tickets {
            values.push(ticket.wait().await?.value);
        }
        assert!(values.iter().all(|value| value.number == 7));
        assert_eq!(
            (ledger.made(), ledger.live()),
            (3, 3),
            "the last one is not cloned"
        );
        Ok(())
    });
}

#[test]
fn a_call_may_be_dropped_at_any_poll() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let flights = SingleFlight::spawn(&scope).await?;
        for limit in 0..6 {
            let token = ledger.token(limit);
            let run = || async move {
                sleep(1.millis()).await?;
                sleep(1.millis()).await?;
                Ok(token)
            };
            drop(polls(Some(limit), flights.call("k", run)).await);
            idle().await?;
            idle().await?;
            idle().await?;
            assert_eq!((scope.len(), ledger.live()), (1, 0));
        }
        Ok(())
    });
}

#[test]
fn without_handles_a_ticket_still_gets_its_outcome_and_the_owner_goes() {
    check(|scope| async move {
        let flights = SingleFlight::spawn(&scope).await?;
        let ticket = flights.start(1, || async {
            sleep(1.secs()).await?;
            Ok("late")
        });
        drop(flights);
        assert_eq!(ticket.wait().await?.value, "late");
        drop(ticket);
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn what_is_a_users_may_panic_when_it_is_dropped() {
    #[derive(Clone)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("dropped")
            }
        }
    }
    quiet();
    check(|scope| async move {
        let flights = SingleFlight::<_, Arc<Bomb>>::spawn(&scope).await?;
        for round in 0..10 {
            let first = flights.start("k", || async {
                sleep(1.millis()).await?;
                Ok(Arc::new(Bomb))
            });
            // Its closure is dropped unrun, in the owner.
            let bomb = Bomb;
            let second = flights.start("k", move || async move {
                let _bomb = bomb;
                unreachable!("it is not run")
            });
            idle().await?;
            // Nobody takes the value of the first; the other's is leaked here.
            if round % 2 == 0 {
                drop(first);
                std::mem::forget(second.wait().await?.value);
            } else {
                std::mem::forget((first.wait().await?.value, second.wait().await?.value));
            }
        }
        Ok(())
    });
}

#[test]
fn many_calls_leave_nothing_behind() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let flights = SingleFlight::spawn(&scope).await?;
        for n in 0..2_000 {
            let token = ledger.token(n);
            let flown = flights
                .call(n % 7, move || async move { Ok(token.number) })
                .await?;
            assert_eq!(flown.value, n);
        }
        idle().await?;
        assert_eq!((scope.len(), ledger.live()), (1, 0));
        Ok(())
    });
}

#[test]
fn on_two_arbiters_callers_share_runs_and_none_is_lost() {
    for _ in 0..20 {
        arbiters(2)
            .block_on(|scope| async move {
                let runs = Arc::new(AtomicUsize::new(0));
                let flights = SingleFlight::spawn(&scope).await?;
                let callers: Vec<_> = (0..60)
                    .map(|n| {
                        let (flights, runs) = (flights.clone(), runs.clone());
                        scope.on(Placement::Arbiter(n)).go(async move {
                            sleep((n as u64 % 5 * 20).micros()).await?;
                            let run = move || async move {
                                sleep(40.micros()).await?;
                                Ok(runs.fetch_add(1, SeqCst))
                            };
                            let context = Context::current().expect("in a task");
                            if n % 6 == 0 {
                                let hurried = context.with_timeout(30.micros());
                                let _gone = hurried.run(flights.call(n % 2, run)).await;
                                return Ok(None);
                            }
                            Ok(Some(flights.call(n % 2, run).await?.value))
                        })
                    })
                    .collect();
                let mut answered = 0;
                for caller in callers {
                    answered += usize::from(caller.await?.is_some());
                }
                assert_eq!(answered, 50);
                assert!(runs.load(SeqCst) < 50);
                Ok(())
            })
            .expect("nothing fails");
    }
}
