//! Hubs, which are asked for their tasks.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use greenroom_core::doc_support::block_on;
use greenroom_core::error::Cause;
use greenroom_core::registry::{TaskQuery, TaskSource};
use greenroom_core::task::{TaskInfo, TaskKind};
use parking_lot::Mutex;

use crate::{Log, World, info, poll_once};

/// A hub of tasks that answers when it is told to take its turn.
pub(crate) struct Hub {
    label: &'static str,
    tasks: Mutex<Vec<Arc<TaskInfo>>>,
    queries: Mutex<Vec<TaskQuery>>,
    open: bool,
    log: Log,
}

impl Hub {
    pub(crate) fn enter(w: &World, label: &'static str, tasks: Vec<Arc<TaskInfo>>) -> Arc<Self> {
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

    pub(crate) fn turn(&self) -> usize {
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

pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

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
