//! The claim to the outcome of a call.

use std::fmt;
use std::sync::Arc;

use greenroom_actor::Recipient;
use greenroom_core::channel::{Receiver, RecvError};
use greenroom_core::{Context, current};

use super::error::FlightError;
use super::message::{Leave, Leaving, Outcome};

/// What a call has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flown<V> {
    /// The value of the run.
    pub value: V,
    /// Whether others have called for it too, and are given the same.
    pub is_shared: bool,
}

/// Waits for the outcome of a call. Made by [`SingleFlight::start`](super::SingleFlight::start).
///
/// Dropping it gives the outcome up: a run that nobody waits for any more is cancelled.
#[must_use = "a run that nobody waits for is cancelled; use `.detach()` to let it go on"]
pub struct Ticket<V> {
    answers: Receiver<Outcome<V>>,
    call: u64,
    owner: Recipient<Leave, ()>,
    /// In which leaving is told, so that no cancel skips it.
    detached: Context,
}

impl<V: Clone + Send + Sync + 'static> Ticket<V> {
    pub(super) fn new(
        answers: Receiver<Outcome<V>>,
        call: u64,
        owner: Recipient<Leave, ()>,
        detached: Context,
    ) -> Self {
        Self {
            answers,
            call,
            owner,
            detached,
        }
    }

    /// Waits until the run has ended, and takes its outcome.
    ///
    /// # Errors
    /// - [`FlightError::Failed`], [`FlightError::Panicked`], [`FlightError::Cut`]: what the run came to.
    /// - [`FlightError::Cancelled`], [`FlightError::Deadline`]: the current context ended first. It can be
    ///   called again.
    /// - [`FlightError::Taken`]: an earlier wait has the outcome.
    /// - [`FlightError::Closed`]: the scope has ended without a value.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped wait takes nothing, and the ticket still counts as waiting.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::single_flight::{FlightError, SingleFlight};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let flights = SingleFlight::spawn(&scope).await?;
    /// let ticket = flights.start("answer", || async { Ok(42) });
    /// assert_eq!(ticket.wait().await?.value, 42);
    /// assert!(matches!(ticket.wait().await, Err(FlightError::Taken)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn wait(&self) -> Result<Flown<V>, FlightError> {
        match self.answers.recv().await {
            Ok(outcome) => outcome.map(|(value, is_shared)| Flown {
                // The last one to take it need not clone.
                value: Arc::unwrap_or_clone(value),
                is_shared,
            }),
            // A caller is answered before its sender goes.
            Err(RecvError::Closed) => Err(FlightError::Taken),
            Err(RecvError::Cancelled(cause)) => Err(FlightError::Cancelled(cause)),
            Err(RecvError::Deadline) => Err(FlightError::Deadline),
        }
    }
}

impl<V> Ticket<V> {
    /// Says that the outcome is not wanted, and that the run is to go on to its end all the same.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::single_flight::SingleFlight;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let warm = SingleFlight::spawn(&scope).await?;
    /// warm.start("page", || async {
    ///     sleep(1.secs()).await?;
    ///     Ok("warm")
    /// }).detach();
    /// let joined = warm.call("page", || async { Ok("cold") }).await?;
    /// assert_eq!(joined.value, "warm");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn detach(self) {
        self.leave(Leaving::Detaches);
        // The drop leaves as well, which does nothing any more.
    }

    fn leave(&self, how: Leaving) {
        // Closed by the answer: there is nothing left to leave.
        if self.answers.is_closed() {
            return;
        }
        let _detached = current::enter_context(self.detached.clone());
        let call = self.call;
        // Without a bound: it is refused only if the owner has ended.
        let _gone = self.owner.try_tell(Leave { call, how });
    }
}

impl<V> Drop for Ticket<V> {
    fn drop(&mut self) {
        self.leave(Leaving::GivesUp);
    }
}

impl<V> fmt::Debug for Ticket<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}
