//! What is printed.

use std::io::{self, Write};

use crate::account::Counts;
use crate::flow::Flowed;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) pattern: &'static str,
    pub(crate) rounds: u64,
    pub(crate) counts: Counts,
    pub(crate) flowed: Option<(u64, Flowed)>,
    pub(crate) is_ok: bool,
}

pub(crate) const HEAD: &str = "\
pattern         rounds      tokens    panics   cancels     drops    errors       items  growth   items/s  result";

impl Row {
    pub(crate) fn line(&self) -> String {
        let counts = &self.counts;
        let (items, grown, speed) = match &self.flowed {
            Some((items, flowed)) => (
                items.to_string(),
                match flowed.grown {
                    Some(bytes) => format!("{} KiB", bytes / 1024),
                    None => "unknown".to_owned(),
                },
                flowed.per_second.to_string(),
            ),
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        format!(
            "{:<12} {:>9} {:>11} {:>9} {:>9} {:>9} {:>9} {items:>11} {grown:>8} {speed:>9}  {}",
            self.pattern,
            self.rounds,
            counts.tokens,
            counts.panics,
            counts.cancels,
            counts.drops,
            counts.errors,
            if self.is_ok { "ok" } else { "FAILED" },
        )
    }
}

/// Prints a line. A reader that has gone wants no more of them, and that is no failure.
pub(crate) fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _gone = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Says what went wrong in a round, and how to repeat it.
pub(crate) fn failed(pattern: &str, seed: u64, round: u64, threads: bool, what: &str) {
    let threads = if threads { " --threads" } else { "" };
    let mut err = io::stderr().lock();
    let _gone = writeln!(
        err,
        "endure --only {pattern} --seed {seed} --round {round}{threads}\n  {what}"
    );
}

/// Says what went wrong with a pattern beside its rounds.
pub(crate) fn failed_flow(pattern: &str, what: &str) {
    let _gone = writeln!(io::stderr().lock(), "{pattern}: {what}");
}
