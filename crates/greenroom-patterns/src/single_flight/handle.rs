//! The handle to the flights.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use greenroom_actor::{Address, Scope, SpawnError};
use greenroom_core::wait::Wait;
use greenroom_core::{Context, Id, Result, channel, current};

use super::actor::{Life, Tower};
use super::error::FlightError;
use super::message::{Caller, Forget, Join, Launch, Leave};
use super::state::Flights;
use super::ticket::{Flown, Ticket};
use crate::detached;
use crate::flow::run::Runs;

/// Runs one closure for each key at a time, however many call. Cloning gives another handle to the same
/// flights.
pub struct SingleFlight<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    address: Address<Tower<K, V>>,
    /// In which calls are told of, so that no cancel skips one.
    detached: Context,
}

impl<K, V> SingleFlight<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Starts the owner of the flights.
    ///
    /// # Errors
    /// - [`SpawnError::Ended`]: the scope has ended.
    /// - [`SpawnError::Cancelled`], [`SpawnError::Deadline`]: the context of the scope or of the caller
    ///   ended first.
    ///
    /// # Cancel safety
    /// Dropping the future ends an owner that was started.
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<K, V> {
        let detached = scope.context().without_cancel();
        let life = Life {
            flights: Flights::new(),
            runs: Runs::new(scope, "flight", Location::caller()),
            detached: detached.clone(),
        };
        // Without a bound, so that neither a call nor the end of a run is refused: it holds one message
        // for each that the owner has not come to.
        let builder = scope
            .supervise(life, Tower)
            .unbounded_mailbox()
            // What can panic is the keys' code: no number is too many.
            .intensity(usize::MAX, Duration::ZERO);
        async move {
            let address = builder.await?;
            Ok(Self { address, detached })
        }
    }

    /// Joins the flight of a key, or starts one, and waits for its outcome: Go's `Do`.
    ///
    /// The closure is called only if this call starts the flight. What it gives is told to all who have
    /// called meanwhile, with [`is_shared`](Flown::is_shared) set; nothing is kept for later.
    ///
    /// # Errors
    /// - [`FlightError::Failed`], [`FlightError::Panicked`], [`FlightError::Cut`]: what the run came to. The
    ///   key is free.
    /// - [`FlightError::Cancelled`], [`FlightError::Deadline`]: the current context ended first. The run goes
    ///   on as long as another waits for it.
    /// - [`FlightError::Recursive`]: called in the run of the same key.
    /// - [`FlightError::Closed`]: the scope has ended without a value.
    ///
    /// # Cancel safety
    /// Dropped before its first poll, nothing was called for. After that, dropping it gives the outcome up:
    /// the run goes on for the others, and is cancelled if there are none.
    ///
    /// # Differences from Go
    /// A panic is an error; Go panics in each caller.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::Failure;
    /// use greenroom_patterns::single_flight::{FlightError, SingleFlight};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let flights = SingleFlight::spawn(&scope).await?;
    /// for n in 0..2 {
    ///     let flown = flights.call("n", move || async move { Ok(n) }).await?;
    ///     assert_eq!((flown.value, flown.is_shared), (n, false)); // Nothing is cached.
    /// }
    /// let failed = flights.call("n", || async { Err(Failure::message("no route")) }).await;
    /// assert!(matches!(failed, Err(FlightError::Failed(_))));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn call<F, Fut>(
        &self,
        key: K,
        f: F,
    ) -> impl Future<Output = Result<Flown<V>, FlightError>> + Send + use<K, V, F, Fut>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V>> + 'static,
    {
        let flights = self.clone();
        let called_at = Location::caller();
        async move {
            if let Some(ended) = Wait::ended() {
                return Err(ended.into());
            }
            let ticket = flights.join(key, f, called_at, current::task_id());
            ticket.wait().await
        }
    }

    /// Joins the flight of a key, or starts one, and does not wait: Go's `DoChan`.
    ///
    /// It is called for when this returns. Otherwise as [`call`](Self::call).
    ///
    /// # Differences from Go
    /// Dropping the ticket gives the outcome up; see [`Ticket::detach`].
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::single_flight::{FlightError, SingleFlight};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let flights = SingleFlight::spawn(&scope).await?;
    /// let ticket = flights.start("slow", || async {
    ///     sleep(5.secs()).await?;
    ///     Ok("done")
    /// });
    /// let hurried = scope.context().with_timeout(1.secs());
    /// assert!(matches!(hurried.run(ticket.wait()).await?, Err(FlightError::Deadline)));
    /// assert_eq!(ticket.wait().await?.value, "done");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn start<F, Fut>(&self, key: K, f: F) -> Ticket<V>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V>> + 'static,
    {
        self.join(key, f, Location::caller(), None)
    }

    /// Lets the next call of a key start a flight of its own: Go's `Forget`.
    ///
    /// A flight that is going on is not affected, and gives its outcome to those who have called for it.
    /// It takes effect before any later call from this handle, and does not wait.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::single_flight::SingleFlight;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let flights = SingleFlight::spawn(&scope).await?;
    /// let old = flights.start("k", || async {
    ///     sleep(1.secs()).await?;
    ///     Ok("old")
    /// });
    /// flights.forget("k");
    /// assert_eq!(flights.call("k", || async { Ok("new") }).await?.value, "new");
    /// assert_eq!(old.wait().await?.value, "old");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn forget(&self, key: K) {
        // Refused only if the owner has ended, and every flight with it.
        let _gone = detached::tell(&self.address, &self.detached, Forget(key));
    }

    fn join<F, Fut>(
        &self,
        key: K,
        f: F,
        called_at: &'static Location<'static>,
        asker: Option<Id>,
    ) -> Ticket<V>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V>> + 'static,
    {
        let (to, answers) = channel::bounded(1);
        let launch: Launch<V> = Box::new(move |runs, tell| runs.at(called_at).start(f, tell));
        // A number that no other call has.
        let call = self.address.id().child("call").number();
        let join = Join {
            key,
            call,
            caller: Caller::new(to),
            launch,
            asker,
        };
        let owner = self.address.recipient::<Leave>();
        // Refused only if the owner has ended: then the message is dropped, and its caller told.
        let _gone = detached::tell(&self.address, &self.detached, join);
        Ticket::new(answers, call, owner, self.detached.clone())
    }
}

impl<K, V> Clone for SingleFlight<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            detached: self.detached.clone(),
        }
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SingleFlight({})", self.address.id())
    }
}
