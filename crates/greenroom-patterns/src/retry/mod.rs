//! Tries again what failed, after a while.
//!
//! Go counterpart: the loop around `time.Sleep`, or `time.After` beside `ctx.Done`, that each program
//! writes for itself.
//!
//! Use [`Retry`](crate::worker_pool::Retry) for the jobs of a worker pool, where an attempt that waits
//! leaves its worker to others, and a [`Restart`](greenroom_actor::Restart) for an actor.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_core::time::Durations;
//! use greenroom_patterns::retry::{Backoff, RetryPolicy, retry};
//! # #[derive(Debug, thiserror::Error)] #[error("busy")] struct Busy;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|_scope| async move {
//! # let mut calls = 0;
//! let policy = RetryPolicy::new()
//!     .attempts(4)
//!     .backoff(Backoff::exponential(50.millis()).cap(1.secs()))
//!     .retry_if(|failure| failure.downcast_ref::<Busy>().is_some());
//! let answer = retry(policy, || {
//!     // What may fail, such as an ask of an actor.
//!     calls += 1;
//!     async move { if calls < 3 { Err(Busy.into()) } else { Ok(calls) } }
//! }).await?;
//! assert_eq!(answer, 3);
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. One attempt at a time, the first at once. Between two of them is the delay of the [`Backoff`].
//! 2. A delay is never above the cap, whatever the number of the attempt and the jitter.
//! 3. After the end of the context no attempt begins, and no delay goes on.
//!
//! # Ordering
//! The attempts follow one another in the task of the caller.
//!
//! # Differences from Go
//! - The wait ends with the context, and no attempt is made that its deadline would cut off at once.
//! - What is thrown by a panic is not tried again.
//! - The delays are drawn by the driver, so that a test repeats them.
//!
//! # Work that blocks
//! An attempt runs in the task that retries. Wrap what blocks in [`blocking`](greenroom_actor::blocking):
//! `retry(policy, || blocking(|| Ok(std::fs::read("data")?)))`. It is not interrupted by the end of the
//! context; the next attempt is not begun.

mod backoff;
mod error;
mod policy;
mod run;

pub use backoff::{Backoff, Jitter};
pub use error::RetryError;
pub use policy::RetryPolicy;
pub(crate) use run::pause;
pub use run::retry;
