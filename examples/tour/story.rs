//! What a section tells: prose, live output, and what it has verified.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use greenroom::Result;

use crate::sections::Section;

/// Writes one section to the terminal.
pub(crate) struct Story {
    out: io::Stdout,
    verified: Vec<String>,
}

/// A claim of a section that did not hold.
#[derive(Debug)]
pub(crate) struct CheckFailed(String);

impl Display for CheckFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not so: {}", self.0)
    }
}

impl std::error::Error for CheckFailed {}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            out: io::stdout(),
            verified: Vec::new(),
        }
    }

    /// Begins a section.
    pub(crate) fn title(&mut self, section: &Section) -> Result<()> {
        let Section {
            name,
            go,
            ours,
            about,
            ..
        } = section;
        let rule = "─".repeat(72_usize.saturating_sub(name.chars().count()));
        if self.out.is_terminal() {
            writeln!(self.out, "\x1b[1m── {name} {rule}\x1b[0m")?;
        } else {
            writeln!(self.out, "── {name} {rule}")?;
        }
        writeln!(self.out, "Go:    {go}")?;
        writeln!(self.out, "here:  {ours}")?;
        Ok(writeln!(self.out, "{about}")?)
    }

    /// Writes a line of live output.
    pub(crate) fn show(&mut self, line: impl Display) -> Result<()> {
        Ok(writeln!(self.out, "    {line}")?)
    }

    /// Notes a claim that holds.
    pub(crate) fn verify(&mut self, claim: impl Into<String>, holds: bool) -> Result<()> {
        let claim = claim.into();
        if !holds {
            return Err(CheckFailed(claim).into());
        }
        self.verified.push(claim);
        Ok(())
    }

    /// Notes a claim about a value, which must be as expected.
    pub(crate) fn verify_eq<T: PartialEq + fmt::Debug>(
        &mut self,
        claim: impl Into<String>,
        found: &T,
        expected: &T,
    ) -> Result<()> {
        let claim = claim.into();
        if found != expected {
            return Err(CheckFailed(format!("{claim} (found {found:?}, not {expected:?})")).into());
        }
        self.verified.push(claim);
        Ok(())
    }

    /// Ends a section that has kept its word.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.verified.is_empty() {
            return Err(CheckFailed("the section has verified anything".to_owned()).into());
        }
        let verified = std::mem::take(&mut self.verified).join("; ");
        Ok(writeln!(self.out, "verified: {verified}\n")?)
    }

    /// Ends a section that has not.
    pub(crate) fn failed(&mut self, why: impl Display) -> Result<()> {
        Ok(writeln!(self.out, "FAILED: {why}\n")?)
    }
}
