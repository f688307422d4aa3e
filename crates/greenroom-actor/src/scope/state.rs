//! What a scope knows of itself.
//!
//! # Invariants
//! 1. `running` counts every child that was accepted and has not ended. A child is accepted under the
//!    lock under which `open` was seen set.
//! 2. The scope ends when its body has ended and `running` is zero; `open` is cleared in that same
//!    critical section, so that no child can slip in behind.
//! 3. The first error is kept; later ones are kept only when errors are collected.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use greenroom_core::context::CancelCauseHandle;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::task::Task;
use greenroom_core::{Context, Driver, Failure, Id, unwind};
use parking_lot::Mutex;

use super::OnError;
use super::children::Child;
use super::error::{CollectedErrors, ScopeError};
use crate::runtime::Core;

pub(crate) struct Inner {
    pub(crate) core: Arc<Core>,
    pub(crate) id: Id,
    pub(crate) context: Context,
    // The context that the scope's own is derived from.
    parent: Context,
    cancel: CancelCauseHandle,
    /// Where children run that are placed beside their parent from outside any arbiter.
    pub(crate) home: usize,
    state: Mutex<State>,
}

struct State {
    open: bool,
    // The future that waits for the end was dropped.
    is_abandoned: bool,
    running: usize,
    on_error: OnError,
    limit: Option<NonZeroUsize>,
    // Tasks under the limit: those that run, and those that wait for a turn.
    limited: usize,
    held: VecDeque<(Arc<dyn Driver>, Task)>,
    // Somebody is about to start those that are held.
    is_starting: bool,
    errors: Vec<(Id, Failure)>,
    // A child ended with its context, before it was done.
    is_cut: bool,
    // By the number in their id, which is the order in which they were started.
    children: BTreeMap<u64, Arc<dyn Child>>,
    waiters: Vec<Waker>,
}

impl State {
    /// Whether one more task may run under the limit.
    fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| self.limited < limit.get())
    }
}

impl Inner {
    pub(crate) fn new(core: Arc<Core>, id: Id, parent: &Context, home: usize) -> Arc<Self> {
        let (context, cancel) = parent.with_cancel_cause();
        Arc::new(Self {
            core,
            id,
            context,
            parent: parent.clone(),
            cancel,
            home,
            state: Mutex::new(State {
                open: true,
                is_abandoned: false,
                running: 0,
                on_error: OnError::default(),
                limit: None,
                limited: 0,
                held: VecDeque::new(),
                is_starting: false,
                errors: Vec::new(),
                is_cut: false,
                children: BTreeMap::new(),
                waiters: Vec::new(),
            }),
        })
    }

    /// Accepts one more child. Invariant 1.
    pub(crate) fn enter(&self) -> Result<(), ScopeError> {
        let mut state = self.state.lock();
        if !state.open {
            return Err(ScopeError::Ended);
        }
        state.running += 1;
        Ok(())
    }

    /// Ends one child.
    pub(crate) fn leave(&self) {
        self.state.lock().running -= 1;
        self.wake_waiters();
    }

    /// Starts an accepted task, or holds it until there is room under the limit.
    pub(crate) fn start(&self, driver: Arc<dyn Driver>, task: Task) {
        {
            let mut state = self.state.lock();
            if !state.has_room() {
                state.held.push_back((driver, task));
                return;
            }
            state.limited += 1;
        }
        driver.spawn(task);
    }

    /// Gives back the place of a started task.
    pub(crate) fn give_place_back(&self) {
        self.state.lock().limited -= 1;
        self.start_held();
        self.wake_waiters();
    }

    /// Starts those that wait longest, as far as there is room.
    ///
    /// By one caller at a time. A driver that has shut down drops a task as it takes it, which gives the
    /// place back in here: to start the next one there would go as deep as there are held tasks.
    fn start_held(&self) {
        let mut is_mine = false;
        loop {
            let (driver, task) = {
                let mut state = self.state.lock();
                if state.is_starting && !is_mine {
                    return;
                }
                is_mine = true;
                let next = state.has_room().then(|| state.held.pop_front()).flatten();
                state.is_starting = next.is_some();
                let Some(next) = next else {
                    return;
                };
                state.limited += 1;
                next
            };
            driver.spawn(task);
        }
    }

    /// Ready when a task started now would not be held.
    pub(crate) fn poll_room(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        self.poll_until(cx, |state| state.held.is_empty() && state.has_room())
    }

