//! A driver that writes down what happens, and holds what it is told to.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;

use greenroom_actor::{Runtime, Scope, SingleThread};
use greenroom_core::driver::{Alarm, Event, EventKind, TimerKey};
use greenroom_core::registry::Registry;
use greenroom_core::task::Task;
use greenroom_core::{Driver, Result};

/// Writes down what happens, and holds the events that it is told to hold.
pub(super) struct Recorder {
    hub: Arc<dyn Driver>,
    log: Arc<Log>,
}

/// What a recorder has written, which outlives it, and what it is told.
#[derive(Default)]
pub(super) struct Log {
    pub(super) state: Mutex<State>,
    // Text in the label of the messages that are held until nothing else can happen.
    pub(super) hold: &'static str,
    // The held event that goes first: the last one, instead of the first.
    pub(super) reversed: bool,
    // Nothing that is held is let go.
    pub(super) shut: AtomicBool,
    pub(super) is_seeded: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    lines: Vec<String>,
    pub(super) kinds: BTreeSet<EventKind>,
    pub(super) held: Vec<Event>,
    closed: bool,
}

impl Log {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is locked")
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.state().lines.clone()
    }

    pub(super) fn has(&self, part: &str) -> bool {
        self.state().lines.iter().any(|line| line.contains(part))
    }
}

impl Driver for Recorder {
    fn spawn(&self, task: Task) {
        let line = format!("spawn {}", task.info.id);
        self.log.state().lines.push(line);
        self.hub.spawn(task);
    }

    fn deliver(&self, event: Event) {
        let name = |id: Option<&greenroom_core::Id>| id.map_or("-".to_owned(), ToString::to_string);
        let (by, object) = (name(event.by()), name(event.object()));
        let line = format!("{:?} {by} -> {object} {}", event.kind(), event.label());
        let mut state = self.log.state();
        state.kinds.insert(event.kind());
        state.lines.push(line);
        let hold = self.log.hold;
        if !hold.is_empty() && !state.closed && !event.is_report() && event.label().contains(hold) {
            state.held.push(event);
            return;
        }
        drop(state);
        event.take_effect();
    }

    fn now(&self) -> Instant {
        self.hub.now()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        self.hub.sleep(until, alarm)
    }

    fn forget(&self, timer: TimerKey) {
        self.hub.forget(timer);
    }

    fn choose(&self, options: usize) -> usize {
        if self.log.is_seeded.load(SeqCst) {
            return self.hub.choose(options);
        }
        0
    }

    fn idle(&self) -> bool {
        if self.log.shut.load(SeqCst) {
            return false;
        }
        let event = {
            let mut state = self.log.state();
            match (state.held.len(), self.log.reversed) {
                (0, _) => None,
                (_, true) => state.held.pop(),
                (_, false) => Some(state.held.remove(0)),
            }
        };
        event.map(Event::take_effect).is_some()
    }

    fn close(&self) {
        let held = {
            let mut state = self.log.state();
            state.closed = true;
            std::mem::take(&mut state.held)
        };
        drop(held);
    }
}

pub(super) fn recorded(log: Log, seed: Option<u64>) -> (SingleThread, Arc<Log>, Weak<Recorder>) {
    std::panic::set_hook(Box::new(|_| ()));
    let log = Arc::new(log);
    log.is_seeded.store(seed.is_some(), SeqCst);
    let (give, take) = std::sync::mpsc::channel();
    let mut builder = Runtime::builder().single_thread().paused().driver({
        let log = log.clone();
        move |hub| {
            let recorder = Arc::new(Recorder { hub, log });
            give.send(Arc::downgrade(&recorder))
                .expect("it is received");
            recorder
        }
    });
    if let Some(seed) = seed {
        builder = builder.seed(seed);
    }
    let runtime = builder.build().expect("a single-threaded runtime starts");
    (runtime, log, take.recv().expect("it was made"))
}

pub(super) fn record<F, Fut>(log: Log, seed: Option<u64>, body: F) -> Arc<Log>
where
    F: FnOnce(Scope, Registry) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let (runtime, log, recorder) = recorded(log, seed);
    let registry = runtime.registry().clone();
    runtime
        .block_on(|scope| body(scope, registry))
        .unwrap_or_else(|failure| unreachable!("{failure:?}"));
    drop(runtime);
    assert!(
        recorder.upgrade().is_none(),
        "the driver outlives its runtime"
    );
    log
}
