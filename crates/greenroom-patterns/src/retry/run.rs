//! The attempts.

use std::future::Future;
use std::time::Duration;

use greenroom_core::error::ContextError;
use greenroom_core::task::yield_now;
use greenroom_core::time::{SleepError, sleep};
use greenroom_core::wait::Wait;
use greenroom_core::{Failure, Result, current};

use super::error::RetryError;
use super::policy::RetryPolicy;

/// Calls a closure until its future succeeds, as the policy says, and returns the value.
///
/// The first attempt begins at once, the next one after a delay of the policy's [`Backoff`](super::Backoff).
/// The attempts run in the current context and in the task of the caller, one at a time. It is for work that
/// may be done twice: whether a failed attempt has had an effect is for the closure to know.
///
/// # Errors
/// Every variant of [`RetryError`] has the number of attempts and the last error.
/// - [`RetryError::Exhausted`], [`RetryError::OutOfTime`], [`RetryError::NotRetried`]: the policy allows no
///   other attempt.
/// - [`RetryError::Cancelled`], [`RetryError::Deadline`]: the current context ended, also while it waits; if
///   it had ended before, no attempt was made.
/// - [`RetryError::Outside`]: there is no runtime here, and so no clock.
///
/// # Panics
/// A panic of the closure, of its future or of the predicate is not retried: it goes on to the caller's
/// task, and ends that.
///
/// # Cancel safety
/// Dropping the future drops the attempt in hand; no other begins.
///
/// # Examples
/// ```
/// # use greenroom_actor::Runtime;
/// use greenroom_core::Failure;
/// use greenroom_patterns::retry::{RetryError, RetryPolicy, retry};
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// # runtime.block_on(|_scope| async move {
/// let mut calls = 0;
/// let answer = retry(RetryPolicy::new(), || {
///     calls += 1;
///     async move { if calls == 3 { Ok("at last") } else { Err(Failure::message("busy")) } }
/// });
/// assert_eq!(answer.await?, "at last");
///
/// let policy = RetryPolicy::new().attempts(2);
/// let refused = retry(policy, || async { Err::<(), _>(Failure::message("busy")) }).await;
/// assert!(matches!(refused, Err(RetryError::Exhausted { attempts: 2, .. })));
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
pub async fn retry<T, F, Fut>(policy: RetryPolicy, mut attempt: F) -> Result<T, RetryError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let start = current::now();
    let (mut attempts, mut last) = (0_u32, None);
    loop {
        if let Some(ended) = Wait::ended() {
            return Err(by_context(ended, attempts, last));
        }
        let failure = match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        attempts = attempts.saturating_add(1);
        // Before what the policy says: the error of a wait that the end of the context cut short is no
        // news of the work.
        if let Some(ended) = Wait::ended() {
            return Err(by_context(ended, attempts, Some(failure)));
        }
        if !policy.is_worth(&failure) {
            let last = failure;
            return Err(RetryError::NotRetried { attempts, last });
        }
        if policy.attempts.is_some_and(|most| attempts >= most) {
            let last = failure;
            return Err(RetryError::Exhausted { attempts, last });
        }
        let delay = policy.backoff.draw(attempts);
        let elapsed = current::now().saturating_duration_since(start);
        let next = elapsed.saturating_add(delay);
        if policy.max_elapsed.is_some_and(|most| next > most) {
            let last = failure;
            return Err(RetryError::OutOfTime { attempts, last });
        }
        match pause(delay).await {
            Ok(()) => last = Some(failure),
            Err(SleepError::Cancelled(cause)) => {
                let last = Some(failure);
                return Err(RetryError::Cancelled {
                    cause,
                    attempts,
                    last,
                });
            }
            Err(SleepError::Deadline) => {
                let last = Some(failure);
                return Err(RetryError::Deadline { attempts, last });
            }
            Err(_) => {
                let last = failure;
                return Err(RetryError::Outside { attempts, last });
            }
        }
    }
}

/// Waits between two attempts.
///
/// A sleep of nothing ends at once, and attempts that never wait would keep the arbiter.
pub(crate) async fn pause(delay: Duration) -> Result<(), SleepError> {
    if delay.is_zero() {
        yield_now().await;
    }
    sleep(delay).await
}

fn by_context(ended: ContextError, attempts: u32, last: Option<Failure>) -> RetryError {
    match ended {
        ContextError::Cancelled(cause) => RetryError::Cancelled {
            cause,
            attempts,
            last,
        },
        ContextError::Deadline(_) => RetryError::Deadline { attempts, last },
    }
}
