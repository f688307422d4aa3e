//! The life of a scope: its body, and its end.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;

use greenroom_core::current;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::task::{Shield, Task, TaskInfo, TaskKind, WaitKind};
use greenroom_core::wait::Wait;
use greenroom_core::{Context, ExitReason, Failure, Id, Panic, Result};

use super::join::{JoinCell, JoinError};
use super::{Inner, OnDrop, Outcome, Scope, ScopeError, guarded};
use crate::runtime::Core;

/// Runs a body in a new scope on an arbiter, and waits until everything in it has ended.
pub(crate) async fn run<T, F, Fut>(
    core: Arc<Core>,
    outer: Option<Arc<Inner>>,
    spawned_at: &'static Location<'static>,
    body: F,
) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + 'static,
{
    if let Some(outer) = &outer {
        outer.enter()?;
    }
    let id = match &outer {
        Some(outer) => outer.id.child("scope"),
        None => core.id().child("scope"),
    };
    let left = OnDrop::new({
        let (outer, id) = (outer.clone(), id.clone());
        move || {
            if let Some(outer) = outer {
                outer.remove_inner(&id);
                outer.leave();
            }
        }
    });
    let home = core.home();
    let parent = parent_context(&core, outer.as_deref());
    let scope = Inner::new(core.clone(), id.clone(), &parent, home);
    match &outer {
        Some(outer) => outer.add_inner(&scope),
        None => core.open_scope(&scope)?,
    }

    let cell = JoinCell::new();
    let driver = core.driver_at(home);
    let info = Arc::new(TaskInfo::new(
        id.clone(),
        TaskKind::Scope,
        spawned_at,
        driver.now(),
    ));
    // The body's task keeps going when the context has ended: it is the one that waits for the rest.
    let task = Task::local(info.clone(), scope.context.clone(), {
        let (scope, cell) = (scope.clone(), cell.clone());
        // Made before the future is: a hub that closes may drop the task unpolled.
        let mut end = End {
            scope: scope.clone(),
            info,
            cell,
            result: Err(JoinError::Cancelled(Cause::Shutdown)),
            left: Some(left),
        };
        move || async move {
            end.result = Ok(live(&scope, spawned_at, body).await);
            drop(end);
        }
    });
    driver.spawn(task);

    let dropped = OnDrop::new({
        let scope = scope.clone();
        move || {
            scope.abandon();
            scope.cancel(Cause::ScopeDropped);
        }
    });
    // A caller whose own context ends waits on: the scope's is derived from it and ends as well.
    let _shield = current::task().map(Shield::over);
    let mut wait = Wait::new(WaitKind::Join);
    let result = std::future::poll_fn(|cx| {
        let polled = cell.poll(cx);
        if polled.is_pending() {
            wait.tell(|| Some(scope.id.clone()));
        }
        polled
    })
    .await;
    wait.end();
    dropped.disarm();
    match result {
        Ok(result) => result,
        Err(error) => Err(error.into()),
    }
}

/// Ends a scope once, however its task does.
struct End<T: Send + 'static, L: FnOnce()> {
    scope: Arc<Inner>,
    info: Arc<TaskInfo>,
    cell: Arc<JoinCell<Result<T>>>,
    result: Result<Result<T>, JoinError>,
    left: Option<OnDrop<L>>,
}

impl<T: Send + 'static, L: FnOnce()> Drop for End<T, L> {
    fn drop(&mut self) {
        self.scope.refuse_new();
        self.scope.core.close_scope(&self.scope.id);
        drop(self.left.take());
        // Last: who has the result must not find the scope open, as a shutdown would that is called
        // at once.
        let gone = Err(JoinError::Ended);
        let result = std::mem::replace(&mut self.result, gone);
        let reason = match &result {
            Ok(Ok(_)) => ExitReason::Normal,
            Ok(Err(failure)) => match failure.downcast_ref::<Panic>() {
                Some(panic) => ExitReason::Panicked(panic.clone()),
                None => ExitReason::Failed(failure.clone()),
            },
            Err(_dropped) => ExitReason::Cancelled(Cause::Shutdown),
        };
        self.cell.finish(&self.info, result, reason);
    }
}

