//! Go's behaviours of channels, beyond the rows that greenroom-core's own tests prove one by one.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod language;
mod memory;
mod programs;
mod queue;
#[path = "../support/mod.rs"]
mod support;
mod threads;
