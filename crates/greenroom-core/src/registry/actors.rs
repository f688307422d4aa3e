//! The living actors, by id and by name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::sync::Mutex;
use dashmap::{DashMap, Entry};

use super::registered::Registered;
use super::{ActorRecord, MessageCounts, Registry, RegistryError};
use crate::error::Cause;
use crate::id::{Id, Name};
use crate::task::TaskInfo;

#[derive(Default)]
pub(super) struct Actors {
    entries: DashMap<Id, Living>,
    // Written only while the actor's entry is locked, so that the two never disagree.
    names: DashMap<Name, Id>,
    // Invariant 5.
    gone: Mutex<MessageCounts>,
}

pub(super) struct Living {
    record: Arc<dyn Registered>,
    name: Option<Name>,
    pub(super) groups: BTreeSet<Name>,
}

impl Actors {
    /// Returns the counts of those that have left, and the others, as of one moment. Invariant 5.
    pub(super) fn accounts(&self) -> (MessageCounts, Vec<Arc<dyn Registered>>) {
        let sum = self.gone.lock();
        let living = self.entries.iter().map(|entry| entry.record.clone());
        (*sum, living.collect())
    }
}

impl Registry {
    /// Enters an actor, under a name if it has one.
    ///
    /// Of several that want the same name at the same time, exactly one gets it. From the return on,
    /// look-ups find the actor; it stays until [`leave_actor`](Self::leave_actor). What is entered is
    /// its status (see [`Registered`]): being registered keeps no actor alive.
    ///
    /// # Errors
    /// - [`RegistryError::NameTaken`]: another living actor has the name; that one is told.
    /// - [`RegistryError::IdTaken`]: the id is entered already.
    ///
    /// In both cases nothing was entered.
    pub fn enter_actor(
        &self,
        id: Id,
        name: Option<Name>,
        record: Arc<dyn Registered>,
    ) -> Result<(), RegistryError> {
        let table = &self.0.actors;
        // Invariant 3: the entry is locked before the name.
        let Entry::Vacant(vacant) = table.entries.entry(id.clone()) else {
            return Err(RegistryError::IdTaken(id));
        };
        if let Some(name) = &name {
            match table.names.entry(name.clone()) {
                Entry::Occupied(taken) => {
                    return Err(RegistryError::NameTaken {
                        name: name.clone(),
                        holder: taken.get().clone(),
                    });
                }
                Entry::Vacant(free) => {
                    free.insert(id);
                }
            }
        }
        vacant.insert(Living {
            record,
            name,
            groups: BTreeSet::new(),
        });
        Ok(())
    }

    /// Takes an actor out, and with it its name and its places in groups. Returns whether it was in.
    ///
    /// From the return on the name is free.
    pub fn leave_actor(&self, id: &Id) -> bool {
        let table = &self.0.actors;
        // Its counts are final by now; asked for before anything is locked.
        let counts = self.actor(id).map(|record| record.messages());
        let mut sum = table.gone.lock();
        let gone = match table.entries.entry(id.clone()) {
            Entry::Vacant(_) => None,
            Entry::Occupied(entry) => {
                if let Some(name) = &entry.get().name {
                    let _free = table.names.remove(name);
                }
                for group in &entry.get().groups {
                    self.0.groups.remove(group, id);
                }
                *sum += counts.unwrap_or_default();
                Some(entry.remove())
            }
        };
        drop(sum);
        // Dropped here, with no map locked: the record is the owner's code.
        gone.is_some()
    }

    /// Looks a living actor up by its id.
    #[must_use]
    pub fn actor(&self, id: &Id) -> Option<Arc<dyn Registered>> {
        let living = self.0.actors.entries.get(id)?;
        Some(living.record.clone())
    }

    /// Looks a living actor up by the text of its path, such as `root/store#1`.
    ///
    /// Costs O(depth of the path).
    #[must_use]
    pub fn actor_at(&self, path: &str) -> Option<Arc<dyn Registered>> {
        self.actor(&Id::from_path(path)?)
    }

    /// Looks a living actor up by its registered name.
    ///
    /// OTP counterpart: `whereis`. A name alone keeps nothing alive: the actor may be about to end.
    #[must_use]
    pub fn whereis(&self, name: &Name) -> Option<Arc<dyn Registered>> {
        // Cloned, so that no two maps are locked in the order that `enter_actor` has not.
        let id = self.0.actors.names.get(name)?.clone();
        self.actor(&id)
    }

    /// Cancels the context of an actor with this cause. Returns whether there is such an actor.
    ///
    /// It does not wait for the actor to end. For an id that may be a task's, use
    /// [`cancel`](Self::cancel).
    pub fn cancel_actor(&self, id: &Id, cause: Cause) -> bool {
        let Some(record) = self.actor(id) else {
            return false;
        };
        record.cancel(cause);
        true
    }

    /// Returns a record of every living actor, sorted by id.
    ///
    /// `now` is the runtime's time, from which it is told how long each has lived. Each record is
    /// right for some moment during the call, not all for the same one.
    #[must_use]
    pub fn actors(&self, now: Instant) -> Vec<ActorRecord> {
        let mut living: Vec<_> = self
            .0
            .actors
            .entries
            .iter()
            .map(|entry| {
                (
                    entry.key().clone(),
                    entry.record.clone(),
                    entry.name.clone(),
                )
            })
            .collect();
        living.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
        living
            .into_iter()
            .map(|(_, record, name)| ActorRecord::new(&*record, name, now))
            .collect()
    }

    /// Returns the facts of every living actor, in any order.
    pub(super) fn actor_infos(&self) -> Vec<Arc<TaskInfo>> {
        let entries = self.0.actors.entries.iter();
        let records: Vec<_> = entries.map(|entry| entry.record.clone()).collect();
        records.iter().map(|record| record.info().clone()).collect()
    }

    /// Calls `f` with an actor's entry, locked. `f` runs no foreign code.
    pub(super) fn with_living<R>(&self, id: &Id, f: impl FnOnce(&mut Living) -> R) -> Option<R> {
        self.0
            .actors
            .entries
            .get_mut(id)
            .map(|mut living| f(&mut living))
    }
}
