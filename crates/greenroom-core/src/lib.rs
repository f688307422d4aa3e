//! The kernel of greenroom: what actors, scopes and patterns stand on.
//!
//! It knows no actor and no executor. A [`Driver`] schedules, delivers and keeps the time; the
//! kernel's objects ([`Context`], channels, select, watch) wait and wake through it.

pub mod blocking;
pub mod bond;
pub mod certain;
pub mod channel;
pub mod context;
pub mod current;
pub mod cycle;
pub mod driver;
pub mod error;
mod exit;
mod failure;
mod id;
#[cfg(all(test, greenroom_model))]
mod model;
pub mod registry;
pub mod select;
pub mod strays;
mod sync;
pub mod task;
pub mod time;
pub mod unwind;
pub mod wait;
pub mod watch;

#[doc(hidden)]
pub mod doc_support;

pub use context::Context;
pub use driver::Driver;
pub use exit::{ExitReason, Linked, Panic};
pub use failure::{Failure, Result};
pub use id::{Id, Name};
