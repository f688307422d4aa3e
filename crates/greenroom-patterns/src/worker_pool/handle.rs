//! The handle to a pool.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{Recipient, Scope};
use greenroom_core::channel::{self, Receiver, RecvError, Sender};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::watch::{self, Watch};
use greenroom_core::{Context, Result};

use super::actor::Recipe;
use super::batch::{self, Order};
use super::error::{JobError, PoolError, ResizeError, SubmitError, TrySubmitError};
use super::foreman::{Crew, Foreman};
use super::message::{Outcome, Queued, Reply, Resize, Waiter};
use super::options::PoolOptions;
use super::retry::Retries;
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
    capacity: usize,
    /// How many workers there are to be.
    size: Watch<usize>,
    foreman: Recipient<Resize, Result<(), ResizeError>>,
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
    /// - [`PoolError::ZeroAttempts`]: its [retry](PoolOptions::retry) allows no attempt.
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
    pub fn spawn<R, F, Fut>(
        scope: &Scope,
        options: PoolOptions<R>,
        f: F,
    ) -> impl Future<Output = Result<Self, PoolError>> + Send + use<J, O, R, F, Fut>
    where
        R: Retries<J>,
        F: Fn(J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O>> + 'static,
    {
        let PoolOptions {
            name,
            workers,
            queue: capacity,
            job_deadline,
            retry,
        } = options;
        let attempts = retry.attempts();
        let (queue, jobs) = channel::bounded(capacity);
        let (is_present, present) = channel::rendezvous();
        let (at_work, gone) = channel::rendezvous();
        let (size_of_crew, size) = watch::channel(0);
        let crew = Crew {
            name,
            recipe: Arc::new(Recipe {
                f,
                retry,
                deadline: job_deadline,
                spawned_at: Location::caller(),
            }),
            jobs: Some(jobs),
            present: Some(is_present),
            at_work: at_work.downgrade(),
            gone,
            size: size_of_crew,
            hands: Vec::new(),
        };
        // Before its workers, so that the end of the scope comes to it after them.
        let foreman = scope.supervise(crew, Foreman);
        let scope = scope.clone();
        async move {
            if workers == 0 {
                return Err(PoolError::ZeroWorkers);
            }
            if attempts == 0 {
                return Err(PoolError::ZeroAttempts);
            }
            let foreman = foreman.await?.recipient::<Resize>();
            foreman
                .ask(Resize(workers))
                .await
                .map_err(ResizeError::from)??;
            drop(at_work);
            Ok(Self {
                queue,
                scope,
                capacity,
                size,
                foreman,
                present,
            })
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

    /// Submits the jobs of an iterator, and gives their outcomes in the order of the jobs.
    ///
    /// As [`results_in_order`](Self::results_in_order) of a [generator](crate::generate), whose iterator
    /// may be endless.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::prelude::*;
    /// use greenroom_patterns::worker_pool::{WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("parse").workers(3), |text: &'static str| async move {
    ///     Ok(text.parse::<u8>()?)
    /// }).await?;
    /// let results = pool.submit_all_in_order(["1", "x", "3"]).collect().await?;
    /// assert!(matches!(&results[..], [Ok(1), Err(_), Ok(3)]));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    #[must_use = "dropping the results leaves the jobs out"]
    pub fn submit_all_in_order<I>(&self, jobs: I) -> Receiver<Result<O, JobError>>
    where
        I: IntoIterator<Item = J>,
        I::IntoIter: Send + 'static,
    {
        self.results_in_order(generate(&self.scope, jobs))
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

    /// Closes the pool, and waits until every job that it took has its outcome and the workers have ended:
    /// [`close`](Self::close), then [`closed`](Self::closed).
    ///
    /// # Errors
    /// [`ContextError`]: the current context ended first. The pool is closed all the same.
    ///
    /// # Cancel safety
    /// From its first poll on the pool is closed, also if it is dropped; otherwise it only watches.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::worker_pool::{WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("slow").workers(2), |x: u32| async move {
    ///     sleep(5.secs()).await?;
    ///     Ok(x)
    /// }).await?;
    /// let ticket = pool.submit(7).await?;
    /// let hurried = scope.context().with_timeout(1.secs());
    /// assert!(hurried.run(pool.drain()).await?.is_err());
    /// pool.drain().await?;
    /// assert_eq!(ticket.wait().await?, 7);
    /// assert!(pool.submit(8).await.is_err());
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn drain(&self) -> Result<(), ContextError> {
        self.close();
        self.closed().await
    }

    /// Changes how many jobs run at a time, from now on.
    ///
    /// More workers are at work when it returns. Those that are too many end after the job in hand, and
    /// take no other; it does not wait for them, so that for a while more jobs may run than there are
    /// workers to be. One that has not gone yet is kept by a later resize that wants it. Workers that were
    /// cancelled are replaced.
    ///
    /// # Errors
    /// - [`ResizeError::ZeroWorkers`]: nothing would run the jobs; the pool is as it was.
    /// - [`ResizeError::Closed`]: the pool is closed, or its workers have ended with their scope.
    /// - [`ResizeError::Spawn`]: a worker could not be started; those before it are at work.
    /// - [`ResizeError::Cancelled`], [`ResizeError::Deadline`]: the current context ended first; what had
    ///   begun takes effect all the same.
    ///
    /// # Cancel safety
    /// Dropped, it takes effect or not at all.
    ///
    /// # Differences from Go
    /// There it is a `go` statement for each worker more, and a channel to end one.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::prelude::*;
    /// use greenroom_patterns::worker_pool::{ResizeError, WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("slow"), |_: u32| async { Ok(sleep(1.secs()).await?) }).await?;
    /// pool.resize(10).await?;
    /// let start = scope.context().now();
    /// pool.submit_all(0..10).collect().await?;
    /// assert_eq!(scope.context().now() - start, 1.secs());
    /// assert_eq!(pool.workers(), 10);
    /// assert!(matches!(pool.resize(0).await, Err(ResizeError::ZeroWorkers)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn resize(&self, workers: usize) -> Result<(), ResizeError> {
        if workers == 0 {
            return Err(ResizeError::ZeroWorkers);
        }
        if self.queue.is_closed() {
            return Err(ResizeError::Closed);
        }
        self.foreman.ask(Resize(workers)).await?
    }

    /// Returns how many workers there are to be, as the last [resize](Self::resize) left it.
    #[must_use]
    pub fn workers(&self) -> usize {
        *self.size.get()
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
        let (size, capacity) = (self.size.clone(), self.capacity);
        let window = move || size.get().saturating_add(capacity);
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
            capacity: self.capacity,
            size: self.size.clone(),
            foreman: self.foreman.clone(),
            present: self.present.clone(),
        }
    }
}

impl<J, O> fmt::Debug for WorkerPool<J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPool")
            .field("workers", &*self.size.get())
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}
