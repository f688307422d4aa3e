//! Looks from outside whether a round still moves.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use greenroom::Runtime;
use greenroom::prelude::*;

use crate::account::lock;
use crate::frame::{PATIENCE, told};
use crate::report;

/// Ends the process if what it watches does not move any more. One that was not started sees nothing.
#[derive(Clone, Default)]
pub(crate) struct Watchdog(Arc<Shared>);

#[derive(Default)]
struct Shared {
    beats: AtomicU64,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    is_on: bool,
    seed: u64,
    threads: bool,
    pattern: &'static str,
    round: u64,
    runtime: Option<Runtime>,
}

impl Watchdog {
    /// Starts to watch, on a thread of its own.
    pub(crate) fn start(seed: u64, threads: bool) -> Self {
        let watchdog = Self::default();
        {
            let mut watched = lock(&watchdog.0.watched);
            watched.is_on = true;
            (watched.seed, watched.threads) = (seed, threads);
        }
        let shared = watchdog.0.clone();
        thread::spawn(move || shared.look());
        watchdog
    }

    /// Watches a round from now on, and those that follow it in its runtime.
    pub(crate) fn watch(&self, pattern: &'static str, round: u64, runtime: Option<Runtime>) {
        let before = {
            let mut watched = lock(&self.0.watched);
            (watched.pattern, watched.round) = (pattern, round);
            std::mem::replace(&mut watched.runtime, runtime)
        };
        drop(before);
        self.0.beats.fetch_add(1, SeqCst);
    }

    /// Something has moved.
    pub(crate) fn beat(&self, round: u64) {
        lock(&self.0.watched).round = round;
        self.0.beats.fetch_add(1, SeqCst);
    }

    /// Watches nothing for now.
    pub(crate) fn rest(&self) {
        self.watch("", 0, None);
    }

    /// Tells of a round that hangs, and ends the process, since it may not let go of it.
    pub(crate) fn bark(&self, pattern: &str, round: u64, what: &str) {
        let (is_on, seed, threads) = {
            let watched = lock(&self.0.watched);
            (watched.is_on, watched.seed, watched.threads)
        };
        if is_on {
            report::failed(pattern, seed, round, threads, what);
            std::process::exit(1);
        }
    }
}

impl Shared {
    fn look(&self) {
        let (mut beats, mut since) = (0, Instant::now());
        loop {
            thread::park_timeout(Duration::from_millis(500));
            let now = self.beats.load(SeqCst);
            let pattern = lock(&self.watched).pattern;
            if now != beats || pattern.is_empty() {
                (beats, since) = (now, Instant::now());
            }
            // The frame looks as well, and sees more: it goes first.
            if since.elapsed() > PATIENCE + Duration::from_secs(5) {
                self.hung();
            }
        }
    }

    fn hung(&self) -> ! {
        let (pattern, seed, round, threads, runtime) = {
            let watched = lock(&self.watched);
            (
                watched.pattern,
                watched.seed,
                watched.round,
                watched.threads,
                watched.runtime.clone(),
            )
        };
        let seen = runtime.and_then(|runtime| {
            let snapshot = wait_on_thread(runtime.snapshot(1.secs()), Duration::from_secs(2));
            snapshot.map(|snapshot| told(&snapshot))
        });
        let seen = seen.unwrap_or_else(|| "  its runtime does not answer".to_owned());
        report::failed(pattern, seed, round, threads, &format!("it hangs\n{seen}"));
        std::process::exit(1);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on a plain thread, for so long at most.
pub(crate) fn wait_on_thread<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = TaskContext::from_waker(&waker);
    let until = Instant::now() + patience;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}
