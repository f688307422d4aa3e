//! How long to wait after a failure, as a pure function.

use std::time::Duration;

use greenroom_core::current;

/// Delays that grow with each failure in a row, up to a cap.
///
/// The `n`th failure is followed by at most `first * factor^(n - 1)`, and never by more than the cap;
/// [`Jitter`] spreads the delays of many callers that failed together. It holds no state: the same number
/// and the same choice give the same delay.
///
/// # Examples
/// ```
/// use greenroom_core::time::Durations;
/// use greenroom_patterns::retry::{Backoff, Jitter};
/// let backoff = Backoff::exponential(100.millis()).cap(1.secs()).jitter(Jitter::None);
/// let delays: Vec<_> = (0..6).map(|failures| backoff.most(failures).as_millis()).collect();
/// assert_eq!(delays, [0, 100, 200, 400, 800, 1000]);
///
/// let spread = backoff.jitter(Jitter::Equal);
/// assert_eq!(spread.delay(2, 0), 100.millis());
/// assert_eq!(spread.delay(2, Backoff::CHOICES - 1), 200.millis());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    factor: u32,
    cap: Duration,
    jitter: Jitter,
}

/// Which part of a delay is left to chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// None of it.
    None,
    /// The second half.
    Equal,
    /// All of it: anything from zero on.
    #[default]
    Full,
}

impl Backoff {
    /// How many choices [`delay`](Self::delay) knows.
    pub const CHOICES: usize = 1001;

    /// Makes delays that double from `first` on, up to 30 seconds, with [`Jitter::Full`].
    #[must_use]
    pub const fn exponential(first: Duration) -> Self {
        Self {
            first,
            factor: 2,
            cap: Duration::from_secs(30),
            jitter: Jitter::Full,
        }
    }

    /// Makes delays that are all the same, without jitter.
    #[must_use]
    pub const fn constant(delay: Duration) -> Self {
        Self {
            first: delay,
            factor: 1,
            cap: delay,
            jitter: Jitter::None,
        }
    }

    /// Sets by how much each delay is larger than the one before. 0 counts as 1.
    #[must_use]
    pub const fn factor(mut self, factor: u32) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the longest delay. It wins over `first`.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets which part is left to chance.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Returns the longest delay after so many failures in a row: zero after none, and never less than
    /// after fewer.
    #[must_use]
    pub fn most(&self, failures: u32) -> Duration {
        let Some(steps) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let grown = u128::from(self.factor.max(1))
            .checked_pow(steps)
            .and_then(|factor| self.first.as_nanos().checked_mul(factor));
        match grown {
            Some(nanos) if nanos < self.cap.as_nanos() => from_nanos(nanos),
            // A first delay of zero stays zero, by whatever it is multiplied.
            None if self.first.is_zero() => Duration::ZERO,
            _ => self.cap,
        }
    }

    /// Returns the shortest delay after so many failures in a row.
    #[must_use]
    pub fn least(&self, failures: u32) -> Duration {
        match self.jitter {
            Jitter::None => self.most(failures),
            Jitter::Equal => self.most(failures) / 2,
            Jitter::Full => Duration::ZERO,
        }
    }

    /// Returns the delay after so many failures in a row, for one of [`CHOICES`](Self::CHOICES) choices: 0
    /// is the shortest, the last one the longest, and so is what is above it.
    #[must_use]
    pub fn delay(&self, failures: u32, choice: usize) -> Duration {
        const LAST: usize = Backoff::CHOICES - 1;
        let (least, most) = (self.least(failures), self.most(failures));
        let spread = (most - least).as_nanos() * choice.min(LAST) as u128 / LAST as u128;
        least + from_nanos(spread)
    }

    /// Chooses the delay after so many failures in a row, by the driver: chance in production, and the
    /// schedule's choice in a test.
    #[must_use]
    pub fn draw(&self, failures: u32) -> Duration {
        let choice = match self.jitter {
            Jitter::None => 0,
            Jitter::Equal | Jitter::Full => current::choose(Self::CHOICES),
        };
        self.delay(failures, choice)
    }
}

/// Doubles from 100 ms up to 30 seconds, with [`Jitter::Full`].
impl Default for Backoff {
    fn default() -> Self {
        Self::exponential(Duration::from_millis(100))
    }
}

/// Of a number that came from a `Duration`, or is smaller than one.
fn from_nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    // Less than a second, which fits.
    Duration::new(seconds, (nanos % SECOND) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn delays_double_up_to_the_cap() {
        let backoff = Backoff::exponential(MS).cap(MS * 10).jitter(Jitter::None);
        let delays: Vec<_> = (0..7).map(|n| backoff.delay(n, 0).as_millis()).collect();
        assert_eq!(delays, [0, 1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn the_first_delay_too_is_under_the_cap() {
        let backoff = Backoff::exponential(MS * 5).cap(MS);
        assert_eq!(backoff.most(1), MS);
    }

    #[test]
    fn a_constant_one_stays_the_same() {
        let backoff = Backoff::constant(MS * 3);
        assert_eq!(
            (backoff.draw(1), backoff.draw(u32::MAX), backoff.draw(0)),
            (MS * 3, MS * 3, Duration::ZERO)
        );
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let backoff = Backoff::exponential(Duration::MAX)
            .factor(u32::MAX)
            .cap(Duration::MAX);
        assert_eq!(backoff.delay(u32::MAX, usize::MAX), Duration::MAX);
        assert_eq!(
            Backoff::exponential(Duration::ZERO).most(u32::MAX),
            Duration::ZERO
        );
    }

    #[test]
    fn jitter_spreads_what_it_says() {
        let backoff = Backoff::exponential(MS * 10);
        let ends = |jitter| {
            let backoff = backoff.jitter(jitter);
            (
                backoff.delay(1, 0),
                backoff.delay(1, 500),
                backoff.delay(1, 1000),
            )
        };
        assert_eq!(ends(Jitter::None), (MS * 10, MS * 10, MS * 10));
        assert_eq!(
            ends(Jitter::Equal),
            (MS * 5, Duration::from_micros(7500), MS * 10)
        );
        assert_eq!(ends(Jitter::Full), (Duration::ZERO, MS * 5, MS * 10));
    }

    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0..5_000_u64).prop_map(Duration::from_micros),
            (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n)),
        ]
    }

    proptest! {
        #[test]
        fn a_delay_is_between_its_bounds_and_the_bounds_only_grow(
            first in durations(),
            cap in durations(),
            factor in prop_oneof![0..5_u32, any::<u32>()],
            jitter in prop_oneof![Just(Jitter::None), Just(Jitter::Equal), Just(Jitter::Full)],
            failures in prop_oneof![0..200_u32, any::<u32>(), Just(u32::MAX)],
            choice in prop_oneof![0..Backoff::CHOICES, any::<usize>()],
        ) {
            let backoff = Backoff::exponential(first).factor(factor).cap(cap).jitter(jitter);
            let delay = backoff.delay(failures, choice);
            prop_assert!(delay <= cap && delay <= backoff.most(failures));
            prop_assert!(delay >= backoff.least(failures));
            prop_assert!(delay <= backoff.delay(failures, choice.saturating_add(1)));
            prop_assert!(backoff.most(failures) <= backoff.most(failures.saturating_add(1)));
            prop_assert!(backoff.least(failures) <= backoff.least(failures.saturating_add(1)));
            prop_assert_eq!(backoff.delay(failures, usize::MAX), backoff.most(failures));
            prop_assert_eq!(backoff.delay(failures, 0), backoff.least(failures));
            prop_assert_eq!(backoff.most(0), Duration::ZERO);
        }
    }
}
