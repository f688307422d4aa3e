//! What a driver sees of a select that a cancel wins.

use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use greenroom_core::channel;
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::Manual;
use greenroom_core::driver::{Alarm, Driver, Event, EventKind, Operation, TimerKey};
use greenroom_core::registry::Registry;
use greenroom_core::task::Task as Spawned;
use greenroom_core::{Context, Id, select};
use parking_lot::Mutex;

use crate::common::{Counter, poll, poll_with};
use crate::{Fired, task};

/// Records the events of a manual driver, and may hold back those that have an effect.
struct Log {
    clock: Arc<Manual>,
    holds: bool,
    seen: Mutex<Vec<EventKind>>,
    held: Mutex<Vec<Event>>,
}

impl Log {
    fn new(holds: bool) -> Arc<Self> {
        Arc::new(Self {
            clock: Manual::new(),
            holds,
            seen: Mutex::default(),
            held: Mutex::default(),
        })
    }
}

impl Driver for Log {
    fn spawn(&self, task: Spawned) {
        self.clock.spawn(task);
    }

    fn deliver(&self, event: Event) {
        self.seen.lock().push(event.kind());
        if self.holds && !event.is_report() {
            self.held.lock().push(event);
        } else {
            event.take_effect();
        }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        self.clock.sleep(until, alarm)
    }

    fn forget(&self, timer: TimerKey) {
        self.clock.forget(timer);
    }

    fn choose(&self, options: usize) -> usize {
        self.clock.choose(options)
    }
}

#[test]
fn an_observed_driver_sees_the_cancel_first_and_may_hold_its_wakes_only() {
    for holds in [false, true] {
        let log = Log::new(holds);
        let handle = Handle::new(log.clone(), true);
        let _entered = current::enter_driver(handle.clone());
        let (context, cancel) = Context::root(Id::root(), handle, Registry::new())
            .0
            .with_cancel();
        let (tx, rx) = channel::rendezvous();
        let counter = Counter::new();
        let mut waiting = task(async {
            select! {
                biased;
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
            }
        });
        assert!(poll_with(&mut waiting, &counter).is_pending());
        log.seen.lock().clear();
        cancel.cancel();
        assert_eq!(counter.count(), usize::from(!holds));
        assert!(tx.try_send(1).unwrap_err().is_full());
        let held = std::mem::take(&mut *log.held.lock());
        held.into_iter().for_each(Event::take_effect);
        assert_eq!(counter.count(), 1);
        assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Done));
        assert_eq!(
            *log.seen.lock(),
            [EventKind::Cancel, EventKind::Operation(Operation::Select)]
        );
    }
}
