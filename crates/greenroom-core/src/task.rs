//! A task as the driver sees it: what to poll, and what is known about it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::bond::Bonds;
use crate::certain::{Look, Sure};
use crate::channel::Account;
use crate::context::{CancelCauseHandle, Context};
use crate::current;
use crate::cycle::{Bell, DeskKey, FarEnd, Parked};
use crate::error::Cause;
use crate::id::Id;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, fence};

/// The future of a task, which never leaves the thread that made it.
pub type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A task to be spawned: its facts, its context, and how its future is made on the thread that polls it.
pub struct Task {
    /// What is known about it.
    pub info: Arc<TaskInfo>,
    /// The context that is current while it is polled.
    pub context: Context,
    /// Makes the future, once, on the thread that will poll it, with the task already current.
    pub make: Box<dyn FnOnce() -> LocalFuture + Send>,
}

impl Task {
    /// Wraps a future that may move between threads.
    pub fn new(
        info: Arc<TaskInfo>,
        context: Context,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self::local(info, context, move || future)
    }

    /// Wraps a closure that makes a future on the thread that will poll it.
    pub fn local<F: Future<Output = ()> + 'static>(
        info: Arc<TaskInfo>,
        context: Context,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        Self {
            info,
            context,
            make: Box::new(move || Box::pin(make())),
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.info.id)
            .finish_non_exhaustive()
    }
}

/// What kind of thing a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskKind {
    /// An actor.
    Actor,
    /// A future given to a scope.
    Task,
    /// The body of a scope.
    Scope,
    /// A closure on the blocking pool.
    Blocking,
    /// A function registered to run after a context.
    AfterFunc,
    /// Housekeeping of the runtime itself.
    Kernel,
}

/// The facts of a task, for look-up and reports.
#[derive(Debug)]
pub struct TaskInfo {
    /// Its path.
    pub id: Id,
    /// What it runs.
    pub kind: TaskKind,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// When it was spawned, in the runtime's time.
    pub since: Instant,
    // Written by who begins or ends a wait of the task, read by snapshots.
    waits: Mutex<Waits>,
    // Sections that outlive a cancel, see `Shield`. Written by the task itself only.
    shields: AtomicUsize,
    // What identifies the waker of an actor's desk, and how many clones of it contexts hold; see
    // `cycle`. Written by the task itself, and by who drops what it had polled.
    desk: AtomicUsize,
    context_clones: AtomicUsize,
    // Odd from when a poll at the desk has returned pending until the next one begins. Written by who
    // polls only; see `certain`.
    rests: AtomicU64,
    // Set before a clone of the desk's waker goes to wake; cleared by who polls.
    rung: AtomicBool,
    bell: OnceLock<Weak<Bell>>,
    cancel: Option<CancelCauseHandle>,
    // Who is told of its end.
    pub(crate) bonds: Bonds,
}

impl TaskInfo {
    /// Records the facts of a new task.
    #[must_use]
    pub fn new(
        id: Id,
        kind: TaskKind,
        spawned_at: &'static Location<'static>,
        since: Instant,
    ) -> Self {
        Self {
            id,
            kind,
            spawned_at,
            since,
            waits: Mutex::default(),
            shields: AtomicUsize::new(0),
            desk: AtomicUsize::new(0),
            context_clones: AtomicUsize::new(0),
            rests: AtomicU64::new(0),
            rung: AtomicBool::new(false),
            bell: OnceLock::new(),
            cancel: None,
            bonds: Bonds::default(),
        }
    }

    /// Records how the task's own context is cancelled, so that it can be by its id.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancelCauseHandle) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Cancels the task's own context. Returns whether it has one.
    pub fn cancel(&self, cause: Cause) -> bool {
        if let Some(cancel) = &self.cancel {
            cancel.cancel(cause);
        }
        self.cancel.is_some()
    }

