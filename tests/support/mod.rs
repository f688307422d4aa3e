//! What the tests of Go's behaviours share.
#![allow(
    dead_code,
    reason = "each test uses a part of it, and the lint looks at each test by itself"
)]

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::Poll;

use greenroom::SingleThread;
use greenroom::prelude::*;

/// The schedules under which a behaviour is looked at.
pub(crate) const SEEDS: Range<u64> = 0..8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boom(pub(crate) &'static str);

impl std::fmt::Display for Boom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Boom {}

/// A runtime on a paused clock: it moves only when nothing can run.
pub(crate) fn paused(seed: u64) -> SingleThread {
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

/// Runs a body under every seed. It must succeed.
pub(crate) fn check<F, Fut>(body: F)
where
    F: Fn(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    for seed in SEEDS {
        if let Err(failure) = paused(seed).block_on(body.clone()) {
            panic!("seed {seed}: {failure:?}");
        }
    }
}

/// Waits until nothing can run any more: only then does the paused clock move.
pub(crate) async fn idle() -> Result<()> {
    Ok(sleep(1.millis()).await?)
}

/// Panics are a subject of the test: their messages on stderr are noise.
pub(crate) fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// Polls a future once, without a wait. `None` if it is not ready: Go's "blocks".
pub(crate) async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    polls(1, future).await
}

/// Polls a future so many times at most, and drops it then.
pub(crate) async fn polls<F: Future>(limit: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|cx| {
        if polled == limit {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == limit => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
