//! A wait of a task: ended by its context, and known to the registry.
//!
//! Every future of the kernel that may wait holds one [`Wait`]. While it is pending, the current
//! context wakes it when that ends, and the current task says what it waits for.

use std::sync::Arc;
use std::task::{self, Poll, Waker};

use crate::certain::Sure;
use crate::context::{self, Registration};
use crate::current::{self, Waiter, Watching};
use crate::cycle::FarEnd;
use crate::error::ContextError;
use crate::id::Id;
use crate::task::{EndOf, Far, TaskInfo, TaskKind, WaitKind, Waiting};

/// The context's and the registry's side of one pending future.
///
/// Dropping it ends the wait.
#[derive(Debug)]
pub struct Wait {
    kind: WaitKind,
    message: Option<&'static str>,
    registration: Option<Registration>,
    // The task that is said to wait, which may not be the one that drops this, and for which wait.
    told: Option<(Arc<TaskInfo>, u64)>,
    // Whether it was told as a wait that the task's desk is woken by.
    is_at_desk: bool,
}

impl Wait {
    /// Prepares a wait; it begins at the first [`poll`](Self::poll).
    #[must_use]
    pub const fn new(kind: WaitKind) -> Self {
        Self {
            kind,
            message: None,
            registration: None,
            told: None,
            is_at_desk: false,
        }
    }

    /// Says the type of the message whose reply is waited for.
    #[must_use]
    pub const fn with_message(mut self, message: &'static str) -> Self {
        self.message = Some(message);
        self
    }

    /// Returns how the current context ended, if it has. An operation that has not begun asks this
    /// first, so that a loop over an ever ready channel ends with its context.
    #[inline]
    #[must_use]
    pub fn ended() -> Option<ContextError> {
        current::ended()
    }

    /// Begins or goes on with the wait: ready when the current context has ended.
    ///
    /// `fallback` is the context to use outside our tasks, for operations that know a runtime.
    pub fn poll(
        &mut self,
        cx: &mut task::Context<'_>,
        on: impl FnOnce() -> Option<Id>,
        fallback: Option<&context::Context>,
    ) -> Poll<ContextError> {
        self.poll_for(cx, on, fallback, || None)
    }

    /// As [`poll`](Self::poll), for a wait whose far end is known: `end` is asked for when an actor
    /// begins to wait; see [`cycle`](crate::cycle).
    pub fn poll_for(
        &mut self,
        cx: &mut task::Context<'_>,
        on: impl FnOnce() -> Option<Id>,
        fallback: Option<&context::Context>,
        end: impl FnOnce() -> Option<Arc<dyn FarEnd>>,
    ) -> Poll<ContextError> {
        self.poll_all(cx, on, fallback, end, || None)
    }

    /// As [`poll`](Self::poll), for a wait that keeps one clone of the waker and may be ended by those
    /// in `far`, which is asked for when a task that is polled at a desk begins to wait; see
    /// [`certain`](crate::certain).
    pub(crate) fn poll_at(
        &mut self,
        cx: &mut task::Context<'_>,
        on: impl FnOnce() -> Option<Id>,
        far: impl FnOnce() -> Option<Far>,
    ) -> Poll<ContextError> {
        self.poll_all(cx, on, None, || None, far)
    }

    /// As [`poll`](Self::poll), for a wait that keeps one clone of the waker until the task or the actor
    /// of this id has ended, and that nothing else can end.
    pub fn poll_for_end_of(
        &mut self,
        cx: &mut task::Context<'_>,
        task: Option<&Id>,
    ) -> Poll<ContextError> {
        let far = || task.cloned().map(Far::Task);
        self.poll_all(cx, || task.cloned(), None, || None, far)
    }

    /// Ends the wait of another task: who waits now takes it over. Called before the waker that was
    /// kept is replaced.
    pub fn take_over(&mut self) {
        if let Some((task, _)) = &self.told
            && current::with_task(|current| Arc::ptr_eq(current, task)) != Some(true)
        {
            self.end_told();
        }
    }

    fn poll_all(
        &mut self,
        cx: &mut task::Context<'_>,
        on: impl FnOnce() -> Option<Id>,
        fallback: Option<&context::Context>,
        end: impl FnOnce() -> Option<Arc<dyn FarEnd>>,
        far: impl FnOnce() -> Option<Far>,
    ) -> Poll<ContextError> {
        let (watching, waiter) = current::look(cx.waker(), self.told_task());
        let ended = match watching {
            Watching::Ended => current::ended(),
            Watching::Already => {
                if self.registration.is_some() {
                    self.registration = None;
                }
                None
            }
            // Cloned, not borrowed: moving a registration drops a foreign waker, which may run user
            // code.
            Watching::Register(context) => self.register(&context, cx),
            Watching::Nothing => fallback.and_then(|context| self.register(context, cx)),
        };
        if let Some(error) = ended {
            self.end();
            return Poll::Ready(error);
        }
        match waiter {
            Waiter::Same => self.renew(cx.waker()),
            Waiter::Other(task) => self.tell_of(task, on, end, Some((cx.waker(), far))),
        }
        Poll::Pending
    }

    /// Says that the wait goes on, if that is of use.
    fn renew(&self, waker: &Waker) {
        if let Some((task, key)) = self.told.as_ref().filter(|_| self.is_at_desk)
            && task.is_desk(waker.data() as usize)
        {
            task.renew_wait(*key, current::has_deadline());
        }
    }

    /// Says what the current task waits for, and does nothing else: for a wait that goes on after its
    /// context has ended.
    pub fn tell(&mut self, on: impl FnOnce() -> Option<Id>) {
        if let Waiter::Other(task) = current::waiter(self.told_task()) {
            self.tell_of(task, on, || None, None::<(&Waker, fn() -> Option<Far>)>);
        }
    }

    fn told_task(&self) -> Option<&Arc<TaskInfo>> {
        self.told.as_ref().map(|(task, _)| task)
    }

    fn tell_of(
        &mut self,
        task: Option<Arc<TaskInfo>>,
        on: impl FnOnce() -> Option<Id>,
        end: impl FnOnce() -> Option<Arc<dyn FarEnd>>,
        far: Option<(&Waker, impl FnOnce() -> Option<Far>)>,
    ) {
        self.end_told();
        self.told = task.map(|task| {
            let (kind, on) = (self.kind, on());
            let far = far.filter(|(waker, _)| task.is_desk(waker.data() as usize));
            let end = match task.kind == TaskKind::Actor || far.is_some() {
                true => end(),
                false => None,
            };
            let end = end.map(|end| EndOf {
                end,
                is_timed: current::has_deadline(),
            });
            let far = far.and_then(|(_, far)| far()).map(|far| Sure {
                far,
                rests: task.rests(),
                is_timed: current::has_deadline(),
            });
            self.is_at_desk = far.is_some();
            let key = task.begin_wait(Waiting { kind, on }, self.message, end, far);
            (task, key)
        });
    }

    fn register(
        &mut self,
        context: &context::Context,
        cx: &task::Context<'_>,
    ) -> Option<ContextError> {
        Registration::update(&mut self.registration, context, cx.waker()).err()
    }

    /// Ends the wait.
    #[inline]
    pub fn end(&mut self) {
        if self.registration.is_some() {
            self.unregister();
        }
        if self.told.is_some() {
            self.end_told();
        }
    }

    // Not a part of the fast path around it.
    #[inline(never)]
    fn unregister(&mut self) {
        self.registration = None;
    }

    fn end_told(&mut self) {
        if let Some((task, key)) = self.told.take() {
            task.end_wait(key);
        }
    }
}

impl Drop for Wait {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}
