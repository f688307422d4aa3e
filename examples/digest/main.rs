//! Prints the SHA-256 of every regular file below a directory, as
//! `cd DIR; find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum` does.
//!
//! A bounded parallel pipeline: a walker feeds names into a bounded channel, a pool of workers spread
//! over the arbiters hashes the files, a collector gathers the results. Everything lives in one scope,
//! whose context carries the time-out and is cancelled by SIGINT and SIGTERM, so that nothing is left running.
//!
//! ```text
//! cargo run --release --example digest -- /usr/share --workers 8 --timeout 30s
//! ```

mod args;
mod collect;
mod descriptor;
mod digests;
mod end;
mod hash;
mod line;
mod output;
mod pipeline;
mod progress;
mod queue;
mod unreadable;
mod walk;
mod work;

use std::process::ExitCode;

use clap::Parser;
use greenroom::prelude::*;

use args::Args;
use end::End;
use pipeline::Plan;
use progress::Progress;
use unreadable::Unreadable;

fn main() -> ExitCode {
    let args = Args::parse();
    // The names are those that `find .` gives inside the directory, and as short as they can be.
    if let Err(error) = std::env::set_current_dir(&args.dir) {
        return End::NoDirectory(Unreadable::new(args.dir, error)).report();
    }
    let progress = Progress::on_terminal();
    let end = match run(&args, &progress) {
        Ok(end) => end,
        Err(failure) => failure.into(),
    };
    progress.clear();
    end.report()
}

fn run(args: &Args, progress: &Progress) -> Result<End> {
    let plan = Plan {
        workers: args.workers(),
        fail_fast: args.fail_fast,
        progress: progress.clone(),
    };
    let timeout = args.timeout;
    Runtime::new()?.block_on(move |scope| async move {
        let context = scope.context().with_signals(Signal::ALL)?;
        let context = match timeout {
            Some(timeout) => context.with_timeout(timeout),
            None => context,
        };
        let pipeline = scope.scope(|scope| pipeline::run(scope, plan));
        let result = context.run(pipeline).await;
        Ok(match (result, context.err()) {
            (Ok(Ok(summary)), _) => End::Done(summary),
            (_, Some(ended)) => End::stopped(&ended, timeout),
            (Ok(Err(failure)), None) => failure.into(),
            // The future ends early only with its context.
            (Err(ended), None) => End::stopped(&ended, timeout),
        })
    })
}
