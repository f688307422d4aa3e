//! The result of a task, and the handle that waits for it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use greenroom_core::context::CancelCauseHandle;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::task::WaitKind;
use greenroom_core::wait::Wait;
use greenroom_core::{ExitReason, Failure, Id, Panic, current, unwind};
use parking_lot::Mutex;

/// Why a joined task gave no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum JoinError {
    /// The task returned this error, which is the source of this one.
    Failed(Failure),
    /// The task panicked.
    Panicked(Panic),
    /// The task was cancelled, and ended without a value.
    Cancelled(Cause),
    /// The deadline of the task's context passed, and it ended without a value.
    Deadline,
    /// The task was never started: its scope had ended.
    Ended,
    /// The value was taken by an earlier wait.
    Taken,
    /// The waiter's own context ended first; the task is not affected.
    WaitEnded(ContextError),
    /// The waiter is the task itself, which would never end.
    Cycle(Id),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "task failed: {failure}"),
            Self::Panicked(panic) => fmt::Display::fmt(panic, f),
            Self::Cancelled(cause) => write!(f, "task cancelled: {cause}"),
            Self::Deadline => f.write_str("task ended by its deadline"),
            Self::Ended => f.write_str("the scope has ended; the task was not started"),
            Self::Taken => f.write_str("the task's value was taken before"),
            Self::WaitEnded(error) => write!(f, "gave up waiting for the task: {error}"),
            Self::Cycle(id) => write!(f, "the task would wait for itself: {id}"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`.
impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure.as_error()),
            Self::Panicked(panic) => Some(panic),
            Self::Cancelled(cause) => Some(cause),
            Self::WaitEnded(error) => Some(error),
            _ => None,
        }
    }
}

impl JoinError {
    pub(crate) fn from_exit(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Failed(failure) => Self::Failed(failure),
            ExitReason::Panicked(panic) => Self::Panicked(panic),
            ExitReason::Cancelled(cause) => Self::Cancelled(cause),
            ExitReason::Deadline => Self::Deadline,
            _ => Self::Ended,
        }
    }
}

/// Where a task leaves its result.
pub(crate) struct JoinCell<T>(Mutex<State<T>>);

struct State<T> {
    result: Option<Result<T, JoinError>>,
    is_finished: bool,
    // Of the one who polled last: a handle has one owner.
    waiter: Option<Waker>,
}

impl<T: Send + 'static> JoinCell<T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            result: None,
            is_finished: false,
            waiter: None,
        })))
    }

    /// Leaves the result and wakes who waits, as the exit of `id`. Only the first one counts.
    pub(crate) fn finish(self: &Arc<Self>, id: &Id, result: Result<T, JoinError>) {
        self.settle(EventKind::Exit, || Some(id.clone()), "task", result);
    }

    /// Leaves the result and wakes who waits, as the reply to `asker`. Only the first one counts.
    pub(crate) fn answer(
        self: &Arc<Self>,
        asker: Option<Id>,
        label: &'static str,
        result: Result<T, JoinError>,
    ) {
        self.settle(EventKind::Reply, || asker, label, result);
    }

    fn settle(
        self: &Arc<Self>,
        kind: EventKind,
        object: impl FnOnce() -> Option<Id>,
        label: &'static str,
        result: Result<T, JoinError>,
    ) {
        {
            let mut state = self.0.lock();
            if state.is_finished || state.result.is_some() {
                return;
            }
            state.result = Some(result);
        }
        let cell = self.clone();
        driver::deliver(kind, object, label, move || {
            let waiter = {
                let mut state = cell.0.lock();
                state.is_finished = true;
                state.waiter.take()
            };
            unwind::wake_all(waiter);
        });
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.lock().is_finished
    }

    pub(crate) fn poll(&self, cx: &mut task::Context<'_>) -> Poll<Result<T, JoinError>> {
        let mut state = self.0.lock();
        if state.is_finished {
            return Poll::Ready(state.result.take().unwrap_or(Err(JoinError::Taken)));
        }
        let before = match &state.waiter {
            Some(waiter) if waiter.will_wake(cx.waker()) => None,
            _ => state.waiter.replace(cx.waker().clone()),
        };
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<T> JoinCell<T> {
    /// Forgets who waits: nobody polls any more.
    pub(crate) fn leave(&self) {
        let waiter = self.0.lock().waiter.take();
        // After the lock: the end of a foreign waker may run anything.
        drop(waiter);
    }
}

/// Waits for a task and takes its value; also cancels it.
///
/// Dropping the handle leaves the task running: its scope waits for it. Await the handle, or
/// `&mut handle`, for the value.
///
/// # Cancel safety
/// Cancel safe: a dropped wait takes nothing, and the handle can be awaited again.
pub struct JoinHandle<T> {
    cell: Arc<JoinCell<T>>,
    id: Option<Id>,
    cancel: Option<CancelCauseHandle>,
    wait: Wait,
}

impl<T: Send + 'static> JoinHandle<T> {
    pub(crate) fn new(cell: Arc<JoinCell<T>>, id: Id, cancel: CancelCauseHandle) -> Self {
        Self {
            cell,
            id: Some(id),
            cancel: Some(cancel),
            wait: Wait::new(WaitKind::Join),
        }
    }

    /// A handle to a task that was refused.
    pub(crate) fn refused() -> Self {
        let cell = JoinCell::new();
        {
            let mut state = cell.0.lock();
            state.is_finished = true;
            state.result = Some(Err(JoinError::Ended));
        }
        Self {
            cell,
            id: None,
            cancel: None,
            wait: Wait::new(WaitKind::Join),
        }
    }

    /// Returns the id of the task, or `None` if its scope had ended and it was not started.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// Returns whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.cell.is_finished()
    }

    /// Cancels the task's context with a cause: its waits fail, and it is dropped at the first await
    /// after that which is not ready. It does not wait for the task to end, and does not count as an
    /// error of the scope.
    pub fn cancel(&self, cause: impl Into<Cause>) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel(cause);
        }
    }

    /// Says that the value is not wanted. The task goes on, and its scope waits for it.
    pub fn detach(self) {}
}

impl<T: Send + 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.wait.take_over();
        if let Poll::Ready(result) = this.cell.poll(cx) {
            this.wait.end();
            return Poll::Ready(result);
        }
        let id = &this.id;
        if let Some(id) = id
            && current::with_task(|task| task.id.is_same(id)) == Some(true)
        {
            this.wait.end();
            return Poll::Ready(Err(JoinError::Cycle(id.clone())));
        }
        this.wait
            .poll_for_end_of(cx, id.as_ref())
            .map(|ended| Err(JoinError::WaitEnded(ended)))
    }
}

// A waker that stayed behind would count as something that may wake its actor yet.
impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // A wait that is said to go on has its waker there.
        self.wait.end();
        self.cell.leave();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
