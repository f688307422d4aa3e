//! Structured concurrency: what is started in a scope has ended when the scope has.
//!
//! Go counterpart: `sync.WaitGroup`, `errgroup.Group` and a `context.Context` in one.
//!
//! # Ordering
//! Tasks start in the order of the calls. At the end the scope waits for its tasks, then drains its
//! actors one by one, the last started first.

pub(crate) mod body;
mod branch;
mod children;
mod error;
mod join;
mod place;
mod run;
mod state;
mod with;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::Arc;

use greenroom_core::error::{Cause, ContextError, NameError};
use greenroom_core::task::{Task, TaskInfo, TaskKind, yield_now};
use greenroom_core::{Context, ExitReason, Failure, Id, Linked, Name, Result};

pub(crate) use body::run;
pub use branch::{Branch, IdleError};
pub(crate) use children::Child;
pub use error::{CollectedErrors, ScopeError};
pub use join::{JoinError, JoinHandle};
pub use place::Place;
pub(crate) use run::{OnDrop, Outcome, guarded};
pub(crate) use state::Inner;

use crate::blocking;
use crate::runtime::Placement;
pub(crate) use join::JoinCell;

/// Tasks that [`Scope::go_each`] starts in one turn.
const TURN: usize = 64;

/// What a scope does when a child fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The first error cancels the siblings and is the scope's own error (Go's errgroup).
    #[default]
    CancelSiblings,
    /// Every child goes on; the scope's error is a [`CollectedErrors`] with all of them.
    Collect,
    /// Every child goes on; the first error is the scope's own (Go's errgroup without a context).
    KeepFirst,
}

/// Spawns tasks and actors, waits for them, and ends them together.
///
/// A scope is made by [`Runtime::scope`](crate::Runtime::scope),
/// [`Runtime::block_on`](crate::Runtime::block_on) or [`Scope::scope`], which hand it to the body.
/// When these return, nothing that was spawned in the scope lives. Cloning gives another handle to the
/// same scope; one kept past its end gets [`ScopeError::Ended`] or [`JoinError::Ended`].
///
/// A child that fails or panics cancels its siblings, and its error is the scope's; see [`OnError`]. A
/// scope whose children were cut short by a context outside of it fails with that context's end, so
/// that a result is a whole one; [`cancel`](Scope::cancel) is its own way to end its children, and no
/// failure.
///
/// # Differences from Go
/// - A goroutine may outlive whoever started it. A task cannot outlive its scope, which waits for one
///   that never ends, too: give that a deadline, or [`cancel`](Scope::cancel) the scope.
/// - Go ends a program in which everybody waits. Here others may send from outside, so it goes on
///   waiting; [`Runtime::stuck`](crate::Runtime::stuck) tells when nobody can, and
///   [`Runtime::alive`](crate::Runtime::alive) and
///   [`Runtime::snapshot`](crate::Runtime::snapshot) tell who waits for what, and since when, also of a
///   part of the program.
/// - A panic in a task does not end the process: it is the scope's error, with its payload and the
///   place where the task was spawned.
/// - A task whose context has ended gets an error from its waits, and is dropped at the first await
///   after that which is not ready, unless it runs that under
///   [`Context::without_cancel`](greenroom_core::Context::without_cancel).
#[derive(Clone)]
pub struct Scope {
    inner: Arc<Inner>,
    placement: Placement,
    name: Option<Name>,
    spawned_at: Option<&'static Location<'static>>,
    is_unlimited: bool,
}

