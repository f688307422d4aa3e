//! The way back of an ask.
//!
//! # Invariants
//! 1. An asker is answered exactly once: by a reply, or by the reason why there is none.
//! 2. A `ReplyTo` that is dropped by an unwinding while a handler of its message runs does not answer:
//!    the end of the handler tells whether the panic was its own, and answers with that. A forwarded
//!    message may have two handlers at a time.
//! 3. A reply to an asker that has gone is dropped outside the lock.
//! 4. The asked actor holds the way to answer until a handler that may hand it on has begun. From then
//!    on nobody knows who will answer, and the ask is no part of a certain circle. Nor is one that waits in
//!    a mailbox that drops what is queued: any other sender may end it.
//! 5. An ask that was refused is not handled, though its asker may not have learned of it yet.
//! 6. Whether a handler began or the asker gave up before is decided under the lock, once: an asker that was
//!    told that its message was not handled is right. The wrong version looks at both one after the other,
//!    and a deadline that passes in between is told as one in the mailbox while the handler runs.

use std::fmt;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use greenroom_core::current::Handle;
use greenroom_core::cycle::{DeskKey, FarEnd};
use greenroom_core::driver::{self, EventKind};
use greenroom_core::task::{TaskInfo, TaskKind};
use greenroom_core::{Driver, Id, Panic, current, unwind};

use crate::sync::Mutex;

use crate::supervision::Apart;

/// Why there is no reply.
#[derive(Clone, Debug)]
pub(crate) enum NoReply {
    Closed,
    Dropped,
    Expired,
    Panicked(Panic),
    Restarting,
    /// The mailbox dropped the message.
    Overflow,
    /// The asker would have waited for itself, by this path.
    Cycle(Vec<Id>),
}

/// Answers one ask, once, from anywhere.
///
/// Dropping it answers `AskError::Dropped`, so that no asker hangs. After a `tell` nobody waits for the
/// reply; sending it is allowed and does nothing.
#[must_use = "dropping it answers the asker with `Dropped`"]
pub struct ReplyTo<R: Send + 'static>(Option<Arc<Cell<R>>>);

pub(crate) struct Cell<R> {
    asker: Option<Id>,
    // Told of the reply, wherever that comes from.
    observer: Option<Arc<dyn Driver>>,
    // When an actor began the ask; 0 if another did, whose asks are no part of a circle.
    order: u64,
    state: Mutex<State<R>>,
}

struct State<R> {
    answer: Option<Result<R, NoReply>>,
    // An answer was given, whether or not it has arrived and been taken.
    is_answered: bool,
    is_asker_gone: bool,
    is_started: bool,
    // Handlers of the message that run.
    handlers: usize,
    // The end of a handler is to answer. Invariant 2.
    is_dropped: bool,
    // The actor that was asked, once an actor waits.
    asked: Option<Arc<TaskInfo>>,
    // Whether its mailbox may drop it.
    may_be_dropped: bool,
    // Invariant 4.
    is_handed_on: bool,
    // Invariant 5.
    is_refused: bool,
    waker: Option<Waker>,
}

/// The asker's end.
pub(crate) struct Answer<R: Send + 'static>(Arc<Cell<R>>);

/// The mailbox owner's end, for the case that the handler cannot answer.
pub(crate) trait Unanswered: Send + Sync {
    /// `holds_reply` tells that the handler keeps the way to answer to itself. False if the asker has
    /// given up before: then no handler begins. Invariant 6.
    fn begin(&self, holds_reply: bool) -> bool;
    fn end(self: Arc<Self>, panic: Option<&Panic>);
    /// The handler has panicked, and the message is tried again: nobody is answered.
    fn end_for_another_try(&self);
    fn asker(&self) -> Option<Id>;
}

/// A message whose handler runs, or is dropped with this.
pub(crate) struct Begun(Option<Arc<dyn Unanswered>>);

/// Makes both ends of an ask; `home` is the driver of the one who is asked, and `order` numbers it if
/// an actor asks.
pub(crate) fn pair<R: Send + 'static>(
    home: &Handle,
    order: impl FnOnce() -> u64,
) -> (ReplyTo<R>, Answer<R>) {
    let asker = current::with_task(|task| (task.id.clone(), task.kind == TaskKind::Actor));
    let is_actor = matches!(asker, Some((_, true)));
    let cell = Arc::new(Cell {
        asker: asker.map(|(id, _)| id),
        order: if is_actor { order() } else { 0 },
        observer: current::observer().or_else(|| home.observer().cloned()),
        state: Mutex::new(State {
            answer: None,
            is_answered: false,
            is_asker_gone: false,
            is_started: false,
            handlers: 0,
            is_dropped: false,
            asked: None,
            may_be_dropped: false,
            is_handed_on: false,
            is_refused: false,
            waker: None,
        }),
    });
    (ReplyTo(Some(cell.clone())), Answer(cell))
}

