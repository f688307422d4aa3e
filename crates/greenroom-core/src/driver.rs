//! The seam between the kernel and whoever schedules it.
//!
//! Everything that happens in a runtime passes here: a task is spawned, an event takes effect, time is
//! read or waited for, a choice is made. The hub of each arbiter is the driver in production; a test
//! puts its own in front of it and so owns the schedule and sees each event.
//!
//! # Invariants
//! 1. Every [`Event`] is delivered exactly once, before or while its effect shows.
//! 2. A kernel that is not observed pays one branch an event: neither event nor effect is boxed.
//! 3. No lock of the kernel is held while a driver is called.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use crate::current::{self, Handle};
use crate::id::Id;
use crate::task::Task;

/// Schedules tasks, delivers events, keeps the time and makes the choices of one runtime.
///
/// The hub of an arbiter is one. A test wraps it: forward what is not of interest to the wrapped
/// driver, record or hold back what is.
pub trait Driver: Send + Sync + 'static {
    /// Takes a new task, to be polled until it is done. A driver that has shut down drops it.
    fn spawn(&self, task: Task);

    /// Takes an event: lets it take effect now ([`Event::take_effect`]) or holds it and does so later.
    ///
    /// An event without an effect of its own (see [`Event::is_report`]) has already taken effect; it
    /// is told so that a trace is complete.
    fn deliver(&self, event: Event);

    /// Returns the current time of this runtime, which is virtual on a paused clock.
    fn now(&self) -> Instant;

    /// Fires the alarm once, when the time has come and not before.
    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey;

    /// Gives a timer up. It does nothing if the timer has fired.
    fn forget(&self, timer: TimerKey);

    /// Chooses one of `options` (at least 1) and returns its index, below `options`.
    fn choose(&self, options: usize) -> usize;

    /// Called when no task is ready. Returns whether it made something happen, so that the runtime
    /// looks again instead of waiting for time or input to pass.
    fn idle(&self) -> bool {
        false
    }

    /// Called once, when the runtime has dropped its tasks. A driver that holds events drops them here,
    /// without a lock of its own, since they keep alive what they refer to; later ones it lets take
    /// effect.
    fn close(&self) {}
}

/// What a timer does when its time has come.
pub trait Alarm: Send + Sync {
    /// Fires. It is called at most once for each timer, outside any lock of the driver.
    fn fire(self: Arc<Self>);

    /// Returns whose alarm it is, for reports.
    fn owner(&self) -> Option<Id> {
        None
    }

    /// Returns where it comes from, for reports.
    fn origin(&self) -> Option<AlarmOrigin> {
        None
    }
}

/// Where an alarm comes from, for reports.
#[derive(Clone, Debug)]
pub struct AlarmOrigin {
    /// What it is for.
    pub kind: AlarmKind,
    /// The task or the actor that wanted it, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where that was.
    pub place: &'static Location<'static>,
    /// When that was, in the runtime's time. One that repeats keeps it.
    pub since: Instant,
}

/// What an alarm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlarmKind {
    /// A sleep, or another wait for a time.
    Sleep,
    /// A timer that may be stopped and set again.
    Timer,
    /// A ticker.
    Ticker,
    /// The deadline of a context.
    Deadline,
    /// A message of an actor to itself.
    Message,
    /// A message of an actor to itself, again and again.
    Interval,
}

impl AlarmOrigin {
    /// Describes an alarm of the current task.
    #[must_use]
    pub fn current(kind: AlarmKind, place: &'static Location<'static>, since: Instant) -> Self {
        let task = current::task_id();
        Self {
            kind,
            task,
            place,
            since,
        }
    }
}

/// Names one timer of one driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    /// When it fires.
    pub at: Instant,
    /// Tells timers of the same instant apart; lower was set earlier.
    pub sequence: u64,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A message is put into a mailbox.
    Message,
    /// A reply reaches its asker.
    Reply,
    /// A kernel object is used: a channel, a select, a watch, a context's state, a timer that tasks
    /// share.
    Operation(Operation),
    /// A timer fires.
    Timer,
    /// A task becomes ready to be polled.
    Ready,
    /// A child ends.
    Exit,
    /// A context ends.
    Cancel,
    /// An end is told to who watches, or is linked to, what ended.
    Down,
}