    /// Returns what it waits for, or `None` while it runs or waits for something foreign. Of several
    /// waits at once it is the one that began last.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        let waits = self.waits.lock();
        waits.last.as_ref().map(|(_, wait)| wait.waiting.clone())
    }

    /// Returns all that it waits for, in the order in which the waits began.
    #[must_use]
    pub fn waits(&self) -> Vec<Waiting> {
        let waits = self.waits.lock();
        waits.all().map(|wait| wait.waiting.clone()).collect()
    }

    /// Records all that it waits for, in the order in which the waits began; `now` is the runtime's time.
    #[must_use]
    pub fn wait_records(&self, now: Instant) -> Vec<WaitRecord> {
        let waits = self.waits.lock();
        let record = |wait: &Begun| WaitRecord {
            waiting: wait.waiting.clone(),
            message: wait.message,
            lasts: now.saturating_duration_since(wait.since),
        };
        waits.all().map(record).collect()
    }

    /// Returns for whom it waits, if it is certain that it does nothing else; see [`cycle`](crate::cycle).
    #[must_use]
    pub fn waits_only_for(&self) -> Option<Id> {
        let (_, end) = self.parked()?;
        end.holder().map(|holder| holder.id.clone())
    }

    /// Returns whether it is in a section that outlives a cancel.
    #[must_use]
    pub fn is_shielded(&self) -> bool {
        self.shields() > 0
    }

    pub(crate) fn shields(&self) -> usize {
        self.shields.load(Relaxed)
    }

    /// Sets what it waits for, in place of all that it was said to wait for before.
    pub fn set_waiting(&self, waiting: Option<Waiting>) {
        let mut waits = self.waits.lock();
        (waits.last, waits.earlier) = (None, BTreeMap::new());
        let ends = std::mem::take(&mut waits.ends);
        let sures = waits
            .at_desk
            .as_mut()
            .map(|desk| std::mem::take(&mut desk.sures));
        if let Some(waiting) = waiting {
            let _key = waits.begin(Begun::now(waiting, None));
        }
        drop(waits);
        drop((ends, sures));
    }

    pub(crate) fn begin_wait(
        &self,
        waiting: Waiting,
        message: Option<&'static str>,
        end: Option<EndOf>,
        far: Option<Sure>,
    ) -> u64 {
        let begun = Begun::now(waiting, message);
        let mut waits = self.waits.lock();
        let key = waits.begin(begun);
        if let Some(end) = end {
            waits.ends.push((key, end));
        }
        if let Some(far) = far {
            waits.at_desk.get_or_insert_default().sures.push((key, far));
        }
        key
    }

    /// Says that a wait was polled again, at the desk.
    pub(crate) fn renew_wait(&self, key: u64, is_timed: bool) {
        let rests = self.rests();
        let mut waits = self.waits.lock();
        let sures = waits.at_desk.as_mut().map(|desk| &mut desk.sures);
        let found = (sures.into_iter().flatten()).find(|(of, _)| *of == key);
        if let Some((_, sure)) = found {
            (sure.rests, sure.is_timed) = (rests, is_timed);
        }
    }

    /// Ends a wait that was begun, unless something was set in its place.
    pub(crate) fn end_wait(&self, key: u64) {
        let ended = self.waits.lock().end(key);
        // After the lock: with a far end an answer may go.
        drop(ended);
    }

    /// Returns the far end of its waits, if one of them has one and no other has.
    pub(crate) fn far_end(&self) -> Option<Arc<dyn FarEnd>> {
        match &*self.waits.lock().ends {
            [(_, end)] => Some(end.end.clone()),
            _ => None,
        }
    }

    pub(crate) fn park(&self, parked: Parked) {
        let mut waits = self.waits.lock();
        waits.begun += 1;
        waits.parked = Some((waits.begun, parked));
    }

    pub(crate) fn unpark(&self) {
        let parked = self.waits.lock().parked.take();
        drop(parked);
    }

    /// Returns a number of this parking, and the far end, if it is parked and not woken.
    pub(crate) fn parked(&self) -> Option<(u64, Arc<dyn FarEnd>)> {
        let waits = self.waits.lock();
        let (number, parked) = waits.parked.as_ref()?;
        (!parked.is_rung()).then(|| (*number, parked.end.clone()))
    }

    /// Returns whether it is parked. One that parks later searches itself.
    pub(crate) fn is_parked(&self) -> bool {
        self.waits.lock().parked.is_some()
    }

    pub(crate) fn set_desk(&self, desk: usize, bell: Weak<Bell>) {
        self.desk.store(desk, Relaxed);
        let _first = self.bell.set(bell);
    }

    /// Returns whether the user code of the task is polled with a waker of its own.
    pub(crate) fn has_desk(&self) -> bool {
        self.desk.load(Relaxed) != 0
    }

    pub(crate) fn rests(&self) -> u64 {
        self.rests.load(Acquire)
    }

    /// Returns whether user code of it is pending that is polled at a desk.
    pub(crate) fn is_in_code(&self) -> bool {
        self.rests() % 2 == 1
    }

    /// Says that a poll at the desk has returned pending, or that the next one begins.
    pub(crate) fn set_resting(&self, is_resting: bool) {
        let rests = self.rests.load(Relaxed);
        if (rests % 2 == 1) != is_resting {
            self.rests.store(rests + 1, Release);
        }
    }

    pub(crate) fn rung(&self) -> &AtomicBool {
        &self.rung
    }

    /// Says which channels the task holds ends of, for as long as it runs what it runs now.
    pub(crate) fn hold(&self, held: Vec<Arc<dyn Account>>) {
        self.waits.lock().at_desk.get_or_insert_default().held = held;
    }

    /// Returns the channel of each end that it holds.
    pub(crate) fn held(&self) -> Vec<Arc<dyn Account>> {
        let waits = self.waits.lock();
        let at_desk = waits.at_desk.as_ref();
        at_desk.map(|desk| desk.held.clone()).unwrap_or_default()
    }

    pub(crate) fn let_go(&self) {
        let held = (self.waits.lock().at_desk.as_mut()).map(|desk| std::mem::take(&mut desk.held));
        drop(held);
    }

    /// Looks at a task whose user code is pending, and waits for nothing but what is returned; see
    /// [`certain`](crate::certain).
    pub(crate) fn look(&self) -> Option<Look> {
        let rests = self.rests();
        let desk = DeskKey(self.desk.load(Relaxed));
        let bell = self.bell.get().filter(|_| rests % 2 == 1)?;
        let (mut keys, mut sures, mut ends, is_parked) = {
            let waits = self.waits.lock();
            let keys: Vec<u64> = waits.keys().collect();
            let at_desk = waits.at_desk.as_ref();
            (
                keys,
                at_desk.map(|desk| desk.sures.clone()).unwrap_or_default(),
                waits.ends.clone(),
                waits.parked.is_some(),
            )
        };
        keys.sort_unstable();
        let clones = bell.strong_count();
        fence(Acquire);
        let mut expected = crate::cycle::OWN_CLONES + usize::from(is_parked);
        // An actor's own context may have a deadline that the one of its message has not.
        let own = self.cancel.as_ref();
        let mut is_timed = own.is_some_and(CancelCauseHandle::has_deadline);
        let mut far = Vec::new();
        let mut known = 0;
        for (_, sure) in sures.drain(..).filter(|(_, sure)| sure.rests + 1 == rests) {
            known += 1;
            expected += 1;
            is_timed |= sure.is_timed;
            far.push(sure.far);
        }
        for (_, end) in ends.drain(..) {
            known += 1;
            expected += end.end.clones_of(desk)?;
            is_timed |= end.is_timed;
            far.push(Far::End(end.end));
        }
        let is_known = known > 0
            && known == keys.len()
            && clones == expected
            && self.context_clones() == 0
            && !self.rung.load(Acquire)
            && self.rests() == rests;
        is_known.then_some(Look {
            rests,
            keys,
            far,
            is_timed,
        })
    }

    pub(crate) fn is_desk(&self, desk: usize) -> bool {
        desk != 0 && self.desk.load(Relaxed) == desk
    }

    pub(crate) fn context_clones(&self) -> usize {
        self.context_clones.load(Acquire)
    }

    pub(crate) fn add_context_clones(&self, clones: usize) {
        self.context_clones.fetch_add(clones, Relaxed);
    }

    pub(crate) fn remove_context_clones(&self, clones: usize) {
        self.context_clones.fetch_sub(clones, Release);
    }
}

