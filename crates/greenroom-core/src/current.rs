//! What is current on this thread: the driver, and the task with its context.
//!
//! # Invariants
//! 1. Set around each poll, and put back when the poll ends, by return or by unwinding.
//! 2. Nothing else lives in a thread-local.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::context::Context;
use crate::driver::Driver;
use crate::error::ContextError;
use crate::exit::Panic;
use crate::id::Id;
use crate::strays::Strays;
use crate::task::TaskInfo;
use crate::unwind;

#[cfg(all(test, greenroom_model))]
use shuttle::thread_local;

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current { driver: None, task: None, context: None, watch: None, is_arbiter: false, turn: None }) };
}

struct Current {
    driver: Option<Handle>,
    task: Option<Arc<TaskInfo>>,
    context: Option<Context>,
    // The waker that the end of the current context wakes already, by the addresses that identify it.
    watch: Option<WakerKey>,
    // Whether the thread is an arbiter's, also while it polls foreign tasks, which see no driver.
    is_arbiter: bool,
    // When the turn of the driver began, if that has turns.
    turn: Option<Instant>,
}

type WakerKey = (usize, usize);

fn key(waker: &Waker) -> WakerKey {
    (
        waker.data() as usize,
        std::ptr::from_ref(waker.vtable()) as usize,
    )
}

/// A driver as the kernel holds it.
#[derive(Clone)]
pub struct Handle {
    driver: Arc<dyn Driver>,
    observed: bool,
    // Whether a thread on which it is current runs its tasks.
    on_arbiter: bool,
    strays: Option<Arc<Strays>>,
}

impl Handle {
    /// Holds a driver. Only an observed one is told of events; see [`driver`](crate::driver).
    pub fn new(driver: Arc<dyn Driver>, observed: bool) -> Self {
        Self {
            driver,
            observed,
            on_arbiter: true,
            strays: None,
        }
    }

    /// Keeps the panics there that nobody is there to take; see [`tell_stray`].
    #[must_use]
    pub fn with_strays(mut self, strays: Arc<Strays>) -> Self {
        self.strays = Some(strays);
        self
    }

    /// Returns the handle for a thread that works for a task of this driver and may block.
    #[must_use]
    pub fn off_arbiter(mut self) -> Self {
        self.on_arbiter = false;
        self
    }

    /// Returns the driver.
    #[must_use]
    pub fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    /// Returns the driver if it is told of events.
    #[must_use]
    pub fn observer(&self) -> Option<&Arc<dyn Driver>> {
        self.observed.then_some(&self.driver)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("observed", &self.observed)
            .finish_non_exhaustive()
    }
}

/// Puts back what was current before, when dropped.
#[must_use]
#[derive(Debug)]
pub struct Entered(Undo);

/// Puts back which waker was woken already, when dropped.
#[must_use]
#[derive(Debug)]
pub struct Watched(Option<WakerKey>);

/// A task that is polled again and again: it is made current without a reference count.
#[derive(Debug)]
pub struct Seat {
    task: Option<Arc<TaskInfo>>,
    context: Option<Context>,
    watch: Option<WakerKey>,
}

/// A task that is current. Puts back what was current before, when dropped.
#[must_use]
#[derive(Debug)]
pub struct Seated<'a>(&'a mut Seat);

impl Seat {
    /// Holds a task and its context.
    #[must_use]
    pub fn new(task: Arc<TaskInfo>, context: Context) -> Self {
        Self {
            task: Some(task),
            context: Some(context),
            watch: None,
        }
    }

    /// Makes the task and its context current until the guard is dropped.
    pub fn enter(&mut self) -> Seated<'_> {
        self.swap();
        Seated(self)
    }

    // What is current and what is held change places; nothing is dropped.
    fn swap(&mut self) {
        with(|current| {
            std::mem::swap(&mut current.task, &mut self.task);
            std::mem::swap(&mut current.context, &mut self.context);
            std::mem::swap(&mut current.watch, &mut self.watch);
        });
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.0.swap();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        with(|current| current.watch = self.0);
    }
}

enum Undo {
    Driver(Option<Handle>, Option<Instant>),
    Task(Option<Arc<TaskInfo>>, Option<Context>, Option<WakerKey>),
    Context(Option<Context>, Option<WakerKey>),
    Arbiter(bool),
    /// The thread is going away: nothing is current on it, and nothing was made so.
    Nothing,
}

impl fmt::Debug for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Driver(..) => "Driver",
            Self::Task(..) => "Task",
            Self::Context(..) => "Context",
            Self::Arbiter(_) => "Arbiter",
            Self::Nothing => "Nothing",
        })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What was current goes with the guard, after the borrow ends: a context may hold a user's
        // value, whose destructor may ask what is current.
        with(|current| match &mut self.0 {
            Undo::Driver(before, turn) => {
                std::mem::swap(&mut current.driver, before);
                current.turn = *turn;
            }
            Undo::Task(task, context, watch) => {
                std::mem::swap(&mut current.task, task);
                std::mem::swap(&mut current.context, context);
                current.watch = *watch;
            }
            Undo::Context(before, watch) => {
                std::mem::swap(&mut current.context, before);
                current.watch = *watch;
            }
            Undo::Arbiter(before) => current.is_arbiter = *before,
            Undo::Nothing => {}
        });
    }
}

