//! Groups, and cancelling them.

use std::sync::Barrier;
use std::thread;

use greenroom_core::error::Cause;

use crate::{World, name};

#[test]
fn groups_are_sorted_and_emptied_by_leaving() {
    let w = World::new();
    let ids: Vec<_> = (0..20).map(|_| w.root.child("a")).collect();
    let group = name("workers");
    for id in ids.iter().rev() {
        w.enter(id, None).unwrap();
        assert!(w.registry.join_group(id, group.clone()));
        assert!(w.registry.join_group(id, group.clone()), "twice is once");
    }
    assert_eq!(w.registry.group(&group), ids);
    let members = w.registry.group_members(&group);
    assert!(members.iter().map(|m| &m.info().id).eq(&ids));

    assert!(w.registry.leave_group(&ids[3], &group));
    assert!(!w.registry.leave_group(&ids[3], &group));
    assert!(!w.registry.leave_group(&ids[0], &name("other")));
    w.registry.leave_actor(&ids[0]);
    assert_eq!(w.registry.group(&group).len(), 18);
    assert!(
        !w.registry.join_group(&ids[0], group.clone()),
        "it has left"
    );
    for id in &ids {
        w.registry.leave_actor(id);
    }
    assert!(w.registry.group(&group).is_empty());
    assert!(
        w.registry.groups().is_empty(),
        "an empty group has no entry"
    );
}

#[test]
fn joins_racing_a_leave_never_outlive_the_actor() {
    for _ in 0..500 {
        let w = World::new();
        let id = w.root.child("a");
        w.enter(&id, None).unwrap();
        let barrier = Barrier::new(3);
        thread::scope(|s| {
            for group in ["x", "y"] {
                let (w, id, barrier) = (&w, &id, &barrier);
                s.spawn(move || {
                    barrier.wait();
                    w.registry.join_group(id, name(group));
                });
            }
            barrier.wait();
            w.registry.leave_actor(&id);
        });
        assert!(w.registry.groups().is_empty());
    }
}

#[test]
fn cancel_reaches_one_actor_or_a_group_in_the_order_of_ids() {
    let w = World::new();
    let ids: Vec<_> = (0..3).map(|_| w.root.child("a")).collect();
    for id in ids.iter().rev() {
        w.enter(id, None).unwrap();
        w.registry.join_group(id, name("g"));
    }
    assert!(w.registry.cancel_actor(&ids[1], Cause::from("one")));
    assert!(!w.registry.cancel_actor(&w.root, Cause::from("one")));
    assert_eq!(w.log(), ["root/a#2: one"]);
    assert_eq!(w.registry.cancel_group(&name("g"), Cause::from("all")), 3);
    assert_eq!(w.log(), ["root/a#1: all", "root/a#2: all", "root/a#3: all"]);
    assert_eq!(w.registry.cancel_group(&name("none"), Cause::Cancelled), 0);
}
