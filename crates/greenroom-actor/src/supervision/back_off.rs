//! How long a restart waits.

use std::time::Duration;

/// The delays before restarts: each twice the one before, up to a cap, for as long as a child fails again
/// soon.
///
/// A child that ran well for [`reset_after`](Self::reset_after) begins anew with the first delay. While
/// it waits, its mailbox takes messages up to its bound.
///
/// # Examples
/// ```
/// use greenroom_actor::supervision::BackOff;
/// use std::time::Duration;
/// let ms = Duration::from_millis;
/// let back_off = BackOff::exponential(ms(100), ms(350));
/// let delays: Vec<_> = (1..5).map(|failures| back_off.delay(failures, |_| 0)).collect();
/// assert_eq!(delays, [ms(100), ms(200), ms(350), ms(350)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    first: Duration,
    cap: Duration,
    jitter: u32,
    reset: Duration,
}

/// Steps between no jitter and all of it.
const STEPS: u32 = 1000;

impl BackOff {
    /// Returns a back-off without a delay, which is OTP's way.
    #[must_use]
    pub const fn none() -> Self {
        Self::exponential(Duration::ZERO, Duration::ZERO)
    }

    /// Returns a back-off that begins with `first` and doubles up to `cap`, without jitter. A child that
    /// ran for the cap is well again.
    #[must_use]
    pub const fn exponential(first: Duration, cap: Duration) -> Self {
        Self {
            first,
            cap,
            jitter: 0,
            reset: cap,
        }
    }

    /// Takes up to this share of each delay away, in percent, by a choice of the driver's. More than 100
    /// is 100.
    #[must_use]
    pub const fn jitter(mut self, percent: u32) -> Self {
        self.jitter = if percent > 100 { 100 } else { percent };
        self
    }

    /// Sets how long a child has to run until its earlier failures are forgotten.
    #[must_use]
    pub const fn reset_after(mut self, healthy: Duration) -> Self {
        self.reset = healthy;
        self
    }

    /// Returns the delay after a number of failures in a row, counted from 1. `choose` gives a number
    /// below its argument.
    #[must_use]
    pub fn delay(&self, failures: u32, choose: impl FnOnce(usize) -> usize) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let full = self.first.saturating_mul(doubled).min(self.cap);
        if self.jitter == 0 || full.is_zero() {
            return full;
        }
        let chosen = choose(STEPS as usize + 1).min(STEPS as usize);
        let share = u32::try_from(chosen).unwrap_or(STEPS) * self.jitter;
        full - (full / (STEPS * 100)).saturating_mul(share).min(full)
    }

    pub(super) fn is_reset_by(&self, healthy: Duration) -> bool {
        healthy >= self.reset
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_takes_a_chosen_share_away() {
        let second = Duration::from_secs(1);
        let back_off = BackOff::exponential(second, second).jitter(50);
        assert_eq!(back_off.delay(1, |_| 0), second);
        assert_eq!(back_off.delay(1, |n| n - 1), second / 2);
        assert_eq!(back_off.delay(9, |_| 500), second * 3 / 4);
    }

    #[test]
    fn many_failures_stay_at_the_cap() {
        let ms = Duration::from_millis;
        let back_off = BackOff::exponential(ms(3), ms(50));
        assert_eq!(back_off.delay(u32::MAX, |_| 0), ms(50));
        assert_eq!(BackOff::none().delay(7, |_| 0), Duration::ZERO);
    }
}
