//! A schedule that several tasks wait for: who waits, and the one alarm of the driver.
//!
//! # Invariants
//! 1. One lock guards the schedule, the waiting and the alarm. The driver is asked, and wakers are
//!    woken, outside it.
//! 2. A tick is handed to the oldest party that waits for it, under the lock, so it is in one place:
//!    the schedule, an entry, or its receiver's hands. While an open party waits none is due.
//! 3. An alarm is set while somebody waits for a tick that is to come. One that was set for nobody, or
//!    that somebody no longer waits for, fires in vain once; a ticker whose ticks nobody takes sets no
//!    other, so that it does not keep the clock running.
//! 4. A stop and a reset forget the alarm. If another thread is setting it just then, that one finds
//!    its number gone and forgets it.

use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::schedule::{Ring, Schedule};
use crate::channel::{Claim, Line, Party, Taken};
use crate::current;
use crate::driver::{self, Alarm, AlarmOrigin, Driver, EventKind, Operation, TimerKey};
use crate::id::Id;
use crate::select::Attempt;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::unwind;

pub(super) struct Bell {
    id: Option<Id>,
    origin: AlarmOrigin,
    driver: Arc<dyn Driver>,
    // Written under the lock when a tick comes to be there, read without it by a select.
    version: AtomicU64,
    state: Mutex<State>,
}

struct State {
    schedule: Schedule,
    waiting: Line<Waiter>,
    alarm: Option<Set>,
    /// How many alarms there were.
    alarms: u64,
}

struct Waiter {
    party: Party,
    rung: Option<Ring>,
}

/// An alarm; its key comes when the driver has it.
struct Set {
    number: u64,
    key: Option<TimerKey>,
}

/// What is left to be done when the lock is gone.
#[derive(Default)]
struct Step {
    woken: Vec<Waker>,
    received: usize,
    was_reset: bool,
    /// A tick may be there that was not before.
    is_news: bool,
    sets_alarm: bool,
    forget: Option<TimerKey>,
}

impl Bell {
    pub(super) fn new(
        name: &'static str,
        driver: Arc<dyn Driver>,
        schedule: Schedule,
        origin: AlarmOrigin,
    ) -> Arc<Self> {
        let bell = Arc::new(Self {
            id: current::object_id(name),
            origin,
            driver,
            version: AtomicU64::new(0),
            state: Mutex::new(State {
                schedule,
                waiting: Line::new(),
                alarm: None,
                alarms: 0,
            }),
        });
        // Now, though nobody waits yet: of two with one deadline the first to be made fires first.
        bell.step(|_, _, step| step.sets_alarm = true);
        bell
    }

    pub(super) fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn stop(self: &Arc<Self>) -> bool {
        self.step(|state, _, step| {
            state.begin_anew(step);
            state.schedule.stop()
        })
    }

    pub(super) fn reset(self: &Arc<Self>, delay: Duration) -> bool {
        self.step(|state, now, step| {
            state.begin_anew(step);
            let was_set = state.schedule.reset(now, delay);
            step.is_news = true;
            step.sets_alarm = true;
            state.hand_over(now, step);
            was_set
        })
    }

    /// Takes a tick that is there, and if `unchanged` holds at that moment.
    pub(super) fn attempt(self: &Arc<Self>, unchanged: &dyn Fn() -> bool) -> Attempt<Instant> {
        self.step(|state, now, step| {
            if !state.schedule.is_due(now) {
                return Attempt::NotReady(self.version());
            }
            if !unchanged() {
                return Attempt::Changed;
            }
            match state.take(now, step) {
                Some(ring) => Attempt::Ready(ring.at),
                None => Attempt::NotReady(self.version()),
            }
        })
    }

    /// Takes a tick that is there, or waits for one.
    pub(super) fn take_or_wait(
        self: &Arc<Self>,
        entry: &mut Option<usize>,
        waker: &Waker,
    ) -> Option<Instant> {
        self.step(|state, now, step| match state.take(now, step) {
            Some(ring) => Some(ring.at),
            None => {
                let party = Party::Plain(Some(waker.clone()));
                *entry = Some(state.waiting.push_back(Waiter { party, rung: None }));
                None
            }
        })
    }

    /// Goes on waiting, and sees to it that who polls now is woken.
    pub(super) fn look(
        self: &Arc<Self>,
        entry: &mut Option<usize>,
        waker: &Waker,
    ) -> Option<Instant> {
        let key = (*entry)?;
        // The old waker goes after the lock.
        let (has_rung, _old) = self.step(|state, _, _| {
            let waiter = state.waiting.get_mut(key);
            let old = match &mut waiter.party {
                _ if waiter.rung.is_some() => return (true, None),
                Party::Plain(Some(there)) if there.will_wake(waker) => None,
                Party::Plain(there) => there.replace(waker.clone()),
                Party::Select(..) => None,
            };
            (false, old)
        });
        if has_rung { self.leave(entry) } else { None }
    }

    /// Enters a case of a select. Returns whether a tick is there, as seen in the same step.
    pub(super) fn register(
        self: &Arc<Self>,
        entry: &mut Option<usize>,
        claim: &Arc<Claim>,
        case: usize,
    ) -> bool {
        let party = Party::Select(claim.clone(), case);
        self.step(|state, now, _| {
            *entry = Some(state.waiting.push_back(Waiter { party, rung: None }));
            state.schedule.is_due(now)
        })
    }