// A thread that is going away has no current anything, and may drop what comes home by a message: the
// wrong version panics here, in a destructor of a thread-local, which ends the process.
fn with<R>(f: impl FnOnce(&mut Current) -> R) -> Option<R> {
    CURRENT
        .try_with(|current| f(&mut current.borrow_mut()))
        .ok()
}

fn entered(f: impl FnOnce(&mut Current) -> Undo) -> Entered {
    Entered(with(f).unwrap_or(Undo::Nothing))
}

#[inline]
fn is(f: impl FnOnce(&Current) -> bool) -> bool {
    CURRENT
        .try_with(|current| f(&current.borrow()))
        .unwrap_or(false)
}

fn read<R>(f: impl FnOnce(&Current) -> Option<R>) -> Option<R> {
    CURRENT
        .try_with(|current| f(&current.borrow()))
        .ok()
        .flatten()
}

/// Makes a driver current until the guard is dropped.
pub fn enter_driver(handle: Handle) -> Entered {
    entered(|c| Undo::Driver(c.driver.replace(handle), c.turn.take()))
}

/// Says, until the guard is dropped, that this thread runs tasks, whatever it polls.
///
/// A foreign task beside ours (`tokio::spawn` in a handler) sees no driver, and must not block all the
/// same: what it would wait for may be on this thread.
pub fn enter_arbiter() -> Entered {
    entered(|c| Undo::Arbiter(std::mem::replace(&mut c.is_arbiter, true)))
}

/// Makes a task and its context current until the guard is dropped.
pub fn enter_task(task: Arc<TaskInfo>, context: Context) -> Entered {
    entered(|c| {
        Undo::Task(
            c.task.replace(task),
            c.context.replace(context),
            c.watch.take(),
        )
    })
}

/// Makes a context current until the guard is dropped.
pub fn enter_context(context: Context) -> Entered {
    entered(|c| Undo::Context(c.context.replace(context), c.watch.take()))
}

/// Makes a context current until the guard is dropped, and says that its end wakes `waker` already; see
/// [`enter_watch`].
pub fn enter_watched_context(context: Context, waker: &Waker) -> Entered {
    let key = key(waker);
    entered(|c| Undo::Context(c.context.replace(context), c.watch.replace(key)))
}

/// Says, until the guard is dropped, that the end of the current context wakes `waker` already: waits
/// that are polled with it need not register themselves.
///
/// The caller has registered the waker with the current context, keeps that registration, and looks
/// for the end itself whenever it is polled.
pub fn enter_watch(waker: &Waker) -> Watched {
    Watched(with(|c| c.watch.replace(key(waker))).flatten())
}

/// Returns the current driver, or `None` outside a runtime.
#[must_use]
pub fn driver() -> Option<Arc<dyn Driver>> {
    read(|c| c.driver.as_ref().map(|h| h.driver.clone()))
}

/// Returns whether this thread runs tasks at this moment, so that it must not block.
#[must_use]
pub fn is_arbiter() -> bool {
    read(|c| Some(c.is_arbiter || c.driver.as_ref().is_some_and(|h| h.on_arbiter))).unwrap_or(false)
}

/// Returns the current driver if it is told of events.
#[must_use]
pub fn observer() -> Option<Arc<dyn Driver>> {
    read(|c| c.driver.as_ref().and_then(|h| h.observer().cloned()))
}

/// Returns whether the current driver is told of events.
#[inline]
pub(crate) fn is_observed() -> bool {
    is(|c| c.driver.as_ref().is_some_and(|h| h.observed))
}

/// Returns the current task, or `None` outside our tasks and handlers.
#[must_use]
pub fn task() -> Option<Arc<TaskInfo>> {
    read(|c| c.task.clone())
}

/// Returns the id of the current task.
#[must_use]
pub fn task_id() -> Option<Id> {
    read(|c| c.task.as_ref().map(|task| task.id.clone()))
}

/// Returns the current context, or `None` outside our tasks and handlers.
#[must_use]
pub fn context() -> Option<Context> {
    read(|c| c.context.clone())
}

/// Calls `f` with the current task, without a reference count.
pub fn with_task<R>(f: impl FnOnce(&Arc<TaskInfo>) -> R) -> Option<R> {
    read(|c| c.task.as_ref().map(f))
}

