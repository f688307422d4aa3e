//! The registry through its public API, with actors and hubs that are only records.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use std::any::Any;
use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Weak};
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread;
use std::time::Duration;

use greenroom_core::doc_support::{Manual, block_on};
use greenroom_core::driver::Driver;
use greenroom_core::error::Cause;
use greenroom_core::registry::{
    ActorState, Registered, Registry, RegistryError, Reply, TaskQuery, TaskSource,
};
use greenroom_core::task::{TaskInfo, TaskKind, WaitKind, Waiting};
use greenroom_core::{Context, Id, Name};
use parking_lot::Mutex;

type Log = Arc<Mutex<Vec<String>>>;

struct Fake {
    info: Arc<TaskInfo>,
    log: Log,
    /// Called from `cancel`, to try what a real one may do there.
    on_cancel: Box<dyn Fn() + Send + Sync>,
    address: Weak<String>,
}

impl Registered for Fake {
    fn info(&self) -> &Arc<TaskInfo> {
        &self.info
    }
    fn state(&self) -> ActorState {
        ActorState::Running
    }
    fn mailbox(&self) -> (usize, Option<usize>) {
        (3, Some(64))
    }
    fn actor_type(&self) -> &'static str {
        "Fake"
    }
    fn restarts(&self) -> u64 {
        2
    }
    fn cancel(&self, cause: Cause) {
        self.log.lock().push(format!("{}: {cause}", self.info.id));
        (self.on_cancel)();
    }
    fn address(&self) -> Option<Box<dyn Any + Send + Sync>> {
        let strong = self.address.upgrade()?;
        Some(Box::new(strong))
    }
}

#[track_caller]
fn info(id: &Id, kind: TaskKind, manual: &Manual) -> Arc<TaskInfo> {
    Arc::new(TaskInfo::new(
        id.clone(),
        kind,
        Location::caller(),
        manual.now(),
    ))
}

struct World {
    manual: Arc<Manual>,
    registry: Registry,
    context: Context,
    root: Id,
    log: Log,
}

impl World {
    fn new() -> Self {
        let (manual, registry, root) = (Manual::new(), Registry::new(), Id::root());
        let handle = greenroom_core::current::Handle::new(manual.clone(), false);
        let (context, _) = Context::root(root.clone(), handle, registry.clone());
        Self {
            manual,
            registry,
            context,
            root,
            log: Log::default(),
        }
    }

    fn fake(&self, id: &Id) -> Fake {
        Fake {
            info: info(id, TaskKind::Actor, &self.manual),
            log: self.log.clone(),
            on_cancel: Box::new(|| ()),
            address: Weak::new(),
        }
    }

    fn enter(&self, id: &Id, name_: Option<&'static str>) -> Result<(), RegistryError> {
        self.registry
            .enter_actor(id.clone(), name_.map(name), Arc::new(self.fake(id)))
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock())
    }
}

fn name(text: &'static str) -> Name {
    Name::new(text).expect("a literal without a slash")
}

fn id_of(found: Option<Arc<dyn Registered>>) -> Option<String> {
    found.map(|record| record.info().id.to_string())
}

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

/// A hub of tasks that answers when it is told to take its turn.
struct Hub {
    label: &'static str,
    tasks: Mutex<Vec<Arc<TaskInfo>>>,
    queries: Mutex<Vec<TaskQuery>>,
    open: bool,
    log: Log,
}

impl Hub {
    fn enter(w: &World, label: &'static str, tasks: Vec<Arc<TaskInfo>>) -> Arc<Self> {
        Self::with(w, label, tasks, true)
    }

    fn with(w: &World, label: &'static str, tasks: Vec<Arc<TaskInfo>>, open: bool) -> Arc<Self> {
        let hub = Arc::new(Self {
            label,
            tasks: Mutex::new(tasks),
            queries: Mutex::default(),
            open,
            log: w.log.clone(),
        });
        let source: Arc<dyn TaskSource> = hub.clone();
        w.registry.add_source(&source);
        hub
    }

    fn turn(&self) -> usize {
        let queries = std::mem::take(&mut *self.queries.lock());
        let count = queries.len();
        for query in queries {
            match query {
                TaskQuery::List(reply) => reply.send(self.tasks.lock().clone()),
                TaskQuery::Cancel(id, cause, reply) => {
                    let mut tasks = self.tasks.lock();
                    let before = tasks.len();
                    tasks.retain(|task| task.id != id);
                    let found = tasks.len() < before;
                    if found {
                        self.log.lock().push(format!("{id}: {cause}"));
                    }
                    reply.send(found);
                }
                _ => {}
            }
        }
        count
    }

    fn drop_queries(&self) {
        self.queries.lock().clear();
    }
}

