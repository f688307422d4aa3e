//! Durations from whole numbers.

use std::time::Duration;

/// Makes durations from whole numbers: `5.secs()`, `50.millis()`.
///
/// # Examples
/// ```
/// use greenroom_core::time::Durations;
/// use std::time::Duration;
/// assert_eq!(5.secs(), Duration::from_secs(5));
/// assert_eq!(50.millis(), Duration::from_millis(50));
/// ```
pub trait Durations: Sized {
    /// Makes a duration of that many seconds.
    fn secs(self) -> Duration;
    /// Makes a duration of that many milliseconds.
    fn millis(self) -> Duration;
    /// Makes a duration of that many microseconds.
    fn micros(self) -> Duration;
}

impl Durations for u64 {
    fn secs(self) -> Duration {
        Duration::from_secs(self)
    }

    fn millis(self) -> Duration {
        Duration::from_millis(self)
    }

    fn micros(self) -> Duration {
        Duration::from_micros(self)
    }
}
