//! Tries again what failed, after a while.
//!
//! Go counterpart: the loop around `time.Sleep`, or `time.After` beside `ctx.Done`, that each program
//! writes for itself.
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

mod backoff;
mod error;
mod policy;
mod run;

pub use backoff::{Backoff, Jitter};
pub use error::RetryError;
pub use policy::RetryPolicy;
pub(crate) use run::pause;
pub use run::retry;
