//! Values that are made once, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use common::{Ledger, arbiters, check, idle, paused, polls, quiet};
use greenroom_actor::{Placement, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Result};
use greenroom_patterns::once::{Once, OnceError};
use proptest::prelude::*;

#[test]
fn smoke() {
    check(|scope| async move {
        let once = Once::spawn(&scope, || async { Ok(7) }).await?;
        assert_eq!(*once.get().await?, 7);
        Ok(())
    });
}

#[test]
fn the_future_of_a_run_need_not_be_send() {
    check(|scope| async move {
        let once = Once::spawn(&scope, || async {
            let local = std::rc::Rc::new(7);
            sleep(1.millis()).await?;
            Ok(*local)
        })
        .await?;
        assert_eq!(*once.get().await?, 7);
        Ok(())
    });
}

#[test]
fn a_value_with_a_lifetime_may_be_asked_for_in_any_task() {
    check(|scope| async move {
        let once = Once::spawn(&scope, || async { Ok("static") }).await?;
        let value = scope.go(async move { Ok(*once.get().await?) }).await?;
        assert_eq!(value, "static");
        Ok(())
    });
}

#[test]
fn a_caller_may_be_dropped_at_any_poll() {
    check(|scope| async move {
        for limit in 0..6 {
            let once = Once::spawn(&scope, || async {
                sleep(1.millis()).await?;
                sleep(1.millis()).await?;
                Ok(7)
            })
            .await?;
            let _gone = polls(Some(limit), once.get()).await;
            let _gone = polls(Some(1), once.get()).await;
            assert_eq!(*once.get().await?, 7);
        }
        idle().await?;
        assert_eq!(scope.len(), 0, "with its handles an owner goes");
        Ok(())
    });
}

#[test]
fn the_value_is_dropped_with_the_last_that_holds_it() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let once = Once::spawn(&scope, {
            let ledger = ledger.clone();
            || async move { Ok(ledger.token(1)) }
        })
        .await?;
        let value = once.get().await?;
        drop(once);
        idle().await?;
        assert_eq!((scope.len(), ledger.live()), (0, 1));
        drop(value);
        assert_eq!((ledger.made(), ledger.live()), (1, 0));
        Ok(())
    });
}

#[test]
fn a_run_of_a_value_that_nobody_has_a_handle_to_ends_by_itself() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let once = Once::spawn(&scope, {
            let token = ledger.token(1);
            || async move {
                sleep(1.secs()).await?;
                Ok(token)
            }
        })
        .await?;
        let hurried = scope.context().with_timeout(5.millis());
        assert!(hurried.run(once.get()).await?.is_err());
        drop(once);
        sleep(2.secs()).await?;
        assert_eq!((scope.len(), ledger.live()), (0, 0));
        Ok(())
    });
}

#[test]
fn a_destructor_that_panics_harms_nobody() {
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
        let bomb = Bomb;
        // Dropped by the owner, after the value.
        let once = Once::spawn_retrying(&scope, move || {
            let _bomb = &bomb;
            async { Ok(7) }
        })
        .await?;
        let others: Vec<_> = (0..3)
            .map(|_| {
                let once = once.clone();
                scope.go(async move { Ok(*once.get().await?) })
            })
            .collect();
        for other in others {
            assert_eq!(other.await?, 7);
        }
        assert_eq!(*once.get().await?, 7);
        Ok(())
    });
}

#[test]
fn from_outside_the_runtime_it_is_asked_for_too() {
    let runtime = arbiters(1);
    let (to, from) = std::sync::mpsc::channel();
    let outside = std::thread::spawn(move || {
        let once: Once<u32> = from.recv().expect("it is sent");
        let value = futures_util::FutureExt::boxed(once.get());
        *greenroom_core::doc_support::block_on(value).expect("it is made")
    });
    let scope = runtime.block_on(move |scope| async move {
        let once = Once::spawn(&scope, || async { Ok(7) }).await?;
        to.send(once.clone())?;
        while once.try_get().is_none() {
            sleep(1.millis()).await?;
        }
        Ok(())
    });
    assert!(scope.is_ok());
    assert_eq!(outside.join().expect("it returns"), 7);
}

