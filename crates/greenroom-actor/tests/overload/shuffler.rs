//! A driver that holds messages, replies and dead letters, and lets them go in an order of chance.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use greenroom_actor::{Runtime, SingleThread};
use greenroom_core::Driver;
use greenroom_core::driver::{Alarm, Event, EventKind, TimerKey};
use greenroom_core::task::Task;

pub(crate) struct Shuffler {
    hub: Arc<dyn Driver>,
    held: Arc<Held>,
}

#[derive(Default)]
pub(crate) struct Held(Mutex<State>);

#[derive(Default)]
struct State {
    events: Vec<Event>,
    letters: usize,
    is_closed: bool,
}

impl Held {
    /// Lets all take effect.
    pub(crate) fn flush(&self) {
        loop {
            let event = self.0.lock().expect("no panic holds it").events.pop();
            match event {
                Some(event) => event.take_effect(),
                None => return,
            }
        }
    }

    /// How many dead letters there were.
    pub(crate) fn letters(&self) -> usize {
        self.0.lock().expect("no panic holds it").letters
    }
}

impl Driver for Shuffler {
    fn spawn(&self, task: Task) {
        self.hub.spawn(task);
    }

    fn deliver(&self, event: Event) {
        let is_held = matches!(event.kind(), EventKind::Message | EventKind::Reply);
        {
            let mut state = self.held.0.lock().expect("no panic holds it");
            state.letters += usize::from(event.label() == "dead letter");
            if is_held && !event.is_report() && !state.is_closed {
                state.events.push(event);
                return;
            }
        }
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
        self.hub.choose(options)
    }

    fn idle(&self) -> bool {
        let held = self.held.0.lock().expect("no panic holds it").events.len();
        if held == 0 {
            return false;
        }
        let at = self.hub.choose(held);
        let event = {
            let mut state = self.held.0.lock().expect("no panic holds it");
            (at < state.events.len()).then(|| state.events.remove(at))
        };
        event.map(Event::take_effect).is_some()
    }

    fn close(&self) {
        let events = {
            let mut state = self.held.0.lock().expect("no panic holds it");
            state.is_closed = true;
            std::mem::take(&mut state.events)
        };
        drop(events);
    }
}

pub(crate) fn shuffled(seed: u64) -> (SingleThread, Arc<Held>) {
    std::panic::set_hook(Box::new(|_| ()));
    let held = Arc::new(Held::default());
    let theirs = held.clone();
    let runtime = Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .driver(move |hub| Arc::new(Shuffler { hub, held: theirs }))
        .build()
        .expect("a single-threaded runtime starts");
    (runtime, held)
}
