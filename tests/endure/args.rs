//! The command line.

use crate::patterns::ALL;

pub(crate) const USAGE: &str = "\
Puts every pattern under random cancels, panics and drops, and passes many values through it.

usage: endure [options]
  --rounds N      rounds for each pattern (default 2000)
  --items N       values for each pattern, 0 for none (default 100000)
  --only PATTERN  one pattern
  --seed S        the seed of all choices (default 1)
  --round R       repeats one round of one pattern, with those of its batch before it
  --threads       on three arbiters instead of one thread with a paused clock
  --help          this text

It exits with 1 if a pattern failed, and with 2 if an option is wrong.";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) rounds: u64,
    pub(crate) items: u64,
    pub(crate) only: Option<String>,
    pub(crate) seed: u64,
    pub(crate) round: Option<u64>,
    pub(crate) threads: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Run(Args),
    Help,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            rounds: 2_000,
            items: 100_000,
            only: None,
            seed: 1,
            round: None,
            threads: false,
        }
    }
}

pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Wanted, String> {
    let mut args = Args::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut value = || {
            let missing = || format!("{word} needs a value");
            words.next().ok_or_else(missing)
        };
        match word.as_str() {
            "--rounds" => args.rounds = number(&word, &value()?)?,
            "--items" => args.items = number(&word, &value()?)?,
            "--seed" => args.seed = number(&word, &value()?)?,
            "--round" => args.round = Some(number(&word, &value()?)?),
            "--only" => args.only = Some(pattern(value()?)?),
            "--threads" => args.threads = true,
            "--help" | "-h" => return Ok(Wanted::Help),
            _ => return Err(format!("there is no option {word}")),
        }
    }
    if args.round.is_some() && args.only.is_none() {
        return Err("--round needs --only, to say of which pattern".to_owned());
    }
    Ok(Wanted::Run(args))
}

fn number(option: &str, text: &str) -> Result<u64, String> {
    // As `10_000_000` is easier to get right.
    let digits = text.replace('_', "");
    let wrong = |_| format!("{option} needs a number, not {text:?}");
    digits.parse().map_err(wrong)
}

fn pattern(name: String) -> Result<String, String> {
    if ALL.iter().any(|pattern| pattern.name == name) {
        return Ok(name);
    }
    let names: Vec<_> = ALL.iter().map(|pattern| pattern.name).collect();
    Err(format!(
        "there is no pattern {name:?}, only: {}",
        names.join(", ")
    ))
}
