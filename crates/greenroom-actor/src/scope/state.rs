//! What a scope knows of itself.
//!
//! # Invariants
//! 1. `running` counts every child that was accepted and has not ended. A child is accepted under the
//!    lock under which `open` was seen set.
//! 2. The scope ends when its body has ended and `running` is zero; `open` is cleared in that same
//!    critical section, so that no child can slip in behind.
//! 3. The first error is kept; later ones are kept only when errors are collected.
//! 4. A place under the limit that was granted is its turn's until that is looked at or left. A turn that
//!    is left after its grant hands the place on.
//! 5. Whoever enters a branch has entered its outer scope before, and leaves it after.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
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
    // Of a branch: the scope whose children its own are too.
    outer: Option<Arc<Inner>>,
    // Of the children of a supervisor: the scope of that, which hears of errors of their tasks.
    heir: Option<Arc<Inner>>,
    state: Mutex<State>,
}

struct State {
    open: bool,
    // The future that waits for the end was dropped.
    is_abandoned: bool,
    running: usize,
    on_error: OnError,
    limit: Option<NonZeroUsize>,
    // Places under the limit that are taken.
    limited: usize,
    // Those that wait for a place, by their turn.
    held: BTreeMap<u64, Held>,
    next_turn: u64,
    // Turns whose place is taken already, until their waiter looks.
    granted: BTreeSet<u64>,
    // Somebody is about to start those that are held.
    is_starting: bool,
    errors: Vec<(Id, Failure)>,
    // A child ended with its context, before it was done.
    is_cut: bool,
    // Of a branch: its own end, if that is what cut a child.
    cut: Option<ContextError>,
    // By the number in their id, which is the order in which they were started.
    children: BTreeMap<u64, Arc<dyn Child>>,
    // The scopes inside this one that are open, by the same number.
    inner: BTreeMap<u64, Weak<Inner>>,
    waiters: Vec<Waker>,
}

/// An actor with its scope, or a scope.
type Part = (Arc<Inner>, Option<Arc<dyn Child>>);

/// What waits for a place under the limit.
enum Held {
    Task(Arc<dyn Driver>, Task),
    Waiter(Waker),
}

impl State {
    /// Whether one more task may run under the limit.
    fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| self.limited < limit.get())
    }

    fn hold(&mut self, held: Held) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.held.insert(turn, held);
        turn
    }
}

impl Inner {
    pub(crate) fn new(core: Arc<Core>, id: Id, parent: &Context, home: usize) -> Arc<Self> {
        Self::make(core, id, parent, home, (None, None))
    }

    /// Makes the place where the children of the supervisor `id` live. Their tasks fail `heir`.
    pub(crate) fn household(heir: &Arc<Self>, id: Id, parent: &Context) -> Arc<Self> {
        let (core, home) = (heir.core.clone(), heir.home);
        Self::make(core, id, parent, home, (None, Some(heir.clone())))
    }

    /// Makes a branch: its children are this scope's too, and their errors are not.
    pub(crate) fn branch(self: &Arc<Self>, name: &'static str, parent: &Context) -> Arc<Self> {
        let (core, id) = (self.core.clone(), self.id.child(name));
        Self::make(core, id, parent, self.home, (Some(self.clone()), None))
    }

    fn make(
        core: Arc<Core>,
        id: Id,
        parent: &Context,
        home: usize,
        (outer, heir): (Option<Arc<Self>>, Option<Arc<Self>>),
    ) -> Arc<Self> {
        let (context, cancel) = parent.with_cancel_cause();
        Arc::new(Self {
            core,
            id,
            context,
            parent: parent.clone(),
            cancel,
            home,
            outer,
            heir,
            state: Mutex::new(State {
                open: true,
                is_abandoned: false,
                running: 0,
                on_error: OnError::default(),
                limit: None,
                limited: 0,
                held: BTreeMap::new(),
                next_turn: 0,
                granted: BTreeSet::new(),
                is_starting: false,
                errors: Vec::new(),
                is_cut: false,
                cut: None,
                children: BTreeMap::new(),
                inner: BTreeMap::new(),
                waiters: Vec::new(),
            }),
        })
    }

    /// Accepts one more child. Invariant 1.
    pub(crate) fn enter(&self) -> Result<(), ScopeError> {
        match &self.outer {
            // A branch has no end of its own.
            Some(outer) => outer.enter()?,
            None if self.core.is_over() => return Err(ScopeError::Ended),
            None => {}
        }
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
        if let Some(outer) = &self.outer {
            outer.leave();
        }
    }

    /// Starts an accepted task, or holds it until there is room under the limit.
    pub(crate) fn start(&self, driver: Arc<dyn Driver>, task: Task) {
        {
            let mut state = self.state.lock();
            if !state.has_room() {
                state.hold(Held::Task(driver, task));
                return;
            }
            state.limited += 1;
        }
        driver.spawn(task);
    }

    /// Gives back the place of a started task.
    pub(crate) fn give_place_back(&self) {
        self.state.lock().limited -= 1;
        self.serve_held();
    }

