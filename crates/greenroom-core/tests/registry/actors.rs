//! Actors by id, path and name.

use std::sync::{Arc, Barrier};
use std::thread;

use greenroom_core::Id;
use greenroom_core::driver::Driver;
use greenroom_core::error::Cause;
use greenroom_core::registry::{Registry, RegistryError};

use crate::{Fake, World, id_of, name};

#[test]
fn look_up_by_id_path_and_name_finds_the_entered_actor_until_it_leaves() {
    let w = World::new();
    let id = w.root.child("store");
    w.enter(&id, Some("main")).unwrap();
    let path = Some("root/store#1".to_owned());
    assert_eq!(id_of(w.registry.actor(&id)), path);
    assert_eq!(id_of(w.registry.actor_at("root/store#1")), path);
    assert_eq!(id_of(w.registry.whereis(&name("main"))), path);
    assert!(w.registry.actor_at("root/store#2").is_none());
    assert!(w.registry.actor_at("root/store#01").is_none());
    assert!(w.registry.actor_at("store#1").is_none());
    assert!(w.registry.whereis(&name("store")).is_none());

    assert!(w.registry.leave_actor(&id));
    assert!(!w.registry.leave_actor(&id));
    assert!(w.registry.actor(&id).is_none());
    assert!(w.registry.actor_at("root/store#1").is_none());
    assert!(w.registry.whereis(&name("main")).is_none());
}

#[test]
fn a_taken_name_is_refused_and_nothing_is_entered() {
    let w = World::new();
    let (a, b) = (w.root.child("a"), w.root.child("b"));
    w.enter(&a, Some("main")).unwrap();
    let refused = w.enter(&b, Some("main")).unwrap_err();
    assert_eq!(
        refused,
        RegistryError::NameTaken {
            name: name("main"),
            holder: a.clone()
        }
    );
    assert_eq!(refused.to_string(), "the name main is taken by root/a#1");
    assert!(w.registry.actor(&b).is_none());
    // The refused one never had the name, so its leave does not free it.
    assert!(!w.registry.leave_actor(&b));
    assert_eq!(
        id_of(w.registry.whereis(&name("main"))).as_deref(),
        Some("root/a#1")
    );
    w.registry.leave_actor(&a);
    w.enter(&b, Some("main")).unwrap();
}

#[test]
fn an_id_is_entered_once() {
    let w = World::new();
    let id = w.root.child("a");
    w.enter(&id, Some("first")).unwrap();
    assert_eq!(
        w.enter(&id, Some("second")),
        Err(RegistryError::IdTaken(id.clone()))
    );
    assert!(w.registry.whereis(&name("second")).is_none());
    assert!(w.registry.whereis(&name("first")).is_some());
}

#[test]
fn of_many_that_race_for_a_name_one_gets_it_and_all_losers_are_told_by_whom() {
    for _ in 0..200 {
        let w = World::new();
        let ids: Vec<_> = (0..4).map(|_| w.root.child("a")).collect();
        let barrier = Barrier::new(ids.len());
        let outcomes: Vec<_> = thread::scope(|s| {
            let threads: Vec<_> = ids
                .iter()
                .map(|id| {
                    s.spawn(|| {
                        barrier.wait();
                        w.enter(id, Some("main"))
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let winner = w.registry.whereis(&name("main")).expect("one of them won");
        let winner = winner.info().id.clone();
        for (id, outcome) in ids.iter().zip(outcomes) {
            if *id == winner {
                assert_eq!(outcome, Ok(()));
            } else {
                assert!(
                    matches!(outcome, Err(RegistryError::NameTaken { holder, .. }) if holder == winner)
                );
            }
        }
        assert_eq!(w.registry.actors(w.manual.now()).len(), 1);
    }
}

#[test]
fn a_record_may_use_the_registry_while_it_is_cancelled_or_dropped() {
    struct Leaver(Registry, Id);
    impl Drop for Leaver {
        fn drop(&mut self) {
            self.0.leave_actor(&self.1);
            let _ = self.0.groups();
        }
    }
    let w = World::new();
    let id = w.root.child("a");
    let (registry, own) = (w.registry.clone(), id.clone());
    let on_drop = Leaver(registry.clone(), id.clone());
    let fake = Fake {
        on_cancel: Box::new(move || {
            let _ = &on_drop;
            registry.leave_actor(&own);
            registry.join_group(&own, name("g"));
            assert!(registry.group(&name("g")).is_empty());
        }),
        ..w.fake(&id)
    };
    w.registry
        .enter_actor(id.clone(), Some(name("n")), Arc::new(fake))
        .unwrap();
    w.registry.join_group(&id, name("g"));
    assert_eq!(w.registry.cancel_group(&name("g"), Cause::Cancelled), 1);
    assert!(w.registry.whereis(&name("n")).is_none());
}

#[test]
fn being_registered_keeps_no_actor_alive() {
    let w = World::new();
    let id = w.root.child("a");
    let actor = Arc::new("the actor".to_owned());
    let fake = Fake {
        address: Arc::downgrade(&actor),
        ..w.fake(&id)
    };
    w.registry
        .enter_actor(id.clone(), None, Arc::new(fake))
        .unwrap();
    let record = w.registry.actor(&id).unwrap();
    let address = record.address().unwrap();
    assert!(address.downcast_ref::<Arc<String>>().is_some());
    drop((address, actor));
    assert!(record.address().is_none());
}

#[test]
fn records_are_sorted_whatever_the_order_of_entering() {
    let w = World::new();
    let mut ids: Vec<_> = (0..100).map(|_| w.root.child("a")).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut ids);
    for id in &ids {
        w.enter(id, None).unwrap();
    }
    ids.sort();
    let records = w.registry.actors(w.manual.now());
    assert!(records.iter().map(|record| &record.task.id).eq(&ids));
}
