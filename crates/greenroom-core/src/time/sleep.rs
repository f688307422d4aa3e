//! Waiting for a duration.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::After;
use crate::current;
use crate::driver::Driver;
use crate::error::{Cause, ContextError};
use crate::task::WaitKind;
use crate::wait::Wait;

/// Why a sleep ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SleepError {
    /// The current context was cancelled.
    #[error("sleep cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed.
    #[error("deadline exceeded while asleep")]
    Deadline,
    /// There is no clock here: the call was made outside a runtime. Use a task of a scope, or
    /// [`sleep_on`] with a context.
    #[error(
        "sleep outside a runtime: call it in a task of a scope, or use `sleep_on(&context, ..)`"
    )]
    Outside,
}

impl From<ContextError> for SleepError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

/// Waits for a duration of the runtime's time, or until the current context ends.
///
/// It is never early. A duration of zero completes at once.
///
/// # Errors
/// - [`SleepError::Cancelled`], [`SleepError::Deadline`]: the current context ended first.
/// - [`SleepError::Outside`]: there is no runtime here.
///
/// # Cancel safety
/// Cancel safe: dropping the future forgets the timer.
#[track_caller]
pub fn sleep(duration: Duration) -> impl Future<Output = Result<(), SleepError>> + Send {
    let place = Location::caller();
    async move {
        let driver = current::driver().ok_or(SleepError::Outside)?;
        sleep_with(driver, duration, place).await
    }
}

/// Waits like [`sleep`], on the clock of a context's runtime, wherever it is called.
///
/// Inside a task the current context ends it; elsewhere the given one does.
///
/// # Errors
/// [`SleepError::Cancelled`], [`SleepError::Deadline`]: the context ended first.
///
/// # Cancel safety
/// Cancel safe: dropping the future forgets the timer.
#[track_caller]
pub fn sleep_on(
    context: &crate::Context,
    duration: Duration,
) -> impl Future<Output = Result<(), SleepError>> + Send {
    let place = Location::caller();
    async move {
        let driver = context.driver().driver().clone();
        match context.run(sleep_with(driver, duration, place)).await {
            Ok(slept) => slept,
            Err(ended) => Err(ended.into()),
        }
    }
}

async fn sleep_with(
    driver: Arc<dyn Driver>,
    duration: Duration,
    place: &'static Location<'static>,
) -> Result<(), SleepError> {
    if let Some(ended) = Wait::ended() {
        return Err(ended.into());
    }
    let mut timer = After::new(driver, duration, place);
    let mut wait = Wait::new(WaitKind::Sleep);
    std::future::poll_fn(|cx| {
        if Pin::new(&mut timer).poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        wait.poll(cx, || None, None).map(|ended| Err(ended.into()))
    })
    .await
}