    /// Gives places to those that wait longest, as far as there is room.
    ///
    /// By one caller at a time. A driver that has shut down drops a task as it takes it, which gives the
    /// place back in here: to start the next one there would go as deep as there are held tasks.
    fn serve_held(&self) {
        let mut is_mine = false;
        loop {
            let held = {
                let mut state = self.state.lock();
                if state.is_starting && !is_mine {
                    return;
                }
                is_mine = true;
                let next = state.has_room().then(|| state.held.pop_first()).flatten();
                state.is_starting = next.is_some();
                let Some((turn, held)) = next else {
                    return;
                };
                state.limited += 1;
                if let Held::Waiter(_) = &held {
                    state.granted.insert(turn);
                }
                held
            };
            match held {
                Held::Task(driver, task) => driver.spawn(task),
                Held::Waiter(waker) => unwind::wake_all([waker]),
            }
        }
    }

    /// Takes a place under the limit if there is one, and nobody waits for it.
    pub(crate) fn try_place(&self) -> bool {
        let mut state = self.state.lock();
        let is_free = state.held.is_empty() && state.has_room();
        state.limited += usize::from(is_free);
        is_free
    }

    /// Waits for a place under the limit, which is taken when this is ready. `turn` is of this wait.
    pub(crate) fn poll_place(&self, turn: &mut Option<u64>, cx: &mut TaskContext<'_>) -> Poll<()> {
        // The old waker goes after the lock.
        let _old = {
            let mut state = self.state.lock();
            let Some(mine) = *turn else {
                if state.held.is_empty() && state.has_room() {
                    state.limited += 1;
                    return Poll::Ready(());
                }
                *turn = Some(state.hold(Held::Waiter(cx.waker().clone())));
                return Poll::Pending;
            };
            if state.granted.remove(&mine) {
                *turn = None;
                return Poll::Ready(());
            }
            state.held.insert(mine, Held::Waiter(cx.waker().clone()))
        };
        Poll::Pending
    }

    /// Ends a wait for a place. One that was granted meanwhile goes to the next.
    pub(crate) fn leave_turn(&self, turn: u64) {
        let (waiter, is_granted) = {
            let mut state = self.state.lock();
            (state.held.remove(&turn), state.granted.remove(&turn))
        };
        drop(waiter);
        if is_granted {
            self.give_place_back();
        }
    }

    pub(crate) fn set_limit(&self, limit: Option<NonZeroUsize>) {
        self.state.lock().limit = limit;
        self.serve_held();
    }

    pub(crate) fn set_on_error(&self, on_error: OnError) {
        self.state.lock().on_error = on_error;
    }

    /// Keeps a child's error, and cancels its siblings if that is wanted. Invariant 3.
    pub(crate) fn fail(&self, child: Id, failure: Failure) {
        if let Some(heir) = &self.heir {
            return heir.fail(child, failure);
        }
        let cancels = {
            let mut state = self.state.lock();
            let first = state.errors.is_empty();
            let on_error = state.on_error;
            if first || on_error == OnError::Collect {
                state.errors.push((child, failure.clone()));
            }
            first && on_error == OnError::CancelSiblings
        };
        if cancels {
            self.cancel.cancel(Cause::SiblingFailed(failure));
        }
    }

    /// Notes that a child ended with its context, before it was done.
    pub(crate) fn note_cut(&self) {
        if let Some(heir) = &self.heir {
            return heir.note_cut();
        }
        let ended = self.outer.as_ref().and_then(|_| self.context.err());
        let mut state = self.state.lock();
        state.is_cut = true;
        if state.cut.is_none() {
            state.cut = ended;
        }
    }

    /// Returns how this branch ended, if that cut a child short.
    pub(crate) fn cut(&self) -> Option<ContextError> {
        self.state.lock().cut.clone()
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

    /// Enters a scope inside this one, which counts as running already.
    pub(crate) fn add_inner(&self, inner: &Arc<Self>) {
        let number = inner.id.number();
        self.state
            .lock()
            .inner
            .insert(number, Arc::downgrade(inner));
    }

    /// Takes an ended inner scope out.
    pub(crate) fn remove_inner(&self, id: &Id) {
        let gone = self.state.lock().inner.remove(&id.number());
        drop(gone);
    }

    /// Returns the actors in here and in the scopes inside, each with its scope, the last started first.
    pub(crate) fn actors(self: &Arc<Self>) -> Vec<(Arc<Self>, Arc<dyn Child>)> {
        let mut actors = Vec::new();
        let mut left = vec![(self.clone(), None)];
        // A scope is replaced by what is in it, in the order of its start.
        while let Some((scope, actor)) = left.pop() {
            match actor {
                Some(actor) => actors.push((scope, actor)),
                None => left.extend(scope.parts()),
            }
        }
        actors
    }

    fn parts(self: &Arc<Self>) -> Vec<Part> {
        let state = self.state.lock();
        let actors = (state.children.iter())
            .map(|(number, actor)| (*number, (self.clone(), Some(actor.clone()))));
        let scopes = (state.inner.iter())
            .filter_map(|(number, inner)| Some((*number, (inner.upgrade()?, None))));
        let parts: BTreeMap<_, _> = actors.chain(scopes).collect();
        drop(state);
        parts.into_values().collect()
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
