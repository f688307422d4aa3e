//! The loop of a hub: poll what is ready, fire what is due, park.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::task::{Context, Poll, Waker};

use greenroom_core::current::{self, Seat};
use greenroom_core::driver::{self, Driver, EventKind};
use greenroom_core::task::{LocalFuture, TaskKind};
use greenroom_core::{Panic, unwind};
use slab::Slab;

use super::queue::{NO_SLOT, TaskCell};
use super::{Hub, Order};

/// Polls in one turn, after which the arbiter's other work gets its chance.
pub(super) const TURN: usize = 64;

type Payload = Box<dyn std::any::Any + Send>;

struct Executor {
    hub: Arc<Hub>,
    local: VecDeque<Arc<TaskCell>>,
    slots: Slab<Slot>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    is_cleared: bool,
}

struct Slot {
    cell: Arc<TaskCell>,
    // Out while it is polled. Invariant 3.
    running: Option<Running>,
}

/// What a poll needs, kept together so that a poll counts no references.
struct Running {
    seat: Seat,
    waker: Waker,
    future: LocalFuture,
}

impl Hub {
    /// Runs the hub on this thread until it is closed; then drops every task.
    ///
    /// The executor is there before the first poll, so that tasks are dropped also if there is none.
    pub(crate) fn run(self: Arc<Self>) -> impl Future<Output = ()> {
        let mut executor = Executor {
            hub: self,
            local: VecDeque::new(),
            slots: Slab::new(),
            sleep: None,
            is_cleared: false,
        };
        std::future::poll_fn(move |cx| executor.turn(cx))
    }
}

impl Executor {
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _driver = current::enter_driver(self.hub.handle());
        current::set_turn(self.hub.note_turn());
        // Looking again counts too: others may fill the queue as fast as it is emptied.
        let mut left = TURN;
        while left > 0 {
            if self.hub.queue.is_closed() {
                self.clear();
                return Poll::Ready(());
            }
            self.fire_due();
            self.poll_ready(&mut left);
            self.answer();
            // A question may have brought tasks along.
            let is_idle = left > 0 && self.local.is_empty();
            if is_idle && !self.hub.observer().is_some_and(|front| front.idle()) {
                let parked = self.hub.queue.park(cx.waker());
                if parked && self.poll_sleep(cx).is_pending() {
                    return Poll::Pending;
                }
            }
            left = left.saturating_sub(1);
        }
        // Invariant 5.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Polls what is ready, up to what is left of the turn.
    fn poll_ready(&mut self, left: &mut usize) {
        while *left > 0 {
            let Some(cell) = self.next() else {
                return;
            };
            self.poll_one(&cell);
            *left -= 1;
            // Input and timers of the arbiter report nothing more to this task once its share is
            // used up; only giving way renews it.
            if !tokio::task::coop::has_budget_remaining() {
                *left = 0;
            }
        }
    }

    fn next(&mut self) -> Option<Arc<TaskCell>> {
        let observer = self.hub.observer();
        if observer.is_none() && self.hub.order == Order::Arrival {
            if self.local.is_empty() {
                self.hub.queue.drain_into(&mut self.local);
            }
            return self.local.pop_front();
        }
        self.hub.queue.drain_into(&mut self.local);
        let index = match self.local.len() {
            0 | 1 => 0,
            options => match observer {
                Some(front) => front.choose(options).min(options - 1),
                None => self.hub.choose(options),
            },
        };
        self.local.remove(index)
    }

    fn poll_one(&mut self, cell: &Arc<TaskCell>) {
        if cell.is_done() {
            return;
        }
        cell.unqueue();
        let slot = match cell.slot() {
            NO_SLOT => match self.admit(cell) {
                Some(slot) => slot,
                None => return,
            },
            slot => slot,
        };
        // Moved out for the poll: the task may reach this hub again, and the slot must not be
        // borrowed then.
        let there = self.slots.get_mut(slot);
        let Some(mut running) = there.and_then(|there| there.running.take()) else {
            return;
        };
        let polled = {
            let Running {
                seat,
                waker,
                future,
            } = &mut running;
            let _task = seat.enter();
            self.hub.polling.store(slot, Relaxed);
            let polled = unwind::catch(|| {
                let mut cx = Context::from_waker(waker);
                future.as_mut().poll(&mut cx).is_ready()
            });
            self.hub.polling.store(NO_SLOT, Relaxed);
            polled
        };
        match polled {
            Ok(false) => {
                if let Some(there) = self.slots.get_mut(slot) {
                    there.running = Some(running);
                }
            }
            Ok(true) => self.release(cell, slot, running),
            Err(payload) => {
                self.stray(cell, payload, doing(cell));
                self.release(cell, slot, running);
            }
        }
    }

