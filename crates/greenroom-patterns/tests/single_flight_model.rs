//! Shared flights against a model: who is told what, and when each run is over.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use common::{Ledger, Token, idle, paused, polls, quiet};
use greenroom_actor::Scope;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Result};
use greenroom_patterns::single_flight::{FlightError, Flown, SingleFlight};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Value,
    Error,
    Panic,
}

#[derive(Clone, Copy, Debug)]
enum Leaves {
    Never,
    /// Before it was polled.
    Unpolled,
    /// After its first poll.
    AtOnce,
    After(u64),
    Detaches,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Call {
        key: u8,
        takes: u64,
        ends: Ends,
        leaves: Leaves,
        by_ticket: bool,
    },
    Forget(u8),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let ends = prop_oneof![3 => Just(Ends::Value), 1 => Just(Ends::Error), 1 => Just(Ends::Panic)];
    let leaves = prop_oneof![
        5 => Just(Leaves::Never),
        1 => Just(Leaves::Unpolled),
        1 => Just(Leaves::AtOnce),
        3 => (0..5_u64).prop_map(Leaves::After),
        1 => Just(Leaves::Detaches),
    ];
    let call = (0..2_u8, 0..5_u64, ends, leaves, any::<bool>());
    let call = call.prop_map(|(key, takes, ends, leaves, by_ticket)| Event::Call {
        key,
        takes,
        ends,
        leaves,
        by_ticket,
    });
    let event = prop_oneof![6 => call, 1 => (0..2_u8).prop_map(Event::Forget)];
    proptest::collection::vec((0..8_u64, event), 0..16)
}

/// When an event happens, in milliseconds. No two things of the model happen at the same time.
fn begins(number: usize, at: u64) -> u64 {
    100 * at + number as u64
}

fn run_takes(takes: u64) -> u64 {
    100 * takes + 50
}

fn patience(after: u64) -> u64 {
    100 * after + 25
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing, or nobody was there any more.
    Nothing,
    /// The outcome of the run that this event started, and whether it is shared.
    Outcome(usize, bool),
}

/// What becomes of a run: when it is over, and whether it got to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fate {
    at: u64,
    is_whole: bool,
}

struct Flight {
    starter: usize,
    key: u8,
    ends_at: u64,
    callers: Vec<usize>,
    is_shared: bool,
    is_detached: bool,
}

