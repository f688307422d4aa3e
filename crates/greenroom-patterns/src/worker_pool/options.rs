//! How a pool is described.

use std::time::Duration;

use super::retry::NoRetry;

/// Describes a pool: one worker, a queue of 64 jobs, no deadline of its own, one attempt for each job.
///
/// The name is the registry's group of the workers.
///
/// # Examples
/// ```
/// # use greenroom_patterns::worker_pool::pool;
/// let resize = pool("resize").workers(4).queue(100);
/// # let _ = resize;
/// ```
pub const fn pool(name: &'static str) -> PoolOptions {
    PoolOptions {
        name,
        workers: 1,
        queue: 64,
        job_deadline: None,
        retry: NoRetry,
    }
}

/// The description of a pool. Made by [`pool`].
///
/// `R` is what becomes of a job that failed: [`NoRetry`] or [`Retry`](super::Retry).
#[derive(Clone, Copy, Debug)]
#[must_use = "a description does nothing until a pool is spawned"]
pub struct PoolOptions<R = NoRetry> {
    pub(super) name: &'static str,
    pub(super) workers: usize,
    pub(super) queue: usize,
    pub(super) job_deadline: Option<Duration>,
    pub(super) retry: R,
}

impl<R> PoolOptions<R> {
    /// Sets how many jobs run at a time. More than one worker are spread over the arbiters. Zero is
    /// refused when the pool is spawned. See [`WorkerPool::resize`](super::WorkerPool::resize).
    pub const fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Sets how many jobs wait at most, before a submit waits. With 0 a submit ends when a worker takes
    /// the job.
    pub const fn queue(mut self, capacity: usize) -> Self {
        self.queue = capacity;
        self
    }

    /// Sets how long a job may run, from when it begins: then its context ends, and its outcome is
    /// [`JobError::JobDeadline`](super::JobError::JobDeadline). What it waits in the queue does not count,
    /// and a shorter deadline of whoever submitted it holds all the same.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::worker_pool::{JobError, WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let hurried = pool("hurried").job_deadline(5.secs());
    /// let pool = WorkerPool::spawn(&scope, hurried, |seconds: u64| async move {
    ///     Ok(sleep(seconds.secs()).await?)
    /// }).await?;
    /// pool.run(4).await?;
    /// assert!(matches!(pool.run(6).await, Err(JobError::JobDeadline)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub const fn job_deadline(mut self, longest: Duration) -> Self {
        self.job_deadline = Some(longest);
        self
    }

    /// Lets a job that failed be tried again; see [`Retry`](super::Retry). Jobs must be `Clone` then.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::{Failure, time::Durations};
    /// use greenroom_patterns::{state::State, worker_pool::{JobError, Retry, WorkerPool, pool}};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let calls = State::spawn(&scope, 0).await?;
    /// let retry = Retry::attempts(3).delays(10.millis(), 1.secs());
    /// let pool = WorkerPool::spawn(&scope, pool("flaky").retry(retry), move |good: u32| {
    ///     let calls = calls.clone();
    ///     async move {
    ///         let call = calls.update(|calls| { *calls += 1; *calls }).await?;
    ///         if call < good { Err(Failure::message("not yet")) } else { Ok(call) }
    ///     }
    /// }).await?;
    /// assert_eq!(pool.run(3).await?, 3);
    /// assert!(matches!(pool.run(100).await, Err(JobError::Failed(_))));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn retry<S>(self, retry: S) -> PoolOptions<S> {
        PoolOptions {
            name: self.name,
            workers: self.workers,
            queue: self.queue,
            job_deadline: self.job_deadline,
            retry,
        }
    }
}
