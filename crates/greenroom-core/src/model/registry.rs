//! The registry's own locks: leases, hubs and their answers. Its maps have locks of their own, which the
//! checker does not see: a step on one map is one step here.

use std::panic::Location;
use std::sync::Arc;

use super::check;
use super::table::{Table, block_on, join, spawn};
use crate::error::Cause;
use crate::id::Id;
use crate::registry::{LeaseKind, LeaseParty, Registry, TaskQuery, TaskSource};

fn party(table: &Arc<Table>, task: &Id) -> LeaseParty {
    LeaseParty {
        kind: LeaseKind::Exclusive,
        task: Some(task.clone()),
        place: Location::caller(),
        since: table.root().now(),
    }
}

#[test]
fn of_lockers_that_wait_for_each_other_the_last_one_finds_the_cycle() {
    check(|| {
        let (table, registry, root) = (Table::new(), Registry::new(), Id::root());
        let boards: Vec<_> = (0..2)
            .map(|_| Arc::new(registry.enter_leases(root.child("mutex"), "mutex")))
            .collect();
        let tasks: Vec<_> = (0..2).map(|_| root.child("task")).collect();
        let waiting: Vec<_> = (0..2)
            .map(|at| {
                let (mine, theirs) = (boards[at].clone(), boards[1 - at].clone());
                let (table, task) = (table.clone(), tasks[at].clone());
                spawn(move || {
                    mine.hold(1, party(&table, &task));
                    theirs.wait(2, party(&table, &task)).is_some()
                })
            })
            .collect();
        let found = waiting.into_iter().map(join).filter(|found| *found).count();
        // A hold that came after the wait for it closes the cycle without a wait: it shows all the same.
        assert!(found <= 1);
        assert_eq!(registry.lease_cycles().len(), 1);
    });
}

#[test]
fn a_cycle_that_a_wait_closes_is_found_once() {
    check(|| {
        let (table, registry, root) = (Table::new(), Registry::new(), Id::root());
        let boards: Vec<_> = (0..2)
            .map(|_| Arc::new(registry.enter_leases(root.child("mutex"), "mutex")))
            .collect();
        let tasks: Vec<_> = (0..2).map(|_| root.child("task")).collect();
        for at in 0..2 {
            boards[at].hold(1, party(&table, &tasks[at]));
        }
        let waiting: Vec<_> = (0..2)
            .map(|at| {
                let (theirs, table, task) =
                    (boards[1 - at].clone(), table.clone(), tasks[at].clone());
                spawn(move || theirs.wait(2, party(&table, &task)).is_some())
            })
            .collect();
        let found = waiting.into_iter().map(join).filter(|found| *found).count();
        assert_eq!(found, 1);
        boards[0].leave(2);
        assert!(registry.lease_cycles().is_empty());
    });
}

/// A hub that answers each query on a thread of its own, or drops it.
struct Hub {
    answers: bool,
}

impl TaskSource for Hub {
    fn name(&self) -> String {
        "hub".to_owned()
    }

    fn request(&self, query: TaskQuery) -> bool {
        let answers = self.answers;
        let thread = spawn(move || match query {
            TaskQuery::Cancel(_, _, reply) if answers => reply.send(true),
            query => drop(query),
        });
        // It ends by itself.
        std::mem::forget(thread);
        true
    }
}

#[test]
fn a_query_ends_whether_its_hub_answers_or_goes() {
    check(|| {
        let registry = Registry::new();
        let one: Arc<dyn TaskSource> = Arc::new(Hub { answers: true });
        let other: Arc<dyn TaskSource> = Arc::new(Hub { answers: false });
        registry.add_source(&one);
        registry.add_source(&other);
        let leaving = spawn(move || drop(other));
        let found = block_on(registry.cancel(&Id::root().child("task"), Cause::Cancelled));
        assert!(found);
        join(leaving);
    });
}
