//! Waiting for time: [`sleep`], [`after`], and durations that read well.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::current;
use crate::driver::{Alarm, Driver, TimerKey};
use crate::error::{Cause, ContextError};
use crate::id::Id;
use crate::task::WaitKind;
use crate::wait::Wait;

/// Why a sleep ended early.
#[derive(Debug, Clone, thiserror::Error)]
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
pub async fn sleep(duration: Duration) -> Result<(), SleepError> {
    let driver = current::driver().ok_or(SleepError::Outside)?;
    sleep_with(driver, duration).await
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
pub async fn sleep_on(context: &crate::Context, duration: Duration) -> Result<(), SleepError> {
    let driver = context.driver().driver().clone();
    match context.run(sleep_with(driver, duration)).await {
        Ok(slept) => slept,
        Err(ended) => Err(ended.into()),
    }
}

async fn sleep_with(driver: Arc<dyn Driver>, duration: Duration) -> Result<(), SleepError> {
    if let Some(ended) = Wait::ended() {
        return Err(ended.into());
    }
    let mut timer = After::new(driver, duration);
    let mut wait = Wait::new(WaitKind::Sleep);
    std::future::poll_fn(|cx| {
        if Pin::new(&mut timer).poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        wait.poll(cx, || None, None).map(|ended| Err(ended.into()))
    })
    .await
}

/// Completes once, after a duration of the runtime's time, with the instant at which it did.
///
/// Made for a case of [`select!`](crate::select!), where the other cases watch the context; by itself
/// it does not end with the context, use [`sleep`] for that. The duration counts from the call.
/// Go counterpart: `time.After`, but an `after` that is not waited for leaves nothing behind.
///
/// # Panics
/// If it is called outside a runtime, where there is no clock.
pub fn after(duration: Duration) -> After {
    match current::driver() {
        Some(driver) => After::new(driver, duration),
        None => panic!("greenroom: `after` outside a runtime; call it in a task of a scope"),
    }
}

/// A future that completes after a duration. Made by [`after`].
///
/// # Cancel safety
/// Cancel safe: dropping it forgets the timer. It may be kept and polled again by a later select, as
/// `&mut timer`.
#[must_use = "futures do nothing unless polled"]
pub struct After {
    driver: Arc<dyn Driver>,
    at: Option<Instant>,
    timer: Option<TimerKey>,
    ring: Arc<Ring>,
}

impl After {
    pub(crate) fn new(driver: Arc<dyn Driver>, duration: Duration) -> Self {
        Self {
            // Later than the clock can tell is never.
            at: driver.now().checked_add(duration),
            driver,
            timer: None,
            ring: Arc::new(Ring {
                owner: current::task_id(),
                state: Mutex::default(),
            }),
        }
    }
}

impl Future for After {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Instant> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let replaced = {
            let mut state = self.ring.state.lock();
            if state.rung {
                return Poll::Ready(at);
            }
            match &state.waker {
                Some(waker) if waker.will_wake(cx.waker()) => None,
                _ => state.waker.replace(cx.waker().clone()),
            }
        };
        // Outside the lock: the destructor of a foreign waker may make this timer fire.
        drop(replaced);
        if self.timer.is_none() {
            if at <= self.driver.now() {
                self.ring.state.lock().rung = true;
                return Poll::Ready(at);
            }
            self.timer = Some(self.driver.sleep(at, self.ring.clone()));
        }
        Poll::Pending
    }
}

impl Drop for After {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.driver.forget(timer);
        }
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("After")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

struct Ring {
    owner: Option<Id>,
    state: Mutex<RingState>,
}

#[derive(Default)]
struct RingState {
    rung: bool,
    waker: Option<Waker>,
}

impl Alarm for Ring {
    fn fire(self: Arc<Self>) {
        let waker = {
            let mut state = self.state.lock();
            state.rung = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn owner(&self) -> Option<Id> {
        self.owner.clone()
    }
}

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
