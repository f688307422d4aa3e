//! The handle to a limiter, and what it promises.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom_actor::{Address, HandlerLater, Scope, SpawnError};
use greenroom_core::time::{sleep, sleep_on};
use greenroom_core::wait::Wait;
use greenroom_core::{Context, Result, select};

use super::actor::{Owner, Timed};
use super::error::{LookError, ReserveError, SetError, TryAcquireError, WaitError};
use super::limit::Limit;
use super::message::{Cancel, Look, Reserve, SetBurst, SetLimit, Until};
use super::state::{Booked, Bucket};
use crate::detached;

/// Lets events go on at a rate, and so many at once. Cloning gives another handle to the same limiter.
///
/// [`wait`](Self::wait) for what must be done, [`try_acquire`](Self::try_acquire) for what may be left out,
/// [`reserve`](Self::reserve) for what is planned.
#[derive(Clone)]
pub struct RateLimiter(Arc<Link>);

struct Link {
    address: Address<Owner>,
    /// In which tokens go back, so that no cancel skips them. Invariant 3.
    detached: Context,
}

impl RateLimiter {
    /// Starts a limiter with a full bucket: Go's `rate.NewLimiter`.
    ///
    /// `burst` is how many tokens the bucket holds, and so the most that one request may ask for. A burst
    /// of 0 lets nothing through, unless the limit is [infinite](Limit::INFINITE), which asks no burst.
    ///
    /// # Errors
    /// - [`SpawnError::Ended`]: the scope has ended.
    /// - [`SpawnError::Cancelled`], [`SpawnError::Deadline`]: the context of the scope or of the caller
    ///   ended first.
    ///
    /// # Cancel safety
    /// Dropping the future ends a limiter that was started.
    #[track_caller]
    pub fn spawn(
        scope: &Scope,
        limit: Limit,
        burst: usize,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<> {
        let timed = Timed::new(Bucket::new(limit, burst), scope.context().now());
        // Without a bound, so that no token is refused on its way back: it holds a message for each call
        // that waits.
        let builder = scope.supervise(timed, Owner).unbounded_mailbox();
        let detached = scope.context().without_cancel();
        async move {
            let address = builder.await?;
            Ok(Self(Arc::new(Link { address, detached })))
        }
    }

    /// Waits for one token. Like [`wait_many`](Self::wait_many) otherwise.
    ///
    /// # Errors
    /// See [`WaitError`].
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives the token back, if no later one counts upon it.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::rate_limiter::{Limit, RateLimiter, WaitError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let limiter = RateLimiter::spawn(&scope, Limit::every(100.millis()), 1).await?;
    /// let start = scope.context().now();
    /// limiter.wait().await?;
    /// limiter.wait().await?;
    /// assert_eq!(scope.context().now() - start, 100.millis());
    ///
    /// let hurried = scope.context().with_timeout(99.millis());
    /// let refused = hurried.run(limiter.wait()).await?;
    /// assert!(matches!(refused, Err(WaitError::PastDeadline { .. })));
    /// assert_eq!(scope.context().now() - start, 100.millis(), "at once");
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn wait(&self) -> Result<(), WaitError> {
        self.wait_many(1).await
    }

    /// Waits for so many tokens: Go's `WaitN`.
    ///
    /// They are taken at once, for the first time at which they are there; those who come later wait
    /// longer. It is never early. A request for 0 tokens waits for those before it.
    ///
    /// # Errors
    /// - [`WaitError::TooLarge`]: more than the burst.
    /// - [`WaitError::PastDeadline`]: it could not be over by the deadline of the current context; known at
    ///   once, and nothing is taken.
    /// - [`WaitError::Never`]: the limit brings no token.
    /// - [`WaitError::Cancelled`], [`WaitError::Deadline`]: the current context ended first, or had ended.
    /// - [`WaitError::Closed`]: the limiter has ended, with its scope.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives back what no later one counts upon, until the time for which
    /// it was promised.
    pub async fn wait_many(&self, tokens: usize) -> Result<(), WaitError> {
        let context = Context::current();
        let until = match context.as_ref().and_then(Context::deadline) {
            Some(at) => Until::Deadline(at),
            None => Until::Whenever,
        };
        let booking = self.ask(tokens, until).await?;
        let delay = booking.delay();
        match context {
            Some(_) => sleep(delay).await.map_err(WaitError::from),
            None => self.sleep_outside(delay).await,
        }?;
        booking.keep();
        Ok(())
    }

    /// Takes one token if it is there. Like [`try_acquire_many`](Self::try_acquire_many) otherwise.
    ///
    /// # Errors
    /// See [`TryAcquireError`]. Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives back a token that was taken, if no later one counts upon it.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::rate_limiter::{Limit, RateLimiter, TryAcquireError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let limiter = RateLimiter::spawn(&scope, Limit::every(100.millis()), 1).await?;
    /// limiter.try_acquire().await?;
    /// match limiter.try_acquire().await {
    ///     Err(TryAcquireError::Limited { retry_after }) => assert_eq!(retry_after, 100.millis()),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn try_acquire(&self) -> Result<(), TryAcquireError> {
        self.try_acquire_many(1).await
    }

    /// Takes so many tokens if they are there: Go's `AllowN`.
    ///
    /// It waits for the answer of the limiter, never for tokens.
    ///
    /// # Errors
    /// - [`TryAcquireError::Limited`]: too few are there; it says when they are.
    /// - [`TryAcquireError::TooLarge`]: more than the burst.
    /// - [`TryAcquireError::Never`]: the limit brings no token.
    /// - [`TryAcquireError::Cancelled`], [`TryAcquireError::Deadline`]: the current context ended first.
    /// - [`TryAcquireError::Closed`]: the limiter has ended, with its scope.
    ///
    /// Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives back tokens that were taken, if no later one counts upon
    /// them.
    pub async fn try_acquire_many(&self, tokens: usize) -> Result<(), TryAcquireError> {
        self.ask(tokens, Until::Now).await?.keep();
        Ok(())
    }

    /// Takes one token for the first time at which it is there. Like [`reserve_many`](Self::reserve_many)
    /// otherwise.
    ///
    /// # Errors
    /// See [`ReserveError`]. Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives the token back, if no later one counts upon it.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::Durations;
    /// use greenroom_patterns::rate_limiter::{Limit, RateLimiter, ReserveError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let limiter = RateLimiter::spawn(&scope, Limit::every(100.millis()), 1).await?;
    /// assert!(limiter.reserve().await?.delay().is_zero());
    /// let later = limiter.reserve().await?;
    /// assert_eq!(later.delay(), 100.millis());
    /// later.cancel();
    /// assert_eq!(limiter.reserve().await?.delay(), 100.millis());
    /// let refused = limiter.reserve_many(2).await;
    /// assert!(matches!(refused, Err(ReserveError::TooLarge { asked: 2, burst: 1 })));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn reserve(&self) -> Result<Reservation, ReserveError> {
        self.reserve_many(1).await
    }

