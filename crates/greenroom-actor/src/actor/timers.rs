//! The timers of one actor.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use greenroom_core::driver::{Alarm, AlarmKind, AlarmOrigin, Driver, TimerKey};
use greenroom_core::{Context, Id, unwind};

use super::context::own_message;
use super::{Actor, HandlerLater};
use crate::mailbox::{BoxedEnvelope, Control, Signal};

/// Why a timer was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimerError {
    /// A period of zero would fire for ever.
    #[error("the period of a timer must not be zero")]
    ZeroPeriod,
}

/// Names a timer of one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

pub(crate) struct Timers<A: Actor> {
    owner: Id,
    driver: Arc<dyn Driver>,
    control: Arc<Control>,
    // Goes on over restarts, so that a signal of an earlier timer names none of the later ones.
    next: u64,
    set: BTreeMap<u64, Timer<A>>,
}

struct Timer<A: Actor> {
    key: TimerKey,
    at: Instant,
    kind: Kind<A>,
    origin: AlarmOrigin,
}

enum Kind<A: Actor> {
    Once(BoxedEnvelope<A>),
    Every(Duration, Box<dyn FnMut() -> BoxedEnvelope<A>>),
}

impl<A: Actor> Timers<A> {
    pub(crate) fn new(
        owner: Id,
        driver: Arc<dyn Driver>,
        control: Arc<Control>,
        next: u64,
    ) -> Self {
        Self {
            owner,
            driver,
            control,
            next,
            set: BTreeMap::new(),
        }
    }

    /// Returns the number from which a rebuilt actor's timers go on.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    #[track_caller]
    pub(super) fn once<M>(&mut self, delay: Duration, message: M, context: Context) -> TimerId
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        let origin = self.origin(AlarmKind::Message);
        let at = later(origin.since, delay);
        self.enter(at, Kind::Once(own_message(message, context)), origin)
    }

    #[track_caller]
    pub(super) fn every<M>(
        &mut self,
        period: Duration,
        mut make: impl FnMut() -> M + 'static,
        context: Context,
    ) -> Result<TimerId, TimerError>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        if period.is_zero() {
            return Err(TimerError::ZeroPeriod);
        }
        let origin = self.origin(AlarmKind::Interval);
        let at = later(origin.since, period);
        let make = Box::new(move || own_message(make(), context.clone()));
        Ok(self.enter(at, Kind::Every(period, make), origin))
    }

    pub(super) fn cancel(&mut self, timer: TimerId) -> bool {
        let removed = self.set.remove(&timer.0);
        if let Some(timer) = &removed {
            self.driver.forget(timer.key);
        }
        removed.is_some()
    }

    /// Takes the message of a timer that has fired, and sets a repeating one again.
    pub(crate) fn fired(&mut self, number: u64) -> Option<BoxedEnvelope<A>> {
        let timer = self.set.get_mut(&number)?;
        let Kind::Every(period, make) = &mut timer.kind else {
            return match self.set.remove(&number)?.kind {
                Kind::Once(envelope) => Some(envelope),
                Kind::Every(..) => unreachable!("it was seen to be no repeating one"),
            };
        };
        // In its place: a panic of it must not drop it, which is user code in an unwinding.
        let envelope = make();
        let period = *period;
        let at = next_beat(timer.at, period, self.driver.now());
        let timer = self.set.remove(&number)?;
        self.set_at(number, at, timer.kind, timer.origin);
        Some(envelope)
    }

    #[track_caller]
    fn origin(&self, kind: AlarmKind) -> AlarmOrigin {
        AlarmOrigin {
            kind,
            task: Some(self.owner.clone()),
            place: Location::caller(),
            since: self.driver.now(),
        }
    }

    fn enter(&mut self, at: Instant, kind: Kind<A>, origin: AlarmOrigin) -> TimerId {
        let number = self.next;
        self.next += 1;
        self.set_at(number, at, kind, origin);
        TimerId(number)
    }

    fn set_at(&mut self, number: u64, at: Instant, kind: Kind<A>, origin: AlarmOrigin) {
        let alarm = Arc::new(Ring {
            origin: origin.clone(),
            control: Arc::downgrade(&self.control),
            number,
        });
        let key = self.driver.sleep(at, alarm);
        let timer = Timer {
            key,
            at,
            kind,
            origin,
        };
        self.set.insert(number, timer);
    }
}

impl<A: Actor> Timers<A> {
    /// Forgets a timer and drops its message in a catch; `None` when none is left.
    pub(super) fn drop_one(&mut self) -> Option<Result<(), Box<dyn Any + Send>>> {
        let (_, timer) = self.set.pop_first()?;
        self.driver.forget(timer.key);
        Some(unwind::drop_caught(timer.kind))
    }
}

// A delay beyond what the clock can tell is about as long as never.
fn later(now: Instant, delay: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(delay).unwrap_or_else(|| now + NEVER)
}

/// The first beat of the rhythm that lies after now.
fn next_beat(last: Instant, period: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(last).as_nanos();
    let beats = late / period.as_nanos() + 1;
    match u32::try_from(beats)
        .ok()
        .and_then(|beats| period.checked_mul(beats))
    {
        Some(step) => later(last, step),
        None => later(now, period),
    }
}

struct Ring {
    origin: AlarmOrigin,
    control: Weak<Control>,
    number: u64,
}

impl Alarm for Ring {
    fn fire(self: Arc<Self>) {
        if let Some(control) = self.control.upgrade() {
            control.push(Signal::Timer(self.number));
        }
    }

    fn owner(&self) -> Option<Id> {
        self.origin.task.clone()
    }

    fn origin(&self) -> Option<AlarmOrigin> {
        Some(self.origin.clone())
    }
}

impl<A: Actor> fmt::Debug for Timers<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("set", &self.set.len())
            .finish_non_exhaustive()
    }
}
