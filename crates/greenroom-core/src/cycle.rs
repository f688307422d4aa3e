//! Waits that cannot end: actors that wait for each other in a circle.
//!
//! While an actor runs user code (a handler, a hook) it serves no message. If that code awaits nothing
//! but the answer of another actor, which awaits nothing but a third, and so on back to the first, then
//! none of them goes on by itself. Such a wait is refused; which wait that is, and when, is decided
//! here. The ends of the waits (an ask, a tell into a full mailbox) are known to the crate that makes
//! them, and come here as a [`FarEnd`].
//!
//! # What is certain
//! A wait is refused only if it is certain that nothing but an intervention would end it: a stop, a
//! cancel, a deadline, the end of the runtime. What may go on by itself is never refused.
//!
//! # Invariants
//! 1. The user code of an actor is polled with a waker of its own, the desk's, and with no other. So
//!    all that can make it go on holds a clone of that waker, and the clones can be counted.
//! 2. An actor is parked from when a poll of its user code has returned pending until the next one
//!    begins, and only if each clone of the desk's waker is held by one far end, or by contexts: those
//!    wake for an intervention. A clone more is held by something foreign (a timer, a socket, a helper
//!    task), and then nothing is certain. The clones are counted first and their holders looked at
//!    after that, so that a holder which lets go meanwhile makes the count too large, never too small.
//! 3. Whoever takes a clone out to wake sets `rung` before the clone is gone. So an actor that is parked
//!    and not rung has every clone where it was counted.
//! 4. A far end names a holder only while the wait is open, and only if that actor alone can end it, by
//!    going on with its user code. Once a wait is closed it stays closed.
//! 5. A wait is published before the search for a circle begins: of two that close a circle at the same
//!    time, at least one sees it.
//! 6. A circle is certain only if each actor of it was parked in the same way at two looks, and all the
//!    first looks were before all the second ones. By 2 and 4 each wait was open over the whole time
//!    between, so there is a moment at which all were; and by 4 none of them can be the first to end.
//!    Wrong would be one look each: A waits for B; A is looked at; B answers, then asks A, and is looked
//!    at. Both waits were there, but never together.
//! 7. The wait that was begun last is refused, whoever finds the circle. Each of several finders comes to
//!    the same one, and a wait is refused once.
//!
//! # What is not seen
//! A circle through something that is not an actor's user code, such as a task that is joined, or through
//! a reply that was handed on. [`Registry::wait_graph`](crate::registry::Registry::wait_graph) shows it.

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::id::Id;
use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::task::TaskInfo;

/// The far end of a wait, as the one who made it knows it.
///
/// Nothing of the kernel is locked while a method runs, and none of them may run user code.
pub trait FarEnd: fmt::Debug + Send + Sync + 'static {
    /// Returns the actor which alone can end the wait by going on with its user code, or `None` if the
    /// wait has ended or somebody else may end it. Invariant 4.
    fn holder(&self) -> Option<Arc<TaskInfo>>;

    /// Returns how many clones of the waker of this desk the wait keeps while it is open, or `None` if it
    /// does not wake that one.
    fn clones_of(&self, desk: DeskKey) -> Option<usize>;

    /// Returns when the wait was begun, as a number that grows.
    fn order(&self) -> u64;

    /// Ends the wait, unless it has ended. `path` names who waits for whom, from the waiter back to it.
    fn refuse(self: Arc<Self>, path: Vec<Id>);
}

/// Returns whether one waker is a clone of the other, if one of them is a desk's.
///
/// By what it holds alone, which no other waker does. [`Waker::will_wake`] may say no of two clones, since
/// it also compares tables of functions, of which a program may have several.
#[must_use]
pub fn is_same(one: &Waker, other: &Waker) -> bool {
    std::ptr::eq(one.data(), other.data())
}

/// What identifies the waker of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskKey(pub(crate) usize);

impl DeskKey {
    /// Returns whether a waker is that of the desk.
    #[must_use]
    pub fn is_of(self, waker: &Waker) -> bool {
        self.0 == waker.data() as usize
    }
}

