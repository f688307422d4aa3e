//! Go's `singleflight.Group`: what it does at its edges.

mod edges;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom::channel::Receiver;
use greenroom::patterns::single_flight::{FlightError, Flown, Ticket};
use greenroom::prelude::*;
use support::{Boom, at_once, check, idle, paused, quiet};

type Flights = SingleFlight<&'static str, &'static str>;

#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) -> usize {
        self.0.fetch_add(1, SeqCst) + 1
    }

    fn so_far(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// A run that ends when it is let go.
fn held(
    runs: &Runs,
    value: &'static str,
    gate: &Receiver<()>,
) -> impl FnOnce() -> futures_util::future::BoxFuture<'static, Result<&'static str>> + Send + use<>
{
    let (runs, gate) = (runs.clone(), gate.clone());
    move || {
        Box::pin(async move {
            runs.count();
            gate.recv().await?;
            Ok(value)
        })
    }
}

#[test]
fn sf_02_two_calls_one_after_the_other_run_twice() {
    check(|scope| async move {
        let flights = SingleFlight::spawn(&scope).await?;
        let runs = Runs::default();
        for want in 1..=2 {
            let runs = runs.clone();
            let flown = flights
                .call("k", || async move { Ok(runs.count()) })
                .await?;
            assert_eq!((flown.value, flown.is_shared), (want, false));
        }
        Ok(())
    });
}

#[test]
fn sf_05_a_panic_reaches_all_callers_and_frees_the_key() {
    quiet();
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let runs = Runs::default();
        let callers: Vec<_> = (0..5)
            .map(|_| {
                let (flights, runs) = (flights.clone(), runs.clone());
                scope.go(async move {
                    let run = || async move {
                        runs.count();
                        sleep(5.millis()).await?;
                        panic!("invalid memory address")
                    };
                    Ok(flights.call("k", run).await)
                })
            })
            .collect();
        for caller in callers {
            let Err(FlightError::Panicked(panic)) = caller.await? else {
                unreachable!("the run panicked");
            };
            assert_eq!(panic.message(), Some("invalid memory address"));
            assert!(
                panic
                    .spawned_at()
                    .file()
                    .ends_with("go_single_flight/main.rs")
            );
        }
        assert_eq!(runs.so_far(), 1);
        let next = flights.call("k", || async { Ok("ok") }).await?;
        assert_eq!(next.value, "ok");
        Ok(())
    });
}

#[test]
fn sf_07_abandoned_tickets_leave_no_task_and_one_delivers_once() {
    check(|scope| async move {
        let flights = SingleFlight::spawn(&scope).await?;
        let ticket = flights.start("k", || async { Ok(7) });
        let want = Flown {
            value: 7,
            is_shared: false,
        };
        assert_eq!(ticket.wait().await?, want);
        assert!(matches!(ticket.wait().await, Err(FlightError::Taken)));

        let runs = Runs::default();
        for _ in 0..10 {
            let runs = runs.clone();
            drop(flights.start("slow", || async move {
                runs.count();
                sleep(1.secs()).await?;
                Ok(7)
            }));
        }
        for _ in 0..10 {
            drop(flights.start("quick", || async { Ok(7) }));
        }
        idle().await?;
        assert_eq!(scope.len(), 1, "the owner alone");
        assert!(runs.so_far() <= 10);
        Ok(())
    });
}

#[test]
fn sf_08_the_end_of_a_forgotten_flight_leaves_the_new_one() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let runs = Runs::default();
        let (end_old, old_gate) = channel::bounded(1);
        let (end_new, new_gate) = channel::bounded(1);
        let (_never, third_gate) = channel::bounded(1);
        let old = flights.start("k", held(&runs, "old", &old_gate));
        idle().await?;
        flights.forget("k");
        let new = flights.start("k", held(&runs, "new", &new_gate));
        idle().await?;
        assert_eq!(runs.so_far(), 2);
        end_old.send(()).await?;
        assert_eq!(old.wait().await?.value, "old");
        let third = flights.start("k", held(&runs, "third", &third_gate));
        idle().await?;
        end_new.send(()).await?;
        assert_eq!(
            third.wait().await?,
            Flown {
                value: "new",
                is_shared: true
            }
        );
        assert_eq!(
            new.wait().await?,
            Flown {
                value: "new",
                is_shared: true
            }
        );
        assert_eq!(runs.so_far(), 2, "the third did not run");
        Ok(())
    });
}

#[test]
fn sf_12_a_panic_of_a_run_by_ticket_is_its_waiters_error() {
    quiet();
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let ticket = flights.start("k", || async {
            sleep(1.millis()).await?;
            panic!("boom")
        });
        let Err(FlightError::Panicked(panic)) = ticket.wait().await else {
            unreachable!("the run panicked");
        };
        assert_eq!(panic.message(), Some("boom"));
        Ok(())
    });
}