impl<R: Send + 'static> ReplyTo<R> {
    /// A reply that nobody waits for.
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// Sends the reply. If the asker has gone, the reply is dropped.
    pub fn send(mut self, reply: R) {
        if let Some(cell) = self.0.take() {
            Cell::deliver(cell, Ok(reply));
        }
    }

    /// Returns whether nobody waits for the reply: the asker has given up, or it was a `tell`.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.as_ref().is_none_or(|cell| cell.is_abandoned())
    }

    /// Returns whether the asker of this reply has given up.
    pub(crate) fn is_asker_gone(&self) -> bool {
        self.0.as_ref().is_some_and(|cell| cell.is_abandoned())
    }

    pub(crate) fn asker(&self) -> Option<Id> {
        self.0.as_ref().and_then(|cell| cell.asker.clone())
    }

    /// Returns the same way to answer, for another try of the message.
    pub(crate) fn dormant(&self) -> Dormant<R> {
        Dormant(self.0.clone())
    }

    pub(crate) fn unanswered(&self) -> Option<Arc<dyn Unanswered>> {
        self.0.clone().map(|cell| cell as Arc<dyn Unanswered>)
    }

    pub(crate) fn refuse(mut self, why: NoReply) {
        if let Some(cell) = self.0.take() {
            Cell::deliver(cell, Err(why));
        }
    }
}

impl<R: Send + 'static> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        let Some(cell) = self.0.take() else {
            return;
        };
        let why = {
            let mut state = cell.state.lock();
            // Invariant 2.
            if state.handlers > 0 && std::thread::panicking() {
                state.is_dropped = true;
                return;
            }
            if state.is_started {
                NoReply::Dropped
            } else {
                NoReply::Closed
            }
        };
        Cell::deliver(cell, Err(why));
    }
}

impl<R: Send + 'static> Cell<R> {
    fn is_abandoned(&self) -> bool {
        let state = self.state.lock();
        state.is_asker_gone || state.is_refused
    }

    fn deliver(cell: Arc<Self>, answer: Result<R, NoReply>) {
        // Invariant 1.
        if std::mem::replace(&mut cell.state.lock().is_answered, true) {
            return let_go(answer);
        }
        let Some(observer) = cell.observer.clone() else {
            return cell.set(answer);
        };
        let (asker, label) = (cell.asker.clone(), std::any::type_name::<R>());
        // A driver may drop it on its way.
        let mut answer = Apart::new(answer, label);
        driver::deliver_to(&*observer, EventKind::Reply, asker, label, move || {
            if let Some(answer) = answer.take() {
                cell.set(answer);
            }
        });
    }

    fn set(&self, answer: Result<R, NoReply>) {
        let mut state = self.state.lock();
        if state.is_asker_gone {
            drop(state);
            // Invariant 3.
            return let_go(answer);
        }
        state.answer = Some(answer);
        let waker = state.waker.take();
        drop(state);
        unwind::wake_all(waker);
    }
}

impl<R: Send + 'static> Unanswered for Cell<R> {
    fn begin(&self, holds_reply: bool) -> bool {
        let mut state = self.state.lock();
        if !state.is_started && (state.is_asker_gone || state.is_refused) {
            return false;
        }
        state.is_started = true;
        state.is_handed_on |= !holds_reply;
        state.handlers += 1;
        true
    }

    fn end(self: Arc<Self>, panic: Option<&Panic>) {
        let why = {
            let mut state = self.state.lock();
            state.handlers -= 1;
            match panic {
                _ if state.is_answered => None,
                Some(panic) => Some(NoReply::Panicked(panic.clone())),
                None if state.is_dropped && state.handlers == 0 => Some(NoReply::Dropped),
                None => None,
            }
        };
        if let Some(why) = why {
            Cell::deliver(self, Err(why));
        }
    }

    fn end_for_another_try(&self) {
        let mut state = self.state.lock();
        state.handlers -= 1;
        state.is_dropped = false;
    }

    fn asker(&self) -> Option<Id> {
        self.asker.clone()
    }
}

