//! One watch of another: where it is set, and where it tells.
//!
//! # Invariants
//! 1. A vigil that is over is in nobody's list: who ends it takes it out, and who enters it looks
//!    afterwards whether it is over.
//! 2. It tells the final end once: the list of the watched tells it, or else who was refused there.
//! 3. At most [`PENDING`] ends of incarnations wait to be taken; what comes beyond is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll, Waker};

use greenroom_core::bond::{Ending, Until, Watcher};
use greenroom_core::current::Handle;
use greenroom_core::task::TaskInfo;
use greenroom_core::{ExitReason, Id, unwind};
use parking_lot::Mutex;

use super::watched::{Found, Watched, deliver_down, ending_of_gone, resolve};
use super::{Down, MonitorId};
use crate::mailbox::Control;
use crate::runtime::Core;

/// How many ends of incarnations of one actor wait to be handled by one monitor.
const PENDING: usize = 64;

pub(crate) struct Vigil {
    owner: Option<Id>,
    home: Option<Handle>,
    until: Until,
    place: Mutex<Place>,
    pending: AtomicUsize,
    missed: AtomicU64,
    out: Out,
}

#[derive(Default)]
enum Place {
    #[default]
    Nowhere,
    At(Weak<TaskInfo>, u64),
    Over,
}

/// Where it tells.
pub(super) enum Out {
    Actor(Weak<Control>, u64),
    Task(Inbox),
}

/// What a task that watches has not taken yet.
#[derive(Default)]
pub(super) struct Inbox(Mutex<InboxState>);

#[derive(Default)]
struct InboxState {
    told: VecDeque<(Ending, u64)>,
    waker: Option<Waker>,
    // The final end was taken.
    is_over: bool,
}

impl Vigil {
    /// Begins to watch.
    pub(super) fn begin<W: Watched + ?Sized>(
        watched: &W,
        core: Option<&Core>,
        until: Until,
        owner: Option<Id>,
        out: Out,
    ) -> Arc<Self> {
        let target = watched.target();
        let home = match (core, &target.found) {
            (Some(core), _) => Some(core.context().driver().clone()),
            (None, Found::Here(party)) => party.home.clone(),
            (None, _) => None,
        };
        let vigil = Arc::new(Self {
            owner,
            home,
            until,
            place: Mutex::default(),
            pending: AtomicUsize::new(0),
            missed: AtomicU64::new(0),
            out,
        });
        if let Found::Here(party) = &target.found {
            if !vigil.attach(&party.info) {
                // Looked up now: an end that refuses the watch is known before it does.
                let end = ending_of_gone(target.id, watched.known());
                Watcher::ended(vigil.clone(), &end);
            }
            return vigil;
        }
        let (later, id) = (vigil.clone(), target.id.clone());
        let takes = |kind| !matches!(kind, greenroom_core::task::TaskKind::AfterFunc);
        resolve(target, core, takes, move |found| {
            if !found.is_some_and(|party| later.attach(&party.info)) {
                later.ended(&ending_of_gone(id, None));
            }
        });
        vigil
    }

    /// Returns whether it will be told, or does not want to be.
    fn attach(self: &Arc<Self>, info: &Arc<TaskInfo>) -> bool {
        let Some(key) = info.watch(self.until, self.clone()) else {
            return false;
        };
        let is_over = {
            let mut place = self.place.lock();
            let is_over = matches!(*place, Place::Over);
            if !is_over {
                *place = Place::At(Arc::downgrade(info), key);
            }
            is_over
        };
        if is_over {
            // Invariant 1.
            info.unwatch(key);
        }
        true
    }

