//! A timer that fires again and again.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;

use super::Tick;
use super::bell::Bell;
use super::schedule::Schedule;
use crate::current;
use crate::driver::{AlarmKind, AlarmOrigin};

/// Why a ticker was not made or not set anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TickerError {
    /// A period of zero would tick for ever at once.
    #[error("the period of a ticker must not be zero")]
    ZeroPeriod,
    /// There is no clock here: the call was made outside a runtime.
    #[error("a ticker outside a runtime: make it in a task of a scope")]
    Outside,
}

/// Makes a ticker, whose first tick comes after one period of the runtime's time.
///
/// The ticks lie on the grid of the period and are never early. At most one waits to be taken: a slow
/// consumer misses ticks, it does not pile them up. It is a value and no task; with the last handle
/// it is gone, and nothing needs to be stopped.
///
/// # Errors
/// - [`TickerError::ZeroPeriod`]: the period is zero.
/// - [`TickerError::Outside`]: there is no runtime here.
///
/// # Differences from Go
/// Go counterparts: `time.NewTicker`, and `time.Tick`. A period of zero is an error for both, where
/// `NewTicker` panics and `Tick` gives a channel that never ticks.
///
/// # Examples
/// ```
/// # use greenroom_core::{current, doc_support::Manual};
/// # use greenroom_core::time::{Durations, TickerError, tick};
/// assert!(matches!(tick(5.millis()), Err(TickerError::Outside)));
/// # let clock = Manual::new();
/// # let _entered = current::enter_driver(current::Handle::new(clock, false));
/// // In a task:
/// assert!(tick(5.millis()).is_ok());
/// assert!(matches!(tick(0.millis()), Err(TickerError::ZeroPeriod)));
/// ```
#[track_caller]
pub fn tick(period: Duration) -> Result<Ticker, TickerError> {
    if period.is_zero() {
        return Err(TickerError::ZeroPeriod);
    }
    let driver = current::driver().ok_or(TickerError::Outside)?;
    let now = driver.now();
    let schedule = Schedule::every(now, period);
    let origin = AlarmOrigin::current(AlarmKind::Ticker, Location::caller(), now);
    Ok(Ticker {
        bell: Bell::new("ticker", driver, schedule, origin),
    })
}

/// Ticks in a rhythm. Made by [`tick`]; cloning gives another handle to the same ticker.
///
/// Each tick goes to one of those who wait, to the one who began first.
///
/// # Differences from Go
/// Go counterpart: `time.Ticker`. There is no channel in it: [`tick`](Self::tick) waits.
///
/// # Examples
/// ```
/// # use greenroom_core::{channel, current, doc_support::{Manual, block_on}, select};
/// # use greenroom_core::time::{Durations, TickerError, tick};
/// # let clock = Manual::new();
/// # let _entered = current::enter_driver(current::Handle::new(clock.clone(), false));
/// # block_on(async {
/// let (tx, rx) = channel::bounded(1);
/// let ticker = tick(10.millis())?;
/// tx.send("job").await?;
/// let what = select! {
///     job = rx.recv() => job?,
///     ticker.tick() => "tick",
/// };
/// assert_eq!(what, "job");
/// # clock.advance(10.millis());
/// ticker.tick().await?; // 10 ms after it was made
/// ticker.stop();
/// assert_eq!(ticker.reset(0.millis()), Err(TickerError::ZeroPeriod));
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Ticker {
    bell: Arc<Bell>,
}

impl Ticker {
    /// Waits for the next tick, or takes the one that is there, and gives the instant at which it was
    /// due.
    ///
    /// On a stopped ticker it waits until that is reset.
    ///
    /// # Errors
    /// [`TickError::Cancelled`](super::TickError::Cancelled),
    /// [`TickError::Deadline`](super::TickError::Deadline): the current context ended first. As a case
    /// of [`select!`](crate::select!) it never fails; there the other cases watch the context.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future loses no tick.
    pub fn tick(&self) -> Tick {
        Tick::new(&self.bell)
    }

    /// Stops the ticker: no tick comes after it, and one that was not taken is gone.
    ///
    /// Who waits goes on waiting. A second stop does nothing.
    pub fn stop(&self) {
        self.bell.stop();
    }

    /// Begins a new rhythm, with the first tick after one period from now. A tick of the old one that
    /// was not taken is gone.
    ///
    /// # Errors
    /// [`TickerError::ZeroPeriod`]: the period is zero; the ticker goes on as before.
    pub fn reset(&self, period: Duration) -> Result<(), TickerError> {
        if period.is_zero() {
            return Err(TickerError::ZeroPeriod);
        }
        self.bell.reset(period);
        Ok(())
    }

    /// Turns the ticker into a stream of its ticks, which never ends.
    ///
    /// When the current context ends it stays pending, and the task that polls it is dropped by its
    /// context.
    pub fn stream(self) -> TickerStream {
        TickerStream(self.tick())
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker")
            .field("id", &self.bell.id())
            .finish_non_exhaustive()
    }
}

/// The ticks of a ticker as a stream. Made by [`Ticker::stream`].
///
/// # Cancel safety
/// Cancel safe: a tick that was handed to it goes to the next who waits, or back.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct TickerStream(Tick);

impl Stream for TickerStream {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Instant>> {
        match Pin::new(&mut self.0).poll(cx) {
            Poll::Ready(Ok(at)) => Poll::Ready(Some(at)),
            // The end of the context must not look like the end of the ticks.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}
