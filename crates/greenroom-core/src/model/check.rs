//! Runs a check under the schedules of the checker.
#![allow(dead_code, reason = "each crate uses a part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// How often a check runs with each scheduler; `GREENROOM_MODEL_RUNS` says otherwise.
const RUNS: usize = 300;
/// No check that tries each schedule has more of them.
const MOST: usize = 30_000;

fn runs() -> usize {
    let asked = std::env::var("GREENROOM_MODEL_RUNS").ok();
    asked.and_then(|runs| runs.parse().ok()).unwrap_or(RUNS)
}

/// Runs a program under random schedules.
#[track_caller]
pub(crate) fn check(program: fn()) {
    if let Ok(schedule) = std::env::var("GREENROOM_MODEL_SCHEDULE") {
        return shuttle::replay(program, &schedule);
    }
    run("random", RandomScheduler::new(runs()), program);
    for depth in 2..=3 {
        run("PCT", PctScheduler::new(depth, runs()), program);
    }
}

/// Runs a program under each schedule there is. It draws nothing at random and is small.
#[track_caller]
pub(crate) fn check_all(program: fn()) {
    if let Ok(schedule) = std::env::var("GREENROOM_MODEL_SCHEDULE") {
        return shuttle::replay(program, &schedule);
    }
    let schedules = run(
        "each schedule",
        DfsScheduler::new(Some(MOST), false),
        program,
    );
    assert!(schedules < MOST, "it is too large to try each schedule");
}

fn run(how: &'static str, scheduler: impl Scheduler + 'static, program: fn()) -> usize {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.stack_size = 0x2_0000;
    let executions = Arc::new(AtomicUsize::new(0));
    let told = Told(how, executions.clone());
    Runner::new(scheduler, config).run(move || {
        executions.fetch_add(1, Ordering::Relaxed);
        program();
    });
    told.1.load(Ordering::Relaxed)
}

/// Tells how many executions a check took; cargo shows it of one that failed.
struct Told(&'static str, Arc<AtomicUsize>);

impl Drop for Told {
    fn drop(&mut self) {
        let count = self.1.load(Ordering::Relaxed);
        let end = if std::thread::panicking() {
            "failed in"
        } else {
            "ran"
        };
        eprintln!("{}: {end} execution {count}", self.0);
    }
}
