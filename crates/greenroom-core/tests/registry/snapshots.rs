//! What leaves the registry as a whole.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use greenroom_core::driver::Driver;
use greenroom_core::registry::{Registry, Reply};
use greenroom_core::task::{TaskKind, WaitKind, Waiting};

use crate::hubs::{Hub, PATIENCE};
use crate::{World, info, name, poll_once};

#[test]
fn a_snapshot_serializes_with_every_field() {
    let w = World::new();
    let (actor, task) = (w.root.child("store"), w.root.child("job"));
    let fake = w.fake(&actor);
    let actor_info = fake.info.clone();
    w.registry
        .enter_actor(actor.clone(), Some(name("main")), Arc::new(fake))
        .unwrap();
    w.registry.join_group(&actor, name("g"));
    let task_info = info(&task, TaskKind::Task, &w.manual);
    task_info.set_waiting(Some(Waiting {
        kind: WaitKind::Ask,
        on: Some(actor.clone()),
    }));
    // The hub lists the actor's task too; it is shown once.
    let hub = Hub::enter(&w, "hub", vec![task_info.clone(), actor_info.clone()]);
    let late = w.context.with_timeout(Duration::from_millis(1500));
    let early = w.context.with_timeout(Duration::from_secs(1));
    w.manual.advance(Duration::from_millis(500));

    let mut snapshot = pin!(w.registry.snapshot(&w.context, PATIENCE));
    assert!(poll_once(snapshot.as_mut()).is_pending());
    hub.turn();
    let Poll::Ready(snapshot) = poll_once(snapshot.as_mut()) else {
        panic!("all have answered");
    };
    drop((late, early));
    let mut shown = serde_json::to_value(&snapshot).unwrap();
    // It was set outside a turn of the clock, which is not that of the test.
    let wait = shown["tasks"][0]["waits"][0].take();
    assert_eq!(
        (&wait["kind"], &wait["on"]),
        (&"ask".into(), &"root/store#1".into())
    );
    assert!(wait["lasts"].is_number(), "{wait}");
    assert_eq!(
        shown,
        serde_json::json!({
            "actors": [{
                "id": "root/store#1", "name": "store", "kind": "actor", "parent": "root",
                "spawned_at": actor_info.spawned_at.to_string(), "alive": 0.5, "waiting": null, "waits": [],
                "registered": "main", "actor_type": "Fake", "state": "running",
                "mailbox_depth": 3, "mailbox_capacity": 64, "restarts": 2, "addresses": null,
                "messages": {
                    "accepted": 9, "handled": 4, "expired": 0, "abandoned": 0, "refused": 0,
                    "dropped": 2, "lost": 0, "set_aside": 0,
                },
            }],
            "tasks": [{
                "id": "root/job#2", "name": "job", "kind": "task", "parent": "root",
                "spawned_at": task_info.spawned_at.to_string(), "alive": 0.5,
                "waiting": { "kind": "ask", "on": "root/store#1" }, "waits": [null],
            }],
            "deadlines": [
                { "number": 1, "remaining": 0.5 },
                { "number": 0, "remaining": 1.0 },
            ],
            "groups": { "g": ["root/store#1"] },
            "leases": [],
            "lease_cycles": [],
            "permits": [],
            "unanswered": [],
        })
    );
    assert!(
        snapshot.actors[0]
            .task
            .spawned_at
            .contains("registry/main.rs:")
    );
}

#[test]
fn many_threads_enter_look_up_and_leave_without_a_deadlock() {
    let w = World::new();
    let rounds = AtomicUsize::new(0);
    thread::scope(|s| {
        for i in 0..4 {
            let (w, rounds) = (&w, &rounds);
            s.spawn(move || {
                let own = w.root.child("a");
                let names = ["x", "y"];
                for round in 0..500 {
                    let wanted = names[(round + i) % 2];
                    let entered = w.enter(&own, Some(wanted)).is_ok();
                    let joined = w.registry.join_group(&own, name("g"));
                    assert_eq!(entered, joined);
                    let _ = w.registry.whereis(&name(wanted));
                    let _ = w.registry.group_members(&name("g"));
                    let _ = w.registry.actors(w.manual.now());
                    w.registry.leave_group(&own, &name("g"));
                    assert_eq!(w.registry.leave_actor(&own), entered);
                    rounds.fetch_add(1, SeqCst);
                }
            });
        }
    });
    assert_eq!(rounds.load(SeqCst), 2000);
    assert!(w.registry.actors(w.manual.now()).is_empty());
    assert!(w.registry.groups().is_empty());
    assert!(w.registry.whereis(&name("x")).is_none());
}

#[test]
fn what_crosses_threads_is_send_and_sync() {
    fn check<T: Send + Sync>() {}
    fn send<T: Send>(_: &T) {}
    check::<Registry>();
    check::<greenroom_core::registry::Snapshot>();
    check::<greenroom_core::registry::Cancelling>();
    send::<Option<Reply<u8>>>(&None);
    let w = World::new();
    send(&w.registry.snapshot(&w.context, PATIENCE));
}

#[test]
fn the_counts_of_who_leaves_stay() {
    let world = World::new();
    let ids: Vec<_> = (0..3).map(|_| world.root.child("store")).collect();
    for id in &ids {
        assert_eq!(world.enter(id, None), Ok(()));
    }
    for left in 0..=3 {
        let counts = world.registry.messages();
        assert_eq!(
            (counts.accepted, counts.pending()),
            (27, 9),
            "{left} have left"
        );
        if let Some(id) = ids.get(left) {
            assert!(world.registry.leave_actor(id));
            assert!(!world.registry.leave_actor(id), "it counts once");
        }
    }
}
