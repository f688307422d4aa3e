//! The end of a context and a timer as cases: at their moment they win a waiting select.

use std::future::{Future, pending};
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use greenroom_core::channel::{self, TryRecvError};
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::{Manual, block_on, root};
use greenroom_core::driver::{Alarm, Driver, Event, EventKind, Operation, TimerKey};
use greenroom_core::registry::Registry;
use greenroom_core::task::Task as Spawned;
use greenroom_core::time::{Durations, after};
use greenroom_core::{Context, Id, select};
use parking_lot::Mutex;

use crate::common::{Counter, now, poll, poll_with};
use crate::task;

#[derive(Debug, PartialEq)]
enum Fired {
    Done,
    Timer,
    Value(u8),
}

#[test]
fn a_cancel_wins_a_waiting_select_before_a_later_send() {
    for _ in 0..64 {
        let (tx, rx) = channel::rendezvous();
        let (context, cancel) = root().with_cancel();
        let counter = Counter::new();
        let mut biased = task(async {
            select! {
                biased;
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
            }
        });
        let mut fair = task(async {
            select! {
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
                _ = pending::<()>() => unreachable!(),
            }
        });
        assert!(poll_with(&mut biased, &counter).is_pending());
        assert!(poll_with(&mut fair, &counter).is_pending());
        assert!(poll_with(&mut fair, &counter).is_pending());
        cancel.cancel();
        assert_eq!(counter.count(), 2);
        assert!(tx.try_send(1).unwrap_err().is_full());
        let mut send = tx.send(2);
        assert!(poll(&mut send).is_pending());
        assert_eq!(poll(&mut biased), Poll::Ready(Fired::Done));
        assert_eq!(poll(&mut fair), Poll::Ready(Fired::Done));
        assert!(poll(&mut send).is_pending());
        assert_eq!(rx.try_recv(), Ok(2));
    }
}

#[test]
fn a_send_wins_a_waiting_select_before_a_later_cancel() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let mut waiting = task(async {
        select! {
            biased;
            _ = context.done() => Fired::Done,
            v = rx.recv() => Fired::Value(v.unwrap()),
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    cancel.cancel();
    assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Value(1)));
}

#[test]
fn a_cancel_keeps_the_value_of_a_waiting_send_case() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let mut slot = Some(1);
    let mut waiting = task(async {
        select! {
            tx.send_from(&mut slot) => false,
            context.done() => true,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    cancel.cancel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll(&mut waiting), Poll::Ready(true));
    drop(waiting);
    assert_eq!(slot, Some(1));
}

#[test]
fn the_end_of_a_parent_and_a_deadline_win_as_a_cancel_does() {
    let clock = Manual::new();
    let (parent, cancel) = clock.root().with_cancel();
    let child = parent.with_value(1_u8).with_cancel().0;
    let timed = clock.root().with_timeout(5.secs());
    let (tx, rx) = channel::rendezvous();
    let watch = |context: Context| {
        task(async {
            let context = context;
            select! {
                biased;
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
            }
        })
    };
    let (mut first, mut second) = (watch(child), watch(timed));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    cancel.cancel();
    clock.advance(Duration::from_secs(5));
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(poll(&mut first), Poll::Ready(Fired::Done));
    assert_eq!(poll(&mut second), Poll::Ready(Fired::Done));
}

#[test]
fn a_timer_wins_a_waiting_select_before_a_later_send() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous();
    let mut kept = after(5.secs());
    let mut by_reference = task(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            _ = &mut kept => Fired::Timer,
        }
    });
    let mut by_value = task(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            after(5.secs()) => Fired::Timer,
        }
    });
    assert!(poll(&mut by_reference).is_pending());
    assert!(poll(&mut by_value).is_pending());
    clock.advance(Duration::from_secs(5));
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(poll(&mut by_reference), Poll::Ready(Fired::Timer));
    assert_eq!(poll(&mut by_value), Poll::Ready(Fired::Timer));
}

#[test]
fn a_timer_by_reference_goes_on_over_several_selects() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous();
    let mut timer = after(5.secs());
    for n in 0..4 {
        let mut waiting = task(async {
            select! {
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = &mut timer => Fired::Timer,
            }
        });
        assert!(poll(&mut waiting).is_pending());
        assert_eq!(tx.try_send(n), Ok(()));
        clock.advance(Duration::from_secs(1));
        assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Value(n)));
    }
    assert!(poll(&mut timer).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(poll(&mut timer).is_ready());
}

#[test]
fn a_done_by_reference_is_a_case_of_its_context_too() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let _entered = current::enter_context(context.clone());
    let mut done = context.done();
    assert!(poll(&mut done).is_pending());
    let mut waiting = task(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            _ = &mut done => Fired::Done,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    cancel.cancel();
    assert!(tx.try_send(1).unwrap_err().is_full());
    assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Done));
}

