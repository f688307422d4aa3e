//! How often, how long, and for which errors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::Failure;

use super::backoff::Backoff;

/// Says which failures of [`retry`](super::retry) are worth another attempt, and when.
///
/// Every limit that is set holds, and so does the current context. Cloning is cheap.
///
/// # Examples
/// ```
/// use greenroom_core::time::Durations;
/// use greenroom_patterns::retry::{Backoff, RetryPolicy};
/// let polite = RetryPolicy::new()
///     .unlimited()
///     .max_elapsed(60.secs())
///     .backoff(Backoff::exponential(200.millis()).cap(5.secs()));
/// # let _ = polite;
/// ```
#[derive(Clone)]
pub struct RetryPolicy {
    pub(super) backoff: Backoff,
    pub(super) attempts: Option<u32>,
    pub(super) max_elapsed: Option<Duration>,
    retry_if: Option<Arc<Predicate>>,
}

type Predicate = dyn Fn(&Failure) -> bool + Send + Sync;

impl RetryPolicy {
    /// Makes a policy of 5 attempts with the default [`Backoff`], for every error.
    #[must_use]
    pub fn new() -> Self {
        Self {
            backoff: Backoff::default(),
            attempts: Some(5),
            max_elapsed: None,
            retry_if: None,
        }
    }

    /// Sets how many attempts are made in all, the first among them. One is always made.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets no number of attempts: what ends it is a success, an error that is not retried, the time, or
    /// the context.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.attempts = None;
        self
    }

    /// Sets the time from the first attempt on in which others begin. A running one is not interrupted: a
    /// deadline of the context does that.
    #[must_use]
    pub fn max_elapsed(mut self, time: Duration) -> Self {
        self.max_elapsed = Some(time);
        self
    }

    /// Sets the delays.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets which errors are worth another attempt; others are returned at once.
    #[must_use]
    pub fn retry_if(mut self, is_worth: impl Fn(&Failure) -> bool + Send + Sync + 'static) -> Self {
        self.retry_if = Some(Arc::new(is_worth));
        self
    }

    pub(super) fn is_worth(&self, failure: &Failure) -> bool {
        self.retry_if
            .as_ref()
            .is_none_or(|is_worth| is_worth(failure))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("backoff", &self.backoff)
            .field("attempts", &self.attempts)
            .field("max_elapsed", &self.max_elapsed)
            .finish_non_exhaustive()
    }
}
