//! A channel behind its two ends: the lock, and the operations as futures make them.

use std::fmt;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use super::party::{Claim, Party};
use super::state::{Refused, State, Step};
use crate::current;
use crate::error::ContextError;
use crate::id::Id;
use crate::select::Attempt;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::task::{Far, WaitKind};
use crate::unwind;
use crate::wait::Wait;

pub(super) struct Chan<T> {
    id: Option<Id>,
    capacity: Option<usize>,
    // Written under the lock, read without it by a select that has seen what the lock guards.
    version: AtomicU64,
    /// How many ends there are; the one that takes its count to zero closes the channel.
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    /// Whether there ever was a weak sender, from which anybody may make a sender. It stays.
    pub(super) was_weakened: AtomicBool,
    state: Mutex<State<T>>,
}

/// A pending operation: its entry in a queue, and its wait.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) entry: Option<usize>,
    wait: Wait,
    done: bool,
}

/// Why an operation did not happen.
pub(crate) enum Failed {
    Closed,
    Ended(ContextError),
    /// There was no value to send.
    Empty,
}

/// How a receive takes: the value that was handed over, if any, and what else it wants.
pub(super) trait Take<T> {
    type Output;
    fn take(
        &mut self,
        state: &mut State<T>,
        step: &mut Step,
        handed: Option<T>,
    ) -> Option<Self::Output>;
}

impl Pending {
    pub(super) const fn new(kind: WaitKind) -> Self {
        Self {
            entry: None,
            wait: Wait::new(kind),
            done: false,
        }
    }

    /// Marks the operation as done if it is ready.
    ///
    /// # Panics
    /// If it was done before.
    pub(super) fn guard<R>(&mut self, poll: impl FnOnce(&mut Self) -> Poll<R>) -> Poll<R> {
        assert!(
            !self.done,
            "greenroom: a future of a channel was polled after completion"
        );
        let poll = poll(self);
        if poll.is_ready() {
            self.done = true;
            self.rest();
        }
        poll
    }

    /// Begins as a case of a select.
    #[inline]
    pub(super) fn enter_select(&mut self) {
        assert!(
            !self.done,
            "greenroom: a future of a channel was selected after completion"
        );
        self.wait.end();
    }

    /// Ends as a case of a select.
    pub(super) fn complete(&mut self) {
        self.done = true;
    }

    /// Ends the wait; another may begin.
    pub(super) fn rest(&mut self) {
        self.wait.end();
    }
}