#[test]
fn a_cancelled_select_leaves_the_value_to_the_next() {
    let (tx, rx) = channel::rendezvous();
    let root = root();
    let ((first, cancel), (second, _keep)) = (root.with_cancel(), root.with_cancel());
    let watch = |context: Context| {
        task(async {
            let context = context;
            select! {
                v = rx.recv() => Fired::Value(v.unwrap()),
                _ = context.done() => Fired::Done,
            }
        })
    };
    let (mut first, mut second) = (watch(first), watch(second));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    cancel.cancel();
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(poll(&mut first), Poll::Ready(Fired::Done));
    assert_eq!(poll(&mut second), Poll::Ready(Fired::Value(1)));
}

#[test]
fn a_select_goes_past_one_that_was_cancelled() {
    let (tx, rx) = channel::rendezvous();
    let (context, cancel) = root().with_cancel();
    let mut slot = Some(1);
    let mut sender = task(async {
        select! {
            tx.send_from(&mut slot) => false,
            context.done() => true,
        }
    });
    let mut receiver = task(async {
        select! {
            v = rx.recv() => v.ok(),
            _ = root().done() => None,
        }
    });
    assert!(poll(&mut sender).is_pending());
    cancel.cancel();
    assert!(poll(&mut receiver).is_pending());
    assert_eq!(poll(&mut sender), Poll::Ready(true));
    assert!(poll(&mut receiver).is_pending());
    drop(sender);
    assert_eq!(slot, Some(1));
}

#[test]
fn a_select_of_signals_only_waits_for_them() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (ended, end) = clock.root().with_cancel();
    let (context, _cancel) = clock.root().with_cancel();
    let _ambient = current::enter_context(ended);
    // The end of another context concerns no case here.
    end.cancel();
    let mut waiting = task(async {
        select! {
            _ = context.done() => Fired::Done,
            after(5.secs()) => Fired::Timer,
        }
    });
    assert!(poll(&mut waiting).is_pending());
    assert!(poll(&mut waiting).is_pending());
    clock.advance(Duration::from_secs(5));
    assert_eq!(poll(&mut waiting), Poll::Ready(Fired::Timer));
}

/// A case that is never ready, and acts once between the tries of the cases around it.
fn between(act: impl FnOnce() + Send) -> impl Future<Output = ()> {
    let mut act = Some(act);
    std::future::poll_fn(move |_| {
        if let Some(act) = act.take() {
            act();
        }
        Poll::Pending
    })
}

#[test]
fn a_pass_does_not_go_past_a_context_that_ended_first() {
    let (tx, rx) = channel::bounded(1);
    let (context, cancel) = root().with_cancel();
    let fired = now(async {
        select! {
            biased;
            _ = context.done() => Fired::Done,
            between(|| { cancel.cancel(); let _ = tx.try_send(1); }) => unreachable!(),
            v = rx.recv() => Fired::Value(v.unwrap()),
        }
    });
    assert_eq!((fired, rx.len()), (Fired::Done, 1));
}

#[test]
fn a_pass_does_not_go_past_a_value_that_came_before_the_end() {
    let (tx, rx) = channel::bounded(1);
    let (context, cancel) = root().with_cancel();
    let fired = now(async {
        select! {
            biased;
            v = rx.recv() => Fired::Value(v.unwrap()),
            between(|| { let _ = tx.try_send(1); cancel.cancel(); }) => unreachable!(),
            _ = context.done() => Fired::Done,
        }
    });
    assert_eq!(fired, Fired::Value(1));
}

#[test]
fn a_pass_does_not_go_past_a_timer_that_fired_first() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::bounded(1);
    let mut timer = after(5.secs());
    assert!(poll(&mut timer).is_pending());
    let fired = now(async {
        select! {
            biased;
            _ = &mut timer => Fired::Timer,
            between(|| { clock.advance(Duration::from_secs(5)); let _ = tx.try_send(1); }) => unreachable!(),
            v = rx.recv() => Fired::Value(v.unwrap()),
        }
    });
    assert_eq!((fired, rx.len()), (Fired::Timer, 1));
}

#[test]
fn no_default_with_an_ended_context() {
    let rx = channel::never::<u8>();
    for early in [true, false] {
        let (context, cancel) = root().with_cancel();
        if early {
            cancel.cancel();
        }
        let fired = now(async {
            select! {
                biased;
                _ = context.done() => true,
                _ = rx.recv() => false,
                between(|| cancel.cancel()) => false,
                default => false,
            }
        });
        assert!(fired, "{early}");
    }
}

