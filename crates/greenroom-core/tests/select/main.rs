//! Select, by its public interface and without a runtime.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod choice;
mod defaults;
mod dynamic;
mod dynamic_threads;

mod ends;
mod observed;
mod signals;
mod signals_threads;
mod signals_tried;
mod syntax;
mod threads;
mod waiting;

use std::future::Future;
use std::pin::Pin;

type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn task<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Task<'a, T> {
    Box::pin(future)
}

/// What a select of a channel and a signal came to.
#[derive(Debug, PartialEq)]
enum Fired {
    Done,
    Timer,
    Value(u8),
}

/// Asserts that a count is near its expectation: six standard deviations, once in a billion wrong.
fn near(count: usize, of: usize, chance: f64) {
    let mean = of as f64 * chance;
    let most = 6.0 * (mean * (1.0 - chance)).sqrt();
    assert!((count as f64 - mean).abs() <= most, "{count} of {of}");
}
