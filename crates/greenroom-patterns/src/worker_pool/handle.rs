//! The handle to a pool.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actor::{Placement, Restart, Scope};
use greenroom_core::channel::{self, Receiver, RecvError, Sender};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::{Context, Result};

use super::actor::Worker;
use super::batch::{self, Order};
use super::error::{JobError, PoolError, SubmitError, TrySubmitError};
use super::message::{Outcome, Queued, Reply, Waiter};
use super::options::PoolOptions;
use super::ticket::Ticket;
use crate::flow;
use crate::generate::generate;

/// Gives jobs of type `J` to workers, and gets their results of type `O`. Cloning gives another handle
/// to the same pool.
///
/// When the last handle is gone the pool is closed, as by [`close`](Self::close); the scope waits for the
/// jobs that it has.
///
/// Use a [pipeline](crate::pipeline) where the work is a step between two channels and an error ends it
/// all; use [`fan`](crate::fan) where each worker needs an output of its own.
pub struct WorkerPool<J, O> {
    queue: Sender<Queued<J, O>>,
    scope: Scope,
    options: PoolOptions,
    present: Receiver<Infallible>,
}

impl<J: Send + 'static, O: Send + 'static> WorkerPool<J, O> {
    /// Starts the workers of a pool, each an actor in the scope.
    ///
    /// `f` is called with each job, on the arbiter of the worker that took it, where its future is run;
    /// it need not be `Send`. For work that blocks use [`blocking`](greenroom_actor::blocking) in it.
    ///
    /// # Errors
    /// - [`PoolError::ZeroWorkers`]: the description asks for none.
    /// - [`PoolError::Spawn`]: the scope has ended, the name is not one, or the caller's context ended.
    ///
    /// # Cancel safety
    /// Dropping the future ends the workers that were started.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::worker_pool::{PoolError, WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let lengths = |text: String| async move { Ok(text.len()) };
    /// let pool_of_two = WorkerPool::spawn(&scope, pool("length").workers(2), lengths).await?;
    /// assert_eq!(pool_of_two.run("green".into()).await?, 5);
    ///
    /// let refused = WorkerPool::spawn(&scope, pool("length").workers(0), lengths).await;
    /// assert!(matches!(refused, Err(PoolError::ZeroWorkers)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn<F, Fut>(
        scope: &Scope,
        options: PoolOptions,
        f: F,
    ) -> impl Future<Output = Result<Self, PoolError>> + Send + use<J, O, F, Fut>
    where
        F: Fn(J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O>> + 'static,
    {
        let spawned_at = Location::caller();
        let (queue, jobs) = channel::bounded(options.queue);
        let (is_present, present) = channel::rendezvous();
        let f = Arc::new(f);
        let placement = match options.workers {
            1 => Placement::Here,
            _ => Placement::Spread,
        };
        let workers: Vec<_> = (0..options.workers)
            .map(|_| {
                let (jobs, f, is_present) = (jobs.clone(), f.clone(), is_present.clone());
                // Held by the supervisor: nobody has a worker's address. A panic is the job's.
                scope
                    .spawn(move || Worker {
                        jobs: jobs.clone(),
                        f: f.clone(),
                        _present: is_present.clone(),
                        spawned_at,
                    })
                    .group(options.name)
                    .restart(Restart::Permanent)
                    .intensity(usize::MAX, Duration::ZERO)
                    // As long as its jobs take: they end with their contexts, and with the scope's.
                    .shutdown(Duration::MAX)
                    .on(placement)
            })
            .collect();
        let pool = Self {
            queue,
            scope: scope.clone(),
            options,
            present,
        };
        async move {
            if workers.is_empty() {
                return Err(PoolError::ZeroWorkers);
            }
            for worker in workers {
                worker.await?;
            }
            Ok(pool)
        }
    }

    /// Submits a job and waits for its outcome.
    ///
    /// The job runs in the current context, so that its deadline and cancel are the job's, in the queue
    /// and at work.
    ///
    /// # Errors
    /// See [`JobError`]. [`Closed`](JobError::Closed) also if the pool was closed before it took the job.
    /// Use [`submit`](Self::submit) to get a job back that was not taken.
    ///
    /// # Cancel safety
    /// Dropped before the queue took the job, it is dropped too. After that the job is left out if it has
    /// not begun, and else run to its end; its result is dropped.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::worker_pool::{JobError, WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("wait"), |seconds: u64| async move {
    ///     sleep(seconds.secs()).await?;
    ///     Ok(seconds)
    /// }).await?;
    /// let hurried = scope.context().with_timeout(5.secs());
    /// assert_eq!(hurried.run(pool.run(3)).await??, 3);
    /// assert!(matches!(hurried.run(pool.run(3)).await?, Err(JobError::DeadlineInJob)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn run(&self, job: J) -> Result<O, JobError> {
        let (queued, ticket) = self.pack(job, Waiter::Caller);
        match self.queue.send(queued).await {
            Ok(()) => ticket.wait_as_caller().await,
            Err(error) => Err(JobError::not_taken(SubmitError::from_send(error))),
        }
    }

    /// Submits a job, waiting for room in the queue. The ticket gives its outcome.
    ///
    /// The job runs in the current context, also after this call has returned. `Ok` means that the pool
    /// has it, and that the ticket will get an outcome.
    ///
    /// # Errors
    /// The job comes back in each case, and was not run.
    /// - [`SubmitError::Closed`]: the pool is closed, or its workers have ended with their scope.
    /// - [`SubmitError::Cancelled`], [`SubmitError::Deadline`]: the current context ended first.
    ///
    /// # Cancel safety
    /// Dropped before the queue took the job, it is dropped too. After that the job is run.
    ///
    /// # Differences from Go
    /// A send on a closed channel of jobs panics; this gives the job back.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::worker_pool::{SubmitError, WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("double"), |x: u32| async move { Ok(2 * x) }).await?;
    /// let ticket = pool.submit(4).await?;
    /// pool.close();
    /// assert_eq!(ticket.wait().await?, 8);
    /// assert!(matches!(pool.submit(5).await, Err(SubmitError::Closed(5))));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn submit(&self, job: J) -> Result<Ticket<O>, SubmitError<J>> {
        let (queued, ticket) = self.pack(job, Waiter::Ticket);
        match self.queue.send(queued).await {
            Ok(()) => Ok(ticket),
            Err(error) => Err(SubmitError::from_send(error)),
        }
    }

    /// Submits a job if there is room for it now.
    ///
    /// # Errors
    /// The job comes back in each case, and was not run.
    /// - [`TrySubmitError::Full`]: the queue is full; without a queue, no worker waits.
    /// - [`TrySubmitError::Closed`]: the pool is closed, or its workers have ended with their scope.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::worker_pool::{TrySubmitError, WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("id").queue(1), |x: u32| async move { Ok(x) }).await?;
    /// let ticket = pool.try_submit(1)?;
    /// assert_eq!(ticket.wait().await?, 1);
    /// pool.close();
    /// assert!(matches!(pool.try_submit(2), Err(TrySubmitError::Closed(2))));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn try_submit(&self, job: J) -> Result<Ticket<O>, TrySubmitError<J>> {
        let (queued, ticket) = self.pack(job, Waiter::Ticket);
        match self.queue.try_send(queued) {
            Ok(()) => Ok(ticket),
            Err(error) => Err(TrySubmitError::from_send(error)),
        }
    }

    /// Submits the jobs of an iterator, and gives their outcomes as they come.
    ///
    /// As [`results`](Self::results) of a [generator](crate::generate). The iterator may be endless: jobs
    /// are made as there is room for them.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::prelude::*;
    /// use greenroom_patterns::worker_pool::{WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("div").workers(3), |x: u32| async move {
    ///     assert!(x != 2, "not two");
    ///     Ok(x)
    /// }).await?;
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let results = pool.submit_all(0..4).collect().await?;
    /// assert_eq!(results.len(), 4);
    /// assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    #[must_use = "dropping the results leaves the jobs out"]
    pub fn submit_all<I>(&self, jobs: I) -> Receiver<Result<O, JobError>>
    where
        I: IntoIterator<Item = J>,
        I::IntoIter: Send + 'static,
    {
        self.results(generate(&self.scope, jobs))
    }

    /// Runs the jobs of a channel, and gives their outcomes as they come: Go's worker pool as a whole.
    ///
    /// Each job that is taken from the channel gives one outcome. When the channel has closed and the
    /// last outcome was received, the results close. They wait at a rendezvous channel: a slow consumer
    /// holds up the source, once as many jobs are on their way as the pool has workers and places; it does
    /// not hold up the workers, which may be busy for others. If the pool is closed before, each job that
    /// still comes gives [`JobError::Closed`].
    ///
    /// The jobs run in the current context. Dropping the results, too, ends them all, and the source.
    ///
    /// # Differences from Go
    /// Go's workers stay blocked when the results are not read to the end.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::channel;
    /// use greenroom_patterns::worker_pool::{WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("square").workers(3), |x: u32| async move { Ok(x * x) }).await?;
    /// let (jobs, work) = channel::bounded(10);
    /// let results = pool.results(work);
    /// for x in 1..=3 {
    ///     jobs.send(x).await?;
    /// }
    /// jobs.close();
    /// let mut sum = 0;
    /// while let Ok(square) = results.recv().await {
    ///     sum += square?;
    /// }
    /// assert_eq!(sum, 14);
    /// assert!(results.is_closed());
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    #[must_use = "dropping the results leaves the jobs out"]
    pub fn results(&self, jobs: Receiver<J>) -> Receiver<Result<O, JobError>> {
        self.serve(jobs, Order::Completion)
    }

    /// Runs the jobs of a channel, and gives their outcomes in the order of the jobs.
    ///
    /// Otherwise as [`results`](Self::results). A slow job holds up the outcomes behind it, and, once as
    /// many jobs are on their way as the pool has workers and places, the source.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::prelude::*;
    /// use greenroom_patterns::worker_pool::{WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("slow").workers(3), |x: u64| async move {
    ///     sleep((10 - x).secs()).await?;
    ///     Ok(x)
    /// }).await?;
    /// let results = pool.results_in_order(generate(&scope, [1, 2, 3]));
    /// for x in 1..=3 {
    ///     assert_eq!(results.recv().await??, x);
    /// }
    /// assert!(results.recv().await.is_err());
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    #[must_use = "dropping the results leaves the jobs out"]
    pub fn results_in_order(&self, jobs: Receiver<J>) -> Receiver<Result<O, JobError>> {
        self.serve(jobs, Order::Submission)
    }

    /// Takes no new jobs from now on, through any handle. Those in the queue are run, then the workers
    /// end. It does not wait; see [`closed`](Self::closed). The second call does nothing.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Waits until the pool is closed and every worker has ended: Go's `wg.Wait()` at the end of a pool.
    ///
    /// # Errors
    /// [`ContextError`]: the current context ended first.
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::worker_pool::{WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("id").workers(2), |x: u32| async move { Ok(x) }).await?;
    /// let hurried = scope.context().with_timeout(std::time::Duration::from_secs(1));
    /// assert!(hurried.run(pool.closed()).await?.is_err());
    /// pool.close();
    /// pool.closed().await?;
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn closed(&self) -> Result<(), ContextError> {
        match self.present.recv().await {
            Ok(never) => match never {},
            Err(RecvError::Closed) => Ok(()),
            Err(RecvError::Cancelled(cause)) => Err(ContextError::Cancelled(cause)),
            Err(RecvError::Deadline) => Err(ContextError::Deadline(Cause::Deadline)),
        }
    }

    /// Returns whether the pool takes no new jobs.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Returns how many jobs wait for a worker.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    #[track_caller]
    fn serve(&self, jobs: Receiver<J>, order: Order) -> Receiver<Outcome<O>> {
        let queue = self.queue.clone();
        let window = self.options.workers.saturating_add(self.options.queue);
        let context = self.context();
        flow::source(&self.scope, 0, move |out| {
            batch::serve(jobs, queue, out, order, window, context)
        })
    }

    fn pack(&self, job: J, waiter: Waiter) -> (Queued<J, O>, Ticket<O>) {
        // Two answers at most, so that it needs no bound.
        let (to, answers) = channel::unbounded();
        let reply = Reply::new(to, waiter, self.context());
        (Queued { job, reply }, Ticket::new(answers))
    }

    /// Returns the context of a job submitted here: the current one, unless it is another runtime's.
    fn context(&self) -> Context {
        let own = self.scope.context();
        Context::current()
            .filter(|current| current.root_id().is_same(own.root_id()))
            .unwrap_or_else(|| own.clone())
    }
}

impl<J, O> Clone for WorkerPool<J, O> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            scope: self.scope.clone(),
            options: self.options,
            present: self.present.clone(),
        }
    }
}

impl<J, O> fmt::Debug for WorkerPool<J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPool")
            .field("options", &self.options)
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}
