//! The ready queue of a hub, and the cell that wakers hold.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

use greenroom_core::driver::{self, EventKind};
use greenroom_core::registry::TaskQuery;
use greenroom_core::task::{LocalFuture, Task, TaskInfo};
use greenroom_core::{Context, Panic, unwind};

use super::Hub;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(super) type Make = Box<dyn FnOnce() -> LocalFuture + Send>;

/// What wakers of a task hold: enough to put it into the ready queue, and nothing of its future.
pub(super) struct TaskCell {
    pub(super) info: Arc<TaskInfo>,
    pub(super) context: Context,
    hub: Arc<Hub>,
    // Set by the one who puts the cell into the queue, cleared by the executor before it polls.
    queued: AtomicBool,
    // Set once, by the executor, when the future is gone.
    done: AtomicBool,
    // Where the executor keeps the future; read and written by the executor only.
    slot: AtomicUsize,
    make: Mutex<Option<Make>>,
}

pub(super) const NO_SLOT: usize = usize::MAX;

impl TaskCell {
    pub(super) fn new(task: Task, hub: Arc<Hub>) -> Arc<Self> {
        Arc::new(Self {
            info: task.info,
            context: task.context,
            hub,
            queued: AtomicBool::new(true),
            done: AtomicBool::new(false),
            slot: AtomicUsize::new(NO_SLOT),
            make: Mutex::new(Some(task.make)),
        })
    }

    pub(super) fn take_make(&self) -> Option<Make> {
        self.make.lock().take()
    }

    /// Drops the task without a poll, for a hub that has closed.
    fn drop_make(&self) {
        let Some(make) = self.take_make() else {
            return;
        };
        if let Err(payload) = unwind::drop_caught(make) {
            let (id, spawned_at) = (self.info.id.clone(), self.info.spawned_at);
            let doing = Some("drop of a future");
            (self.hub.strays).push(Panic::new(payload, id, doing, spawned_at));
        }
    }

    pub(super) fn slot(&self) -> usize {
        self.slot.load(Ordering::Relaxed)
    }

    pub(super) fn set_slot(&self, slot: usize) {
        self.slot.store(slot, Ordering::Relaxed);
    }

    /// Allows the next wake-up to queue the cell again; from here on the poll sees what woke it.
    pub(super) fn unqueue(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }

    /// Whether it is about to be polled.
    pub(super) fn is_queued(&self) -> bool {
        self.queued.load(Ordering::Acquire)
    }

    pub(super) fn set_done(&self) {
        self.done.store(true, Ordering::Release);
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

impl Wake for TaskCell {
    fn wake(self: Arc<Self>) {
        // Invariants 1 and 2.
        if self.is_done() || self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let hub = self.hub.clone();
        match hub.observer() {
            None => hub.queue.push(self),
            Some(front) => {
                let id = self.info.id.clone();
                driver::deliver_to(&**front, EventKind::Ready, Some(id), "task", move || {
                    self.hub.clone().queue.push(self);
                });
            }
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_done() && !self.queued.load(Ordering::Acquire) {
            self.clone().wake();
        }
    }
}

#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<TaskCell>>,
    queries: Vec<TaskQuery>,
    // Present while the hub is parked.
    waker: Option<Waker>,
    closed: bool,
}

impl Queue {
    pub(super) fn push(&self, cell: Arc<TaskCell>) {
        let mut state = self.0.lock();
        if state.closed {
            drop(state);
            cell.drop_make();
            return;
        }
        state.ready.push_back(cell);
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Hands the hub a question about its tasks; false if it has closed.
    pub(super) fn ask(&self, query: TaskQuery) -> Result<(), TaskQuery> {
        let mut state = self.0.lock();
        if state.closed {
            return Err(query);
        }
        state.queries.push(query);
        let waker = state.waker.take();
        drop(state);
        wake(waker);
        Ok(())
    }

    /// Makes a parked hub look again.
    pub(super) fn wake(&self) {
        let waker = self.0.lock().waker.take();
        wake(waker);
    }

    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// Moves all that is ready to the end of `local`.
    pub(super) fn drain_into(&self, local: &mut VecDeque<Arc<TaskCell>>) {
        let mut state = self.0.lock();
        if local.is_empty() {
            std::mem::swap(&mut state.ready, local);
        } else {
            local.append(&mut state.ready);
        }
    }

    /// Returns the tasks that are ready.
    pub(super) fn ready(&self) -> Vec<Arc<TaskInfo>> {
        let state = self.0.lock();
        state.ready.iter().map(|cell| cell.info.clone()).collect()
    }

    pub(super) fn take_queries(&self) -> Vec<TaskQuery> {
        std::mem::take(&mut self.0.lock().queries)
    }

    /// Publishes the hub's waker, unless there is something to do. Invariant 4.
    pub(super) fn park(&self, waker: &Waker) -> bool {
        let mut state = self.0.lock();
        if state.closed || !state.ready.is_empty() || !state.queries.is_empty() {
            return false;
        }
        state.waker = Some(waker.clone());
        true
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