/// Runs the body, then ends the scope, and returns what the scope is to return.
async fn live<T, F, Fut>(
    scope: &Arc<Inner>,
    spawned_at: &'static Location<'static>,
    body: F,
) -> Result<T>
where
    F: FnOnce(Scope) -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let handle = Scope::from_inner(scope.clone());
    let body = async move { body(handle).await };
    let outcome = guarded(body, scope.context.clone(), scope.id.clone(), spawned_at).await;
    let value = match outcome {
        Outcome::Returned(Ok(value)) => Some(value),
        Outcome::Returned(Err(failure)) => {
            scope.fail(scope.id.clone(), failure);
            scope.cancel(Cause::ScopeEnded);
            None
        }
        Outcome::Panicked(panic) => {
            scope.fail(scope.id.clone(), Failure::from(panic));
            scope.cancel(Cause::ScopeEnded);
            None
        }
        Outcome::Ended(_) => None,
    };
    end(scope).await;
    // Its context is left as it is. The wrong version ends it here: messages that were told in the scope
    // carry it, and those still on their way to actors outside would be skipped.
    match (scope.take_error(), value) {
        (Some(failure), _) => Err(failure),
        (None, Some(value)) => match scope.cut_from_outside() {
            Some(error) => Err(error.into()),
            None => Ok(value),
        },
        (None, None) => Err(match scope.context.err() {
            Some(error) => error.into(),
            None => ScopeError::Ended.into(),
        }),
    }
}

/// Waits for the tasks, then drains the actors one by one, the last started first.
async fn end(scope: &Arc<Inner>) {
    loop {
        until(scope, |cx| scope.poll_tasks_done(cx)).await;
        let Some(last) = scope.last_child() else {
            break;
        };
        // An actor's own tasks and messages may start others: look again after each.
        if let Some(error) = scope.context.err() {
            last.cancel(error.cause().clone());
        } else {
            last.drain();
        }
        until(scope, |cx| scope.poll_gone(last.id(), cx)).await;
    }
    until(scope, |cx| scope.poll_ended(cx)).await;
}

async fn until(scope: &Arc<Inner>, mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<()>) {
    let mut wait = Wait::new(WaitKind::ScopeEnd);
    std::future::poll_fn(|cx| {
        let polled = poll(cx);
        if polled.is_pending() {
            wait.tell(|| Some(scope.id.clone()));
        }
        polled
    })
    .await;
}

/// Waits for the tasks of a scope; ended by the context of the waiter.
pub(super) async fn join(scope: &Arc<Inner>) -> Result<()> {
    let idle = idle(scope).await;
    match (idle, scope.first_error()) {
        (Err(NotIdle::Cycle { waiter }), _) => Err(ScopeError::Cycle {
            scope: scope.id.clone(),
            waiter,
        }
        .into()),
        (_, Some(failure)) => Err(failure),
        (Err(NotIdle::Ended(error)), None) => Err(error.into()),
        (Ok(()), None) => Ok(()),
    }
}

/// Why a wait for the tasks of a scope has ended before them.
pub(super) enum NotIdle {
    Cycle { waiter: Id },
    Ended(ContextError),
}

/// Waits for the tasks of a scope, whatever they give.
pub(super) async fn idle(scope: &Arc<Inner>) -> Result<(), NotIdle> {
    if let Some(waiter) = current::task().filter(|task| is_awaited(task, &scope.id)) {
        let waiter = waiter.id.clone();
        return Err(NotIdle::Cycle { waiter });
    }
    let mut wait = Wait::new(WaitKind::ScopeEnd);
    let ended = std::future::poll_fn(|cx| {
        if scope.poll_tasks_done(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        wait.poll(cx, || Some(scope.id.clone()), None)
            .map(|ended| Err(NotIdle::Ended(ended)))
    })
    .await;
    wait.end();
    ended
}

/// Whether a scope's tasks are not done before this one is. The scope's actors are not among them, nor
/// are functions that run after a context.
fn is_awaited(task: &TaskInfo, scope: &Id) -> bool {
    let mut above = task.id.parent();
    let mut is_child = true;
    while let Some(id) = above {
        if id.is_same(scope) {
            return match task.kind {
                TaskKind::AfterFunc => false,
                TaskKind::Actor => !is_child,
                _ => true,
            };
        }
        is_child = false;
        above = id.parent();
    }
    false
}

fn parent_context(core: &Core, outer: Option<&Inner>) -> Context {
    match Context::current() {
        // A context of another runtime keeps another time and is cancelled by others.
        Some(current) if current.root_id().is_same(core.id()) => current,
        _ => outer.map_or_else(|| core.context().clone(), |outer| outer.context.clone()),
    }
}
