//! Runs each Go program of `tests/go` and its twin in `examples`, and compares what they print.
//!
//! It also makes GO.md from the same files, so that what stands there is what runs.

mod args;
mod behaviours;
mod document;
mod programs;
mod rows;

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use args::{Args, Mode, USAGE};
use programs::{Go, Outcome};
use rows::{Row, Template};

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("parity: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&args) {
        Ok(code) => code,
        // Whoever read it has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parity: {error}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(args: &Args) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let root = root();
    let template = Template::read(&root)?;
    let all = template.rows();
    for name in &args.only {
        if !all.iter().any(|row| row.key == *name) {
            eprintln!("parity: there is no row {name:?}\n\n{USAGE}");
            return Ok(ExitCode::from(2));
        }
    }
    let is_wanted = |row: &&Row| args.only.is_empty() || args.only.contains(&row.key);
    let rows: Vec<Row> = all.iter().filter(is_wanted).cloned().collect();
    match args.mode {
        Mode::Help => write!(out, "{USAGE}")?,
        Mode::List => {
            for row in &rows {
                writeln!(out, "{:14} {}", row.key, row.go)?;
            }
        }
        Mode::Write => {
            std::fs::write(root.join("GO.md"), document::render(&root, &template)?)?;
        }
        Mode::Check => {
            let found = std::fs::read_to_string(root.join("GO.md"))?;
            if let Some(line) =
                document::first_difference(&document::render(&root, &template)?, &found)
            {
                eprintln!(
                    "GO.md:{line}: differs from the files it is made from; `cargo run -p greenroom-tests --bin parity -- --write` makes it anew"
                );
                return Ok(ExitCode::FAILURE);
            }
        }
        Mode::Run => return compare(&root, &rows, &mut out),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs both programs of each row, and compares each with what is expected.
fn compare(root: &Path, rows: &[Row], out: &mut impl Write) -> io::Result<ExitCode> {
    let go = Go::find();
    if let Err(why) = &go {
        writeln!(out, "skipped: {why}")?;
    }
    let built = programs::build(root, go.as_ref().ok(), rows)?;
    let width = rows
        .iter()
        .map(|row| row.key.len())
        .max()
        .unwrap_or_default();
    writeln!(out, "{:width$}  {:8}  greenroom", "row", "Go")?;
    let mut different = Vec::new();
    let mut skipped = 0;
    for row in rows {
        let expected = rows::expected(root, row)?;
        let theirs = match &go {
            Ok(_) => programs::run(&built.go(row), row, &expected)?,
            Err(_) => Outcome::Skipped,
        };
        let ours = match built.ours(root, row) {
            Some(program) => programs::run(&program, row, &expected)?,
            None => Outcome::Missing,
        };
        writeln!(
            out,
            "{:width$}  {:8}  {}",
            row.key,
            theirs.word(),
            ours.word()
        )?;
        out.flush()?;
        skipped += usize::from(matches!(theirs, Outcome::Skipped));
        for (side, outcome) in [("Go", theirs), ("greenroom", ours)] {
            if let Some(text) = outcome.told(&expected) {
                different.push(format!("\n{} ({side}): {text}", row.key));
            }
        }
    }
    for text in &different {
        writeln!(out, "{text}")?;
    }
    writeln!(
        out,
        "\n{} rows: {} programs differ, {skipped} Go programs skipped",
        rows.len(),
        different.len()
    )?;
    Ok(if different.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