#[test]
fn no_default_and_no_timer_with_one_that_is_due() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    for due in [true, false] {
        let fired = now(async {
            select! {
                after(if due { 0.secs() } else { 1.secs() }) => true,
                default => false,
            }
        });
        assert_eq!((fired, clock.timers()), (due, 0));
    }
}

#[test]
fn a_select_that_ends_or_is_dropped_leaves_nothing_behind() {
    let clock = Manual::new();
    let _entered = current::enter_driver(Handle::new(clock.clone(), false));
    let (tx, rx) = channel::rendezvous::<u8>();
    let (context, cancel) = clock.root().with_cancel();
    let mut kept = after(9.secs());
    let counter = Counter::new();
    for fires in [true, false] {
        let mut waiting = task(async {
            select! {
                _ = rx.recv() => (),
                context.done() => (),
                after(5.secs()) => (),
                _ = &mut kept => (),
            }
        });
        assert!(poll_with(&mut waiting, &counter).is_pending());
        assert_eq!(clock.timers(), 2);
        assert!(Arc::strong_count(&counter) > 1);
        if fires {
            assert_eq!(tx.try_send(1), Ok(()));
            assert_eq!(poll_with(&mut waiting, &counter), Poll::Ready(()));
        }
        drop(waiting);
        // Whatever still knew the select would hold its waker.
        assert_eq!((Arc::strong_count(&counter), clock.timers()), (1, 1));
    }
    let woken = counter.count();
    drop(kept);
    assert_eq!(clock.timers(), 0);
    cancel.cancel();
    clock.advance(Duration::from_secs(9));
    assert_eq!(counter.count(), woken);
}

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

const ROUNDS: usize = 10_000;

#[test]
fn a_cancel_and_a_send_from_two_threads_fire_exactly_one_case() {
    let mut fired = [0; 2];
    for n in 0..ROUNDS {
        let (tx, rx) = channel::rendezvous();
        let (context, cancel) = root().with_cancel();
        let (done, sent) = thread::scope(|threads| {
            threads.spawn(|| cancel.cancel());
            let sender = threads.spawn(|| tx.try_send(n).is_ok());
            let got = block_on(async {
                select! {
                    v = rx.recv() => v.ok(),
                    _ = context.done() => None,
                }
            });
            (got.is_none(), sender.join().unwrap())
        });
        assert_eq!(done, !sent);
        assert!(rx.try_recv().is_err());
        fired[usize::from(done)] += 1;
    }
    assert!(fired[1] > 0, "{fired:?}");
}

#[test]
fn a_value_that_is_sent_after_a_cancel_is_never_received_by_a_select_on_it() {
    for n in 0..ROUNDS {
        let (tx, rx) = channel::rendezvous();
        let (context, cancel) = root().with_cancel();
        thread::scope(|threads| {
            let sender = threads.spawn(|| {
                cancel.cancel();
                tx.try_send(n)
            });
            let seer = threads.spawn(|| {
                while !context.is_done() {
                    thread::yield_now();
                }
                tx.try_send(n)
            });
            let mut polls = 0;
            let done = block_on(async {
                select! {
                    biased;
                    _ = rx.recv() => false,
                    // It keeps the select at work much of the time.
                    _ = std::future::poll_fn(|cx| {
                        polls += 1;
                        if polls < 50 && n % 2 == 0 {
                            cx.waker().wake_by_ref();
                        }
                        Poll::<()>::Pending
                    }), if n % 4 < 3 => false,
                    _ = context.done() => true,
                }
            });
            assert!(done);
            assert!(sender.join().unwrap().unwrap_err().is_full());
            assert!(seer.join().unwrap().unwrap_err().is_full());
        });
    }
}

#[test]
fn a_timer_and_a_send_from_two_threads_fire_exactly_one_case() {
    let clock = Manual::new();
    for n in 0..ROUNDS {
        let (tx, rx) = channel::rendezvous();
        let mut timer = {
            let _entered = current::enter_driver(Handle::new(clock.clone(), false));
            after(1.millis())
        };
        // It is set: this clock fires no timer that comes late.
        assert!(poll(&mut timer).is_pending());
        thread::scope(|threads| {
            let sender = threads.spawn(|| {
                if n % 2 == 0 {
                    clock.advance(Duration::from_millis(1));
                }
                tx.try_send(n).is_ok()
            });
            if n % 2 == 1 {
                threads.spawn(|| clock.advance(Duration::from_millis(1)));
            }
            let got = block_on(async {
                select! {
                    biased;
                    v = rx.recv() => v.ok(),
                    _ = &mut timer => None,
                }
            });
            let sent = sender.join().unwrap();
            assert_eq!(got.is_some(), sent);
            assert!(n % 2 == 1 || !sent);
        });
    }
}
