//! A guided run through Go's concurrency patterns, each as it is written here.
//!
//! `tour` runs all sections, `tour NAME` one of them, `tour --list` names them. It verifies what it
//! shows, and ends with a status other than 0 if something does not hold.

mod sections;
mod story;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use greenroom::prelude::*;

use sections::{SECTIONS, Section};
use story::Story;

/// Runs Go's concurrency patterns in Rust, and verifies each.
#[derive(Parser)]
#[command(name = "tour")]
struct Arguments {
    /// The section to run; all of them if it is left out.
    #[arg(value_name = "NAME", value_parser = find)]
    section: Option<&'static Section>,
    /// Prints the names of the sections.
    #[arg(long)]
    list: bool,
}

fn find(name: &str) -> Result<&'static Section, String> {
    let found = SECTIONS.iter().find(|section| section.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        format!("there is no such section; there are: {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Panics are shown on purpose: each section tells of its own, and of one that was not meant.
    std::panic::set_hook(Box::new(|_| ()));
    match tour(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read has seen enough, as with `tour | head`.
        Err(failure) if is_closed_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to do if this cannot be written either.
            let _unwritten = writeln!(io::stderr(), "tour: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for. Returns whether everything held.
fn tour(arguments: &Arguments) -> Result<bool> {
    if arguments.list {
        for section in SECTIONS {
            writeln!(io::stdout(), "{:<14}{}", section.name, section.go)?;
        }
        return Ok(true);
    }
    let runtime = Runtime::new()?;
    let chosen = match arguments.section {
        Some(section) => std::slice::from_ref(section),
        None => SECTIONS,
    };
    let mut held = 0;
    for section in chosen {
        Story::new().title(section)?;
        let run = runtime.block_on(move |scope| async move {
            // One that hangs is cut, and has failed.
            let context = scope.context().with_timeout(10.secs());
            context.run((section.run)(scope, Story::new())).await?
        });
        match run {
            Ok(()) => held += 1,
            Err(failure) if is_closed_pipe(&failure) => return Err(failure),
            Err(failure) => Story::new().failed(failure)?,
        }
    }
    writeln!(io::stdout(), "tour: {} patterns, {held} ok", chosen.len())?;
    Ok(held == chosen.len())
}

fn is_closed_pipe(failure: &Failure) -> bool {
    let error = failure.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