/// Tells the current runtime of a panic that nobody is there to take, as the current task's.
///
/// Outside a runtime the panic hook alone has told of it.
pub fn tell_stray(payload: Box<dyn Any + Send>, doing: &'static str) {
    let Some(strays) = read(|c| c.driver.as_ref()?.strays.clone()) else {
        return unwind::forget(payload);
    };
    let (id, spawned_at) = match task() {
        Some(task) => (task.id.clone(), task.spawned_at),
        None => (Id::root(), Location::caller()),
    };
    strays.push(Panic::new(payload, id, Some(doing), spawned_at));
}

/// Returns the current task, if what identifies the waker of its desk is this.
pub(crate) fn task_at_desk(desk: usize) -> Option<Arc<TaskInfo>> {
    read(|c| {
        let at_desk = |task: &&Arc<TaskInfo>| task.is_desk(desk);
        c.task.as_ref().filter(at_desk).cloned()
    })
}

/// Returns whether the current context has a deadline.
pub(crate) fn has_deadline() -> bool {
    is(|c| {
        c.context
            .as_ref()
            .is_some_and(|context| context.deadline().is_some())
    })
}

/// Returns how the current context ended, if it has.
#[inline]
pub(crate) fn ended() -> Option<ContextError> {
    if is(|c| c.context.as_ref().is_some_and(Context::has_ended)) {
        read(|c| c.context.as_ref()?.ended_quietly())
    } else {
        None
    }
}

/// How a wait learns of the end of the current context.
pub(crate) enum Watching {
    /// There is no current context.
    Nothing,
    /// It has ended.
    Ended,
    /// Whoever polls is woken already.
    Already,
    /// By a registration of its own.
    Register(Context),
}

/// Who waits, as compared with the task that is said to.
pub(crate) enum Waiter {
    /// The same.
    Same,
    /// This one.
    Other(Option<Arc<TaskInfo>>),
}

/// Looks for what a wait that is polled with `waker` has to do.
pub(crate) fn look(waker: &Waker, told: Option<&Arc<TaskInfo>>) -> (Watching, Waiter) {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            let watching = match &current.context {
                None => Watching::Nothing,
                Some(context) if context.has_ended() => Watching::Ended,
                Some(_) if current.watch == Some(key(waker)) => Watching::Already,
                Some(context) => Watching::Register(context.clone()),
            };
            (watching, compare(&current, told))
        })
        .unwrap_or((Watching::Nothing, Waiter::Other(None)))
}

/// Compares the current task with the one that is said to wait.
pub(crate) fn waiter(told: Option<&Arc<TaskInfo>>) -> Waiter {
    CURRENT
        .try_with(|current| compare(&current.borrow(), told))
        .unwrap_or(Waiter::Other(None))
}

fn compare(current: &Current, told: Option<&Arc<TaskInfo>>) -> Waiter {
    match (&current.task, told) {
        (Some(task), Some(told)) if Arc::ptr_eq(task, told) => Waiter::Same,
        (None, None) => Waiter::Same,
        (task, _) => Waiter::Other(task.clone()),
    }
}

/// Returns the time of the current driver; outside a runtime, the time of the machine.
#[must_use]
pub fn now() -> Instant {
    driver().map_or_else(Instant::now, |driver| driver.now())
}

/// Sets when the turn of this arbiter began; it is told for as long as its driver is current.
pub fn set_turn(began: Instant) {
    with(|current| current.turn = Some(began));
}

/// Returns when the turn of this arbiter began: the time to a few polls, for the price of none. For
/// reports of how long something lasts. Outside an arbiter it is [`now`].
#[must_use]
pub fn turn() -> Instant {
    read(|c| c.turn).unwrap_or_else(now)
}

/// Chooses one of `options` through the current driver; outside a runtime, at random.
#[must_use]
pub fn choose(options: usize) -> usize {
    if options < 2 {
        return 0;
    }
    driver().map_or_else(
        || fastrand::usize(..options),
        |driver| driver.choose(options).min(options - 1),
    )
}

/// Makes an id for a new kernel object: a child of the current task, or `None` outside a runtime.
#[must_use]
pub fn object_id(name: &'static str) -> Option<Id> {
    with_task(|task| task.id.child(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc_support::root;

    /// Makes a context current as it is dropped, as what comes home by a message does.
    struct Late(Context, std::sync::mpsc::Sender<Option<Context>>);

    impl Drop for Late {
        fn drop(&mut self) {
            let _entered = enter_context(self.0.clone());
            let _nobody = self.1.send(context());
        }
    }

    std::thread_local! {
        static KEPT: RefCell<Option<Late>> = const { RefCell::new(None) };
    }

    #[test]
    fn a_thread_that_is_going_away_enters_nothing() {
        let (tell, told) = std::sync::mpsc::channel();
        let context = root();
        let thread = std::thread::spawn(move || {
            // Before what is current, so that it goes after that.
            KEPT.with(|kept| *kept.borrow_mut() = Some(Late(context.clone(), tell)));
            drop(enter_context(context));
        });
        assert!(thread.join().is_ok());
        assert!(told.recv().expect("it is dropped").is_none());
    }
}
