//! Waits, with a lease, until another holder says that something has changed.
//!
//! Go counterpart: `sync.Cond`. A condition belongs to one [`Mutex`](crate::mutex::Mutex). A wait sends
//! its lease home and begins to wait in one step of the owner, so that no signal falls between the two;
//! it ends with a lease again.
//!
//! Prefer a [channel](greenroom_core::channel) to hand something over, and a
//! [watch](greenroom_core::watch) or a [`State`](crate::state::State) to see the last of something.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::mutex::Mutex;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let queue = Mutex::spawn(&scope, Vec::new()).await?;
//! let filled = queue.condition();
//! let (source, signal) = (queue.clone(), filled.clone());
//! scope.go(async move {
//!     source.lock().await?.push(7);
//!     signal.signal();
//!     Ok(())
//! }).detach();
//! let mut items = filled.wait_while(queue.lock().await?, |items| items.is_empty()).await?;
//! assert_eq!(items.pop(), Some(7));
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. A wait ends with a lease only after a signal or a broadcast that came after its beginning.
//! 2. A signal wakes one, the one that has waited longest; a broadcast wakes all who wait. Without a
//!    waiter either is lost.
//! 3. A signal outlives its waiter: if that is dropped, or its context ends, before it has its lease, the
//!    signal goes to the next of those who waited then.
//! 4. Who is woken waits for its lease behind those who wait already.
//!
//! # Ordering
//! Who gives a signal while it holds the lease, or after it had it, is sure that every wait which began
//! before that lease is there. Signals of one task take effect in their order.
//!
//! # Differences from Go
//! - A wait ends with its context, and then without the lease.
//! - A poison ends the waits: who was to signal may be the one that panicked.
//! - A wait with the lease of another mutex is refused. In Go it is undefined.

mod error;
mod handle;

pub use error::{HandedBack, WaitError};
pub use handle::Condition;