    pub(crate) fn set_limit(&self, limit: Option<NonZeroUsize>) {
        self.state.lock().limit = limit;
        self.start_held();
        self.wake_waiters();
    }

    pub(crate) fn set_on_error(&self, on_error: OnError) {
        self.state.lock().on_error = on_error;
    }

    /// Keeps a child's error, and cancels its siblings if that is wanted. Invariant 3.
    pub(crate) fn fail(&self, child: Id, failure: Failure) {
        let cancels = {
            let mut state = self.state.lock();
            let first = state.errors.is_empty();
            let collects = state.on_error == OnError::Collect;
            if first || collects {
                state.errors.push((child, failure.clone()));
            }
            first && !collects
        };
        if cancels {
            self.cancel.cancel(Cause::SiblingFailed(failure));
        }
    }

    /// Notes that a child ended with its context, before it was done.
    pub(crate) fn note_cut(&self) {
        self.state.lock().is_cut = true;
    }

    /// Returns how the scope was ended from outside, if that cut a child short. A cancel of the scope
    /// itself is its own way to end its children, and no failure.
    pub(crate) fn cut_from_outside(&self) -> Option<ContextError> {
        let is_cut = self.state.lock().is_cut;
        self.parent.err().filter(|_| is_cut)
    }

    pub(crate) fn cancel(&self, cause: Cause) {
        self.cancel.cancel(cause);
    }

    /// Takes no new children from now on; those that run go on.
    pub(crate) fn refuse_new(&self) {
        self.state.lock().open = false;
    }

    /// Notes that nobody waits for the end any more. From now on it takes no new children.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.open = false;
        state.is_abandoned = true;
    }

    /// Returns whether nobody waits for the end any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.state.lock().is_abandoned
    }

    pub(crate) fn running(&self) -> usize {
        self.state.lock().running
    }

    /// Ready when nothing is left but the actors, which are stopped next.
    pub(crate) fn poll_tasks_done(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        self.poll_until(cx, |state| state.running == state.children.len())
    }

    /// Ready when nothing is left; the scope is closed in the same step. Invariant 2.
    pub(crate) fn poll_ended(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        self.poll_until(cx, |state| {
            if state.running == 0 {
                state.open = false;
            }
            state.running == 0
        })
    }

    fn poll_until(
        &self,
        cx: &mut TaskContext<'_>,
        is_met: impl FnOnce(&mut State) -> bool,
    ) -> Poll<()> {
        let mut state = self.state.lock();
        if is_met(&mut state) {
            return Poll::Ready(());
        }
        if !state.waiters.iter().any(|w| w.will_wake(cx.waker())) {
            state.waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn wake_waiters(&self) {
        let waiters = std::mem::take(&mut self.state.lock().waiters);
        unwind::wake_all(waiters);
    }

    /// Enters an actor that counts as running already.
    pub(crate) fn add_child(&self, child: Arc<dyn Child>) {
        let number = child.id().number();
        self.state.lock().children.insert(number, child);
        // An end that has begun meanwhile took it for a task, and waits.
        self.wake_waiters();
    }

    /// Takes an ended actor out. It is still counted as running: [`leave`](Self::leave) follows.
    pub(crate) fn remove_child(&self, id: &Id) {
        let gone = self.state.lock().children.remove(&id.number());
        drop(gone);
        self.wake_waiters();
    }

    /// Returns the actor that was started last.
    pub(crate) fn last_child(&self) -> Option<Arc<dyn Child>> {
        let state = self.state.lock();
        state
            .children
            .last_key_value()
            .map(|(_, child)| child.clone())
    }

    /// Ready when this actor has ended.
    pub(crate) fn poll_gone(&self, id: &Id, cx: &mut TaskContext<'_>) -> Poll<()> {
        self.poll_until(cx, |state| !state.children.contains_key(&id.number()))
    }

    /// Returns the first error, and leaves it.
    pub(crate) fn first_error(&self) -> Option<Failure> {
        let state = self.state.lock();
        state.errors.first().map(|(_, failure)| failure.clone())
    }

    /// Takes the errors, as the one that the scope is to return.
    pub(crate) fn take_error(&self) -> Option<Failure> {
        let mut state = self.state.lock();
        let errors = std::mem::take(&mut state.errors);
        let collects = state.on_error == OnError::Collect;
        drop(state);
        if collects && !errors.is_empty() {
            return Some(CollectedErrors { errors }.into());
        }
        errors.into_iter().next().map(|(_, failure)| failure)
    }
}
