//! Workers that take jobs from one queue, so many at a time.
//!
//! Go counterpart: goroutines that range over a channel of jobs and send to a channel of results.
//!
//! Use a [pipeline](crate::pipeline) where the work is a step between two channels, [`fan`](crate::fan) where
//! each worker has an output of its own, and a [`task_group`](crate::task_group) where each task is
//! another. To lend things, instead of giving out work, there is the [`pool`](crate::pool).
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::worker_pool::{WorkerPool, pool};
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let pool = WorkerPool::spawn(&scope, pool("square").workers(4).queue(100), |x: u64| async move {
//!     Ok(x * x)
//! }).await?;
//! assert_eq!(pool.run(7).await?, 49);
//!
//! let results = pool.submit_all(1..=3);
//! let mut sum = 0;
//! while let Ok(square) = results.recv().await {
//!     sum += square?;
//! }
//! assert_eq!(sum, 14);
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. A job that was taken gets exactly one outcome: a result, or a [`JobError`] with the reason.
//!    Whatever becomes of its worker, its pool, its scope.
//! 2. At most as many jobs run as there are workers, and at most as many wait as the queue holds. A
//!    worker that a [resize](WorkerPool::resize) lets go ends its job first, and takes no other.
//! 3. A panic costs its own job. The worker is rebuilt by its supervisor, however often that happens.
//!    A job that is [tried again](Retry) is one job.
//! 4. A close refuses new jobs and drops none: those in the queue are run, then the workers end.
//! 5. A channel of results closes once, after the last of them. When its receiver is dropped, the jobs
//!    behind it that have not begun are not run, and those that have are cancelled.
//!
//! # Ordering
//! Jobs begin in the order in which the queue took them, which for one task is that of its submits. They
//! end in any order.
//!
//! # Differences from Go
//! - Zero workers are an error. In Go the results close at once, and the jobs are never read.
//! - A panic of a job is its outcome; in Go it ends the process.
//! - Workers do not stay blocked when nobody reads the results.
//! - A job has a context: that of whoever submitted it. It ends with it, in the queue or at work.
//!
//! # Work that blocks
//! A job runs on the arbiter of its worker, and delays what else runs there. In a job wrap what blocks, or
//! computes for long, in [`blocking`](greenroom_actor::blocking):
//! `|path| blocking(move || Ok(std::fs::read(path)?))`.

mod actor;
mod batch;
mod error;
mod foreman;
mod handle;
mod message;
mod options;
mod retry;
mod ticket;

pub use error::{JobError, PoolError, ResizeError, SubmitError, TrySubmitError};
pub use handle::WorkerPool;
pub use options::{PoolOptions, pool};
pub use retry::{NoRetry, Retries, Retry};
pub use ticket::Ticket;