/// The model: everything in its order, one after the other.
fn expected(events: &[(u64, Event)]) -> (Vec<Told>, BTreeMap<usize, Fate>) {
    #[derive(Clone, Copy)]
    enum Step {
        Begin(usize),
        Leave(usize),
    }
    let mut steps = BTreeMap::new();
    for (number, (at, event)) in events.iter().enumerate() {
        let begin = begins(number, *at);
        steps.insert((begin, 0), Step::Begin(number));
        match event {
            Event::Call {
                leaves: Leaves::AtOnce,
                ..
            }
            | Event::Call {
                leaves: Leaves::Unpolled,
                by_ticket: true,
                ..
            } => {
                steps.insert((begin, 1), Step::Leave(number));
            }
            Event::Call {
                leaves: Leaves::After(after),
                ..
            } => {
                steps.insert((begin + patience(*after), 1), Step::Leave(number));
            }
            _ => {}
        }
    }
    let mut told = vec![Told::Nothing; events.len()];
    let mut fates = BTreeMap::new();
    let mut open = BTreeMap::<u8, usize>::new();
    let mut flights = Vec::<Flight>::new();
    let end_before = |at: u64,
                      flights: &mut Vec<Flight>,
                      open: &mut BTreeMap<u8, usize>,
                      fates: &mut BTreeMap<usize, Fate>,
                      told: &mut Vec<Told>| {
        flights.retain(|flight| {
            if flight.ends_at > at {
                return true;
            }
            for caller in &flight.callers {
                told[*caller] = Told::Outcome(flight.starter, flight.is_shared);
            }
            if open.get(&flight.key) == Some(&flight.starter) {
                open.remove(&flight.key);
            }
            let at = flight.ends_at;
            fates.insert(flight.starter, Fate { at, is_whole: true });
            false
        });
    };
    for ((at, _), step) in steps {
        end_before(at, &mut flights, &mut open, &mut fates, &mut told);
        match step {
            Step::Begin(number) => match events[number].1 {
                Event::Forget(key) => {
                    open.remove(&key);
                }
                Event::Call {
                    leaves: Leaves::Unpolled,
                    by_ticket: false,
                    ..
                } => {}
                Event::Call {
                    key, takes, leaves, ..
                } => {
                    let starter = *open.entry(key).or_insert(number);
                    if starter == number {
                        flights.push(Flight {
                            starter,
                            key,
                            ends_at: at + run_takes(takes),
                            callers: Vec::new(),
                            is_shared: false,
                            is_detached: false,
                        });
                    }
                    for flight in &mut flights {
                        if flight.starter == starter {
                            flight.is_shared |= starter != number;
                            match leaves {
                                Leaves::Detaches => flight.is_detached = true,
                                _ => flight.callers.push(number),
                            }
                        }
                    }
                }
            },
            Step::Leave(number) => flights.retain_mut(|flight| {
                let before = flight.callers.len();
                flight.callers.retain(|caller| *caller != number);
                let is_over = before == 1 && flight.callers.is_empty() && !flight.is_detached;
                if is_over {
                    fates.insert(
                        flight.starter,
                        Fate {
                            at,
                            is_whole: false,
                        },
                    );
                    if open.get(&flight.key) == Some(&flight.starter) {
                        open.remove(&flight.key);
                    }
                }
                !is_over
            }),
        }
    }
    end_before(u64::MAX, &mut flights, &mut open, &mut fates, &mut told);
    (told, fates)
}

/// What happened.
#[derive(Default)]
struct Book {
    told: Mutex<BTreeMap<usize, Told>>,
    fates: Mutex<BTreeMap<usize, Fate>>,
}

/// A run that goes on, until it is dropped.
struct Flying {
    book: Arc<Book>,
    token: Token,
    start: Instant,
    is_whole: bool,
}

impl Drop for Flying {
    fn drop(&mut self) {
        let fate = Fate {
            at: millis_since(self.start),
            is_whole: self.is_whole,
        };
        let mut fates = self.book.fates.lock().expect("nobody panics here");
        let before = fates.insert(self.token.number, fate);
        assert_eq!(before, None, "run once");
    }
}

fn millis_since(start: Instant) -> u64 {
    let now = Context::current().expect("in a task").now();
    u64::try_from((now - start).as_millis()).expect("it is a short time")
}

async fn fly(mut flying: Flying, takes: u64, ends: Ends) -> Result<usize> {
    let number = flying.token.number;
    sleep(run_takes(takes).millis()).await?;
    flying.is_whole = true;
    match ends {
        Ends::Value => Ok(number),
        Ends::Error => Err(Failure::message(number.to_string())),
        Ends::Panic => std::panic::panic_any(number.to_string()),
    }
}

/// Which run an outcome is of, and how that ended.
fn of(outcome: &Result<Flown<usize>, FlightError>) -> Option<(usize, Ends)> {
    match outcome {
        Ok(flown) => Some((flown.value, Ends::Value)),
        Err(FlightError::Failed(failure)) => Some((failure.to_string().parse().ok()?, Ends::Error)),
        Err(FlightError::Panicked(panic)) => Some((panic.message()?.parse().ok()?, Ends::Panic)),
        Err(_) => None,
    }
}

