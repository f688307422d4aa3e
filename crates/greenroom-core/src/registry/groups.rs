//! Named groups of actors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dashmap::{DashMap, Entry};

use super::Registry;
use super::registered::Registered;
use crate::error::Cause;
use crate::id::{Id, Name};

#[derive(Default)]
pub(super) struct Groups {
    // A group without a member has no entry. Written only while the member's own entry is locked.
    members: DashMap<Name, BTreeSet<Id>>,
}

impl Groups {
    pub(super) fn remove(&self, group: &Name, id: &Id) {
        if let Entry::Occupied(mut entry) = self.members.entry(group.clone()) {
            entry.get_mut().remove(id);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }
}

impl Registry {
    /// Makes a living actor a member of a group, which begins with its first member. Returns whether
    /// there is such an actor.
    ///
    /// Joining twice is joining once. An actor that leaves the registry leaves its groups.
    pub fn join_group(&self, id: &Id, group: Name) -> bool {
        self.with_living(id, |living| {
            self.0
                .groups
                .members
                .entry(group.clone())
                .or_default()
                .insert(id.clone());
            living.groups.insert(group);
        })
        .is_some()
    }

    /// Takes an actor out of a group. Returns whether it was a member.
    pub fn leave_group(&self, id: &Id, group: &Name) -> bool {
        self.with_living(id, |living| {
            let was = living.groups.remove(group);
            if was {
                self.0.groups.remove(group, id);
            }
            was
        })
        .unwrap_or(false)
    }

    /// Returns the ids of a group's members, sorted; empty if there is no such group.
    #[must_use]
    pub fn group(&self, group: &Name) -> Vec<Id> {
        self.0
            .groups
            .members
            .get(group)
            .map(|members| members.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Looks the members of a group up, sorted by id. One that ends meanwhile is left out.
    #[must_use]
    pub fn group_members(&self, group: &Name) -> Vec<Arc<dyn Registered>> {
        self.group(group)
            .iter()
            .filter_map(|id| self.actor(id))
            .collect()
    }

    /// Cancels the contexts of a group's members with this cause, in the order of their ids. Returns
    /// how many there were.
    ///
    /// One that joins during the call may be missed.
    pub fn cancel_group(&self, group: &Name, cause: Cause) -> usize {
        let members = self.group_members(group);
        for member in &members {
            member.cancel(cause.clone());
        }
        members.len()
    }

    /// Returns every group with the ids of its members, both sorted.
    #[must_use]
    pub fn groups(&self) -> BTreeMap<Name, Vec<Id>> {
        self.0
            .groups
            .members
            .iter()
            .map(|entry| (entry.key().clone(), entry.value().iter().cloned().collect()))
            .collect()
    }
}
