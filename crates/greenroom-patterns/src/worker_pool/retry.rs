//! Whether a job that failed is tried again.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use greenroom_core::{Failure, Result};

use crate::caught::{Payload, caught};
use crate::retry::{Backoff, Jitter, pause};

const fn between(base: Duration, cap: Duration) -> Backoff {
    Backoff::exponential(base).cap(cap).jitter(Jitter::Equal)
}

/// Decides whether a job is tried again. Implemented by [`NoRetry`] and [`Retry`] only.
pub trait Retries<J>: sealed::Policy<J> {}

/// A job has one attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRetry;

/// A job that failed is tried again, after a delay that grows. For
/// [`PoolOptions::retry`](super::PoolOptions::retry).
///
/// The job keeps its worker meanwhile, and its place: the attempts are one job, with one outcome, which
/// is that of the last attempt. Its context, with the pool's
/// [deadline for a job](super::PoolOptions::job_deadline), is that of all attempts together: when it has
/// ended there is no other. Each attempt gets a clone of the job. Whether a job may be done twice is for
/// you to know: nothing is tried again unless you say so here.
///
/// `W` decides which errors are worth another attempt.
#[derive(Clone, Copy)]
#[must_use = "a description does nothing until a pool is spawned with it"]
pub struct Retry<W = fn(&Failure) -> bool> {
    attempts: usize,
    backoff: Backoff,
    is_after_panic: bool,
    when: W,
}

impl Retry {
    /// Lets a job have so many attempts, the first among them, after any error, but not after a panic.
    ///
    /// The second begins 100 milliseconds after the first at most, and each later one after twice the
    /// delay of the one before, up to 10 seconds. Zero is refused when the pool is spawned.
    pub const fn attempts(count: usize) -> Self {
        Self {
            attempts: count,
            backoff: between(Duration::from_millis(100), Duration::from_secs(10)),
            is_after_panic: false,
            when: |_| true,
        }
    }
}

impl<W> Retry<W> {
    /// Sets the first delay, and the longest. Each is cut by up to one half, at random, so that jobs that
    /// failed together do not come back together.
    pub const fn delays(mut self, base: Duration, cap: Duration) -> Self {
        self.backoff = between(base, cap);
        self
    }

    /// Lets a panic count as a failed attempt, too. Without this it is the job's outcome.
    pub const fn panics(mut self) -> Self {
        self.is_after_panic = true;
        self
    }

    /// Sets which errors are worth another attempt. The others are the job's outcome.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_patterns::worker_pool::Retry;
    /// use std::io::Error;
    /// let retry = Retry::attempts(3).when(|failure| failure.downcast_ref::<Error>().is_some());
    /// # let _ = retry;
    /// ```
    pub fn when<V>(self, is_worth: V) -> Retry<V>
    where
        V: Fn(&Failure) -> bool + Send + Sync + 'static,
    {
        Retry {
            attempts: self.attempts,
            backoff: self.backoff,
            is_after_panic: self.is_after_panic,
            when: is_worth,
        }
    }
}

impl<W> fmt::Debug for Retry<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("backoff", &self.backoff)
            .field("is_after_panic", &self.is_after_panic)
            .finish_non_exhaustive()
    }
}

impl<J> Retries<J> for NoRetry {}

impl<J> sealed::Policy<J> for NoRetry {
    fn attempts(&self) -> usize {
        1
    }

    async fn run<O, F, Fut>(&self, f: &F, job: J) -> Result<O>
    where
        F: Fn(J) -> Fut,
        Fut: Future<Output = Result<O>>,
    {
        f(job).await
    }
}

impl<J: Clone, W: Fn(&Failure) -> bool + Send + Sync + 'static> Retries<J> for Retry<W> {}

impl<J: Clone, W: Fn(&Failure) -> bool + Send + Sync + 'static> sealed::Policy<J> for Retry<W> {
    fn attempts(&self) -> usize {
        self.attempts
    }

    async fn run<O, F, Fut>(&self, f: &F, mut job: J) -> Result<O>
    where
        F: Fn(J) -> Fut,
        Fut: Future<Output = Result<O>>,
    {
        let mut attempt = 1;
        loop {
            let spare = (attempt < self.attempts).then(|| job.clone());
            let run = async { f(job).await };
            let error = if self.is_after_panic {
                match caught(Box::pin(run)).await {
                    Ok(Ok(output)) => return Ok(output),
                    Ok(Err(failure)) => Attempt::Failed(failure),
                    Err(payload) => Attempt::Panicked(payload),
                }
            } else {
                match run.await {
                    Ok(output) => return Ok(output),
                    Err(failure) => Attempt::Failed(failure),
                }
            };
            let is_worth = match &error {
                Attempt::Failed(failure) => (self.when)(failure),
                Attempt::Panicked(_) => true,
            };
            let Some(again) = spare.filter(|_| is_worth) else {
                return error.outcome();
            };
            drop(error);
            // It refuses in a context that has ended: then that is the outcome, and there is no other attempt.
            let failures = u32::try_from(attempt).unwrap_or(u32::MAX);
            pause(self.backoff.draw(failures)).await?;
            job = again;
            attempt += 1;
        }
    }
}

/// How an attempt went wrong.
enum Attempt {
    Failed(Failure),
    Panicked(Payload),
}

impl Attempt {
    /// Ends the job as the attempt ended.
    fn outcome<O>(self) -> Result<O> {
        match self {
            Self::Failed(failure) => Err(failure),
            // The worker catches it, as if it came right from the job.
            Self::Panicked(payload) => std::panic::resume_unwind(payload),
        }
    }
}

pub(super) mod sealed {
    use super::{Future, Result};

    pub trait Policy<J>: Send + Sync + 'static {
        fn attempts(&self) -> usize;

        /// Runs a job until it has an outcome. A panic of it is let through.
        fn run<O, F, Fut>(&self, f: &F, job: J) -> impl Future<Output = Result<O>>
        where
            F: Fn(J) -> Fut,
            Fut: Future<Output = Result<O>>;
    }
}
