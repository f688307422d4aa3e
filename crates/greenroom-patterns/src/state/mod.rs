//! One owner of a value, which others read and change by messages.
//!
//! Go counterpart: the goroutine that owns a map and serves a channel of updates; also `sync.Mutex` and
//! `sync.RWMutex` around a value. A closure goes to the owner and runs there, so nothing is locked and
//! nobody waits for a lock while it holds another.
//!
//! Use a [mutex](crate::mutex) where the holder waits while it has the value, a [cache](crate::cache) for a
//! map that is read far more often than written, and an [actor](greenroom_actor::Actor) of your own where
//! changes are better named than passed as closures.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::state::State;
//! use std::collections::BTreeMap;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let stock = State::spawn(&scope, BTreeMap::from([("apple", 3)])).await?;
//! let left = stock.update(|stock| {
//!     let apples = stock.entry("apple").or_insert(0);
//!     *apples -= 1;
//!     *apples
//! }).await?;
//! assert_eq!(left, 2);
//! assert_eq!(stock.read(|stock| stock.len()).await?, 1);
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # No data race
//! Two tasks that count up one variable are a data race in Go, which compiles. Here each task would
//! borrow the variable, and that does not:
//!
//! ```compile_fail,E0373
//! # use greenroom_actor::Scope;
//! fn counts(scope: &Scope) {
//!     let mut counter = 0;
//!     scope.go(async { Ok(counter += 1) }).detach();
//!     scope.go(async { Ok(counter += 1) }).detach();
//! }
//! ```
//! With an owner, who counts for all:
//!
//! ```
//! # use greenroom_actor::Runtime;
//! # use greenroom_patterns::state::State;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let counter = State::spawn(&scope, 0).await?;
//! for _ in 0..2 {
//!     let counter = counter.clone();
//!     scope.go(async move { Ok(counter.update(|n| *n += 1).await?) }).detach();
//! }
//! scope.join().await?;
//! assert_eq!(counter.read(|n| *n).await?, 2);
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. The value has one owner, an actor; closures run in it one at a time, to their end.
//! 2. An update takes effect whole or not at all, unless the state was
//!    [spawned uncloned](State::spawn_uncloned): it works on a copy, which becomes the value when the
//!    closure has returned.
//! 3. A panic of a closure costs that closure. The supervisor rebuilds the owner around the value, the
//!    queue goes on, and the caller gets [`StateError::Panicked`]. However often it happens, the owner
//!    is not given up.
//! 4. A snapshot that a [`Watch`](greenroom_core::watch::Watch) gives never changes. Snapshots come in
//!    the order of the updates.
//!
//! # Ordering
//! The calls of one task take effect in their order. Between tasks there is none. Who has seen an
//! update return sees it in every later read, and in every watch.
//!
//! # Differences from Go
//! - A panic while Go's mutex is held ends the process, or leaves it locked or the value half changed.
//! - A lock cannot be forgotten, taken twice, or taken in two orders.
//! - A closure may not wait: it runs to its end. Read, wait, then update; or take the lease of a
//!   [`mutex`](crate::mutex).
//! - A waiting call ends with its context.
//!
//! # Work that blocks
//! A closure runs on the arbiter of the owner, and keeps every other call waiting. Do what blocks before,
//! in [`blocking`](greenroom_actor::blocking), and update with its result.

mod actor;
mod error;
mod handle;
mod message;
mod owned;

pub use error::{StateError, TryUpdateError};
pub use handle::State;
