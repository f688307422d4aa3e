//! Waits until a group of tasks has finished.
//!
//! Go counterpart: `sync.WaitGroup`. The counter lives in one actor; handles send it messages.
//!
//! Use [`Scope::join`](greenroom_actor::Scope::join), or the end of a scope, to wait for all tasks of a
//! scope: that needs no group. A group is for a part of them, for members that are no tasks, and for
//! several waiters.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::wait_group::WaitGroup;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let group = WaitGroup::spawn(&scope).await?;
//! for item in ["a", "b", "c"] {
//!     let member = group.member()?;
//!     scope.go(async move {
//!         let _member = member; // Counts as done when it is dropped, however the task ends.
//!         println!("{item}");
//!         Ok(())
//!     }).detach();
//! }
//! group.wait().await?;
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. The counter is never negative.
//! 2. A waiter is answered exactly once: when the counter is zero, or with the reason why not.
//! 3. What counts is counted whatever becomes of the context of the caller. The wrong version lets the
//!    end of a member ride on the context of its task: a cancelled task's message is skipped, and the
//!    waiters wait for ever.
//! 4. The counter and the waiters outlive a restart of the actor.
//!
//! # Ordering
//! Calls take effect in the order in which they happen, as far as one happens before the other: an
//! [`add`](WaitGroup::add) that has returned is seen by every later [`wait`](WaitGroup::wait), from any
//! handle. Go asks for the same order, and leaves the rest undefined.
//!
//! # Differences from Go
//! - A negative counter is an error of the `done` that would make it so, not a panic of the process.
//! - A member that panics or is cancelled counts as done; its scope has its panic.
//! - A wait ends with its context.
//! - An `add` may meet a `wait` at zero; the one that comes first is served first.

mod actor;
mod error;
mod handle;
mod message;
mod state;

pub use error::{AddError, DoneError, WaitError};
pub use handle::{Member, WaitGroup};