/// The way to answer, kept for another try of the message. It answers nobody, also when it is dropped.
pub(crate) struct Dormant<R>(Option<Arc<Cell<R>>>);

impl<R: Send + 'static> Dormant<R> {
    /// Makes it a way to answer, which answers when it is dropped.
    pub(crate) fn wake(self) -> ReplyTo<R> {
        ReplyTo(self.0)
    }
}

impl<R: Send + 'static> FarEnd for Cell<R> {
    fn holder(&self) -> Option<Arc<TaskInfo>> {
        let state = self.state.lock();
        if state.is_answered || state.is_handed_on || state.is_asker_gone {
            return None;
        }
        if state.may_be_dropped && !state.is_started {
            return None;
        }
        state.asked.clone()
    }

    fn clones_of(&self, desk: DeskKey) -> Option<usize> {
        let state = self.state.lock();
        let is_waiting = |there: &Waker| desk.is_of(there) && !state.is_answered;
        state.waker.as_ref().is_some_and(is_waiting).then_some(1)
    }

    fn order(&self) -> u64 {
        self.order
    }

    fn refuse(self: Arc<Self>, path: Vec<Id>) {
        {
            let mut state = self.state.lock();
            if state.is_answered {
                return;
            }
            // Invariant 5.
            state.is_refused = true;
        }
        Cell::deliver(self, Err(NoReply::Cycle(path)));
    }
}

impl<R> fmt::Debug for Cell<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("asker", &self.asker)
            .finish_non_exhaustive()
    }
}

impl Begun {
    /// Says that the handler begins, and whether it keeps the way to answer to itself; `None` if it is not
    /// to begin, since the asker has given up.
    pub(crate) fn new(unanswered: Option<Arc<dyn Unanswered>>, holds_reply: bool) -> Option<Self> {
        let begins = unanswered.as_ref().is_none_or(|it| it.begin(holds_reply));
        begins.then_some(Self(unanswered))
    }

    /// Says that the handler has panicked, and that the message is tried again.
    pub(crate) fn end_for_another_try(mut self) {
        if let Some(unanswered) = self.0.take() {
            unanswered.end_for_another_try();
        }
    }

    /// Returns who waits for the answer, if that is one of our tasks.
    pub(crate) fn asker(&self) -> Option<Id> {
        self.0.as_ref().and_then(|unanswered| unanswered.asker())
    }

    /// Says that the handler has ended, and with which panic.
    pub(crate) fn end(mut self, panic: Option<&Panic>) {
        if let Some(unanswered) = self.0.take() {
            unanswered.end(panic);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(unanswered) = self.0.take() {
            unanswered.end(None);
        }
    }
}

/// Drops a reply that nobody takes. It is a user's value: its drop must not end the one who sent it.
fn let_go<R>(answer: Result<R, NoReply>) {
    unwind::drop_apart(answer, std::any::type_name::<R>());
}

impl<R: Send + 'static> Answer<R> {
    /// Gives up. Returns whether a handler has begun; if none has, none will. Invariant 6.
    pub(crate) fn give_up(&self) -> bool {
        let mut state = self.0.state.lock();
        state.is_asker_gone |= !state.is_started;
        state.is_started
    }

    /// Returns the ask as the far end of an actor's wait for another's answer.
    pub(crate) fn far_end(&self, asked: &Arc<TaskInfo>, may_be_dropped: bool) -> Arc<dyn FarEnd> {
        let mut state = self.0.state.lock();
        state.asked = Some(asked.clone());
        state.may_be_dropped = may_be_dropped;
        drop(state);
        self.0.clone()
    }

    pub(crate) fn poll(&self, cx: &mut task::Context<'_>) -> Poll<Result<R, NoReply>> {
        let mut state = self.0.state.lock();
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(answer);
        }
        let before = match &state.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => state.waker.replace(cx.waker().clone()),
        };
        // Outside the lock: the end of a foreign waker may run anything.
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<R: Send + 'static> Drop for Answer<R> {
    fn drop(&mut self) {
        let (unread, waker) = {
            let mut state = self.0.state.lock();
            state.is_asker_gone = true;
            (state.answer.take(), state.waker.take())
        };
        unwind::drop_apart(waker, "drop of a waker");
        if let Some(unread) = unread {
            let_go(unread);
        }
    }
}

impl<R: Send + 'static> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo")
            .field("abandoned", &self.is_abandoned())
            .finish_non_exhaustive()
    }
}
