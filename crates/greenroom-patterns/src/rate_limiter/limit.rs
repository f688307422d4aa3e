//! How often.

use std::fmt;
use std::time::Duration;

/// So many events in so much time, on average. Go counterpart: `rate.Limit`.
///
/// It is kept as two whole numbers, so that nothing is rounded away however long it runs.
///
/// # Differences from Go
/// Go's is a floating-point number of events per second.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use greenroom_patterns::rate_limiter::Limit;
/// assert_eq!(Limit::per_second(10), Limit::every(Duration::from_millis(100)));
/// assert_ne!(Limit::per_second(10), Limit::new(10, Duration::from_secs(60)));
/// assert_eq!(Limit::every(Duration::ZERO), Limit::INFINITE);
/// assert_eq!(Limit::per_second(0), Limit::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Limit(Rate);

/// In lowest terms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    Infinite,
    /// A token costs `nanos` units, and each nanosecond brings `events` of them.
    Finite {
        events: u64,
        nanos: u128,
    },
}

impl Limit {
    /// Lets everything through, whatever the burst. Go's `rate.Inf`.
    pub const INFINITE: Self = Self(Rate::Infinite);

    /// Brings no token. Those that are there at the start may be taken.
    pub const ZERO: Self = Self(Rate::Finite {
        events: 0,
        nanos: 1,
    });

    /// Makes a limit of so many events in each such time. Without events it is [`ZERO`](Self::ZERO), and
    /// else, without time, [`INFINITE`](Self::INFINITE).
    #[must_use]
    pub const fn new(events: u64, per: Duration) -> Self {
        if events == 0 {
            return Self::ZERO;
        }
        let nanos = per.as_nanos();
        if nanos == 0 {
            return Self::INFINITE;
        }
        let divisor = common_divisor(events, nanos);
        Self(Rate::Finite {
            events: events / divisor,
            nanos: nanos / divisor as u128,
        })
    }

    /// Makes a limit of so many events in each second.
    #[must_use]
    pub const fn per_second(events: u64) -> Self {
        Self::new(events, Duration::from_secs(1))
    }

    /// Makes a limit of one event in each such time: Go's `rate.Every`.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self::new(1, interval)
    }

    /// Returns whether it lets everything through.
    #[must_use]
    pub const fn is_infinite(&self) -> bool {
        matches!(self.0, Rate::Infinite)
    }

    pub(super) const fn rate(self) -> Rate {
        self.0
    }
}

/// By Euclid. Of two numbers one of which fits into 64 bits, so does the divisor.
const fn common_divisor(events: u64, nanos: u128) -> u64 {
    let (mut large, mut small) = (events, (nanos % events as u128) as u64);
    while small > 0 {
        (large, small) = (small, large % small);
    }
    large
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Rate::Infinite => f.write_str("no limit"),
            Rate::Finite { events: 0, .. } => f.write_str("no events"),
            Rate::Finite { events, nanos } => {
                let each = u64::try_from(nanos).map(Duration::from_nanos);
                match (events, each) {
                    (1, Ok(each)) => write!(f, "an event every {each:?}"),
                    (_, Ok(each)) => write!(f, "{events} events every {each:?}"),
                    (_, Err(_)) => write!(f, "{events} events every {nanos}ns"),
                }
            }
        }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept_in_lowest_terms() {
        let text = |limit: Limit| limit.to_string();
        assert_eq!(text(Limit::per_second(10)), "an event every 100ms");
        assert_eq!(text(Limit::per_second(3)), "3 events every 1s");
        assert_eq!(
            text(Limit::new(6, Duration::from_secs(4))),
            "3 events every 2s"
        );
        assert_eq!(text(Limit::new(5, Duration::ZERO)), "no limit");
        assert_eq!(text(Limit::new(0, Duration::ZERO)), "no events");
        let largest = Limit::new(u64::MAX, Duration::MAX).rate();
        let third = u64::MAX / 3;
        let nanos = Duration::MAX.as_nanos() / 3;
        assert!(
            matches!(largest, Rate::Finite { events, nanos: n } if events == third && n == nanos)
        );
    }
}