impl Scope {
    /// Starts a task: Go's `go` statement. Its error cancels the siblings.
    ///
    /// The task runs beside its parent, on the same arbiter; see [`on`](Self::on). Never waits: under a
    /// [limit](Self::set_limit) the task may be held back until there is room.
    ///
    /// If the scope has ended, the task is not started and the handle gives [`JoinError::Ended`].
    ///
    /// A future that is not `Send`, since it holds an `Rc` across an await, say, is for
    /// [`go_local`](Self::go_local).
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// let sum = Runtime::new()?.block_on(|scope| async move {
    ///     let a = scope.go(async { Ok(1) });
    ///     let b = scope.go(async { Ok(2) });
    ///     Ok(a.await? + b.await?)
    /// })?;
    /// assert_eq!(sum, 3);
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn go<T, F>(&self, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        // The compiler shows the line, and with it the way out.
        F: Future<Output = Result<T>> + Send + 'static, // else use `go_local(|| future)`
    {
        self.launch(TaskKind::Task, Location::caller(), None, move || future)
    }

    /// Starts a task whose future is made on the thread that runs it, and need not be `Send`.
    #[track_caller]
    pub fn go_local<T, F, M>(&self, make: M) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + 'static,
        M: FnOnce() -> F + Send + 'static,
    {
        self.launch(TaskKind::Task, Location::caller(), None, make)
    }

    /// Starts one task for each item, spread over the arbiters: Go's `for` loop around `go`.
    ///
    /// The items are taken as there is room under the [limit](Self::set_limit), so that a long iterator
    /// does not pile up tasks. It ends with the scope's context. The handle gives the number of tasks,
    /// once all were started.
    ///
    /// # Differences from Go
    /// Each task owns its item: there is no loop variable to capture by mistake.
    #[track_caller]
    pub fn go_each<I, F, Fut>(&self, items: I, f: F) -> JoinHandle<usize>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        I::IntoIter: Send + 'static,
        F: Fn(I::Item) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let spawned_at = Location::caller();
        let items = items.into_iter();
        let scope = self.on(Placement::Spread);
        let feed = async move {
            let mut count = 0;
            for item in items {
                let place = match scope.is_unlimited {
                    true => None,
                    false => Some(place::wait(&scope.inner).await),
                };
                let future = f(item);
                let _task = scope.launch(TaskKind::Task, spawned_at, place, move || future);
                count += 1;
                // Without a limit, too, the tasks get their turn; and it ends here with the scope.
                if count % TURN == 0 {
                    yield_now().await;
                }
            }
            Ok(count)
        };
        self.launch(TaskKind::Kernel, spawned_at, None, move || feed)
    }

    /// Runs a closure that blocks, on a thread where it may.
    ///
    /// The closure cannot be interrupted: it asks `Context::current()` whether it is to stop. The scope
    /// waits for it. On a [single-threaded](crate::Builder::single_thread) runtime it runs in place.
    #[track_caller]
    pub fn go_blocking<T, F>(&self, f: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        self.launch(TaskKind::Blocking, Location::caller(), None, move || {
            blocking::run(f)
        })
    }

