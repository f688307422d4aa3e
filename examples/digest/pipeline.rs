//! The pipeline: walker, workers and collector, with the channels between them.

use greenroom::channel;
use greenroom::prelude::*;

use super::collect::{Collected, collect};
use super::hash::Hasher;
use super::output;
use super::progress::Progress;
use super::walk::Walker;
use super::work::Worker;

/// How many large files may wait for a free worker. One more is hashed by whoever found it.
const LARGE_FILES: usize = 1024;

/// What is to be done, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) fail_fast: bool,
    pub(crate) progress: Progress,
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Summary {
    /// How many files and directories could not be read.
    pub(crate) unreadable: usize,
}

/// Hashes every regular file below the current directory and prints the hashes.
///
/// When it returns, nothing that it started lives: the scope sees to that.
pub(crate) async fn run(scope: Scope, plan: Plan) -> Result<Summary> {
    let Plan {
        workers,
        fail_fast,
        progress,
    } = plan;
    let (put_batch, batches) = channel::bounded(2 * workers);
    let large = channel::bounded(LARGE_FILES);
    let (put_outcomes, outcomes) = channel::bounded(2 * workers);

    // A channel closes with its last sender, so each stage ends after the one before it.
    scope
        .go(Walker::new(put_batch, put_outcomes.clone()).run())
        .detach();
    let spread = scope.on(Placement::Spread);
    for _ in 0..workers {
        let worker = Worker::new(
            batches.clone(),
            large.clone(),
            put_outcomes.clone(),
            Hasher::new(progress.clone()),
        );
        spread.go(worker.run()).detach();
    }
    drop((batches, large, put_outcomes));

    let collector = scope.go(collect(outcomes, fail_fast, progress.clone()));
    let Collected {
        mut digests,
        unreadable,
    } = collector.await?;
    // Closed channels tell that nobody sends any more, not that everybody succeeded.
    scope.join().await?;
    blocking(move || {
        digests.sort();
        progress.clear();
        output::print(&digests)
    })
    .await?;
    Ok(Summary { unreadable })
}