    fn admit(&mut self, cell: &Arc<TaskCell>) -> Option<usize> {
        let make = cell.take_make()?;
        let mut seat = Seat::new(cell.info.clone(), cell.context.clone());
        let made = {
            let _task = seat.enter();
            unwind::catch(make)
        };
        match made {
            Ok(future) => {
                let slot = self.slots.insert(Slot {
                    cell: cell.clone(),
                    running: Some(Running {
                        seat,
                        waker: Waker::from(cell.clone()),
                        future,
                    }),
                });
                cell.set_slot(slot);
                let mut tasks = self.hub.tasks.lock();
                if tasks.len() <= slot {
                    tasks.resize(slot + 1, None);
                }
                tasks[slot] = Some(cell.info.clone());
                Some(slot)
            }
            Err(payload) => {
                cell.set_done();
                self.stray(cell, payload, doing(cell));
                None
            }
        }
    }

    fn release(&mut self, cell: &TaskCell, slot: usize, running: Running) {
        cell.set_done();
        // Named until its future is gone: a destructor may hold the hub up.
        self.hub.polling.store(slot, Relaxed);
        self.drop_running(cell, running);
        self.hub.polling.store(NO_SLOT, Relaxed);
        if let Some(listed) = self.hub.tasks.lock().get_mut(slot) {
            *listed = None;
        }
        drop(self.slots.try_remove(slot));
    }

    /// Drops a future with its task current.
    fn drop_running(&self, cell: &TaskCell, running: Running) {
        let Running {
            mut seat, future, ..
        } = running;
        let _task = seat.enter();
        if let Err(payload) = unwind::drop_caught(future) {
            self.stray(cell, payload, "drop of a future");
        }
    }

    fn stray(&self, cell: &TaskCell, payload: Payload, doing: &'static str) {
        let (id, spawned_at) = (cell.info.id.clone(), cell.info.spawned_at);
        let panic = Panic::new(payload, id, Some(doing), spawned_at);
        self.hub.strays.push(panic);
    }

    fn fire_due(&self) {
        if self.hub.timers.first().is_none() {
            return;
        }
        let now = self.hub.now();
        while let Some(alarm) = self.hub.timers.pop_due(now) {
            match self.hub.observer() {
                None => alarm.fire(),
                Some(front) => {
                    let owner = alarm.owner();
                    driver::deliver_to(&**front, EventKind::Timer, owner, "timer", move || {
                        alarm.fire();
                    });
                }
            }
        }
    }

    /// Waits for the first timer; ready if it is due.
    #[expect(
        clippy::disallowed_methods,
        reason = "the hub is the driver: the arbiter's clock is where its time comes from"
    )]
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(first) = self.hub.timers.first() else {
            return Poll::Pending;
        };
        let first = tokio::time::Instant::from_std(first);
        match &mut self.sleep {
            Some(sleep) if sleep.deadline() == first && !sleep.is_elapsed() => {}
            Some(sleep) => sleep.as_mut().reset(first),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(first))),
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn answer(&mut self) {
        for query in self.hub.queue.take_queries() {
            // What was spawned before the question is here, or still in the queue.
            self.hub.queue.drain_into(&mut self.local);
            let there = self.slots.iter().map(|(_, slot)| &slot.cell);
            let is_new = |cell: &&Arc<TaskCell>| cell.slot() == NO_SLOT && !cell.is_done();
            super::query::answer(query, there.chain(self.local.iter().filter(is_new)));
        }
    }

    /// Drops everything; what is spawned or woken meanwhile is dropped too.
    fn clear(&mut self) {
        if std::mem::replace(&mut self.is_cleared, true) {
            return;
        }
        self.hub.queue.close();
        self.hub.timers.clear();
        self.drop_tasks();
        // An unanswered question would keep its asker waiting.
        drop(self.hub.queue.take_queries());
        if let Some(front) = self.hub.observer() {
            front.close();
        }
        self.hub.is_cleared.store(true, Release);
    }

    fn drop_tasks(&mut self) {
        loop {
            self.hub.queue.drain_into(&mut self.local);
            if let Some(cell) = self.local.pop_front() {
                let _task = current::enter_task(cell.info.clone(), cell.context.clone());
                if let Some(make) = cell.take_make() {
                    cell.set_done();
                    unwind::drop_apart(make, "drop of a future");
                }
                continue;
            }
            let Some(slot) = self.slots.iter().next().map(|(slot, _)| slot) else {
                return;
            };
            let Slot { cell, running } = self.slots.remove(slot);
            cell.set_done();
            if let Some(running) = running {
                self.hub.polling.store(slot, Relaxed);
                self.drop_running(&cell, running);
                self.hub.polling.store(NO_SLOT, Relaxed);
            }
            if let Some(listed) = self.hub.tasks.lock().get_mut(slot) {
                *listed = None;
            }
        }
    }
}

/// What a task was at whose panic nobody else took.
fn doing(cell: &TaskCell) -> &'static str {
    match cell.info.kind {
        TaskKind::AfterFunc => "after-function",
        _ => "future",
    }
}

// The arbiter may be torn down from outside, with the loop dropped in its middle.
impl Drop for Executor {
    fn drop(&mut self) {
        let _driver = current::enter_driver(self.hub.handle());
        self.clear();
    }
}