    /// Ends it. What it has told and was not taken is forgotten.
    pub(super) fn end(&self) {
        let place = std::mem::replace(&mut *self.place.lock(), Place::Over);
        if let Place::At(info, key) = place
            && let Some(info) = info.upgrade()
        {
            info.unwatch(key);
        }
        match &self.out {
            Out::Actor(control, number) => {
                if let Some(control) = control.upgrade() {
                    control.unbind(*number);
                }
            }
            Out::Task(inbox) => {
                let gone = std::mem::take(&mut *inbox.0.lock());
                unwind::drop_apart(gone, "drop of an exit reason");
            }
        }
    }

    /// Notes that one end of those that were told has been taken.
    pub(super) fn note_taken(&self) {
        self.pending.fetch_sub(1, Relaxed);
    }

    fn arrive(&self, end: Ending, missed: u64) {
        match &self.out {
            Out::Actor(control, number) => {
                if let Some(control) = control.upgrade() {
                    control.told(*number, end, missed);
                }
            }
            Out::Task(inbox) => {
                if matches!(*self.place.lock(), Place::Over) {
                    return;
                }
                let waker = {
                    let mut state = inbox.0.lock();
                    state.told.push_back((end, missed));
                    state.waker.take()
                };
                unwind::wake_all(waker);
            }
        }
    }

    fn inbox(&self) -> Option<&Inbox> {
        match &self.out {
            Out::Task(inbox) => Some(inbox),
            Out::Actor(..) => None,
        }
    }

    /// Takes what a task was told; `Err` if nothing more will come.
    pub(super) fn take(&self) -> Result<Option<Down>, Over> {
        let Some(inbox) = self.inbox() else {
            return Err(Over);
        };
        let (end, missed) = {
            let mut state = inbox.0.lock();
            match state.told.pop_front() {
                Some(told) => {
                    state.is_over = told.0.is_final;
                    told
                }
                None if state.is_over => return Err(Over),
                None => return Ok(None),
            }
        };
        self.note_taken();
        Ok(Some(Down::new(MonitorId::default(), end, missed)))
    }

    pub(super) fn poll_told(&self, cx: &mut TaskContext<'_>) -> Poll<Result<Down, Over>> {
        let Some(inbox) = self.inbox() else {
            return Poll::Ready(Err(Over));
        };
        // Cloned before the lock is taken, and the old one dropped after it.
        let fresh = cx.waker().clone();
        let _old = inbox.0.lock().waker.replace(fresh);
        match self.take() {
            Ok(None) => Poll::Pending,
            Ok(Some(down)) => Poll::Ready(Ok(down)),
            Err(over) => Poll::Ready(Err(over)),
        }
    }

    /// Forgets who waits: nobody polls any more.
    pub(super) fn leave(&self) {
        if let Some(inbox) = self.inbox() {
            let waker = inbox.0.lock().waker.take();
            drop(waker);
        }
    }
}

/// The final end was taken before.
pub(super) struct Over;

impl Watcher for Vigil {
    fn ended(self: Arc<Self>, end: &Ending) {
        // Invariant 3. One that comes at the same time may go one beyond.
        if !end.is_final && self.pending.load(Relaxed) >= PENDING {
            self.missed.fetch_add(1, Relaxed);
            return;
        }
        self.pending.fetch_add(1, Relaxed);
        let missed = self.missed.swap(0, Relaxed);
        let (home, owner, end) = (self.home.clone(), self.owner.clone(), end.clone());
        deliver_down(
            home.as_ref(),
            || owner,
            "down",
            move || {
                self.arrive(end, missed);
            },
        );
    }

    fn owner(&self) -> Option<Id> {
        self.owner.clone()
    }

    fn is_link(&self) -> bool {
        false
    }
}

impl Down {
    pub(super) fn new(monitor: MonitorId, end: Ending, missed: u64) -> Self {
        let Ending {
            id,
            reason,
            incarnation,
            is_final,
        } = end;
        Self {
            monitor,
            id,
            reason,
            incarnation,
            is_final,
            missed,
        }
    }

    /// Returns whether there was nobody to watch; see [`ExitReason::Gone`].
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.reason, ExitReason::Gone)
    }
}
