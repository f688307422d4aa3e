//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// The most workers that one may ask for: each is a thread with a buffer.
const MOST_WORKERS: usize = 256;

/// Prints the SHA-256 of every regular file below a directory, sorted by name.
#[derive(Debug, Parser)]
#[command(
    name = "digest",
    version,
    after_help = "Exit status: 0 if all files were hashed, 1 if some could not be read, \
                  2 for wrong usage, 124 after the time-out, 130 after Ctrl-C, 143 after SIGTERM."
)]
pub(crate) struct Args {
    /// The directory to walk; symbolic links in it are not followed
    pub(crate) dir: PathBuf,

    /// How many files to hash at a time [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = parse_workers)]
    workers: Option<NonZeroUsize>,

    /// Gives up after this time, such as 500ms, 5s or 2m
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) timeout: Option<Duration>,

    /// Ends at the first file or directory that cannot be read
    #[arg(long)]
    pub(crate) fail_fast: bool,
}

impl Args {
    /// Returns how many workers were asked for, or are by default.
    pub(crate) fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers
            .map_or_else(|| cores().min(MOST_WORKERS), NonZeroUsize::get)
    }
}

/// Why an argument is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum ArgError {
    #[error("it must be a whole number from 1 to {MOST_WORKERS}")]
    Workers,
    #[error("it must be a whole number with a unit, such as 500ms, 5s, 2m or 1h")]
    Time,
    #[error("that is longer than can be told")]
    TooLong,
}

fn parse_workers(text: &str) -> Result<NonZeroUsize, ArgError> {
    let count: NonZeroUsize = text.parse().map_err(|_| ArgError::Workers)?;
    if count.get() > MOST_WORKERS {
        return Err(ArgError::Workers);
    }
    Ok(count)
}

fn parse_timeout(text: &str) -> Result<Duration, ArgError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(ArgError::Time);
    }
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(ArgError::Time),
    };
    let number: u64 = number.parse().map_err(|_| ArgError::TooLong)?;
    let millis = number.checked_mul(millis).ok_or(ArgError::TooLong)?;
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_number_and_a_unit() {
        for (text, time) in [
            ("500ms", Ok(Duration::from_millis(500))),
            ("5s", Ok(Duration::from_secs(5))),
            ("2m", Ok(Duration::from_secs(120))),
            ("1h", Ok(Duration::from_secs(3600))),
            ("0s", Ok(Duration::ZERO)),
            ("5", Err(ArgError::Time)),
            ("", Err(ArgError::Time)),
            ("s", Err(ArgError::Time)),
            ("-5s", Err(ArgError::Time)),
            ("1.5s", Err(ArgError::Time)),
            ("5 s", Err(ArgError::Time)),
            ("5sec", Err(ArgError::Time)),
            ("99999999999999999999s", Err(ArgError::TooLong)),
            ("9999999999999999999m", Err(ArgError::TooLong)),
        ] {
            assert_eq!(parse_timeout(text), time, "{text:?}");
        }
    }

    #[test]
    fn workers_are_counted_from_one() {
        assert_eq!(parse_workers("8").map(NonZeroUsize::get), Ok(8));
        for text in ["0", "", "-1", "two", "1.5", "257", "99999999999999999999"] {
            assert_eq!(parse_workers(text), Err(ArgError::Workers), "{text:?}");
        }
    }

    #[test]
    fn the_command_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