    /// Runs a body in a scope inside this one, and waits until everything in it has ended.
    ///
    /// Its context is derived from the caller's, which inside this scope is this scope's or one below
    /// it. Called in a task of another scope, or without cancel, a cancel of this scope does not reach
    /// it; this scope waits for it all the same.
    ///
    /// # Errors
    /// The error of the body, or the first of its children.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the inner scope with [`Cause::ScopeDropped`]; this scope waits for
    /// what was in it.
    #[track_caller]
    pub fn scope<T, F, Fut>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F, Fut>
    where
        T: Send + 'static,
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        let core = self.inner.core.clone();
        body::run(core, Some(self.inner.clone()), Location::caller(), body)
    }

    /// Returns this scope with another placement of what is started through the returned handle.
    #[must_use]
    pub fn on(&self, placement: Placement) -> Self {
        Self {
            placement,
            ..self.clone()
        }
    }

    /// Returns this scope with a name for the tasks that are started through the returned handle, in
    /// place of `task`. A name of a task is for reports; several may have the same.
    ///
    /// # Errors
    /// The text is empty or contains `/`.
    pub fn named(&self, name: impl Into<Cow<'static, str>>) -> Result<Self, NameError> {
        Ok(Self {
            name: Some(Name::new(name)?),
            ..self.clone()
        })
    }

    /// Returns this scope such that tasks and actors started through the returned handle report
    /// `location` as the place where they were spawned. For what starts tasks on behalf of somebody else.
    #[must_use]
    pub fn at(&self, location: &'static Location<'static>) -> Self {
        Self {
            spawned_at: Some(location),
            ..self.clone()
        }
    }

    /// What is reported for something that is spawned through this handle by `caller`.
    pub(crate) fn place_of(
        &self,
        caller: &'static Location<'static>,
    ) -> &'static Location<'static> {
        self.spawned_at.unwrap_or(caller)
    }

    /// Returns a branch of this scope: tasks of it whose end, errors and limit are their own.
    ///
    /// The branch's context is derived from `context`, or from this scope's if that one is of another
    /// runtime. A context outside this scope's is not reached by a cancel of this scope, which waits
    /// for the tasks all the same. `name` is the name in the branch's id.
    #[must_use]
    pub fn branch(&self, name: &'static str, context: &Context) -> Branch {
        let own = self.context();
        let parent = match context.root_id().is_same(own.root_id()) {
            true => context,
            false => own,
        };
        Branch::new(Self {
            inner: self.inner.branch(name, parent),
            is_unlimited: false,
            ..self.clone()
        })
    }

    /// Returns this scope such that tasks started through the returned handle do not count under its
    /// [limit](Self::set_limit).
    ///
    /// For tasks that serve others, such as the stages of a pipeline: held back, they would hold up the
    /// ones that have their turn.
    #[must_use]
    pub fn unlimited(&self) -> Self {
        Self {
            is_unlimited: true,
            ..self.clone()
        }
    }

    /// Waits until every task that was started has ended: Go's `wg.Wait()`. Actors live on.
    ///
    /// It does not close the scope. Use it in the body, or outside.
    ///
    /// # Errors
    /// - The first error of a child so far, which stays the scope's error as well.
    /// - [`ScopeError::Cycle`]: called in a task of this scope, or in a scope inside it, for which it
    ///   would wait.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken.
    pub async fn join(&self) -> Result<()> {
        body::join(&self.inner).await
    }

    /// Chooses what the failure of a child does, for those that fail from now on.
    pub fn set_on_error(&self, on_error: OnError) {
        self.inner.set_on_error(on_error);
    }

    /// Lets at most `limit` tasks run at a time: Go's `errgroup.SetLimit`. Actors do not count, nor do
    /// inner scopes. Tasks beyond it are held until there is room, first come, first served. A smaller
    /// limit than before ends none of those that run.
    ///
    /// # Errors
    /// [`ScopeError::ZeroLimit`]: nothing could ever run.
    pub fn set_limit(&self, limit: usize) -> Result<(), ScopeError> {
        let limit = NonZeroUsize::new(limit).ok_or(ScopeError::ZeroLimit)?;
        self.inner.set_limit(Some(limit));
        Ok(())
    }

    /// Cancels everything in the scope, before it returns; it does not wait for the end.
    pub fn cancel(&self, cause: impl Into<Cause>) {
        self.inner.cancel(cause.into());
    }

    /// Returns the scope's context, from which those of its children are derived.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.inner.context
    }

    /// Returns the scope's id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.inner.id
    }

    /// Returns how many children have not ended, tasks and actors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.running()
    }

    /// Returns whether every child has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            placement: Placement::Here,
            name: None,
            spawned_at: None,
            is_unlimited: false,
        }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn placement(&self) -> Placement {
        self.placement
    }

    fn launch<T, F, M>(
        &self,
        kind: TaskKind,
        spawned_at: &'static Location<'static>,
        place: Option<Place>,
        make: M,
    ) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + 'static,
        M: FnOnce() -> F + Send + 'static,
    {
        self.try_launch(kind, spawned_at, place, make)
            .unwrap_or_else(|_make| JoinHandle::refused(self.inner.id.child("task")))
    }

    /// Starts a task, or gives it back if the scope has ended.
    fn try_launch<T, F, M>(
        &self,
        kind: TaskKind,
        spawned_at: &'static Location<'static>,
        place: Option<Place>,
        make: M,
    ) -> Result<JoinHandle<T>, M>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + 'static,
        M: FnOnce() -> F + Send + 'static,
    {
        let inner = &self.inner;
        if inner.enter().is_err() {
            return Err(make);
        }
        let spawned_at = self.place_of(spawned_at);
        let is_limited = kind != TaskKind::Kernel && !self.is_unlimited;
        let id = inner.id.child(match (&self.name, kind) {
            (Some(name), _) => name.clone().into_text(),
            (None, TaskKind::Blocking) => "blocking".into(),
            (None, TaskKind::Kernel) => "each".into(),
            (None, _) => "task".into(),
        });
        let (context, cancel) = inner.context.with_cancel_cause();
        let driver = inner.core.place(self.placement, inner.home);
        let info =
            Arc::new(TaskInfo::new(id.clone(), kind, spawned_at, driver.now()).with_cancel(cancel));
        let cell = JoinCell::new();
        let finish = Finish {
            scope: inner.clone(),
            cell: cell.clone(),
            info: info.clone(),
            context: context.clone(),
            is_limited,
            is_told: false,
        };
        let task = Task::local(info.clone(), context.clone(), {
            move || {
                // Made here, so that a closure that panics is the task's own panic.
                let future = async move { make().await };
                async move {
                    let outcome = guarded(future, context, id, spawned_at).await;
                    finish.tell(outcome);
                }
            }
        });
        match place {
            // The task has it from here on, and gives it back.
            Some(place) if is_limited => {
                place.hand_over();
                driver.spawn(task);
            }
            None if is_limited => inner.start(driver, task),
            _ => driver.spawn(task),
        }
        Ok(JoinHandle::new(cell, info))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}

