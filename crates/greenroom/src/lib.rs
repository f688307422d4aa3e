//! Go's concurrency patterns as supervised Rust actors that communicate only by messages.
//!
//! This crate re-exports the parts: the kernel ([`context`], [`channel`], [`registry`]), scopes, actors
//! and the [`Runtime`], and the [`patterns`].

pub use greenroom_actor::*;
pub use greenroom_core::{
    Context, Driver, ExitReason, Failure, Id, Name, Panic, Result, channel, context, current,
    driver, error, registry, select, task, time, watch,
};
pub use greenroom_patterns as patterns;

/// What most programs need, for `use greenroom::prelude::*`.
pub mod prelude {
    pub use greenroom_actor::{
        Actor, ActorContext, Address, AskError, Handler, HandlerLater, JoinHandle, Kept, Placement,
        Recipient, ReplyTo, Restart, Runtime, Scope, Signal, SpawnError, WithSignals, blocking,
    };
    pub use greenroom_core::time::{Durations, after, sleep};
    pub use greenroom_core::{Context, ExitReason, Failure, Result, channel, select};
    pub use greenroom_patterns::prelude::*;
}

// Runs the program in the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
