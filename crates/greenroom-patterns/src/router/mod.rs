//! Messages for one of several like actors: in turn, to the least loaded, or by a key.
//!
//! Go counterpart: a slice of channels and an index, `chans[i%n] <- v` or `chans[hash(key)%n] <- v`.
//!
//! A router is a handle over addresses. It chooses in the sender's task, from the last snapshot of its
//! members, so that a message goes straight to its actor. One actor keeps the list of members.
//!
//! Use a [worker pool](crate::worker_pool) where the work needs no state of its own: its workers take the
//! next job when they are free.
//!
//! ```
//! # use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
//! use greenroom_patterns::router::{Router, router};
//! struct Shard { index: usize, sum: u64 }
//! struct Add(u64);
//! impl Actor for Shard {}
//! impl Handler<Add> for Shard {
//!     type Reply = (usize, u64);
//!     async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> (usize, u64) {
//!         self.sum += n;
//!         (self.index, self.sum)
//!     }
//! }
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let shards = Router::spawn(&scope, router("shard").actors(3), |index| Shard { index, sum: 0 }).await?;
//! for turn in [0, 1, 2, 0] {
//!     assert_eq!(shards.ask(Add(1)).await?.0, turn);
//! }
//! let (home, _) = shards.key("ada").ask(Add(10)).await?;
//! assert_eq!(shards.key("ada").ask(Add(0)).await?.0, home);
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. A message goes to one member or comes back. It is not sent twice, nor to a second member after the
//!    first took it.
//! 2. A member that restarts keeps its place: its address stays, and its queue.
//! 3. A member that has ended for good gets no more messages, and is taken out; its keys move to others.
//! 4. While the members stay, a key has one member, from whatever handle. When one comes, keys move to it
//!    only; when one goes, its own move only.
//! 5. Where a key belongs depends on the key, and on the members in the order in which they came:
//!    the same in each run.
//!
//! # Ordering
//! Messages of one sender to one member keep their order. Those of one sender with one key do, as long
//! as the members stay. Between members there is none.
//!
//! # Differences from Go
//! - The number of members may change. With `hash(key)%n` nearly every key moves then; here about one of
//!   n does.
//! - A goroutine that has ended leaves its channel behind, and senders block on it. Here its messages go
//!   to the others.
//!
//! # Work that blocks
//! A handler that blocks holds up its actor, and what else is on its arbiter. Wrap what blocks in
//! [`blocking`](greenroom_actor::blocking).

mod actor;
mod error;
mod handle;
mod hash;
mod keyed;
mod members;
mod message;
mod options;

pub use error::{ChangeError, RouteAskError, RouteError, RouterError, TryRouteError};
pub use handle::Router;
pub use keyed::Keyed;
pub use options::{Route, RouterOptions, router};