impl<T> Chan<T> {
    pub(super) fn new(capacity: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            id: current::object_id("channel"),
            capacity,
            version: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            was_weakened: AtomicBool::new(false),
            state: Mutex::new(State::new(capacity)),
        })
    }

    pub(super) fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// Returns what tells this channel from all others that there are.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn far(&self) -> Option<Far> {
        Some(Far::Channel(self.address()))
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Looks at the state.
    pub(super) fn look<R>(&self, f: impl FnOnce(&State<T>) -> R) -> R {
        f(&self.state.lock())
    }

    /// Makes a step, then does what it leaves to be done.
    pub(super) fn step<R>(&self, f: impl FnOnce(&mut State<T>, &mut Step) -> R) -> R {
        let mut step = Step::default();
        let result = {
            let mut state = self.state.lock();
            let result = f(&mut state, &mut step);
            if step.is_change() {
                // Invariant 8 of the state. The lock makes this thread the only writer.
                let version = self.version.load(Ordering::Relaxed);
                self.version.store(version + 1, Ordering::Release);
            }
            result
        };
        step.settle(self.id.as_ref());
        result
    }

    pub(super) fn close(&self) -> bool {
        self.step(State::close)
    }

    /// Closes for want of receivers; what was stored is dropped outside the lock, each value apart: the
    /// last receiver may go in an unwinding.
    pub(super) fn hang_up(&self) {
        let (queue, returned) = self.step(State::hang_up);
        for value in returned.into_values().chain(queue) {
            unwind::drop_apart(value, std::any::type_name::<T>());
        }
    }

    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, closed) = self.look(|state| (state.len(), state.is_closed()));
        f.debug_struct(name)
            .field("id", &self.id)
            .field("len", &len)
            .field("capacity", &self.capacity)
            .field("closed", &closed)
            .finish()
    }

    /// Sends what is in the slot. On failure it is back there.
    pub(super) fn poll_send(
        &self,
        slot: &mut Option<T>,
        pending: &mut Pending,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Failed>> {
        let Some(key) = pending.entry else {
            if let Some(ended) = Wait::ended() {
                return Poll::Ready(Err(Failed::Ended(ended)));
            }
            let Some(value) = slot.take() else {
                return Poll::Ready(Err(Failed::Empty));
            };
            let begun = self.step(|state, step| match state.push(value, step) {
                Ok(()) => Ok(None),
                Err((Refused::Full, value)) => {
                    let party = Party::Plain(Some(cx.waker().clone()));
                    Ok(Some(state.wait_to_send(party, value, step)))
                }
                Err((Refused::Closed, value)) => Err(value),
            });
            return match begun {
                Ok(None) => Poll::Ready(Ok(())),
                Ok(entry) => {
                    pending.entry = entry;
                    self.wait_on_send(slot, pending, cx)
                }
                Err(value) => {
                    *slot = Some(value);
                    Poll::Ready(Err(Failed::Closed))
                }
            };
        };
        // What came out, or the old waker, goes after the lock.
        let left = {
            let mut state = self.state.lock();
            match state.sender_waker(key) {
                Some(there) => Err(renew(there, cx.waker())),
                None => Ok(state.leave_senders(key)),
            }
        };
        match left {
            Err(_old) => self.wait_on_send(slot, pending, cx),
            Ok((value, _party)) => {
                pending.entry = None;
                Poll::Ready(match value {
                    None => Ok(()),
                    value => {
                        *slot = value;
                        Err(Failed::Closed)
                    }
                })
            }
        }
    }

    fn wait_on_send(
        &self,
        slot: &mut Option<T>,
        pending: &mut Pending,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Failed>> {
        let ended = pending.wait.poll_at(cx, || self.id.clone(), || self.far());
        // A receiver that came before the end of the context decides.
        ended.map(|error| match self.leave_send(slot, &mut pending.entry) {
            true => Ok(()),
            false => Err(Failed::Ended(error)),
        })
    }

    /// Ends a wait. Returns whether the value was accepted; else it is back in the slot.
    #[inline]
    pub(super) fn leave_send(&self, slot: &mut Option<T>, entry: &mut Option<usize>) -> bool {
        match entry.take() {
            Some(key) => self.take_back(slot, key),
            None => false,
        }
    }

    fn take_back(&self, slot: &mut Option<T>, key: usize) -> bool {
        // To leave a queue enables nobody.
        let (value, party) = self.state.lock().leave_senders(key);
        unwind::drop_apart(party, "drop of a waker");
        let accepted = value.is_none();
        if !accepted {
            *slot = value;
        }
        accepted
    }

    /// Receives by `take`.
    pub(super) fn poll_receive<R: Take<T>>(
        &self,
        take: &mut R,
        pending: &mut Pending,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<R::Output, Failed>> {
        let Some(key) = pending.entry else {
            if let Some(ended) = Wait::ended() {
                return Poll::Ready(Err(Failed::Ended(ended)));
            }
            let begun = self.step(|state, step| match take.take(state, step, None) {
                Some(taken) => Poll::Ready(Ok(taken)),
                None if state.is_closed() => Poll::Ready(Err(Failed::Closed)),
                None => {
                    let party = Party::Plain(Some(cx.waker().clone()));
                    pending.entry = Some(state.wait_to_receive(party, step));
                    Poll::Pending
                }
            });
            return match begun {
                Poll::Pending => self.wait_on_receive(take, pending, cx),
                ready => ready,
            };
        };
        let left = self.step(|state, step| match state.receiver_waker(key) {
            Some(there) => Err(renew(there, cx.waker())),
            None => {
                pending.entry = None;
                let (handed, party) = state.leave_receivers(key);
                Ok((take.take(state, step, handed), party))
            }
        });
        match left {
            Err(_old) => self.wait_on_receive(take, pending, cx),
            Ok((taken, _party)) => Poll::Ready(taken.ok_or(Failed::Closed)),
        }
    }

    fn wait_on_receive<R: Take<T>>(
        &self,
        take: &mut R,
        pending: &mut Pending,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<R::Output, Failed>> {
        let ended = pending.wait.poll_at(cx, || self.id.clone(), || self.far());
        // A sender that came before the end of the context decides.
        ended.map(|error| {
            self.leave_receive(take, &mut pending.entry, false)
                .ok_or(Failed::Ended(error))
        })
    }

    /// Ends a wait with the value that was handed over. `look` asks to look once more if none was.
    pub(super) fn leave_receive<R: Take<T>>(
        &self,
        take: &mut R,
        entry: &mut Option<usize>,
        look: bool,
    ) -> Option<R::Output> {
        let key = entry.take()?;
        let (taken, _party) = self.step(|state, step| {
            let (handed, party) = state.leave_receivers(key);
            let taken = if handed.is_some() || look {
                take.take(state, step, handed)
            } else {
                None
            };
            (taken, party)
        });
        taken
    }

    /// Ends a wait that nobody looks at any more: what was handed over goes to the next receiver.
    #[inline]
    pub(super) fn abandon_receive(&self, entry: &mut Option<usize>) {
        if let Some(key) = entry.take() {
            self.pass_on(key);
        }
    }

    fn pass_on(&self, key: usize) {
        let party = self.step(|state, step| state.abandon_receiver(key, step));
        unwind::drop_apart(party, "drop of a waker");
    }

    /// Sends what is in the slot if that is possible now, and `unchanged` holds at that moment.
    pub(super) fn attempt_send(
        &self,
        slot: &mut Option<T>,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Result<(), Failed>> {
        let Some(value) = slot.take() else {
            return Attempt::Ready(Err(Failed::Empty));
        };
        let (attempt, value) = self.step(|state, step| {
            if !state.can_push(None) {
                return (Attempt::NotReady(self.version()), Some(value));
            }
            if !unchanged() {
                return (Attempt::Changed, Some(value));
            }
            match state.push(value, step) {
                Ok(()) => (Attempt::Ready(Ok(())), None),
                Err((Refused::Closed, value)) => (Attempt::Ready(Err(Failed::Closed)), Some(value)),
                // The select that seemed to wait was claimed by another in between.
                Err((Refused::Full, value)) => (Attempt::NotReady(self.version()), Some(value)),
            }
        });
        *slot = value;
        attempt
    }

    /// Receives by `take` if that is possible now, and `unchanged` holds at that moment.
    pub(super) fn attempt_receive<R: Take<T>>(
        &self,
        take: &mut R,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Result<R::Output, Failed>> {
        self.step(|state, step| {
            if !state.can_pull(None) {
                return Attempt::NotReady(self.version());
            }
            if !unchanged() {
                return Attempt::Changed;
            }
            match take.take(state, step, None) {
                Some(taken) => Attempt::Ready(Ok(taken)),
                None if state.is_closed() => Attempt::Ready(Err(Failed::Closed)),
                None => Attempt::NotReady(self.version()),
            }
        })
    }

    /// Enters a case of a select. Returns whether it could be served now, as seen in the same step.
    pub(super) fn register_send(
        &self,
        slot: &mut Option<T>,
        entry: &mut Option<usize>,
        claim: &Arc<Claim>,
        case: usize,
    ) -> bool {
        let Some(value) = slot.take() else {
            return true;
        };
        let party = Party::Select(claim.clone(), case);
        self.step(|state, step| {
            *entry = Some(state.wait_to_send(party, value, step));
            state.can_push(Some(claim))
        })
    }

    /// Enters a case of a select. Returns whether it could be served now, as seen in the same step.
    pub(super) fn register_receive(
        &self,
        entry: &mut Option<usize>,
        claim: &Arc<Claim>,
        case: usize,
    ) -> bool {
        let party = Party::Select(claim.clone(), case);
        self.step(|state, step| {
            *entry = Some(state.wait_to_receive(party, step));
            state.can_pull(Some(claim))
        })
    }
}

/// Makes sure that who polls now is woken, and returns the waker that was there for another.
fn renew(there: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match there {
        Some(before) if before.will_wake(waker) => None,
        _ => there.replace(waker.clone()),
    }
}
