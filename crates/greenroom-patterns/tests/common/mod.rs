//! What the tests of the patterns share.
#![allow(
    dead_code,
    reason = "each test uses a part of it, and the lint looks at each test by itself"
)]

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use greenroom_actor::{Runtime, Scope, SingleThread};
use greenroom_core::channel::Receiver;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Result};
use greenroom_patterns::prelude::Pipeline;
use greenroom_patterns::worker_pool::{WorkerPool, pool};
use proptest::prelude::*;

pub(crate) const SEEDS: std::ops::Range<u64> = 0..8;

#[derive(Debug, thiserror::Error)]
#[error("boom")]
pub(crate) struct Boom;

pub(crate) fn boom<T>() -> Result<T> {
    Err(Boom.into())
}

pub(crate) fn paused(seed: u64) -> SingleThread {
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

pub(crate) fn arbiters(count: usize) -> Runtime {
    Runtime::builder()
        .arbiters(count)
        .build()
        .expect("the threads start")
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

/// Runs a body under every seed. The scope must fail; its failures are looked at.
pub(crate) fn check_err<T, F, Fut>(body: F, look: impl Fn(Failure))
where
    T: Send + std::fmt::Debug + 'static,
    F: Fn(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<T>> + 'static,
{
    for seed in SEEDS {
        let panics = Panics::default();
        let ran = paused(seed).block_on(panics.watch(body.clone()));
        panics.check();
        match ran {
            Ok(value) => panic!("seed {seed}: succeeded with {value:?}"),
            Err(failure) => look(failure),
        }
    }
}

/// Keeps the panic of a body in a scope that fails anyway, and would report its first error only.
#[derive(Clone, Default)]
pub(crate) struct Panics(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl Panics {
    pub(crate) fn watch<T, F, Fut>(
        &self,
        body: F,
    ) -> impl FnOnce(Scope) -> LocalBoxFuture<'static, Result<T>> + Send + 'static + use<T, F, Fut>
    where
        T: 'static,
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        let kept = self.0.clone();
        move |scope| {
            let body = AssertUnwindSafe(body(scope)).catch_unwind();
            let watched = async move {
                body.await.unwrap_or_else(|payload| {
                    *kept.lock().expect("nobody panics here") = Some(payload);
                    Err(Failure::message("the body panicked"))
                })
            };
            watched.boxed_local()
        }
    }

    pub(crate) fn check(&self) {
        if let Some(payload) = self.0.lock().expect("nobody panics here").take() {
            std::panic::resume_unwind(payload);
        }
    }
}

/// Waits until nothing can run any more: only then does the paused clock move.
pub(crate) async fn idle() -> Result<()> {
    Ok(sleep(1.millis()).await?)
}

/// Counts the tokens that live, and the most that did at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    made: AtomicUsize,
    live: AtomicUsize,
    peak: AtomicUsize,
}

/// A value that is accounted for.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) number: usize,
    ledger: Ledger,
}

impl Ledger {
    pub(crate) fn token(&self, number: usize) -> Token {
        self.0.made.fetch_add(1, SeqCst);
        let live = self.0.live.fetch_add(1, SeqCst) + 1;
        self.0.peak.fetch_max(live, SeqCst);
        Token {
            number,
            ledger: self.clone(),
        }
    }

    pub(crate) fn made(&self) -> usize {
        self.0.made.load(SeqCst)
    }

    pub(crate) fn live(&self) -> usize {
        self.0.live.load(SeqCst)
    }

    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(SeqCst)
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        self.ledger.token(self.number)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.ledger.0.live.fetch_sub(1, SeqCst);
    }
}

/// How the consumer of a stream ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// It takes all there is.
    Drain,
    /// It drops its receiver after so many values.
    Leave(usize),
    /// It cancels the scope after so many values, and goes on receiving.
    Cancel(usize),
}

pub(crate) fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        2 => Just(End::Drain),
        1 => (0..12_usize).prop_map(End::Leave),
        1 => (0..12_usize).prop_map(End::Cancel),
    ]
}

/// What a consumer saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) numbers: Vec<usize>,
    pub(crate) is_complete: bool,
    pub(crate) tasks_left: usize,
}

/// Consumes a stream to its end of the test, and calls `step` after each value.
pub(crate) async fn see(
    scope: &Scope,
    stream: Receiver<Token>,
    end: End,
    mut step: impl AsyncFnMut(&Seen) -> Result<()>,
) -> Result<Seen> {
    let mut seen = Seen::default();
    let limit = match end {
        End::Drain => usize::MAX,
        End::Leave(count) | End::Cancel(count) => count,
    };
    while seen.numbers.len() < limit {
        match stream.recv().await {
            Ok(token) => seen.numbers.push(token.number),
            Err(_) => break,
        }
        step(&seen).await?;
    }
    if matches!(end, End::Cancel(_)) {
        scope.cancel("enough");
        seen.is_complete = stream.collect().await.is_ok();
        return Ok(seen);
    }
    drop(stream);
    idle().await?;
    seen.tasks_left = scope.len();
    Ok(seen)
}

/// Does something when so many milliseconds have passed, if a plan says when.
pub(crate) fn later(scope: &Scope, millis: Option<u64>, act: impl FnOnce() + Send + 'static) {
    let Some(millis) = millis else { return };
    scope
        .go(async move {
            sleep(millis.millis()).await?;
            act();
            Ok(())
        })
        .detach();
}

/// A pool whose jobs sleep for so many milliseconds, and give the number back.
pub(crate) async fn sleepers(
    scope: &Scope,
    workers: usize,
    queue: usize,
) -> Result<WorkerPool<u64, u64>> {
    let options = pool("sleep").workers(workers).queue(queue);
    let spawned = WorkerPool::spawn(scope, options, |millis: u64| async move {
        sleep(millis.millis()).await?;
        Ok(millis)
    });
    Ok(spawned.await?)
}

/// Panics are a subject of the test: their messages on stderr are noise.
pub(crate) fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// Polls a future so many times at most, and drops it then.
pub(crate) async fn polls<F: Future>(limit: Option<usize>, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|cx| {
        if limit.is_some_and(|limit| polled >= limit) {
            return std::task::Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending if limit == Some(polled) => std::task::Poll::Ready(None),
            std::task::Poll::Pending => std::task::Poll::Pending,
        }
    })
    .await
}
