//! Limits how often something goes on.
//!
//! Go counterpart: `golang.org/x/time/rate`. A bucket holds up to `burst` tokens and is full at first;
//! each event takes one, and the [`Limit`] brings new ones. The bucket lives in one actor; handles send it
//! messages.
//!
//! Use a [semaphore](crate::semaphore) to limit how much goes on at a time.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::rate_limiter::{Limit, RateLimiter};
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
//! for request in 0..20 {
//!     limiter.wait().await?; // Three at once, then one every 100 ms.
//!     println!("request {request}");
//! }
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. In any window of time at most `burst + limit * window` tokens are used, to the nanosecond: whole
//!    numbers count them, so that nothing drifts, and nobody is early.
//! 2. Nobody is overtaken: the tokens of a request are promised for a time that is not before those of an
//!    earlier one, so a large request is not starved. Once promised, the time stays: tokens that are given
//!    back go to those who ask afterwards, as in Go.
//! 3. What was promised is used or given back: a wait that is cancelled or dropped gives back what no
//!    later one counts upon, whatever becomes of its context.
//! 4. The bucket outlives a restart of the actor.
//!
//! 1 and 2 hold as long as the limit and the burst stay the same. What was promised under another limit
//! stays promised.
//!
//! # Ordering
//! Requests are served in the order in which they reach the actor: of one task in the order of its calls,
//! of several as they come. A change of a setting that has returned is seen by every later call.
//!
//! # Differences from Go
//! - A wait for tokens that never come, under a zero limit, is an error at once. In Go it waits for its
//!   context.
//! - A reservation that is refused is an error with its cause, not one whose `OK` is false.
//! - Time is the runtime's, and never goes back. There are no twins that take a time, such as `AllowN`.

mod actor;
mod error;
mod handle;
mod limit;
mod message;
mod state;

pub use error::{LookError, ReserveError, SetError, TryAcquireError, WaitError};
pub use handle::{RateLimiter, Reservation};
pub use limit::Limit;