    /// Takes so many tokens for the first time at which they are there: Go's `ReserveN`.
    ///
    /// Whoever has the reservation is to wait for its [`delay`](Reservation::delay), or to
    /// [cancel](Reservation::cancel) it.
    ///
    /// # Errors
    /// - [`ReserveError::TooLarge`]: more than the burst.
    /// - [`ReserveError::Never`]: the limit brings no token.
    /// - [`ReserveError::Cancelled`], [`ReserveError::Deadline`]: the current context ended first.
    /// - [`ReserveError::Closed`]: the limiter has ended, with its scope.
    ///
    /// Nothing is taken.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future gives back what no later one counts upon.
    pub async fn reserve_many(&self, tokens: usize) -> Result<Reservation, ReserveError> {
        let booking = self.ask(tokens, Until::Whenever).await?;
        Ok(Reservation(booking.keep()))
    }

    /// Changes how often.
    ///
    /// It is in force when the call returns, for every later call. What was promised before stays promised,
    /// so that the new limit may be exceeded, or not used up, until that has passed.
    ///
    /// # Errors
    /// [`SetError::Closed`]: the limiter has ended, with its scope.
    pub fn set_limit(&self, limit: Limit) -> Result<(), SetError> {
        self.set(SetLimit(limit))
    }

    /// Changes how many at once.
    ///
    /// It is in force when the call returns, for every later call. A larger bucket fills with time; a
    /// smaller one loses what it does not hold.
    ///
    /// # Errors
    /// [`SetError::Closed`]: the limiter has ended, with its scope.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::rate_limiter::{Limit, RateLimiter, SetError};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let kept = runtime.block_on(|scope| async move {
    ///     let limiter = RateLimiter::spawn(&scope, Limit::per_second(1), 5).await?;
    ///     limiter.set_burst(2)?;
    ///     limiter.set_limit(Limit::per_second(10))?;
    ///     assert_eq!((limiter.burst().await?, limiter.tokens().await?), (2, 2));
    ///     assert_eq!(limiter.limit().await?, Limit::per_second(10));
    ///     Ok(limiter)
    /// })?;
    /// assert_eq!(kept.set_burst(5), Err(SetError::Closed));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn set_burst(&self, burst: usize) -> Result<(), SetError> {
        self.set(SetBurst(burst))
    }

    /// Returns how often.
    ///
    /// # Errors
    /// See [`LookError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only looks.
    pub async fn limit(&self) -> Result<Limit, LookError> {
        Ok(self.look().await?.limit)
    }

    /// Returns how many at once.
    ///
    /// # Errors
    /// See [`LookError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only looks.
    pub async fn burst(&self) -> Result<usize, LookError> {
        Ok(self.look().await?.burst)
    }

    /// Returns how many tokens are there, in whole ones; 0 if some are promised that are not there yet. A
    /// count of the past, for a report; to act on it use [`try_acquire`](Self::try_acquire).
    ///
    /// # Errors
    /// See [`LookError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only looks.
    pub async fn tokens(&self) -> Result<usize, LookError> {
        Ok(self.look().await?.tokens)
    }

    /// Takes tokens. If the context has ended between the answer and its poll, they go back.
    async fn ask(&self, tokens: usize, until: Until) -> Result<Booking, WaitError> {
        let limiter = self.clone();
        let asked = Reserve {
            tokens,
            until,
            limiter,
        };
        let booking = self.0.address.ask(asked).await??;
        match Wait::ended() {
            Some(ended) => Err(ended.into()),
            None => Ok(booking),
        }
    }

    /// Outside our tasks there is no clock but the limiter's, and it stops with the limiter's runtime. The
    /// wrong version waits for that alone, and for ever.
    async fn sleep_outside(&self, delay: Duration) -> Result<(), WaitError> {
        select! {
            slept = sleep_on(&self.0.detached, delay) => Ok(slept?),
            _ended = self.0.address.closed() => Err(WaitError::Closed),
        }
    }

    async fn look(&self) -> Result<View, LookError> {
        Ok(self.0.address.ask(Look).await?)
    }

    fn set<M>(&self, message: M) -> Result<(), SetError>
    where
        M: Send + 'static,
        Owner: HandlerLater<M>,
    {
        if self.tell(message) {
            Ok(())
        } else {
            Err(SetError::Closed)
        }
    }

    /// Sends a message that counts. Returns whether the limiter takes any.
    fn tell<M>(&self, message: M) -> bool
    where
        M: Send + 'static,
        Owner: HandlerLater<M>,
    {
        detached::tell(&self.0.address, &self.0.detached, message).is_ok()
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimiter({})", self.0.address.id())
    }
}

