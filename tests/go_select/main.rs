//! Go's behaviours of select, beyond the rows that greenroom-core's own tests prove one by one.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod choice;
mod dynamic;
mod language;
mod loops;
mod statement;
#[path = "../support/mod.rs"]
mod support;
