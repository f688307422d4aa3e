//! The driver of the checks, and what their threads share.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::{Duration, Instant};

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::JoinHandle;

use crate::current::{self, Handle};
use crate::driver::{Alarm, Driver, Event, TimerKey};
use crate::registry::Registry;
use crate::sync::Mutex;
use crate::task::Task;
use crate::{Context, Id};

/// Events take effect at once, time passes by `advance`, choices are the checker's.
pub(super) struct Table {
    start: Instant,
    state: Mutex<State>,
    tasks: Mutex<Vec<Task>>,
}

#[derive(Default)]
struct State {
    passed: Duration,
    next: u64,
    timers: BTreeMap<TimerKey, Arc<dyn Alarm>>,
}

impl Table {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            state: Mutex::default(),
            tasks: Mutex::default(),
        })
    }

    pub(super) fn handle(self: &Arc<Self>) -> Handle {
        Handle::new(self.clone(), false).off_arbiter()
    }

    pub(super) fn root(self: &Arc<Self>) -> Context {
        Context::root(Id::root(), self.handle(), Registry::new()).0
    }

    /// Starts a thread on which this driver is current.
    pub(super) fn spawn<R: Send + 'static>(
        self: &Arc<Self>,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        let handle = self.handle();
        shuttle::thread::spawn(move || {
            let _entered = current::enter_driver(handle);
            f()
        })
    }

    pub(super) fn advance(&self, by: Duration) {
        self.state.lock().passed += by;
        self.fire();
    }

    pub(super) fn timers(&self) -> usize {
        self.state.lock().timers.len()
    }

    /// Runs the tasks that were spawned, and returns how many there were.
    pub(super) fn run_spawned(&self) -> usize {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        let count = tasks.len();
        for task in tasks {
            let _entered = current::enter_task(task.info, task.context);
            block_on((task.make)());
        }
        count
    }

    fn fire(&self) {
        loop {
            let due = {
                let mut state = self.state.lock();
                let now = self.start + state.passed;
                match state.timers.first_key_value() {
                    Some((key, _)) if key.at <= now => state.timers.pop_first(),
                    _ => return,
                }
            };
            if let Some((_, alarm)) = due {
                alarm.fire();
            }
        }
    }
}

impl Driver for Table {
    fn spawn(&self, task: Task) {
        self.tasks.lock().push(task);
    }

    fn deliver(&self, event: Event) {
        event.take_effect();
    }

    fn now(&self) -> Instant {
        self.start + self.state.lock().passed
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        let key = {
            let mut state = self.state.lock();
            state.next += 1;
            let key = TimerKey {
                at: until,
                sequence: state.next,
            };
            state.timers.insert(key, alarm);
            key
        };
        // The time may have come meanwhile, and nobody moves it on again.
        self.fire();
        key
    }

    fn forget(&self, timer: TimerKey) {
        let gone = self.state.lock().timers.remove(&timer);
        drop(gone);
    }

    fn choose(&self, options: usize) -> usize {
        thread_rng().gen_range(0..options)
    }
}

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    shuttle::future::block_on(future)
}

pub(super) fn spawn<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    shuttle::thread::spawn(f)
}

/// Waits for a thread. One that panics ends the execution, so there is always a result.
pub(super) fn join<R>(thread: JoinHandle<R>) -> R {
    match thread.join() {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// Polls a future once; it may be dropped then, or waited for.
pub(super) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    block_on(Once(future))
}

struct Once<'a, F>(&'a mut F);

impl<F: Future + Unpin> Future for Once<'_, F> {
    type Output = Poll<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        Poll::Ready(Pin::new(&mut *self.0).poll(cx))
    }
}
