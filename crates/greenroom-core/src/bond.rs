//! Who is told of the end of a task or an actor: the far side of monitors and links.
//!
//! # Invariants
//! 1. A watcher that was entered is told of the end once, or was taken out before. One that comes after
//!    the end is refused, and its owner tells it.
//! 2. The mark is swapped to `ENDED` once. Whoever enters a watcher writes the mark afterwards, under the
//!    lock: if the end came first that fails, and the watcher is taken out again by who entered it.
//! 3. A task that nobody watches pays one swap at its end, and no lock.
//! 4. No lock is held while a watcher is told or dropped.

use crate::sync::atomic::AtomicU8;
use crate::sync::atomic::Ordering::{AcqRel, Acquire};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::sync::Mutex;

use crate::exit::ExitReason;
use crate::id::Id;
use crate::task::TaskInfo;

const NOBODY: u8 = 0;
const WATCHED: u8 = 1;
const ENDED: u8 = 2;

/// Is told of the end of another. Called from any thread; it must not block, and is no code of a user.
pub trait Watcher: Send + Sync {
    /// Takes note of an end.
    fn ended(self: Arc<Self>, end: &Ending);

    /// Returns who watches, for reports; `None` if that is no task.
    fn owner(&self) -> Option<Id>;

    /// Returns whether it is one side of a link, as opposed to a monitor.
    fn is_link(&self) -> bool;
}

/// How long a watcher stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It hears of the end for good.
    End,
    /// It hears of the end of each incarnation, and of the end for good.
    EachEnd,
    /// It hears of the end of the present incarnation, and leaves.
    Incarnation,
}

/// The end of a task, or of an incarnation of an actor.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Whose.
    pub id: Id,
    /// Why.
    pub reason: ExitReason,
    /// The number of the incarnation that ended, counted from 1; 0 if there was none.
    pub incarnation: u64,
    /// Whether no other incarnation follows.
    pub is_final: bool,
}

pub(crate) struct Bonds {
    mark: AtomicU8,
    list: Mutex<Option<Box<List>>>,
}

impl Default for Bonds {
    fn default() -> Self {
        Self {
            mark: AtomicU8::new(NOBODY),
            list: Mutex::new(None),
        }
    }
}

#[derive(Default)]
struct List {
    next: u64,
    // In the order in which they came, which is the order in which they are told.
    watchers: BTreeMap<u64, (Until, Arc<dyn Watcher>)>,
}

impl fmt::Debug for Bonds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bonds").finish_non_exhaustive()
    }
}

impl TaskInfo {
    /// Enters a watcher, and returns the key to take it out again; `None` if the task has ended, and the
    /// watcher will not be told.
    pub fn watch(&self, until: Until, watcher: Arc<dyn Watcher>) -> Option<u64> {
        let mut list = self.bonds.list.lock();
        if self.bonds.mark.load(Acquire) == ENDED {
            return None;
        }
        let there = list.get_or_insert_default();
        let key = there.next;
        there.next += 1;
        there.watchers.insert(key, (until, watcher));
        // Invariant 2.
        let marked = (self.bonds.mark)
            .fetch_update(AcqRel, Acquire, |mark| (mark != ENDED).then_some(WATCHED));
        let late = match marked {
            Ok(_) => return Some(key),
            Err(_ended) => there.watchers.remove(&key),
        };
        drop(list);
        drop(late);
        None
    }

    /// Takes a watcher out. Returns whether it was in.
    pub fn unwatch(&self, key: u64) -> bool {
        let gone = {
            let mut list = self.bonds.list.lock();
            list.as_mut().and_then(|list| list.watchers.remove(&key))
        };
        gone.is_some()
    }

    /// Tells its watchers of its end, for good. Only the first call counts.
    pub fn tell_end(&self, incarnation: u64, reason: impl FnOnce() -> ExitReason) {
        if self.bonds.mark.swap(ENDED, AcqRel) != WATCHED {
            return;
        }
        let Some(list) = self.bonds.list.lock().take() else {
            return;
        };
        let end = Ending {
            id: self.id.clone(),
            reason: reason(),
            incarnation,
            is_final: true,
        };
        for (_, watcher) in list.watchers.into_values() {
            watcher.ended(&end);
        }
    }

    /// Tells its watchers of the end of an incarnation, after which another may come.
    pub fn tell_incarnation_end(&self, incarnation: u64, reason: impl FnOnce() -> ExitReason) {
        if self.bonds.mark.load(Acquire) != WATCHED {
            return;
        }
        let told: Vec<_> = {
            let mut list = self.bonds.list.lock();
            let Some(list) = list.as_mut() else {
                return;
            };
            let mut told = Vec::new();
            list.watchers.retain(|_, (until, watcher)| {
                if *until != Until::End {
                    told.push(watcher.clone());
                }
                *until != Until::Incarnation
            });
            told
        };
        let end = Ending {
            id: self.id.clone(),
            reason: reason(),
            incarnation,
            is_final: false,
        };
        for watcher in told {
            watcher.ended(&end);
        }
    }

    /// Returns whether its end was told.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.bonds.mark.load(Acquire) == ENDED
    }

    /// Returns who monitors it, and what it is linked to, each in the order in which they came. Those that
    /// are no task of the runtime are not among them.
    #[must_use]
    pub fn watched_by(&self) -> (Vec<Id>, Vec<Id>) {
        if self.bonds.mark.load(Acquire) != WATCHED {
            return (Vec::new(), Vec::new());
        }
        let watchers: Vec<_> = {
            let list = self.bonds.list.lock();
            let watchers = list.iter().flat_map(|list| list.watchers.values());
            watchers.map(|(_, watcher)| watcher.clone()).collect()
        };
        let (mut monitors, mut links) = (Vec::new(), Vec::new());
        for watcher in watchers {
            match watcher.is_link() {
                true => links.extend(watcher.owner()),
                false => monitors.extend(watcher.owner()),
            }
        }
        (monitors, links)
    }
}