    pub(super) fn is_due(&self) -> bool {
        let now = self.driver.now();
        self.state.lock().schedule.is_due(now)
    }

    /// Ends a wait with the tick that was handed over.
    pub(super) fn leave(self: &Arc<Self>, entry: &mut Option<usize>) -> Option<Instant> {
        let key = entry.take()?;
        let waiter = self.step(|state, _, _| state.waiting.remove(key));
        waiter.rung.map(|ring| ring.at)
    }

    /// Ends a wait that nobody looks at any more: what was handed over goes to the next, or back.
    pub(super) fn abandon(self: &Arc<Self>, entry: &mut Option<usize>) {
        let Some(key) = entry.take() else { return };
        let _waiter = self.step(|state, now, step| {
            let waiter = state.waiting.remove(key);
            if let Some(ring) = waiter.rung
                && state.schedule.give_back(ring)
            {
                step.is_news = true;
                state.hand_over(now, step);
            }
            waiter
        });
    }

    fn step<R>(self: &Arc<Self>, f: impl FnOnce(&mut State, Instant, &mut Step) -> R) -> R {
        let now = self.driver.now();
        let mut step = Step::default();
        let (result, alarm) = {
            let mut state = self.state.lock();
            // Its time may have come without the alarm: nobody overtakes those who wait.
            state.hand_over(now, &mut step);
            let result = f(&mut state, now, &mut step);
            if step.is_news {
                // The lock makes this thread the only writer.
                let version = self.version.load(Ordering::Relaxed);
                self.version.store(version + 1, Ordering::Release);
            }
            (result, state.next_alarm(now, &step))
        };
        self.settle(step, alarm);
        result
    }

    fn settle(self: &Arc<Self>, step: Step, alarm: Option<(u64, Instant)>) {
        let tell = |operation, label| {
            driver::report(EventKind::Operation(operation), || self.id.clone(), label);
        };
        for _ in 0..step.received {
            tell(Operation::Receive, "tick");
        }
        if step.was_reset {
            tell(Operation::Reset, "timer");
        }
        if let Some(key) = step.forget {
            self.driver.forget(key);
        }
        if let Some((number, at)) = alarm {
            self.set_alarm(number, at);
        }
        unwind::wake_all(step.woken);
    }

    fn set_alarm(self: &Arc<Self>, number: u64, at: Instant) {
        let alarm = Arc::new(Hammer {
            bell: Arc::downgrade(self),
            number,
            origin: self.origin.clone(),
        });
        let key = self.driver.sleep(at, alarm);
        let gone = match &mut self.state.lock().alarm {
            Some(set) if set.number == number => {
                set.key = Some(key);
                false
            }
            _ => true,
        };
        if gone {
            // Invariant 4.
            self.driver.forget(key);
        }
    }

    fn fire(self: &Arc<Self>, number: u64) {
        self.step(|state, now, step| {
            if state.alarm.as_ref().is_some_and(|set| set.number == number) {
                state.alarm = None;
                step.is_news = true;
                state.hand_over(now, step);
            }
        });
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // Who sets an alarm holds the bell, so the key is there.
        if let Some(key) = self.state.get_mut().alarm.take().and_then(|set| set.key) {
            self.driver.forget(key);
        }
    }
}

impl State {
    fn take(&mut self, now: Instant, step: &mut Step) -> Option<Ring> {
        let ring = self.schedule.take(now)?;
        step.received += 1;
        Some(ring)
    }

    /// Hands a tick that is due to the oldest party that can be used.
    fn hand_over(&mut self, now: Instant, step: &mut Step) {
        while self.schedule.is_due(now)
            && let Some(key) = self.take_first(step)
        {
            let ring = self.take(now, step);
            self.waiting.get_mut(key).rung = ring;
        }
    }

    fn take_first(&mut self, step: &mut Step) -> Option<usize> {
        let mut at = self.waiting.first();
        while let Some(key) = at {
            at = self.waiting.next(key);
            match self.waiting.get_mut(key).party.take() {
                Taken::Yes(waker) => {
                    self.waiting.unlink(key);
                    step.woken.extend(waker);
                    return Some(key);
                }
                Taken::Dead => self.waiting.unlink(key),
                Taken::Busy => {}
            }
        }
        None
    }

    fn begin_anew(&mut self, step: &mut Step) {
        step.was_reset = true;
        step.forget = self.alarm.take().and_then(|set| set.key);
    }

    /// Says that an alarm is being set, if one is wanted. Invariant 3.
    fn next_alarm(&mut self, now: Instant, step: &Step) -> Option<(u64, Instant)> {
        let at = self.schedule.next().filter(|&at| at > now)?;
        let is_wanted = step.sets_alarm || self.waiting.first().is_some();
        if !is_wanted || self.alarm.is_some() {
            return None;
        }
        self.alarms += 1;
        let number = self.alarms;
        self.alarm = Some(Set { number, key: None });
        Some((number, at))
    }
}

/// Strikes the bell. It does not keep it: a timer that is dropped leaves nothing behind.
struct Hammer {
    bell: Weak<Bell>,
    number: u64,
    origin: AlarmOrigin,
}

impl Alarm for Hammer {
    fn fire(self: Arc<Self>) {
        if let Some(bell) = self.bell.upgrade() {
            bell.fire(self.number);
        }
    }

    fn owner(&self) -> Option<Id> {
        self.origin.task.clone()
    }

    fn origin(&self) -> Option<AlarmOrigin> {
        Some(self.origin.clone())
    }
}
