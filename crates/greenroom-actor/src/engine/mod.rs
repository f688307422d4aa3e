//! The adapter on actix, and the only place beside `interop` that names it.
//!
//! actix gives arbiters (a thread with a tokio runtime each), and actor contexts. Its traps stay behind
//! this door: see ARCHITECTURE.md, "What actix gives and what it does not".

pub(crate) mod arbiter;
mod shell;
pub(crate) mod signals;

pub(crate) use shell::{HostedAddress, host};
pub use shell::{Shell, Stop};