async fn play(scope: Scope, events: Vec<(u64, Event)>) -> Result<()> {
    let ledger = Ledger::default();
    let book = Arc::new(Book::default());
    let flights = SingleFlight::spawn(&scope).await?;
    let start = scope.context().now();
    let (told, fates) = expected(&events);
    let mut calls = Vec::new();
    for (number, (at, event)) in events.iter().copied().enumerate() {
        let (flights, book, events) = (flights.clone(), book.clone(), events.clone());
        let (token, told) = (ledger.token(number), told.clone());
        calls.push(scope.go(async move {
            sleep(begins(number, at).millis()).await?;
            let (key, takes, ends, leaves, by_ticket) = match event {
                Event::Forget(key) => {
                    flights.forget(key);
                    return Ok(());
                }
                Event::Call {
                    key,
                    takes,
                    ends,
                    leaves,
                    by_ticket,
                } => (key, takes, ends, leaves, by_ticket),
            };
            let run = {
                let book = book.clone();
                move || {
                    // Made as the run begins, so that one which is not run has no fate.
                    let flying = Flying {
                        book,
                        token,
                        start,
                        is_whole: false,
                    };
                    fly(flying, takes, ends)
                }
            };
            if matches!(leaves, Leaves::Detaches) {
                flights.start(key, run).detach();
                return Ok(());
            }
            let mut context = Context::current().expect("in a task");
            if let Leaves::After(after) = leaves {
                context = context.with_timeout(patience(after).millis());
            }
            let limit = match leaves {
                Leaves::Unpolled => Some(0),
                Leaves::AtOnce => Some(1),
                _ => None,
            };
            let outcome = if by_ticket {
                let ticket = flights.start(key, run);
                context.run(polls(limit, ticket.wait())).await
            } else {
                context.run(polls(limit, flights.call(key, run))).await
            };
            let Ok(Some(outcome)) = outcome else {
                return Ok(());
            };
            let Some((starter, ended)) = of(&outcome) else {
                let is_late = matches!(outcome, Err(FlightError::Deadline));
                assert!(is_late && matches!(leaves, Leaves::After(_)), "{outcome:?}");
                return Ok(());
            };
            let Event::Call { ends, takes, .. } = events[starter].1 else {
                unreachable!("a forget runs nothing")
            };
            assert_eq!(ended, ends, "the outcome of its run");
            let ended_at = begins(starter, events[starter].0) + run_takes(takes);
            assert_eq!(millis_since(start), ended_at, "told at its end");
            // An error does not say whether it is shared.
            let is_shared = match (&outcome, told[number]) {
                (Ok(flown), _) => flown.is_shared,
                (Err(_), Told::Outcome(_, is_shared)) => is_shared,
                (Err(_), Told::Nothing) => unreachable!("{outcome:?}"),
            };
            let mut all = book.told.lock().expect("nobody panics here");
            all.insert(number, Told::Outcome(starter, is_shared));
            Ok(())
        }));
    }
    for call in calls {
        call.await?;
    }
    sleep(10.secs()).await?;
    assert_eq!(scope.len(), 1, "the owner alone");
    assert_eq!(ledger.live(), 0);
    let seen = book.told.lock().expect("nobody panics here").clone();
    for (number, want) in told.into_iter().enumerate() {
        let got = seen.get(&number).copied().unwrap_or(Told::Nothing);
        assert_eq!(got, want, "event {number}");
    }
    let seen = book.fates.lock().expect("nobody panics here").clone();
    for (starter, fate) in &fates {
        match seen.get(starter) {
            Some(got) => assert_eq!(got, fate, "the run of {starter}"),
            // Given up in the instant in which it began.
            None => assert!(!fate.is_whole && fate.at == begins(*starter, events[*starter].0)),
        }
    }
    assert!(seen.keys().all(|starter| fates.contains_key(starter)));
    // Every key is free.
    for key in 0..2 {
        let flown = flights.call(key, || async { Ok(1000) }).await?;
        assert_eq!((flown.value, flown.is_shared), (1000, false));
    }
    drop(flights);
    idle().await?;
    assert_eq!(scope.len(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_call_is_told_what_the_model_tells_and_every_run_ends_when_it_does(
        events in events(),
        seed in any::<u64>(),
    ) {
        quiet();
        let played = paused(seed).block_on(move |scope| play(scope, events));
        prop_assert!(played.is_ok(), "{played:?}");
    }
}