/// Where the user code of one actor is polled. See the [module](self).
pub struct Desk {
    info: Arc<TaskInfo>,
    bell: Arc<Bell>,
    waker: Waker,
    // Written by who polls only.
    is_known: AtomicBool,
    is_resting: AtomicBool,
    is_parked: AtomicBool,
}

/// The clones of the desk's waker that the desk holds itself.
pub(crate) const OWN_CLONES: usize = 2;

impl Desk {
    /// Makes the desk of an actor.
    #[must_use]
    pub fn new(info: Arc<TaskInfo>) -> Self {
        let bell = Arc::new(Bell {
            info: info.clone(),
            outer: OnceLock::new(),
        });
        let waker = Waker::from(bell.clone());
        info.set_desk(waker.data() as usize, Arc::downgrade(&bell));
        Self {
            info,
            bell,
            waker,
            is_known: AtomicBool::new(false),
            is_resting: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
        }
    }

    /// Says which waker wakes the task in which the desk is polled from now on.
    #[inline]
    pub fn enter(&self, outer: &Waker) {
        let known = self.bell.outer.get_or_init(|| outer.clone());
        // Whoever polls may have changed its waker; then nothing is certain from here on.
        let is_known = is_same(known, outer);
        self.is_known.store(is_known, Ordering::Relaxed);
        if !is_known {
            self.leave();
        }
    }

    /// Polls user code with the waker to use, after [`enter`](Self::enter). Parks the actor if the code
    /// is pending, as `is_pending` tells. `outer` is what the task is woken by; `is_first` is for the
    /// first poll of a code, before which the desk was [left](Self::leave).
    #[inline]
    pub fn poll<R>(
        &self,
        outer: &Waker,
        is_first: bool,
        poll: impl FnOnce(&Waker) -> R,
        is_pending: impl FnOnce(&R) -> bool,
    ) -> R {
        if !is_first {
            self.leave();
            // Acquires what was written before the ring, which the poll is to see.
            self.bell.info.rung().swap(false, Ordering::AcqRel);
        }
        if !self.is_known.load(Ordering::Relaxed) {
            return poll(outer);
        }
        let polled = poll(&self.waker);
        if is_pending(&polled) {
            self.park(outer, is_first);
        }
        polled
    }

    /// Says that the user code is gone.
    #[inline]
    pub fn leave(&self) {
        if !self.is_resting.load(Ordering::Relaxed) {
            return;
        }
        self.is_resting.store(false, Ordering::Relaxed);
        self.info.set_resting(false);
        if self.is_parked.load(Ordering::Relaxed) {
            self.is_parked.store(false, Ordering::Relaxed);
            self.info.unpark();
        }
    }

