//! One run for each key at a time, shared by all who ask for it meanwhile.
//!
//! Go counterpart: `golang.org/x/sync/singleflight`. One actor knows which keys are in flight; who asks
//! for one of them joins its run. Nothing is cached: when a run has ended, the next call starts another.
//!
//! Use [`Once`](crate::once::Once) for one value that is kept.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! # use greenroom_core::Result;
//! # use greenroom_core::time::{Durations, sleep};
//! use greenroom_patterns::single_flight::SingleFlight;
//! # async fn load(id: u32) -> Result<String> { sleep(1.secs()).await?; Ok(format!("user {id}")) }
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let users = SingleFlight::spawn(&scope).await?;
//! let other = users.start(7, || load(7));
//! let user = users.call(7, || load(7)).await?; // Joins the run of the other.
//! assert_eq!((user.value.as_str(), user.is_shared), ("user 7", true));
//! assert_eq!(other.wait().await?.value, "user 7");
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. A key has at most one flight that can be joined.
//! 2. Every caller of a flight gets its outcome, once; one that comes after its end gets another flight.
//! 3. The end of a flight removes itself, never a newer one of its key. The wrong version removes the key:
//!    after a [`forget`](SingleFlight::forget), the old flight ends and takes the new one's entry.
//! 4. A flight goes on as long as one of its callers waits, or has [detached](Ticket::detach); who started
//!    it does not matter. When the last one has given up, it is cancelled.
//!
//! # Ordering
//! A call that begins after another call of the same key was made, and before that one's flight has ended,
//! joins it. What the run did is seen by everyone who has its value.
//!
//! # Context
//! A run is a task of the scope that the flights were spawned in, and sees the values of its context, not
//! those of who asked first: the others did not ask in that one's name. What a run needs of its caller is
//! moved into the closure. Its context ends when nobody waits any more, and with the scope.
//!
//! # Differences from Go
//! - A panic is an error of every caller, with its payload, and ends nothing else.
//! - When nobody waits any more the run is cancelled; Go's goes on for nobody.
//!   [`detach`](Ticket::detach) lets it.
//! - A call ends with its context.
//! - A run that calls for its own key gets [`FlightError::Recursive`]; Go deadlocks. This is known of the
//!   task of the run itself; through another task or actor it waits until a context ends.
//! - The value is cloned for each caller; Go's callers share it.
//!
//! # Work that blocks
//! A run is a task: it delays what else is on its arbiter. Wrap what blocks in
//! [`blocking`](greenroom_actor::blocking).

mod actor;
mod error;
mod handle;
mod message;
mod state;
mod ticket;

pub use error::FlightError;
pub use handle::SingleFlight;
pub use ticket::{Flown, Ticket};
