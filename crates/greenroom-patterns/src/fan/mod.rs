//! Spreads one stream over workers, and joins many streams into one.
//!
//! Go counterpart: a function that starts several workers on one channel (`fanOut`), and one that
//! copies several channels into one (`fanIn`). Use a
//! [pipeline](crate::pipeline) stage for work whose results stay in order, or whose errors are not to
//! end the scope.
//!
//! # Invariants
//! 1. Each value of the input goes to one worker.
//! 2. An output closes once, after the last value of whoever writes to it.
//! 3. A worker ends when its input closes, when the consumer of its output drops the receiver, or with
//!    the context of the scope. Only the values that are in its hands then are dropped. When the last
//!    worker has ended, so does whoever feeds them.
//! 4. An error or a panic of a worker is one of the scope, and its output closes after the scope knows
//!    of it. One of an [isolated] worker is the outcome of its value, and ends nothing.
//!
//! # Ordering
//! A merged output keeps the order of each input; between inputs there is none. The workers of
//! [`fan_out`] race, and only each worker's own values are in order. [`fan_out_by_key`] keeps the
//! order of the values of one key.
//!
//! # Differences from Go
//! - Zero workers are an error. In Go the results close at once, and the values are never read.
//! - A nil channel among Go's inputs blocks its goroutine for ever;
//!   [`never`](greenroom_core::channel::never) keeps the output open, until the scope's context ends or
//!   the consumer leaves.
//! - Go's workers stay blocked when the consumer leaves; dropping the receivers ends these.
//!
//! # Work that blocks
//! A worker runs on an arbiter, and delays what else runs there. Wrap what blocks in
//! [`blocking`](greenroom_actor::blocking).

mod branches;
mod error;
mod merge;
mod out;

pub use branches::{Branches, Isolated, isolated};
pub use error::FanError;
pub use merge::merge;
pub use out::{fan_out, fan_out_by_key, fan_out_fan_in};
