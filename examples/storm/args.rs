//! The command line.

use clap::Parser;

use super::storm::{PARTS, Part};

/// Puts actors, pools and pipelines under random panics, cancels, floods and restarts, and then gives an
/// account: of each message and each value, what became of it.
#[derive(Debug, Parser)]
#[command(
    name = "storm",
    version,
    after_help = "SIGINT and SIGTERM end the storm early, in order, with its account; a second one ends it \
                  at once.\n\nExit status: 0 if the account is right, nothing leaked and the memory is \
                  back, also after a signal; 1 if not; 2 for wrong usage."
)]
pub(crate) struct Args {
    /// How long it lasts, in seconds
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,

    /// The seed of all choices
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,

    /// The number of arbiters, each a thread
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) arbiters: u16,

    /// One part alone: actors, pools, lines, shared or churn
    #[arg(long, value_name = "PART", value_parser = find)]
    only: Option<&'static Part>,
}

impl Args {
    /// Returns the parts that were asked for.
    pub(crate) fn parts(&self) -> &'static [Part] {
        match self.only {
            Some(part) => std::slice::from_ref(part),
            None => PARTS,
        }
    }
}

fn find(name: &str) -> Result<&'static Part, String> {
    let found = PARTS.iter().find(|part| part.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        format!("there is no such part; there are: {}", names.join(", "))
    })
}
