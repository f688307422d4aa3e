//! Go's snippets of package `context`, as tasks and actors that live under one.
//!
//! What the package itself promises is shown in greenroom-core's `tests/go_context`.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

mod deadlines;
mod fetch;
mod loops;
mod promises;
mod signal;
#[path = "../support/mod.rs"]
mod support;
mod values;
mod workers;
