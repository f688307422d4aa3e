//! The command line.

pub(crate) const USAGE: &str = "\
Usage: parity [--only ROW]... [--list | --check | --write]

Runs each Go program in tests/go and its twin in examples, and compares what they print.
Without Go (in PATH, or named by GREENROOM_GO) the twins are compared all the same.

  --only ROW  only this row; may be given several times
  --list      print the rows, and run nothing
  --check     fail if GO.md is not what --write would make
  --write     make GO.md from the programs and tests/go/template.md
  --help      print this

Exit status: 0 all the same, 1 something differs, 2 wrong usage.
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Run,
    List,
    Check,
    Write,
    Help,
}

#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) mode: Mode,
    pub(crate) only: Vec<String>,
}

impl Args {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            mode: Mode::Run,
            only: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mode = match arg.as_str() {
                "--only" => {
                    let row = args.next().ok_or("--only needs the name of a row")?;
                    parsed.only.push(row);
                    continue;
                }
                "--list" => Mode::List,
                "--check" => Mode::Check,
                "--write" => Mode::Write,
                "--help" | "-h" => Mode::Help,
                other => return Err(format!("unknown argument {other:?}")),
            };
            if ![Mode::Run, mode].contains(&parsed.mode) {
                return Err(format!("{arg} does not go with another mode"));
            }
            parsed.mode = mode;
        }
        if !parsed.only.is_empty() && matches!(parsed.mode, Mode::Check | Mode::Write) {
            return Err("GO.md is made as a whole: --only does not go with it".to_owned());
        }
        Ok(parsed)
    }
}