#[test]
fn on_two_arbiters_one_run_serves_all() {
    for _ in 0..20 {
        arbiters(2)
            .block_on(|scope| async move {
                let runs = Arc::new(AtomicUsize::new(0));
                let once = Once::spawn(&scope, {
                    let runs = runs.clone();
                    || async move {
                        sleep(50.micros()).await?;
                        Ok(runs.fetch_add(1, SeqCst))
                    }
                })
                .await?;
                let askers: Vec<_> = (0..40)
                    .map(|n| {
                        let once = once.clone();
                        scope.on(Placement::Arbiter(n)).go(async move {
                            sleep((n as u64 * 3).micros()).await?;
                            Ok(*once.get().await?)
                        })
                    })
                    .collect();
                for asker in askers {
                    assert_eq!(asker.await?, 0);
                }
                assert_eq!(runs.load(SeqCst), 1);
                Ok(())
            })
            .expect("nothing fails");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Value,
    Error,
    Panic,
}

#[derive(Clone, Copy, Debug)]
struct Ask {
    at: u64,
    polls: Option<usize>,
    patience: Option<u64>,
}

#[derive(Clone, Debug)]
struct Plan {
    retries: bool,
    /// How the runs end, and how long they take; the last goes on for all later ones.
    runs: Vec<(Ends, u64)>,
    asks: Vec<Ask>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let ends = prop_oneof![Just(Ends::Value), Just(Ends::Error), Just(Ends::Panic)];
    let ask = (
        0..12_u64,
        proptest::option::weighted(0.3, 0..4_usize),
        proptest::option::weighted(0.3, 0..5_u64),
    );
    let ask = ask.prop_map(|(at, polls, patience)| Ask {
        at,
        polls,
        patience,
    });
    (
        any::<bool>(),
        proptest::collection::vec((ends, 0..4_u64), 1..5),
        proptest::collection::vec(ask, 0..14),
    )
        .prop_map(|(retries, runs, asks)| Plan {
            retries,
            runs,
            asks,
        })
}

/// A run of the model: how it ended, and when.
#[derive(Clone, Copy, Debug)]
struct Run {
    ends: Ends,
    begun: Instant,
    ended: Option<Instant>,
}

#[derive(Default)]
struct Book(Mutex<Vec<Run>>);

impl Book {
    fn begin(&self, ends: Ends, retries: bool, now: Instant) -> usize {
        let mut runs = self.0.lock().expect("nobody panics here");
        if let Some(last) = runs.last() {
            assert!(last.ended.is_some(), "two runs at a time");
            assert!(retries && last.ends != Ends::Value, "a run too many");
        }
        runs.push(Run {
            ends,
            begun: now,
            ended: None,
        });
        runs.len() - 1
    }

    fn end(&self, number: usize, now: Instant) {
        self.0.lock().expect("nobody panics here")[number].ended = Some(now);
    }

    fn runs(&self) -> Vec<Run> {
        self.0.lock().expect("nobody panics here").clone()
    }
}

fn now() -> Instant {
    Context::current().expect("in a task").now()
}

async fn make(plan: Arc<Plan>, book: Arc<Book>) -> Result<usize> {
    let number = book.runs().len();
    let (ends, takes) = plan.runs[number.min(plan.runs.len() - 1)];
    assert_eq!(book.begin(ends, plan.retries, now()), number);
    sleep((10 * takes + 3).millis()).await?;
    book.end(number, now());
    match ends {
        Ends::Value => Ok(number),
        Ends::Error => Err(Failure::message(number.to_string())),
        Ends::Panic => std::panic::panic_any(number.to_string()),
    }
}

/// The number of the run that an outcome is of, and how that ended.
fn of(outcome: &Result<Arc<usize>, OnceError>) -> Option<(usize, Ends)> {
    match outcome {
        Ok(number) => Some((**number, Ends::Value)),
        Err(OnceError::Failed(failure)) => Some((failure.to_string().parse().ok()?, Ends::Error)),
        Err(OnceError::Panicked(panic)) => Some((panic.message()?.parse().ok()?, Ends::Panic)),
        Err(_) => None,
    }
}

async fn play(scope: Scope, plan: Plan) -> Result<()> {
    let (plan, book) = (Arc::new(plan), Arc::new(Book::default()));
    let init = {
        let (plan, book) = (plan.clone(), book.clone());
        move || make(plan.clone(), book.clone())
    };
    let once = match plan.retries {
        true => Once::spawn_retrying(&scope, init).await?,
        false => Once::spawn(&scope, init).await?,
    };
    let mut askers = Vec::new();
    for ask in plan.asks.clone() {
        let (once, book, retries) = (once.clone(), book.clone(), plan.retries);
        askers.push(scope.go(async move {
            sleep((10 * ask.at).millis()).await?;
            let asked = now();
            let there = once.try_get();
            let mut context = Context::current().expect("in a task");
            if let Some(patience) = ask.patience {
                context = context.with_timeout((10 * patience + 7).millis());
            }
            let got = match context.run(polls(ask.polls, once.get())).await {
                Ok(Some(got)) => got,
                // Dropped, be it by its own context.
                Ok(None) | Err(_) => return Ok(()),
            };
            let Some((number, ends)) = of(&got) else {
                let is_late = matches!(got, Err(OnceError::Deadline));
                assert!(is_late && ask.patience.is_some(), "{got:?}");
                return Ok(());
            };
            let run = book.runs()[number];
            let ended = run.ended.expect("nobody is told before the end");
            assert_eq!(ends, run.ends);
            match there {
                Some(there) => {
                    assert_eq!(
                        of(&there),
                        Some((number, ends)),
                        "what lasts is what is told"
                    );
                    assert_eq!(now(), asked, "without a wait");
                }
                None => assert!(
                    asked <= ended && ended == now(),
                    "the run that was going on"
                ),
            }
            let lasts = ends == Ends::Value || !retries;
            assert_eq!(once.try_get().is_some(), lasts);
            Ok(())
        }));
    }
    for asker in askers {
        asker.await?;
    }
    sleep(1.secs()).await?;
    assert_eq!(scope.len(), 1, "the owner alone");
    let runs = book.runs();
    assert!(
        runs.windows(2)
            .all(|two| two[0].ended <= Some(two[1].begun))
    );
    let lasts = once.try_get().is_some();
    let made = runs
        .last()
        .is_some_and(|run| run.ends == Ends::Value || !plan.retries);
    assert_eq!(lasts, made);
    drop(once);
    idle().await?;
    assert_eq!(scope.len(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn all_who_ask_are_answered_by_the_run_that_was_going_on(plan in plans(), seed in any::<u64>()) {
        quiet();
        let played = paused(seed).block_on(move |scope| play(scope, plan));
        prop_assert!(played.is_ok(), "{played:?}");
    }
}