#[test]
fn a_call_gives_the_value_of_its_run_and_its_error() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        assert_eq!(
            flights.call("key", || async { Ok("bar") }).await?.value,
            "bar"
        );
        let failed = flights
            .call("key", || async { Err(Boom("some error").into()) })
            .await;
        let Err(FlightError::Failed(failure)) = failed else {
            unreachable!("the run failed");
        };
        assert_eq!(failure.downcast_ref(), Some(&Boom("some error")));
        Ok(())
    });
}

#[test]
fn callers_at_the_same_time_share_one_run() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let runs = Runs::default();
        let (end, gate) = channel::bounded(1);
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let (flights, run) = (flights.clone(), held(&runs, "bar", &gate));
                scope.go(async move { Ok(flights.call("key", run).await?) })
            })
            .collect();
        idle().await?;
        end.send(()).await?;
        for caller in callers {
            assert_eq!(
                caller.await?,
                Flown {
                    value: "bar",
                    is_shared: true
                }
            );
        }
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn an_error_is_shared_by_all_callers() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let tickets: Vec<_> = (0..4)
            .map(|_| {
                flights.start("key", || async {
                    sleep(1.millis()).await?;
                    Err(Boom("e1").into())
                })
            })
            .collect();
        for ticket in tickets {
            let Err(FlightError::Failed(failure)) = ticket.wait().await else {
                unreachable!("the run failed");
            };
            assert_eq!(failure.downcast_ref(), Some(&Boom("e1")));
        }
        Ok(())
    });
}

#[test]
fn other_keys_fly_beside() {
    check(|scope| async move {
        let flights = SingleFlight::spawn(&scope).await?;
        let tickets: Vec<_> = (0..20_u64)
            .map(|key| {
                flights.start(key, move || async move {
                    sleep((20 - key).millis()).await?;
                    Ok(key * key)
                })
            })
            .collect();
        for (key, ticket) in (0..).zip(tickets) {
            let want = Flown {
                value: key * key,
                is_shared: false,
            };
            assert_eq!(ticket.wait().await?, want);
        }
        Ok(())
    });
}

#[test]
fn a_call_and_a_ticket_share_a_panic() {
    quiet();
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let ticket = flights.start("k", || async {
            sleep(1.millis()).await?;
            panic!("panicking in a run")
        });
        let called = flights.call("k", || async { Ok("not run") }).await;
        assert!(matches!(called, Err(FlightError::Panicked(_))));
        assert!(matches!(ticket.wait().await, Err(FlightError::Panicked(_))));
        Ok(())
    });
}

#[test]
fn a_run_that_is_aborted_is_told_and_frees_the_key() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let callers: Vec<_> = (0..5)
            .map(|_| {
                flights.start("k", || async {
                    sleep(1.millis()).await?;
                    if let Some(task) = greenroom::current::task() {
                        task.cancel("gone".into());
                    }
                    std::future::pending().await
                })
            })
            .collect();
        for caller in callers {
            assert!(matches!(caller.wait().await, Err(FlightError::Cut(_))));
        }
        assert_eq!(flights.call("k", || async { Ok("ok") }).await?.value, "ok");
        Ok(())
    });
}

#[test]
fn the_first_callers_cancel_hands_the_run_on() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let runs = Runs::default();
        let (end, gate) = channel::bounded(1);
        let (context, cancel) = scope.context().with_cancel();
        let first = {
            let (flights, run) = (flights.clone(), held(&runs, "bar", &gate));
            scope.go(async move { Ok(context.run(flights.call("k", run)).await?) })
        };
        idle().await?;
        let second = flights.start("k", held(&runs, "not run", &gate));
        idle().await?;
        cancel.cancel();
        assert!(matches!(first.await?, Err(FlightError::Cancelled(_))));
        end.send(()).await?;
        assert_eq!(
            second.wait().await?,
            Flown {
                value: "bar",
                is_shared: true
            }
        );
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn a_run_that_nobody_waits_for_is_cancelled_and_the_next_call_runs_anew() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let runs = Runs::default();
        let (_end, gate) = channel::bounded(1);
        let hurried = scope.context().with_timeout(1.millis());
        let gave_up = hurried
            .run(flights.call("k", held(&runs, "late", &gate)))
            .await?;
        assert!(matches!(gave_up, Err(FlightError::Deadline)));
        assert_eq!(
            flights.call("k", || async { Ok("anew") }).await?.value,
            "anew"
        );
        idle().await?;
        assert_eq!(scope.len(), 1, "the owner alone");

        // The last of several.
        let tickets: Vec<_> = (0..3)
            .map(|_| flights.start("k", held(&runs, "late", &gate)))
            .collect();
        idle().await?;
        assert_eq!(scope.len(), 2);
        for ticket in tickets {
            assert_eq!(scope.len(), 2);
            drop(ticket);
            idle().await?;
        }
        assert_eq!(scope.len(), 1);
        assert_eq!(runs.so_far(), 2);
        Ok(())
    });
}

