//! Limits how much goes on at a time.
//!
//! Go counterpart: `golang.org/x/sync/semaphore`, and a channel of capacity `n` that is sent to and
//! received from. The permits live in one actor; handles and guards send it messages.
//!
//! Use [`Scope::set_limit`](greenroom_actor::Scope::set_limit) to limit the tasks of one scope, and a
//! [worker pool](crate::worker_pool) where jobs have results. A semaphore is for a limit across scopes, for
//! a part of a task, and for requests of different weight.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::semaphore::Semaphore;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let semaphore = Semaphore::spawn(&scope, 2).await?;
//! for item in ["a", "b", "c"] {
//!     let permit = semaphore.acquire().await?; // Waits while two are at work.
//!     scope.go(async move {
//!         let _permit = permit; // Given back when it is dropped, however the task ends.
//!         println!("{item}");
//!         Ok(())
//!     }).detach();
//! }
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. Never more permits are out than the size; after a shrink, never more than were out at that time.
//! 2. Nobody is overtaken: a request is granted when those before it are granted or gone, and its permits
//!    are free. So a large one is not starved by small ones.
//! 3. What was granted is held by exactly one guard, or is on its way back. The wrong version answers with
//!    a number: a waiter that is dropped after the grant and before its poll loses it.
//! 4. What comes back is counted whatever becomes of the context of the holder, and so is a waiter that
//!    gives up: those behind it that fit are let in at once.
//! 5. The permits and the waiters outlive a restart of the actor.
//!
//! # Ordering
//! Requests are served in the order in which they reach the actor: of one task in the order of its calls,
//! of several as they come. A permit that was dropped is free for every later call, from any handle.
//!
//! # Differences from Go
//! - A request larger than the size is refused at once. In Go it waits for its context.
//! - A permit is a guard, so that no release is forgotten, and none is one too many: in Go that panics.
//! - A semaphore can be closed and can change its size.

mod actor;
mod error;
mod handle;
mod message;
mod state;

pub use error::{AcquireError, CountError, ResizeError, SplitError, TryAcquireError};
pub use handle::{Permit, Semaphore};
