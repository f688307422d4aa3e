//! The account, as a table.

use std::io::{self, Write, stderr};

use super::account::{Fate, Kind, Row};
use super::faults::{Fault, Faults};
use super::memory::Memory;
use super::rounds::Outcome;

/// What is known when the runtime has ended.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) faults: Faults,
    pub(crate) unplanted_panics: u64,
    pub(crate) leaks: Vec<String>,
    pub(crate) signal: Option<String>,
}

impl Report {
    /// Returns all that is wrong.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = self.outcome.wrong.clone();
        let total = self.outcome.account.total();
        if !self.outcome.account.is_even() {
            let (sent, ended) = (total.sent, total.ended());
            wrong.push(format!("{sent} were sent, and {ended} have a fate"));
        }
        if self.unplanted_panics > 0 {
            let count = self.unplanted_panics;
            wrong.push(format!("{count} panics that nobody planted; see above"));
        }
        wrong.extend(self.leaks.iter().map(|leak| format!("leaked: {leak}")));
        let memory = &self.outcome.memory;
        if let (false, Some(end), Some(limit)) = (memory.is_back(), memory.end(), memory.limit()) {
            wrong.push(format!(
                "the memory is not back: {} of {}",
                mib(end),
                mib(limit)
            ));
        }
        wrong
    }

    /// Writes the account to standard output.
    pub(crate) fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let outcome = &self.outcome;
        write!(out, "{:<10}{:>11}", "", "sent")?;
        for fate in Fate::ALL {
            write!(out, "{:>11}", fate.name())?;
        }
        writeln!(out)?;
        let used = Kind::ALL.into_iter().filter_map(|kind| {
            let row = outcome.account.of(kind);
            (row.sent > 0).then_some((kind, row))
        });
        for (kind, row) in used {
            line(&mut out, kind.name(), row)?;
        }
        let total = outcome.account.total();
        line(&mut out, "all", &total)?;
        let sum: Vec<String> = (Fate::ALL.into_iter().zip(total.fates))
            .filter(|(_, count)| *count > 0)
            .map(|(fate, count)| format!("{count} {}", fate.name()))
            .collect();
        let sign = if total.sent == total.ended() {
            "="
        } else {
            "!="
        };
        writeln!(out, "\n{} sent {sign} {}", total.sent, sum.join(" + "))?;
        let faults: Vec<String> = (Fault::ALL.into_iter())
            .map(|fault| format!("{} {}", self.faults.count(fault), fault.name()))
            .collect();
        writeln!(out, "planted: {}", faults.join(", "))?;
        let told = |size: Option<u64>| size.map_or("not known".to_owned(), mib);
        let memory = &outcome.memory;
        writeln!(
            out,
            "memory: {} after {} rounds, {} at the end, {} allowed",
            told(memory.start()),
            Memory::WARM_UP,
            told(memory.end()),
            told(memory.limit())
        )?;
        let letters = outcome.letters;
        let (read, missed) = (letters.read, letters.missed);
        writeln!(out, "dead letters: {read} read, {missed} missed")?;
        writeln!(out, "leaks: {}", self.leaks.len())?;
        if let Some(signal) = &self.signal {
            writeln!(out, "ended early: {signal}")?;
        }
        let verdict = if self.wrong().is_empty() {
            "the account is right"
        } else {
            "WRONG"
        };
        writeln!(out, "storm: {} rounds, {verdict}", outcome.rounds)?;
        out.flush()
    }
}

fn line(out: &mut impl Write, name: &str, row: &Row) -> io::Result<()> {
    write!(out, "{name:<10}{:>11}", row.sent)?;
    for count in row.fates {
        write!(out, "{count:>11}")?;
    }
    writeln!(out)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Says what is wrong, on standard error.
pub(crate) fn complain(wrong: &[String]) {
    for what in wrong {
        // There is nobody left to tell of a standard error that is gone.
        let _gone = writeln!(stderr(), "storm: {what}");
    }
}

/// Ends the process over something that hangs, since it may not let go of it.
pub(crate) fn hung(wrong: &[String]) -> ! {
    complain(wrong);
    std::process::exit(1)
}
