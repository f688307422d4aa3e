//! Puts actors, pools and pipelines under random panics, cancels, floods and restarts, for as long as one
//! likes, and then gives an account: each message and each value that was sent has exactly one fate,
//! nothing leaked, and the memory is back.
//!
//! ```text
//! cargo run --release --example storm -- --seconds 30 --seed 7
//! ```

mod account;
mod actors;
mod args;
mod churn;
mod clients;
mod faults;
mod letters;
mod lines;
mod memory;
mod pools;
mod progress;
mod report;
mod rounds;
mod scopes;
mod shared;
mod storm;
mod trees;

use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use clap::Parser;
use greenroom::prelude::*;

use args::Args;
use faults::Faults;
use progress::{PROGRESS, Progress};
use report::Report;
use rounds::Plan;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(report) => {
            let wrong = report.wrong();
            match report.print() {
                // Whoever read has seen enough, as with `storm | head`.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => report::complain(&[format!("write error: {error}")]),
                Ok(()) => {}
            }
            report::complain(&wrong);
            ExitCode::from(u8::from(!wrong.is_empty()))
        }
        Err(failure) => {
            report::complain(&[failure.to_string()]);
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<Report> {
    let panics = faults::count_unplanted_panics();
    let runtime = Runtime::builder()
        .arbiters(usize::from(args.arbiters))
        .build()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    let (faults, progress) = (Faults::new(), Progress::default());
    let plan = Plan {
        lasts: Duration::from_secs(args.seconds),
        seed: args.seed,
        parts: args.parts(),
        faults: faults.clone(),
        progress: progress.clone(),
    };
    let (inside, until) = (runtime.clone(), stop.clone());
    let outcome = runtime.block_on(|scope| async move {
        let shown = scope.named(PROGRESS)?.go(plan.progress.clone().show());
        let outcome = rounds::run(scope, inside, until, plan).await;
        shown.cancel("the storm is over");
        Ok(outcome)
    })?;
    progress.clear();
    let mut report = Report {
        outcome,
        faults,
        unplanted_panics: panics.load(SeqCst),
        leaks: Vec::new(),
        signal: stop.err().map(|ended| ended.cause().to_string()),
    };
    let looking = runtime.clone();
    report.leaks = runtime.block_on(|scope| async move {
        let alive = looking.alive().await;
        let own = scope.id().clone();
        let others = alive.living.iter().filter(|living| {
            living.is_leak
                || living.task.id != own && living.task.kind != greenroom::task::TaskKind::Kernel
        });
        Ok(others.map(ToString::to_string).collect())
    })?;
    if report.leaks.is_empty() {
        runtime.assert_no_leaks();
    }
    Ok(report)
}
