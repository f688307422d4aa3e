//! Supervised actors, scopes and the runtime of greenroom, on actix.

mod blocking;
mod engine;
mod hub;
mod latch;
mod runtime;
mod scope;

pub use blocking::blocking;
pub use runtime::{
    Builder, Placement, Runtime, RuntimeError, ShutdownReport, SingleThread, SingleThreadBuilder,
};
pub use scope::{CollectedErrors, JoinError, JoinHandle, OnError, Scope, ScopeError};
