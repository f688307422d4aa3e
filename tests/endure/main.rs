//! Puts every pattern under random cancels, panics and drops of either end, for many rounds, and passes
//! many values through each. Nothing may leak, get lost, come twice or hang.
//!
//! ```sh
//! cargo run --release -p greenroom-tests --bin endure -- --rounds 100000 --items 10000000
//! ```

mod account;
mod args;
mod dice;
mod flow;
mod frame;
mod patterns;
mod report;
#[cfg(test)]
mod tests;
mod watchdog;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use account::Counts;
use args::{Args, Wanted};
use frame::{BATCH, Failed, Frame, Pattern};
use report::Row;
use watchdog::Watchdog;

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)) {
        Ok(Wanted::Run(args)) => run(&args),
        Ok(Wanted::Help) => {
            report::print(args::USAGE);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            use std::io::Write;
            let _gone = writeln!(std::io::stderr(), "endure: {wrong}\n\n{}", args::USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> ExitCode {
    let panics = count_panics();
    let frame = Frame {
        seed: args.seed,
        threads: args.threads,
        watchdog: Watchdog::start(args.seed, args.threads),
    };
    report::print(report::HEAD);
    let is_wanted = |pattern: &&Pattern| {
        let only = args.only.as_deref();
        only.is_none_or(|name| name == pattern.name)
    };
    let mut all_ok = true;
    for pattern in patterns::ALL.iter().filter(is_wanted) {
        let row = put_to_the_test(&frame, pattern, args, &panics);
        report::print(&row.line());
        all_ok &= row.is_ok;
    }
    if all_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn put_to_the_test(frame: &Frame, pattern: &Pattern, args: &Args, panics: &AtomicU64) -> Row {
    let rounds = match args.round {
        Some(round) => round - round % BATCH..round + 1,
        None => 0..args.rounds,
    };
    let mut counts = Counts::default();
    let ran = rounds.end - rounds.start;
    let mut is_ok = true;
    if let Err(Failed { round, what }) = frame.rounds(pattern, rounds, &mut counts) {
        is_ok = false;
        let what = what.join("\n  ");
        report::failed(pattern.name, args.seed, round, args.threads, &what);
    }
    let has_flow = args.items > 0 && args.round.is_none() && is_ok;
    let flowed = has_flow.then(|| (args.items, frame.flow(pattern, args.items)));
    if let Some((_, flowed)) = &flowed
        && let Some(what) = flowed.failed.clone().or_else(|| flowed.too_much())
    {
        is_ok = false;
        report::failed_flow(pattern.name, &what);
    }
    let unplanted = panics.swap(0, SeqCst);
    if unplanted > 0 {
        is_ok = false;
        report::failed_flow(
            pattern.name,
            &format!("{unplanted} panics that nobody planted; see above"),
        );
    }
    Row {
        pattern: pattern.name,
        rounds: ran,
        counts,
        flowed,
        is_ok,
    }
}

/// Counts the panics that nobody planted. Those that were do not come to a hook.
fn count_panics() -> Arc<AtomicU64> {
    let panics = Arc::new(AtomicU64::new(0));
    let counter = panics.clone();
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        counter.fetch_add(1, SeqCst);
        tell(info);
    }));
    panics
}
