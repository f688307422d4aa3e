//! Timers and tickers, on a clock that only the test moves.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod model;
mod selects;
mod threads;
mod ticker;
mod timer;

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use greenroom_core::Driver;
use greenroom_core::current::{self, Entered, Handle};
use greenroom_core::doc_support::Manual;
use greenroom_core::time::{Tick, TickError};

/// A clock that is current, and when it began.
struct Clock {
    manual: Arc<Manual>,
    start: Instant,
    _entered: Entered,
}

impl Clock {
    fn new() -> Self {
        let manual = Manual::new();
        Self {
            start: manual.now(),
            _entered: current::enter_driver(Handle::new(manual.clone(), false)),
            manual,
        }
    }

    fn advance(&self, ms: u64) {
        self.manual.advance(Duration::from_millis(ms));
    }

    fn timers(&self) -> usize {
        self.manual.timers()
    }

    /// Polls once. Gives the tick's instant in milliseconds since the start.
    fn poll(&self, tick: &mut Tick) -> Option<u64> {
        self.read(common::poll(tick))
    }

    fn read(&self, poll: Poll<Result<Instant, TickError>>) -> Option<u64> {
        match poll {
            Poll::Ready(at) => Some(self.since(at.unwrap())),
            Poll::Pending => None,
        }
    }

    fn since(&self, at: Instant) -> u64 {
        u64::try_from((at - self.start).as_millis()).unwrap()
    }
}