/// Ends a task once, whatever becomes of its future: returned, panicked, cancelled, or dropped by a
/// hub that closes.
struct Finish<T: Send + 'static> {
    scope: Arc<Inner>,
    cell: Arc<JoinCell<T>>,
    info: Arc<TaskInfo>,
    context: Context,
    is_limited: bool,
    is_told: bool,
}

impl<T: Send + 'static> Finish<T> {
    fn tell(mut self, outcome: Outcome<Result<T>>) {
        self.is_told = true;
        let id = &self.info.id;
        match outcome {
            Outcome::Returned(Ok(value)) => {
                self.cell.finish(&self.info, Ok(value), ExitReason::Normal);
            }
            Outcome::Returned(Err(failure)) => {
                // An error that follows from the task's own cancel is no reason to end its siblings.
                let reason = match self.context.err() {
                    None => {
                        self.scope.fail(id.clone(), failure.clone());
                        ExitReason::Failed(failure.clone())
                    }
                    Some(error) => {
                        self.scope.note_cut();
                        exit_of(id, error)
                    }
                };
                let error = match &reason {
                    ExitReason::Linked(linked) => JoinError::Linked(linked.clone()),
                    _ => JoinError::Failed(failure),
                };
                self.cell.finish(&self.info, Err(error), reason);
            }
            Outcome::Panicked(panic) => {
                (self.scope).fail(id.clone(), Failure::from(panic.clone()));
                self.end(ExitReason::Panicked(panic));
            }
            Outcome::Ended(error) => {
                self.scope.note_cut();
                self.end(exit_of(id, error));
            }
        }
    }

    fn end(&self, reason: ExitReason) {
        let error = JoinError::from_exit(reason.clone());
        self.cell.finish(&self.info, Err(error), reason);
    }
}

/// How a task ended with its context: by a link of its own, or as all in that context.
fn exit_of(task: &Id, error: ContextError) -> ExitReason {
    match error.cause().downcast_ref::<Linked>() {
        Some(linked) if linked.of().is_same(task) => ExitReason::Linked(linked.clone()),
        _ => error.into(),
    }
}

impl<T: Send + 'static> Drop for Finish<T> {
    fn drop(&mut self) {
        if !self.is_told {
            self.scope.note_cut();
            self.end(match self.context.err() {
                Some(error) => exit_of(&self.info.id, error),
                None => ExitReason::Cancelled(Cause::Shutdown),
            });
        }
        if self.is_limited {
            self.scope.give_place_back();
        }
        self.scope.leave();
    }
}
