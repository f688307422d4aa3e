//! Channels, by their public interface and without a runtime.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod closing;
mod give_up;
mod operations;
mod order;
mod threads;

use greenroom_core::channel::RecvError;

fn closed<T>(result: Result<T, RecvError>) -> bool {
    matches!(result, Err(RecvError::Closed))
}
