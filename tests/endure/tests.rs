//! A few rounds of each pattern, and rounds with planted faults that the frame must find.

use std::convert::Infallible;
use std::sync::Arc;

use greenroom::prelude::*;

use crate::account::{Counts, Fault};
use crate::args::{Args, Wanted, parse};
use crate::flow::Flow;
use crate::frame::{Failed, Frame, Pattern, Round, Running};
use crate::patterns::ALL;
use crate::watchdog::Watchdog;

fn frame(threads: bool) -> Frame {
    Frame {
        seed: 1,
        threads,
        watchdog: Watchdog::default(),
    }
}

fn endures(threads: bool, rounds: u64) {
    for pattern in ALL {
        let mut counts = Counts::default();
        let result = frame(threads).rounds(pattern, 0..rounds, &mut counts);
        if let Err(failed) = result {
            panic!("{}: {failed:#?}", pattern.name);
        }
        assert!(counts.tokens > 0, "{}", pattern.name);
        assert!(
            !counts.is_calm(),
            "{}: no fault in {rounds} rounds",
            pattern.name
        );
    }
}

#[test]
fn each_pattern_endures_200_rounds() {
    endures(false, 200);
}

#[test]
fn each_pattern_endures_20_rounds_on_threads() {
    endures(true, 20);
}

#[test]
fn each_pattern_passes_all_values() {
    for pattern in ALL {
        let flowed = frame(false).flow(pattern, 500);
        assert_eq!(flowed.failed, None, "{}", pattern.name);
    }
}

#[test]
fn a_round_is_the_same_each_time() {
    let run = |rounds| {
        let mut counts = Counts::default();
        let pattern = &ALL[0];
        frame(false)
            .rounds(pattern, rounds, &mut counts)
            .expect("it endures");
        counts
    };
    assert_eq!(run(0..150), run(0..150));
    assert_ne!(run(0..100), run(100..200));
}

fn no_flow(_scope: Scope, _flow: Flow) -> Running {
    Box::pin(async { Ok(()) })
}

/// Runs a pattern that has a planted fault until the frame finds it.
fn found(round: fn(Scope, Round) -> Running) -> Failed {
    let pattern = Pattern {
        name: "planted",
        round,
        flow: no_flow,
    };
    let result = frame(false).rounds(&pattern, 0..100, &mut Counts::default());
    result.expect_err("the planted fault is found")
}

#[test]
fn a_leaked_token_is_found() {
    let failed = found(|_scope, round| {
        Box::pin(async move {
            let token = round.token();
            token.received();
            std::mem::forget(token);
            Ok(())
        })
    });
    assert_eq!(failed.round, 0);
    assert!(failed.what[0].contains("is leaked"), "{failed:?}");
}

#[test]
fn a_token_that_is_received_twice_is_found() {
    let failed = found(|_scope, round| {
        Box::pin(async move {
            let token = Arc::new(round.token());
            let copy = token.clone();
            token.received();
            copy.received();
            Ok(())
        })
    });
    assert!(failed.what[0].contains("twice"), "{failed:?}");
}

#[test]
fn a_token_that_is_lost_without_a_fault_is_found() {
    let failed = found(|_scope, round| {
        Box::pin(async move {
            drop(round.token());
            Ok(())
        })
    });
    assert!(failed.what[0].contains("is lost"), "{failed:?}");
}

#[test]
fn a_token_that_is_lost_by_a_lossless_pattern_is_found_despite_faults() {
    let failed = found(|_scope, round| {
        Box::pin(async move {
            round.ledger().lossless();
            round.ledger().fault(Fault::Drop);
            let token = round.token();
            let mark = token.mark();
            drop(token);
            mark.accepted();
            Ok(())
        })
    });
    assert!(
        failed.what[0].contains("was accepted and is lost"),
        "{failed:?}"
    );
}

#[test]
fn a_task_that_never_ends_is_found_with_what_it_waits_for() {
    let failed = found(|scope, _round| {
        Box::pin(async move {
            let (kept, never) = channel::rendezvous::<Infallible>();
            std::mem::forget(kept);
            let task = scope
                .named("stuck")?
                .go(async move { Ok(never.recv().await?) });
            task.detach();
            Ok(())
        })
    });
    assert!(failed.what[0].contains("it hangs"), "{failed:?}");
    assert!(failed.what[0].contains("/stuck#"), "{failed:?}");
    assert!(failed.what[0].contains("kind: Receive"), "{failed:?}");
}

#[test]
fn a_task_that_outlives_its_round_is_found() {
    let failed = found(|_scope, _round| {
        Box::pin(async move {
            let forever = std::future::pending::<()>();
            let context = Context::current().expect("a round has one");
            let (ended, cancel) = context.with_cancel();
            cancel.cancel();
            // Nobody waits for an after function.
            let _registered = ended.after_func(forever);
            Ok(())
        })
    });
    assert!(
        failed.what[0].contains("after its batch there live"),
        "{failed:?}"
    );
    assert!(failed.what[0].contains("AfterFunc"), "{failed:?}");
}

#[test]
fn an_error_without_a_fault_is_found() {
    let failed = found(|_scope, _round| Box::pin(async { Err(Failure::message("of its own")) }));
    assert!(failed.what[0].contains("of its own"), "{failed:?}");
}

#[test]
fn a_value_that_does_not_come_out_is_found() {
    let pattern = Pattern {
        name: "planted",
        round: |_scope, _round| Box::pin(async { Ok(()) }),
        flow: |_scope, flow| {
            Box::pin(async move {
                (1..flow.items()).for_each(|value| flow.passed(value));
                Ok(())
            })
        },
    };
    let failed = frame(false).flow(&pattern, 10).failed;
    let told = failed.expect("it is found");
    assert!(told.contains("of 10 values 9 came out"), "{told}");
}

#[test]
fn memory_that_grows_is_found() {
    let pattern = Pattern {
        name: "planted",
        round: |_scope, _round| Box::pin(async { Ok(()) }),
        flow: |_scope, flow| {
            Box::pin(async move {
                for value in 1..=flow.items() {
                    std::mem::forget(Box::new([value; 8]));
                    flow.passed(value);
                }
                Ok(())
            })
        },
    };
    let flowed = frame(false).flow(&pattern, 200_000);
    assert_eq!(flowed.failed, None);
    // 12 MiB, where the system tells.
    assert_eq!(
        flowed.too_much().is_some(),
        flowed.grown.is_some(),
        "{flowed:?}"
    );
}

fn words(line: &str) -> Result<Wanted, String> {
    parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn the_line_that_repeats_a_round_is_understood() {
    let wanted = words("--only fan --seed 7 --round 1234 --threads");
    let args = Args {
        only: Some("fan".to_owned()),
        seed: 7,
        round: Some(1234),
        threads: true,
        ..Args::default()
    };
    assert_eq!(wanted, Ok(Wanted::Run(args)));
}

#[test]
fn a_wrong_option_is_named() {
    let wrong = |line| words(line).expect_err("it is wrong");
    assert_eq!(wrong("--fast"), "there is no option --fast");
    assert_eq!(wrong("--rounds"), "--rounds needs a value");
    assert_eq!(
        wrong("--items many"),
        "--items needs a number, not \"many\""
    );
    assert!(wrong("--only goto").starts_with("there is no pattern \"goto\", only: channel"));
    assert!(wrong("--round 3").contains("--only"));
    assert_eq!(words("--help"), Ok(Wanted::Help));
}
