//! The collector: gathers what the walker and the workers found.

use greenroom::channel::{Receiver, RecvError};
use greenroom::prelude::*;

use super::digests::Digests;
use super::output;
use super::progress::Progress;
use super::queue::Outcome;

/// What was collected.
pub(crate) struct Collected {
    pub(crate) digests: Digests,
    pub(crate) unreadable: usize,
}

/// Collects until every sender is gone. What could not be read is told at once, or is the error if
/// that is to end it all.
pub(crate) async fn collect(
    outcomes: Receiver<Vec<Outcome>>,
    fail_fast: bool,
    progress: Progress,
) -> Result<Collected> {
    let mut digests = Digests::default();
    let (mut done, mut unreadable) = (0, 0);
    loop {
        let outcomes = match outcomes.recv().await {
            Ok(outcomes) => outcomes,
            Err(RecvError::Closed) => break,
            Err(ended) => return Err(ended.into()),
        };
        let mut told = Vec::new();
        done += outcomes.len();
        for outcome in outcomes {
            match outcome {
                Outcome::Hashed(path, hash) => digests.push(&path, hash),
                Outcome::Unreadable(error) if fail_fast => return Err(error.into()),
                Outcome::Unreadable(error) => {
                    unreadable += 1;
                    told.extend(output::complaint(&error.message()));
                }
            }
        }
        progress.set_files(done);
        if !told.is_empty() {
            let progress = progress.clone();
            // A standard error that nobody reads may block.
            blocking(move || progress.aside(|| output::complain(&told))).await?;
        }
    }
    Ok(Collected {
        digests,
        unreadable,
    })
}
