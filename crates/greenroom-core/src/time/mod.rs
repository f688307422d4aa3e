//! Time of the runtime: [`sleep`], [`after`], and durations that read well.

mod after;
mod durations;
mod sleep;

pub use after::{After, after};
pub use durations::Durations;
pub use sleep::{SleepError, sleep, sleep_on};
