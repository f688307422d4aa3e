//! Lends a value to one holder at a time.
//!
//! Go counterpart: `sync.Mutex`. The value lives in one actor, its owner. A lock is a request, and its
//! answer a [`Lease`] that carries the value; dropping the lease sends it home.
//!
//! Prefer a [`State`](crate::state::State) where what is done with the value is a closure that does not
//! wait: it costs one message instead of two, cannot be held too long, and cannot lock up with another.
//! A lease is for code that waits, or calls much other code, while it has the value. Nobody else has it
//! meanwhile: do not hold one across an await that may be slow, and hold no two in different orders.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::mutex::Mutex;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let count = Mutex::spawn(&scope, 0).await?;
//! let shared = count.clone();
//! scope.go_each(0..10, move |_| {
//!     let count = shared.clone();
//!     async move {
//!         *count.lock().await? += 1;
//!         Ok(())
//!     }
//! }).await?;
//! scope.join().await?;
//! assert_eq!(*count.lock().await?, 10);
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. There is one value, and it is with its owner, with one holder, or on the way between them.
//! 2. Leases are granted in the order of the requests; a [`try_lock`](Mutex::try_lock) overtakes nobody.
//! 3. A lease that is dropped comes home: by a return, a panic or a cancel, in whatever context. A lease
//!    that was granted to a future which is dropped goes to the next.
//! 4. A lease that a panic drops poisons the value, until a [`recover`](Mutex::recover).
//! 5. A lease is never taken away from its holder. It is reported if it is held for longer than its
//!    [time](LeaseOptions::lease_time).
//! 6. What the owner knows outlives its restarts: it takes back the leases from before, waits for a value
//!    that is out, and refuses a lease that it does not know.
//! 7. The wait that closes a cycle of lockers is reported, and shown in the
//!    [snapshot](greenroom_core::registry::Snapshot::lease_cycles) of the runtime.
//!
//! # Ordering
//! Requests are served in the order in which they reach the owner: those of one task in their order,
//! between tasks in none that is promised. What a holder did is seen by every later one.
//!
//! # Differences from Go
//! - The value is inside. It cannot be reached without a lease, nor can a lease be given back twice or
//!   forgotten by a return or a panic.
//! - A lock is strictly fair. Go lets a newcomer overtake those who wait, for up to a millisecond.
//! - A wait ends with its context, and with the owner's scope.
//! - A panic of a holder poisons. In Go it ends the process, or leaves the lock as the defer does.
//! - Deadlocks between lockers are seen while the rest of the program runs. Go tells only when every
//!   goroutine sleeps.
//! - A lease is a message each way, also when nobody else wants it. Go's uncontended lock is one atomic
//!   operation.
//!
//! # Work that blocks
//! A holder that blocks holds up its arbiter, and everyone who waits. Wrap what blocks in
//! [`blocking`](greenroom_actor::blocking); the lease may be moved into the closure.

mod handle;
mod lease;

pub use crate::lease::{
    HolderStatus, LeaseOptions, LeaseReport, LeaseStatus, LockError, OnCycle, Poison, ReportTo,
    StatusError, TryLockError, WaiterStatus,
};
pub use handle::{Mutex, mutex};
pub use lease::Lease;