/// Lets the other ready tasks of this arbiter run, then goes on.
///
/// Go counterpart: `runtime.Gosched`. For a computation in a task that awaits nothing else.
///
/// # Cancel safety
/// Cancel safe. A task whose context has ended is dropped here.
pub async fn yield_now() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Keeps a task whose context has ended from being dropped at its next await.
///
/// [`Context::run`] holds one while it runs a future in a context [without
/// cancel](Context::without_cancel); so does whoever waits for something that ends with its context
/// anyway.
#[derive(Debug)]
pub struct Shield(Arc<TaskInfo>);

impl Shield {
    /// Shields a task until it is dropped.
    #[must_use]
    pub fn over(task: Arc<TaskInfo>) -> Self {
        task.shields.fetch_add(1, Relaxed);
        Self(task)
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        self.0.shields.fetch_sub(1, Relaxed);
    }
}

/// A wait of a task: of what kind, and on what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// What it does while it waits.
    pub kind: WaitKind,
    /// The actor, channel or task it waits on, where that has an id.
    pub on: Option<Id>,
}

/// A wait of a task, as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct WaitRecord {
    /// Of what kind, and on what.
    #[serde(flatten)]
    pub waiting: Waiting,
    /// The type of the message whose reply it waits for, if it is an ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// For how long it has lasted, in the runtime's time, counted from when the turn of its arbiter began;
    /// serialized as seconds.
    #[serde(serialize_with = "crate::registry::seconds")]
    pub lasts: Duration,
}

