//! Lends a value to many readers, or to one writer.
//!
//! Go counterpart: `sync.RWMutex`. The value lives in one actor, its owner. Readers share it; the writer
//! has it alone, and carries it.
//!
//! Each lease is a message to the owner and one back, for readers too. Where readers are many and a
//! snapshot will do, use the [watch](crate::state::State::watch) of a [`State`](crate::state::State):
//! it reads without a message. A lease is for readers that must hold off the next change. Do not hold
//! one across an await that may be slow.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use std::collections::BTreeMap;
//! use greenroom_patterns::rw_mutex::RwMutex;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let cache = RwMutex::spawn(&scope, BTreeMap::new()).await?;
//! cache.write().await?.insert("apple", 3);
//! let (one, other) = (cache.read().await?, cache.read().await?);
//! assert_eq!(one.get("apple"), other.get("apple"));
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! Those of the [`mutex`](crate::mutex), and:
//! 1. While a writer has the value, nobody else does. Readers have it at the same time.
//! 2. A writer that waits holds back the readers that come after it, so that they do not starve it.
//! 3. When a writer is done, all readers that wait go before the next writer, so that writers do not
//!    starve them.
//! 4. A read lease that a panic drops poisons nothing: its holder could not change the value.
//!
//! # Ordering
//! Writers are served in the order of their requests, readers as above. What a writer did is seen by
//! every later lease.
//!
//! # Differences from Go
//! Those of the [`mutex`](crate::mutex), and:
//! - A task that has a read lease and asks for a write lease waits for itself, as in Go. So does one that
//!   asks for a second read lease while a writer waits. Either is seen; see
//!   [`OnCycle`].
//! - There is no `RLocker`.

mod handle;
mod lease;

pub use crate::lease::{
    HolderStatus, LeaseOptions, LeaseReport, LeaseStatus, LockError, OnCycle, Poison, ReportTo,
    StatusError, TryLockError, WaiterStatus,
};
pub use handle::{RwMutex, rw_mutex};
pub use lease::{ReadLease, WriteLease};