    #[inline(never)]
    fn park(&self, outer: &Waker, is_first: bool) {
        self.is_resting.store(true, Ordering::Relaxed);
        self.info.set_resting(true);
        if self.bell.has_rung() {
            // Most code is done at its first poll, which does not look for a ring that was meant for
            // the code before it: then it is polled once more.
            if is_first {
                outer.wake_by_ref();
            }
            return;
        }
        let Some(end) = self.info.far_end() else {
            return;
        };
        // Invariant 2: the count first. The fence makes what was done before a clone went visible.
        let clones = Arc::strong_count(&self.bell);
        fence(Ordering::Acquire);
        let Some(held) = end.clones_of(DeskKey(self.waker.data() as usize)) else {
            return;
        };
        let by_contexts = self.info.context_clones();
        if clones != OWN_CLONES + held + by_contexts || self.bell.has_rung() {
            return;
        }
        // Invariant 5.
        self.is_parked.store(true, Ordering::Relaxed);
        self.info.park(Parked {
            bell: self.bell.clone(),
            end: end.clone(),
        });
        search(&self.info, &end);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("actor", &self.info.id)
            .field("is_parked", &self.is_parked.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// What the wakers of a desk hold.
pub(crate) struct Bell {
    info: Arc<TaskInfo>,
    outer: OnceLock<Waker>,
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}

impl Bell {
    fn has_rung(&self) -> bool {
        self.info.rung().load(Ordering::Acquire)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Invariant 3.
        self.info.rung().store(true, Ordering::Release);
        let outer = self.outer.get().cloned();
        // Gone before the actor is polled: a clone that lingers here would be taken for something
        // foreign when it parks next, and nobody would look again.
        drop(self);
        if let Some(outer) = outer {
            outer.wake();
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Invariant 3.
        self.info.rung().store(true, Ordering::Release);
        if let Some(outer) = self.outer.get() {
            outer.wake_by_ref();
        }
    }
}

/// An actor that waits for one far end and nothing else.
pub(crate) struct Parked {
    bell: Arc<Bell>,
    pub(crate) end: Arc<dyn FarEnd>,
}

impl Parked {
    pub(crate) fn is_rung(&self) -> bool {
        self.bell.has_rung()
    }
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// A context's registration of the desk's waker, while it is there: two clones.
///
/// Dropped before the registration, so that it never counts what is gone.
#[derive(Debug)]
pub(crate) struct ContextClones(Arc<TaskInfo>);

impl ContextClones {
    pub(crate) const EACH: usize = 2;

    /// Counts a registration of this waker, if it is that of the current task's desk.
    pub(crate) fn of(waker: &Waker) -> Option<Self> {
        let task = crate::current::task_at_desk(waker.data() as usize)?;
        task.add_context_clones(Self::EACH);
        Some(Self(task))
    }
}

impl Drop for ContextClones {
    fn drop(&mut self) {
        self.0.remove_context_clones(Self::EACH);
    }
}

/// One wait on the way round.
struct Step {
    task: Arc<TaskInfo>,
    number: u64,
    end: Arc<dyn FarEnd>,
    holder: Arc<TaskInfo>,
}

impl Step {
    fn of(task: &Arc<TaskInfo>) -> Option<Self> {
        let (number, end) = task.parked()?;
        let holder = end.holder()?;
        Some(Self {
            task: task.clone(),
            number,
            end,
            holder,
        })
    }

    fn still_holds(&self) -> bool {
        let now = Self::of(&self.task);
        now.is_some_and(|now| now.number == self.number && Arc::ptr_eq(&now.holder, &self.holder))
    }
}

/// Follows the waits from an actor; refuses the last one if they come back to it.
fn search(start: &Arc<TaskInfo>, end: &Arc<dyn FarEnd>) {
    // Nearly always the other one is at work, or at rest.
    if !end.holder().is_some_and(|holder| holder.is_parked()) {
        return;
    }
    let Some(first) = Step::of(start) else {
        return;
    };
    let mut steps = Vec::new();
    let mut step = first;
    // A way may run into a circle that it is no part of: some step is then met twice.
    let (mut met, mut next_mark) = (step.holder.clone(), 8);
    loop {
        let holder = step.holder.clone();
        if Arc::ptr_eq(&holder, start) {
            steps.push(step);
            break;
        }
        let Some(next) = Step::of(&holder) else {
            return;
        };
        steps.push(step);
        step = next;
        if Arc::ptr_eq(&step.holder, &met) {
            return;
        }
        if steps.len() == next_mark {
            met = step.holder.clone();
            next_mark *= 2;
        }
    }
    // Invariant 6.
    if !steps.iter().all(Step::still_holds) {
        return;
    }
    // Invariant 7.
    let last = (steps.iter().enumerate())
        .max_by(|(_, a), (_, b)| (a.end.order(), &a.task.id).cmp(&(b.end.order(), &b.task.id)))
        .map_or(0, |(last, _)| last);
    steps.rotate_left(last);
    let first = steps[0].task.id.clone();
    let path = steps.iter().map(|step| step.task.id.clone());
    let path = path.chain([first]).collect();
    steps[0].end.clone().refuse(path);
}

#[cfg(test)]
mod tests;
