//! One source of values and many subscribers, each of which gets all of them.
//!
//! Go counterpart: a goroutine that ranges over a list of channels and sends each value to all of them;
//! `sync.Cond.Broadcast` and a closed channel are the forms of it without a value.
//!
//! Use a [channel](greenroom_core::channel) where one receiver is to get each value, and the
//! [watch](crate::state::State::watch) of a state where the last value will do.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::broadcast::{Broadcast, ReceiveError, Slow, broadcast};
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let prices = Broadcast::spawn(&scope, broadcast().buffer(2).slow(Slow::DropOldest)).await?;
//! let mut screen = prices.subscribe().await?;
//! for price in [10, 11, 12] {
//!     assert_eq!(prices.send(price).await?, 1);
//! }
//! prices.close().await;
//! assert!(matches!(screen.recv().await, Err(ReceiveError::Lagged(1))));
//! assert_eq!(screen.recv().await?, 11);
//! assert_eq!(screen.recv().await?, 12);
//! assert!(matches!(screen.recv().await, Err(ReceiveError::Closed)));
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. A value goes to all subscribers of its moment or to none. A send that fails, or is dropped before
//!    the owner took its value, has reached nobody.
//! 2. A subscriber gets the values from its subscription on, in one order that is the same for all. What
//!    it misses is counted, and told in its place: what it got and what it was told of add up to what
//!    was sent.
//! 3. A buffer holds no more than its bound.
//! 4. A subscriber that was dropped holds up nobody, and what was stored for it is dropped.
//! 5. What was sent before a close is received before the close is.
//! 6. Subscribers and waiting sends outlive a restart of the owner.
//!
//! # Ordering
//! The values of one sender keep their order; between senders there is none, but all subscribers see
//! the same. A value whose send has returned is not seen by a later subscriber, unless it is
//! [replayed](BroadcastOptions::replay). A send that still waits may be.
//!
//! # Differences from Go
//! - A value goes to all or to none, also if its sender is cancelled. A Go loop over channels that is
//!   left half-way has reached some.
//! - What becomes of a slow subscriber is chosen, and never silent.
//! - A subscriber leaves by being dropped. In Go its channel must be taken from the list first, under a
//!   lock, or the sender blocks for ever.

mod actor;
mod error;
mod handle;
mod message;
mod options;
mod state;
mod subscription;

pub use error::{
    BroadcastError, PublishError, ReceiveError, SubscribeError, TryPublishError, TryReceiveError,
};
pub use handle::Broadcast;
pub use options::{BroadcastOptions, Slow, broadcast};
pub use subscription::Subscription;
