//! A map that many read and few write, with a bound, a time to live, and one load for each key.
//!
//! Go counterpart: a struct with a `sync.RWMutex` and a map; with
//! [`get_or_insert_with`](Cache::get_or_insert_with) also `singleflight.Group`.
//!
//! One actor writes. Readers look into the last snapshot that it published, without a message and
//! without waiting for a writer.
//!
//! Use a [`State`](crate::state::State) where a change depends on what is there, and
//! [`SingleFlight`](crate::single_flight::SingleFlight) to share a load without keeping it.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::cache::{Cache, cache};
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let users = Cache::spawn(&scope, cache().capacity(1000)).await?;
//! users.set(7, "Ada").await?;
//! assert_eq!(users.get(&7), Some("Ada"));
//! let name = users.get_or_insert_with(8, || async { Ok("Grace") }).await?;
//! assert_eq!((name, users.get(&8), users.get(&9)), ("Grace", Some("Grace"), None));
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Cost
//! A snapshot is a balanced tree whose nodes are shared with the one before. A read takes the lock of one
//! pointer, log n comparisons and a clone of the value; a write is a message and makes log n small nodes
//! anew, however large the map is. Keys and values are not copied by that.
//!
//! # Invariants
//! 1. A write that has returned is seen by every later read of who knows of it, through any handle.
//! 2. A snapshot never changes: a read meets no write half-way.
//! 3. It holds no more than its capacity. What was written longest ago makes room, read or not.
//! 4. A value is not read after its time to live.
//! 5. A load that failed stores nothing. Nor does one whose key was written, removed or cleared since it
//!    began: what it loaded may be older than that.
//! 6. Values, loads and their waiters outlive a restart of the owner.
//!
//! # Ordering
//! The writes of one task take effect in their order; between tasks there is none. A handle never reads
//! back in time. A read beside a write may see either side of it.
//!
//! # Differences from Go
//! - A reader never waits for a writer, nor a writer for readers. So a read may miss a write that has
//!   not returned yet; under a Go lock it would wait for it.
//! - It has a bound. A Go map in a struct grows for ever.
//! - A value is a clone: keep large ones in an `Arc`. There is no pointer into the map to misuse.
//! - A loader that panics is an error of those who wait for it, and one that asks for its own key gets an
//!   error; with `singleflight` the first ends the process, and the second waits for ever.
//!
//! # Work that blocks
//! A loader is a task: it delays what else is on its arbiter. Wrap what blocks, such as the read of a file,
//! in [`blocking`](greenroom_actor::blocking).

mod actor;
mod error;
mod handle;
mod message;
mod options;
mod state;
mod tree;

pub use error::{CacheError, LoadError, SpawnCacheError};
pub use handle::Cache;
pub use options::{CacheOptions, cache};