/// What was done to a kernel object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A value was accepted by a channel.
    Send,
    /// A value was taken from a channel, or a tick from a timer.
    Receive,
    /// A channel was closed.
    Close,
    /// A case of a select took effect; the send or receive it made is told as well.
    Select,
    /// A watched value was read.
    WatchRead,
    /// A watched value was published.
    WatchPublish,
    /// The state of a context was read.
    ContextRead,
    /// A timer or a ticker was stopped or set anew.
    Reset,
}

/// Something that happens: by whom, to what, and what it does.
#[must_use = "an event that is dropped never takes effect"]
pub struct Event {
    kind: EventKind,
    by: Option<Id>,
    object: Option<Id>,
    label: &'static str,
    effect: Option<Box<dyn FnOnce() + Send>>,
}

impl Event {
    /// Returns what it is.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// Returns the task that caused it, or `None` if it came from outside the runtime.
    #[must_use]
    pub fn by(&self) -> Option<&Id> {
        self.by.as_ref()
    }

    /// Returns what it happens to: the receiving actor, the channel, the context, the woken task.
    #[must_use]
    pub fn object(&self) -> Option<&Id> {
        self.object.as_ref()
    }

    /// Returns more about it, such as the type of the message.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// Returns whether it has already taken effect and is only told.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.effect.is_none()
    }

    /// Lets it take effect.
    pub fn take_effect(self) {
        if let Some(effect) = self.effect {
            effect();
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &self.kind)
            .field("by", &self.by)
            .field("object", &self.object)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// Delivers an event through the current driver, if that is observed; else runs the effect at once.
///
/// Outside a runtime the effect runs at once too.
pub fn deliver(
    kind: EventKind,
    object: impl FnOnce() -> Option<Id>,
    label: &'static str,
    effect: impl FnOnce() + Send + 'static,
) {
    match current::observer() {
        None => effect(),
        Some(driver) => deliver_to(&*driver, kind, object(), label, effect),
    }
}

/// Delivers an event to something of a runtime, from wherever it comes: through the driver of that
/// runtime, if it is observed.
pub fn deliver_at(
    home: &Handle,
    kind: EventKind,
    object: impl FnOnce() -> Option<Id>,
    label: &'static str,
    effect: impl FnOnce() + Send + 'static,
) {
    match home.observer() {
        None => effect(),
        Some(driver) => deliver_to(&**driver, kind, object(), label, effect),
    }
}

/// Delivers an event through a given observed driver.
pub fn deliver_to(
    driver: &dyn Driver,
    kind: EventKind,
    object: Option<Id>,
    label: &'static str,
    effect: impl FnOnce() + Send + 'static,
) {
    driver.deliver(Event {
        kind,
        by: current::task_id(),
        object,
        label,
        effect: Some(Box::new(effect)),
    });
}

/// Tells the current driver, if that is observed, of an event that has taken effect.
#[inline]
pub fn report(kind: EventKind, object: impl FnOnce() -> Option<Id>, label: &'static str) {
    if current::is_observed()
        && let Some(driver) = current::observer()
    {
        report_to(&*driver, kind, object(), label);
    }
}

/// Tells the driver of a runtime, if it is observed, of an event that has taken effect there.
pub fn report_at(
    home: &Handle,
    kind: EventKind,
    object: impl FnOnce() -> Option<Id>,
    label: &'static str,
) {
    if let Some(driver) = home.observer() {
        report_to(&**driver, kind, object(), label);
    }
}

fn report_to(driver: &dyn Driver, kind: EventKind, object: Option<Id>, label: &'static str) {
    driver.deliver(Event {
        kind,
        by: current::task_id(),
        object,
        label,
        effect: None,
    });
}
