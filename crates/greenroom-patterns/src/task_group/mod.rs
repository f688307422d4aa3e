//! Tasks that fail as one: the first error ends the others, and is the result.
//!
//! Go counterpart: `golang.org/x/sync/errgroup`. A group is a [branch](greenroom_actor::Branch) of a
//! scope: the scope waits for its tasks, and the group has their errors.
//!
//! Use a [`Scope`](greenroom_actor::Scope) by itself if its own end is the wait. A group is for a part of
//! a scope's tasks, whose error is to be looked at, and for back-pressure: its
//! [`go`](TaskGroup::go) waits while as many tasks run as the limit lets. Use a
//! [`WaitGroup`](crate::wait_group::WaitGroup) for members that are no tasks.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! # use greenroom_core::Result;
//! use greenroom_patterns::task_group::TaskGroup;
//! # async fn fetch(_url: &str) -> Result<()> { Ok(()) }
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let group = TaskGroup::new(&scope);
//! group.set_limit(2)?;
//! for url in ["a", "b", "c"] {
//!     group.go(async move { fetch(url).await }).await?;
//! }
//! group.wait().await?;
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. The first error in time is the result of every wait from then on, whatever comes after it.
//! 2. A wait gives a result only when every task that was accepted before has ended.
//! 3. Never more tasks run than the limit lets. A task gives its place back however it ends.
//! 4. A future that was refused, or whose `go` was dropped while it waited, has not run.
//!
//! # Ordering
//! Those that wait for a place get one in the order in which they came. Tasks start in the order in which
//! they got theirs.
//!
//! # Context
//! The group's context is derived from the one that was current when the group was made, and so are its
//! values; those of the tasks are derived from it. It ends with the first error, with
//! [`cancel`](TaskGroup::cancel), and when the first [`wait`](TaskGroup::wait) is over. A task that is
//! started after that runs all the same, in a context that has ended: its first wait fails.
//!
//! # Differences from Go
//! - A panic is an error with its payload, the id of its task and the place where that was spawned. It
//!   does not end the process, nor does it come up again in `Wait`.
//! - A task that is cancelled by its handle has ended; that is no error.
//! - A task of the group that starts another one never waits for a place, which it may hold itself: the
//!   other is held until there is one. Go deadlocks. So does here a task that then waits for the other's
//!   handle while it holds the last place; as every wait, that ends with its context.
//! - `go` and `wait` end with the current context.
//! - Errors are taken by `wait`: those of a group that nobody waits for are lost, as in Go. The scope waits
//!   for its tasks all the same.
//! - Once the group was [cancelled](TaskGroup::cancel), or its context has ended from above, the errors of
//!   its tasks are taken to follow from that, and `wait` gives the cause in place of the first of them.
//!
//! # Work that blocks
//! A task of a group runs on an arbiter, and delays what else runs there. Wrap what blocks in
//! [`blocking`](greenroom_actor::blocking): `group.go(blocking(|| Ok(std::fs::read("data")?)))`.

mod error;
mod handle;

pub use error::{GoError, LimitError, TryGoError, WaitError};
pub use handle::TaskGroup;
