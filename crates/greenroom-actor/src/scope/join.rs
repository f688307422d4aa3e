//! The result of a task, and the handle that waits for it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use crate::sync::Mutex;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::task::{TaskInfo, WaitKind};
use greenroom_core::wait::Wait;
use greenroom_core::{ExitReason, Failure, Id, Linked, Panic, current, unwind};

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
    /// Something that the task was linked to ended, and took it down.
    Linked(Linked),
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
            Self::Linked(linked) => write!(f, "task ended: {linked}"),
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
            Self::Linked(linked) => Some(linked),
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
            ExitReason::Linked(linked) => Self::Linked(linked),
            _ => Self::Ended,
        }
    }
}

/// Where a task leaves its result.
pub(crate) struct JoinCell<T>(Mutex<State<T>>);

struct State<T> {
    result: Option<Result<T, JoinError>>,
    is_finished: bool,
    // Why the task ended, also when the result was taken.
    reason: Option<ExitReason>,
    // Of the one who polled last: a handle has one owner.
    waiter: Option<Waker>,
}

impl<T: Send + 'static> JoinCell<T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            result: None,
            is_finished: false,
            reason: None,
            waiter: None,
        })))
    }

    /// Leaves the result and wakes who waits, as the exit of a task; then tells who watches it. Only the
    /// first one counts.
    pub(crate) fn finish(
        self: &Arc<Self>,
        task: &Arc<TaskInfo>,
        result: Result<T, JoinError>,
        reason: ExitReason,
    ) {
        let info = task.clone();
        let id = || Some(task.id.clone());
        self.settle(EventKind::Exit, id, "task", result, move |state| {
            state.reason = Some(reason.clone());
            move || info.tell_end(0, || reason)
        });
    }

    /// Leaves the result and wakes who waits, as the reply to `asker`. Only the first one counts.
    pub(crate) fn answer(
        self: &Arc<Self>,
        asker: Option<Id>,
        label: &'static str,
        result: Result<T, JoinError>,
    ) {
        self.settle(EventKind::Reply, || asker, label, result, |_state| || ());
    }

    /// `also` runs with the lock, once the result counts; what it returns runs last.
    fn settle<L: FnOnce() + Send + 'static>(
        self: &Arc<Self>,
        kind: EventKind,
        object: impl FnOnce() -> Option<Id>,
        label: &'static str,
        result: Result<T, JoinError>,
        also: impl FnOnce(&mut State<T>) -> L,
    ) {
        let last = {
            let mut state = self.0.lock();
            if state.is_finished || state.result.is_some() {
                drop(state);
                return let_go(result);
            }
            state.result = Some(result);
            also(&mut state)
        };
        let cell = self.clone();
        driver::deliver(kind, object, label, move || {
            let waiter = {
                let mut state = cell.0.lock();
                state.is_finished = true;
                state.waiter.take()
            };
            unwind::wake_all(waiter);
            last();
        });
    }

    pub(crate) fn reason(&self) -> Option<ExitReason> {
        self.0.lock().reason.clone()
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
        unwind::drop_apart(waiter, "drop of a waker");
    }
}

// One that nobody takes goes with the last who has the cell, be it in an unwinding.
impl<T> Drop for JoinCell<T> {
    fn drop(&mut self) {
        if let Some(result) = self.0.get_mut().result.take() {
            let_go(result);
        }
    }
}

fn let_go<T>(result: Result<T, JoinError>) {
    unwind::drop_apart(result, std::any::type_name::<T>());
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
    // Of a task that was refused, the id that it would have.
    task: Result<Arc<TaskInfo>, Id>,
    wait: Wait,
}

impl<T: Send + 'static> JoinHandle<T> {
    pub(crate) fn new(cell: Arc<JoinCell<T>>, task: Arc<TaskInfo>) -> Self {
        Self {
            cell,
            task: Ok(task),
            wait: Wait::new(WaitKind::Join),
        }
    }

    /// A handle to a task that was refused.
    pub(crate) fn refused(id: Id) -> Self {
        let cell = JoinCell::new();
        {
            let mut state = cell.0.lock();
            state.is_finished = true;
            state.result = Some(Err(JoinError::Ended));
        }
        Self {
            cell,
            task: Err(id),
            wait: Wait::new(WaitKind::Join),
        }
    }

    /// Returns the id of the task, or `None` if its scope had ended and it was not started.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.task.as_ref().ok().map(|task| &task.id)
    }

    pub(crate) fn info(&self) -> Result<&Arc<TaskInfo>, &Id> {
        self.task.as_ref()
    }

    pub(crate) fn reason(&self) -> Option<ExitReason> {
        self.cell.reason()
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
        if let Ok(task) = &self.task {
            task.cancel(cause.into());
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
        let task = this.task.as_ref().ok();
        if let Some(task) = task
            && current::with_task(|current| current.id.is_same(&task.id)) == Some(true)
        {
            this.wait.end();
            return Poll::Ready(Err(JoinError::Cycle(task.id.clone())));
        }
        this.wait
            .poll_for_end_of(cx, task.map(|task| &task.id))
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
            .field("id", &self.task.as_ref().ok().map(|task| &task.id))
            .finish_non_exhaustive()
    }
}
