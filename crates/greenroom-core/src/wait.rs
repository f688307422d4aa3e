//! A wait of a task: ended by its context, and known to the registry.
//!
//! Every future of the kernel that may wait holds one [`Wait`]. While it is pending, the current
//! context wakes it when that ends, and the current task says what it waits for.

use std::sync::Arc;
use std::task::{self, Poll};

use crate::context::{self, Registration};
use crate::current::{self, Watching};
use crate::error::ContextError;
use crate::id::Id;
use crate::task::{TaskInfo, WaitKind, Waiting};

/// The context's and the registry's side of one pending future.
///
/// Dropping it ends the wait.
#[derive(Debug)]
pub struct Wait {
    kind: WaitKind,
    registration: Option<Registration>,
    // The task that is said to wait, which may not be the one that drops this.
    told: Option<Arc<TaskInfo>>,
}

impl Wait {
    /// Prepares a wait; it begins at the first [`poll`](Self::poll).
    #[must_use]
    pub const fn new(kind: WaitKind) -> Self {
        Self {
            kind,
            registration: None,
            told: None,
        }
    }

    /// Returns how the current context ended, if it has. An operation that has not begun asks this
    /// first, so that a loop over an ever ready channel ends with its context.
    #[must_use]
    pub fn ended() -> Option<ContextError> {
        current::with_context(context::Context::ended_quietly).flatten()
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
        let registered = match current::watching(cx.waker()) {
            Watching::Already(ended) => {
                self.registration = None;
                ended.map(Err)
            }
            // Cloned, not borrowed: moving a registration drops a foreign waker, which may run user
            // code.
            Watching::Register(context) => Some(self.register(&context, cx)),
            Watching::Nothing => fallback.map(|context| self.register(context, cx)),
        };
        if let Some(Err(error)) = registered {
            self.end();
            return Poll::Ready(error);
        }
        let told = self.told.as_ref();
        let same = current::with_task(|task| told.is_some_and(|told| Arc::ptr_eq(told, task)));
        if same == Some(false) {
            self.end_told();
            self.told = current::task();
            if let Some(task) = &self.told {
                task.set_waiting(Some(Waiting {
                    kind: self.kind,
                    on: on(),
                }));
            }
        }
        Poll::Pending
    }

    fn register(
        &mut self,
        context: &context::Context,
        cx: &task::Context<'_>,
    ) -> Result<(), ContextError> {
        Registration::update(&mut self.registration, context, cx.waker())
    }

    /// Ends the wait.
    pub fn end(&mut self) {
        self.registration = None;
        self.end_told();
    }

    fn end_told(&mut self) {
        if let Some(task) = self.told.take() {
            task.set_waiting(None);
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.end();
    }
}