#[test]
fn a_detached_run_goes_on_and_can_be_joined() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let runs = Runs::default();
        let (end, gate) = channel::bounded(1);
        flights.start("k", held(&runs, "bar", &gate)).detach();
        idle().await?;
        assert_eq!(scope.len(), 2);
        drop(flights.start("k", held(&runs, "not run", &gate)));
        idle().await?;
        let joined = flights.start("k", held(&runs, "not run", &gate));
        end.send(()).await?;
        assert_eq!(joined.wait().await?.value, "bar");
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn a_run_that_calls_for_its_own_key_gets_an_error() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let inner = flights.clone();
        let run = || async move {
            let recursive = inner.call("k", || async { Ok("inner") }).await;
            assert!(matches!(recursive, Err(FlightError::Recursive)));
            // Another key is no such case.
            Ok(inner.call("other", || async { Ok("other") }).await?.value)
        };
        assert_eq!(flights.call("k", run).await?.value, "other");
        // Nor is its own one after a forget.
        let inner = flights.clone();
        let run = || async move {
            inner.forget("k");
            Ok(inner.call("k", || async { Ok("inner") }).await?.value)
        };
        assert_eq!(flights.call("k", run).await?.value, "inner");
        Ok(())
    });
}

#[test]
fn a_forget_of_what_is_not_in_flight_does_nothing() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        flights.forget("k");
        assert_eq!(flights.call("k", || async { Ok("ok") }).await?.value, "ok");
        flights.forget("k");
        flights.forget("k");
        assert_eq!(flights.call("k", || async { Ok("ok") }).await?.value, "ok");
        Ok(())
    });
}

#[test]
fn a_call_that_is_given_up_before_its_first_poll_calls_for_nothing() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let runs = Runs::default();
        let (_end, gate) = channel::bounded(1);
        drop(flights.call("k", held(&runs, "never", &gate)));
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let refused = context
            .run(flights.call("k", held(&runs, "never", &gate)))
            .await?;
        assert!(matches!(refused, Err(FlightError::Cancelled(_))));
        idle().await?;
        assert_eq!(runs.so_far(), 0);
        assert!(
            at_once(flights.call("k", held(&runs, "x", &gate)))
                .await
                .is_none()
        );
        idle().await?;
        assert_eq!(scope.len(), 1);
        Ok(())
    });
}

#[test]
fn a_ticket_survives_a_wait_that_was_given_up() {
    check(|scope| async move {
        let flights = Flights::spawn(&scope).await?;
        let ticket: Ticket<_> = flights.start("k", || async {
            sleep(10.millis()).await?;
            Ok("bar")
        });
        assert!(at_once(ticket.wait()).await.is_none());
        let hurried = scope.context().with_timeout(1.millis());
        assert!(matches!(
            hurried.run(ticket.wait()).await?,
            Err(FlightError::Deadline)
        ));
        assert_eq!(ticket.wait().await?.value, "bar");
        Ok(())
    });
}

#[test]
fn the_run_sees_the_values_of_the_scope_and_not_those_of_the_first_caller() {
    struct RequestId;
    check(|scope| async move {
        let flights = SingleFlight::spawn(&scope).await?;
        let request = scope.context().with_value(RequestId);
        let seen = flights.call("k", || async {
            let context = Context::current();
            Ok(context.is_some_and(|context| context.value::<RequestId>().is_some()))
        });
        assert!(!request.run(seen).await??.value);
        Ok(())
    });
}

#[test]
fn after_the_end_of_the_scope_every_call_is_closed() {
    for seed in support::SEEDS {
        let flights = paused(seed)
            .block_on(|scope| async move { Ok(Flights::spawn(&scope).await?) })
            .expect("nothing fails");
        paused(seed)
            .block_on(move |_| async move {
                let called = flights.call("k", || async { Ok("x") }).await;
                assert!(matches!(called, Err(FlightError::Closed)));
                let ticket = flights.start("k", || async { Ok("x") });
                assert!(matches!(ticket.wait().await, Err(FlightError::Closed)));
                flights.forget("k");
                Ok(())
            })
            .expect("nothing fails");
    }
}

#[test]
fn a_caller_outside_is_told_when_the_scope_is_cancelled() {
    check(|outer| async move {
        let ticket = outer
            .scope(|scope| async move {
                let flights = Flights::spawn(&scope).await?;
                let ticket = flights.start("k", std::future::pending::<Result<&'static str>>);
                idle().await?;
                scope.cancel("enough");
                Ok(ticket)
            })
            .await?;
        let waited = ticket.wait().await;
        assert!(
            matches!(waited, Err(FlightError::Cut(_) | FlightError::Closed)),
            "{waited:?}"
        );
        Ok(())
    });
}