/// Tokens that were taken for a time, which is now or later. Made by [`RateLimiter::reserve`].
///
/// Dropping it keeps them taken; [`cancel`](Self::cancel) gives them back.
#[must_use = "the tokens are taken: wait for the delay, or cancel"]
pub struct Reservation(Promise);

impl Reservation {
    /// Returns how long it is from now until the tokens may be used: zero when they may.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.0.delay()
    }

    /// Returns when the tokens may be used, in the runtime's time.
    #[must_use]
    pub fn ready_at(&self) -> Instant {
        self.0.at
    }

    /// Returns how many tokens were taken.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.0.booked.tokens()
    }

    /// Gives the tokens back: those that no later reservation counts upon, if their time has not passed.
    ///
    /// It takes effect before any later call.
    pub fn cancel(self) {
        self.0.cancel();
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("tokens", &self.tokens())
            .field("delay", &self.delay())
            .finish()
    }
}

/// Tokens that were taken, and whose.
struct Promise {
    limiter: RateLimiter,
    booked: Booked,
    at: Instant,
}

impl Promise {
    fn delay(&self) -> Duration {
        let now = self.limiter.0.detached.now();
        self.at.saturating_duration_since(now)
    }

    fn cancel(&self) {
        // Refused only if the limiter has ended: then nobody waits.
        let _ended = self.limiter.tell(Cancel(self.booked));
    }
}

/// A promise on its way to whoever has asked: dropped, it is cancelled. Invariant 3.
pub(super) struct Booking(Option<Promise>);

impl Booking {
    pub(super) fn new(limiter: RateLimiter, booked: Booked, at: Instant) -> Self {
        Self(Some(Promise {
            limiter,
            booked,
            at,
        }))
    }

    fn delay(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, Promise::delay)
    }

    fn keep(mut self) -> Promise {
        match self.0.take() {
            Some(promise) => promise,
            None => unreachable!("it is kept once, since that takes it by value"),
        }
    }
}

impl Drop for Booking {
    fn drop(&mut self) {
        if let Some(promise) = &self.0 {
            promise.cancel();
        }
    }
}

/// How things stand.
pub(super) struct View {
    pub(super) limit: Limit,
    pub(super) burst: usize,
    pub(super) tokens: usize,
}
