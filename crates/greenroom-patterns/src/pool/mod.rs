//! Lends items that are dear to make, each to one holder at a time.
//!
//! Go counterpart: `sync.Pool`, but with a bound: it holds buffers as Go's does, and also connections,
//! clients or ports of which there are so many and no more. The items live in one actor.
//!
//! Use a [semaphore](crate::semaphore) to limit how many do something that needs no item, and a
//! [worker pool](crate::worker_pool) to give out work.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::pool::{Pool, pool_of};
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let buffers = pool_of(|| async { Ok(Vec::with_capacity(4096)) })
//!     .max(8)
//!     .reset(|buffer| buffer.clear());
//! let buffers = Pool::spawn(&scope, buffers).await?;
//!
//! let mut buffer = buffers.get().await?;
//! buffer.extend_from_slice(b"data");
//! drop(buffer); // It goes back, also at a panic or a cancel, and is reset.
//! # assert!(buffers.get().await?.is_empty());
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. An item is with one holder, or in the pool.
//! 2. There are never more than [`max`](PoolOptions::max) items: idle, out, or being made or checked.
//! 3. An item comes back whatever becomes of its holder, and its place with it. The wrong version lets
//!    it ride on the context of the holder: a cancelled task's message is skipped, the item is gone, and
//!    its place with it.
//! 4. Nobody who waits is overtaken. What was granted to a caller that has gone, or is made for one,
//!    goes to the next in line, or is kept.
//! 5. An item that was not made costs its caller an error, and no place. So does one whose reset or
//!    check panics, or whose destructor does: these cost the item, and no waiter hangs.
//! 6. Items and waiters outlive a restart of the owner.
//!
//! # Ordering
//! Callers are served in the order in which the owner took their messages, which for one task is that
//! of its calls. The item that came back last is handed out first, so that those which are not needed
//! grow old. What a holder did to an item happens before the next one has it.
//!
//! # Differences from Go
//! - There are at most so many items; a `Get` beyond waits. Go makes one more, and counts nothing.
//! - An item comes back by the drop of its guard; in Go a forgotten `Put` loses it.
//! - Go drops idle items at a garbage collection, whenever that is; here
//!   [an idle time](PoolOptions::idle_time_out) is stated, or they stay.
//! - Making an item may fail and may wait.
//! - Go has a pool for each processor, and no message. Where an item is cheap to make, make it.
//!
//! # Work that blocks
//! Items are made, reset, checked and dropped on the arbiter of the owner, which serves nobody meanwhile.
//! Make an item that blocks, such as a connection of a synchronous library, in
//! [`blocking`](greenroom_actor::blocking): `pool_of(|| blocking(|| Ok(File::open("data")?)))`. A reset
//! cannot wait: keep it short.

mod actor;
mod error;
mod handle;
mod item;
mod message;
mod options;
mod state;

pub use error::{GetError, PoolError, PutError, TryGetError, WatchPoolError};
pub use handle::{Counts, Pool, Pooled};
pub use options::{PoolOptions, pool_from, pool_of};