/// A wait that has begun.
#[derive(Debug)]
struct Begun {
    waiting: Waiting,
    message: Option<&'static str>,
    since: Instant,
}

impl Begun {
    fn now(waiting: Waiting, message: Option<&'static str>) -> Self {
        Self {
            waiting,
            message,
            since: current::turn(),
        }
    }
}

/// Who can end a wait; see [`certain`](crate::certain).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Far {
    /// Whoever holds an end of this channel, by its address.
    Channel(usize),
    /// Whoever holds an end of one of these.
    Channels(Vec<usize>),
    /// This task or actor alone, by its end.
    Task(Id),
    /// Whom the far end names.
    End(Arc<dyn FarEnd>),
}

/// The far end of a wait of an actor, and whether the wait ends by a time as well.
#[derive(Clone, Debug)]
pub(crate) struct EndOf {
    pub(crate) end: Arc<dyn FarEnd>,
    pub(crate) is_timed: bool,
}

/// What a waiting task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitKind {
    /// Waits for a reply.
    Ask,
    /// Waits for room in a mailbox.
    Tell,
    /// Waits for a channel to take a value.
    Send,
    /// Waits for a channel to give a value.
    Receive,
    /// Waits for one of several.
    Select,
    /// Waits for a task or an actor to end.
    Join,
    /// Waits for everything in a scope to end.
    ScopeEnd,
    /// Waits for a change of a watched value.
    Watch,
    /// Waits for a time.
    Sleep,
    /// Waits for its turn under a limit.
    Limit,
    /// Waits for a lease.
    Lease,
    /// Waits for permits, or for an item of a pool.
    Permit,
}

/// The waits of a task. Most have one at most; a task that polls several futures may have more.
#[derive(Debug, Default)]
struct Waits {
    begun: u64,
    last: Option<(u64, Begun)>,
    earlier: BTreeMap<u64, Begun>,
    // Of those waits of an actor whose far end is known. Apart, since nearly no wait has one.
    ends: Vec<(u64, EndOf)>,
    parked: Option<(u64, Parked)>,
    // Of a task that is polled at a desk.
    at_desk: Option<Box<AtDesk>>,
}

/// What is known for certain of a task that is polled at a desk.
#[derive(Debug, Default)]
struct AtDesk {
    // Of those waits that were polled with the desk's waker.
    sures: Vec<(u64, Sure)>,
    // One for each end that it holds.
    held: Vec<Arc<dyn Account>>,
}

impl Waits {
    fn all(&self) -> impl Iterator<Item = &Begun> {
        let last = self.last.iter().map(|(_, wait)| wait);
        self.earlier.values().chain(last)
    }

    fn begin(&mut self, wait: Begun) -> u64 {
        self.begun += 1;
        if let Some((key, before)) = self.last.replace((self.begun, wait)) {
            self.earlier.insert(key, before);
        }
        self.begun
    }

    fn keys(&self) -> impl Iterator<Item = u64> {
        let last = self.last.iter().map(|(key, _)| *key);
        self.earlier.keys().copied().chain(last)
    }

    #[inline]
    fn end(&mut self, key: u64) -> (Option<EndOf>, Option<Sure>) {
        if self.last.as_ref().is_some_and(|(last, _)| *last == key) {
            self.last = match self.earlier.is_empty() {
                true => None,
                false => self.earlier.pop_last(),
            };
        } else {
            self.earlier.remove(&key);
        }
        let end = match self.ends.is_empty() {
            true => None,
            false => take(&mut self.ends, key),
        };
        let sure = (self.at_desk.as_mut()).and_then(|desk| take(&mut desk.sures, key));
        (end, sure)
    }
}

fn take<V>(entries: &mut Vec<(u64, V)>, key: u64) -> Option<V> {
    let place = entries.iter().position(|(of, _)| *of == key)?;
    Some(entries.remove(place).1)
}