impl TaskSource for Hub {
    fn name(&self) -> String {
        self.label.to_owned()
    }
    fn request(&self, query: TaskQuery) -> bool {
        if self.open {
            self.queries.lock().push(query);
        }
        self.open
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

const PATIENCE: Duration = Duration::from_secs(1);

#[test]
fn a_snapshot_gathers_the_tasks_of_every_hub_sorted_by_id() {
    let w = World::new();
    let ids: Vec<_> = (0..4).map(|_| w.root.child("t")).collect();
    let task = |i: usize| info(&ids[i], TaskKind::Task, &w.manual);
    let a = Hub::enter(&w, "hub b", vec![task(3), task(0)]);
    let b = Hub::enter(&w, "hub a", vec![task(2), task(1)]);
    let mut snapshot = pin!(w.registry.snapshot(&w.context, PATIENCE));
    assert!(poll_once(snapshot.as_mut()).is_pending());
    assert_eq!(a.turn(), 1);
    assert!(poll_once(snapshot.as_mut()).is_pending());
    assert_eq!(b.turn(), 1);
    let Poll::Ready(snapshot) = poll_once(snapshot.as_mut()) else {
        panic!("all have answered");
    };
    assert!(snapshot.tasks.iter().map(|task| &task.id).eq(&ids));
    assert!(snapshot.unanswered.is_empty());
    assert_eq!(w.manual.timers(), 0, "the timer of its patience is gone");
}

#[test]
fn a_hub_that_does_not_answer_in_time_is_named() {
    let w = World::new();
    let id = w.root.child("t");
    let quick = Hub::enter(&w, "quick", vec![info(&id, TaskKind::Task, &w.manual)]);
    let slow = Hub::enter(&w, "slow", Vec::new());
    let drops = Hub::enter(&w, "drops its queries", Vec::new());
    let _shut = Hub::with(&w, "shut down", Vec::new(), false);
    let gone = Hub::enter(&w, "gone", Vec::new());
    drop(gone);
    let mut snapshot = pin!(w.registry.snapshot(&w.context, PATIENCE));
    assert!(poll_once(snapshot.as_mut()).is_pending());
    quick.turn();
    drops.drop_queries();
    w.manual.advance(PATIENCE - Duration::from_nanos(1));
    assert!(poll_once(snapshot.as_mut()).is_pending());
    w.manual.advance(Duration::from_nanos(1));
    let Poll::Ready(snapshot) = poll_once(snapshot.as_mut()) else {
        panic!("its patience is over");
    };
    assert_eq!(
        snapshot.unanswered,
        ["drops its queries", "shut down", "slow"]
    );
    assert_eq!(snapshot.tasks.len(), 1);
    assert_eq!(slow.turn(), 1, "a late answer is lost and harms nobody");
}

#[test]
fn a_dropped_snapshot_leaves_no_timer() {
    let w = World::new();
    let hub = Hub::enter(&w, "hub", Vec::new());
    {
        let mut snapshot = pin!(w.registry.snapshot(&w.context, PATIENCE));
        assert!(poll_once(snapshot.as_mut()).is_pending());
        assert_eq!(w.manual.timers(), 1);
    }
    assert_eq!(w.manual.timers(), 0);
    assert_eq!(hub.turn(), 1);
}

#[test]
fn an_answer_from_another_thread_wakes_the_snapshot() {
    let w = World::new();
    let hub = Hub::enter(&w, "hub", Vec::new());
    let snapshot = thread::scope(|s| {
        s.spawn(|| {
            while hub.turn() == 0 {
                thread::yield_now();
            }
        });
        block_on(w.registry.snapshot(&w.context, PATIENCE))
    });
    assert!(snapshot.unanswered.is_empty());
}

#[test]
fn cancel_by_id_finds_an_actor_at_once_and_a_task_at_the_turn_of_its_hub() {
    let w = World::new();
    let (actor, task) = (w.root.child("actor"), w.root.child("task"));
    w.enter(&actor, None).unwrap();
    let hub = Hub::enter(&w, "hub", vec![info(&task, TaskKind::Task, &w.manual)]);
    let other = Hub::enter(&w, "other", Vec::new());

    let cancelled = w.registry.cancel(&actor, Cause::from("stop"));
    assert_eq!(w.log(), ["root/actor#1: stop"]);
    assert_eq!(hub.turn() + other.turn(), 0, "no hub is asked for an actor");
    assert!(block_on(cancelled));

    let mut cancelled = pin!(w.registry.cancel(&task, Cause::from("stop")));
    assert!(poll_once(cancelled.as_mut()).is_pending());
    hub.turn();
    assert_eq!(w.log(), ["root/task#2: stop"]);
    // It does not wait for the other hub once the task is found.
    assert_eq!(poll_once(cancelled.as_mut()), Poll::Ready(true));

    let mut nobody = pin!(w.registry.cancel(&task, Cause::from("stop")));
    hub.turn();
    assert!(poll_once(nobody.as_mut()).is_pending());
    other.drop_queries();
    assert_eq!(poll_once(nobody.as_mut()), Poll::Ready(false));
}

#[test]
fn a_cancel_whose_future_is_dropped_goes_on() {
    let w = World::new();
    let task = w.root.child("task");
    let hub = Hub::enter(&w, "hub", vec![info(&task, TaskKind::Task, &w.manual)]);
    drop(w.registry.cancel(&task, Cause::from("stop")));
    hub.turn();
    assert_eq!(w.log(), ["root/task#1: stop"]);
}

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
    assert_eq!(
        serde_json::to_value(&snapshot).unwrap(),
        serde_json::json!({
            "actors": [{
                "id": "root/store#1", "name": "store", "kind": "actor", "parent": "root",
                "spawned_at": actor_info.spawned_at.to_string(), "alive": 0.5, "waiting": null,
                "registered": "main", "actor_type": "Fake", "state": "running",
                "mailbox_depth": 3, "mailbox_capacity": 64, "restarts": 2,
            }],
            "tasks": [{
                "id": "root/job#2", "name": "job", "kind": "task", "parent": "root",
                "spawned_at": task_info.spawned_at.to_string(), "alive": 0.5,
                "waiting": { "kind": "ask", "on": "root/store#1" },
            }],
            "deadlines": [
                { "number": 1, "remaining": 0.5 },
                { "number": 0, "remaining": 1.0 },
            ],
            "groups": { "g": ["root/store#1"] },
            "unanswered": [],
        })
    );
    assert!(snapshot.actors[0].task.spawned_at.contains("registry.rs:"));
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
