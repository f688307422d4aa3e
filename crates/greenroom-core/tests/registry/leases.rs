//! Owners of leases, and the cycles between who holds and who waits.

use std::panic::Location;
use std::time::Duration;

use greenroom_core::Id;
use greenroom_core::driver::Driver;
use greenroom_core::registry::{LeaseHop, LeaseKind, LeaseParty};

use crate::World;

#[track_caller]
fn party(w: &World, task: Option<&Id>) -> LeaseParty {
    LeaseParty {
        kind: LeaseKind::Exclusive,
        task: task.cloned(),
        place: Location::caller(),
        since: w.manual.now(),
    }
}

fn tasks(path: &[LeaseHop]) -> Vec<&str> {
    path.iter().map(|hop| hop.task.name()).collect()
}

#[test]
fn the_wait_that_closes_a_cycle_finds_it() {
    let w = World::new();
    let (a, b, c) = (w.root.child("a"), w.root.child("b"), w.root.child("c"));
    let boards: Vec<_> = ["x", "y", "z"]
        .into_iter()
        .map(|name| w.registry.enter_leases(w.root.child(name), name))
        .collect();
    for (board, task) in boards.iter().zip([&a, &b, &c]) {
        board.hold(1, party(&w, Some(task)));
    }
    assert_eq!(boards[1].wait(2, party(&w, Some(&a))), None);
    assert_eq!(boards[2].wait(2, party(&w, Some(&b))), None);
    assert!(w.registry.lease_cycles().is_empty());
    let path = boards[0].wait(2, party(&w, Some(&c))).unwrap();
    assert_eq!(tasks(&path), ["c", "a", "b"]);
    assert_eq!(path[0].holder, a);
    assert_eq!(path[0].name, "x");
    assert!(path[0].to_string().contains("root/c#3 waits at "));

    // The same from whoever is asked, from its least task on, and once.
    let all = w.registry.lease_cycles();
    assert_eq!(all.len(), 1);
    assert_eq!(tasks(&all[0]), ["a", "b", "c"]);
    boards[2].leave(2);
    assert!(w.registry.lease_cycles().is_empty());
}

#[test]
fn a_task_that_waits_for_its_own_lease_is_a_cycle_of_one() {
    let w = World::new();
    let task = w.root.child("task");
    let board = w.registry.enter_leases(w.root.child("x"), "x");
    board.hold(1, party(&w, Some(&task)));
    let path = board.wait(2, party(&w, Some(&task))).unwrap();
    assert_eq!(tasks(&path), ["task"]);
}

#[test]
fn a_grant_may_close_a_cycle_of_a_task_that_waits_twice() {
    let w = World::new();
    let (a, b) = (w.root.child("a"), w.root.child("b"));
    let x = w.registry.enter_leases(w.root.child("x"), "x");
    let y = w.registry.enter_leases(w.root.child("y"), "y");
    x.hold(1, party(&w, None));
    y.hold(1, party(&w, Some(&b)));
    assert_eq!(x.wait(2, party(&w, Some(&a))), None);
    assert_eq!(y.wait(2, party(&w, Some(&a))), None);
    assert_eq!(x.wait(3, party(&w, Some(&b))), None);
    x.give_back(1);
    let path = x.grant(2, w.manual.now()).unwrap();
    assert_eq!(tasks(&path), ["a", "b"]);
}

#[test]
fn chains_and_parties_without_a_task_are_no_cycles() {
    let w = World::new();
    let (a, b) = (w.root.child("a"), w.root.child("b"));
    let x = w.registry.enter_leases(w.root.child("x"), "x");
    let y = w.registry.enter_leases(w.root.child("y"), "y");
    x.hold(1, party(&w, Some(&a)));
    y.hold(1, party(&w, None));
    assert_eq!(y.wait(2, party(&w, Some(&a))), None);
    assert_eq!(x.wait(2, party(&w, Some(&b))), None);
    assert_eq!(x.wait(3, party(&w, Some(&b))), None);
    assert_eq!(x.wait(4, party(&w, None)), None);
    assert!(w.registry.lease_cycles().is_empty());
}

#[test]
fn what_is_held_and_waited_for_is_listed_in_order_and_leaves_with_its_owner() {
    let w = World::new();
    let (first, second) = (w.root.child("first"), w.root.child("second"));
    let task = w.root.child("task");
    let later = w.registry.enter_leases(second.clone(), "later");
    let earlier = w.registry.enter_leases(first.clone(), "earlier");
    assert!(w.registry.leases(w.manual.now()).is_empty());
    later.hold(7, party(&w, Some(&task)));
    earlier.hold(1, party(&w, None));
    assert_eq!(earlier.wait(3, party(&w, Some(&task))), None);
    assert_eq!(earlier.wait(2, party(&w, None)), None);
    w.manual.advance(Duration::from_secs(2));
    let all = w.registry.leases(w.manual.now());
    assert_eq!([&all[0].owner, &all[1].owner], [&first, &second]);
    let waiters: Vec<_> = all[0].waiters.iter().map(|waiter| waiter.lease).collect();
    assert_eq!(waiters, [3, 2]);
    assert_eq!(all[0].holders[0].lasts, Duration::from_secs(2));
    assert!(all[1].holders[0].place.contains("leases.rs:"));
    assert!(
        serde_json::to_string(&all)
            .unwrap()
            .contains("\"exclusive\"")
    );

    assert_eq!(earlier.grant(2, w.manual.now()), None);
    drop(earlier);
    assert_eq!(w.registry.leases(w.manual.now()).len(), 1);
    // The waits of an owner that has gone lead nowhere.
    assert_eq!(later.wait(8, party(&w, None)), None);
    assert!(w.registry.lease_cycles().is_empty());
}
