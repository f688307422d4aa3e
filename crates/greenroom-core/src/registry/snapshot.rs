//! Everything that lives in a runtime, as one value.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use serde::Serializer;

use super::leases::{LeaseHop, LeaseRecord};
use super::permits::PermitRecord;
use super::registered::{ActorState, Registered};
use super::reply::Reply;
use super::sources::TaskQuery;
use super::{MessageCounts, Registry};
use crate::context::Context;
use crate::current;
use crate::id::{Id, Name};
use crate::task::{TaskInfo, TaskKind, WaitRecord, Waiting};
use crate::time::After;

/// Everything that lives in a runtime. Made by [`Registry::snapshot`].
///
/// Each record is right for some moment while it was made, not all for the same one.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The actors, sorted by id.
    pub actors: Vec<ActorRecord>,
    /// The tasks that are not actors, sorted by id.
    pub tasks: Vec<TaskRecord>,
    /// The contexts with a deadline, earliest first.
    pub deadlines: Vec<DeadlineRecord>,
    /// The groups with the ids of their members, both sorted.
    pub groups: BTreeMap<Name, Vec<Id>>,
    /// The owners whose leases are held or waited for, sorted by id.
    pub leases: Vec<LeaseRecord>,
    /// The cycles of tasks that wait for each other's leases; see [`Registry::lease_cycles`].
    pub lease_cycles: Vec<Vec<LeaseHop>>,
    /// The owners whose permits or items are held or waited for, sorted by id.
    pub permits: Vec<PermitRecord>,
    /// The hubs whose tasks are missing here, since they did not answer in time; sorted.
    pub unanswered: Vec<String>,
}

/// A living task, as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct TaskRecord {
    /// Its path.
    pub id: Id,
    /// The name in the last segment of its path.
    pub name: String,
    /// What it runs.
    pub kind: TaskKind,
    /// The path of what spawned it.
    pub parent: Option<Id>,
    /// Where it was spawned, as `file:line:column`.
    pub spawned_at: String,
    /// For how long it has lived, in the runtime's time; serialized as seconds.
    #[serde(serialize_with = "seconds")]
    pub alive: Duration,
    /// What it waits for, or `None` while it runs or waits for something foreign.
    pub waiting: Option<Waiting>,
    /// Who monitors it, in the order in which they began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub monitored_by: Vec<Id>,
    /// What it is linked to, in the order in which that began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub linked_to: Vec<Id>,
    /// All that it waits for, in the order in which the waits began.
    pub waits: Vec<WaitRecord>,
}

impl TaskRecord {
    /// Records the facts of a task; `now` is the runtime's time.
    #[must_use]
    pub fn new(info: &TaskInfo, now: Instant) -> Self {
        let (monitored_by, linked_to) = info.watched_by();
        Self {
            id: info.id.clone(),
            name: info.id.name().to_owned(),
            kind: info.kind,
            parent: info.id.parent().cloned(),
            spawned_at: info.spawned_at.to_string(),
            alive: now.saturating_duration_since(info.since),
            waiting: info.waiting(),
            monitored_by,
            linked_to,
            waits: info.wait_records(now),
        }
    }
}

/// A living actor, as a snapshot shows it. Serialized flat, its task's fields first.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct ActorRecord {
    /// What is known of it as a task.
    #[serde(flatten)]
    pub task: TaskRecord,
    /// The name it is registered under.
    pub registered: Option<Name>,
    /// The name of its type.
    pub actor_type: &'static str,
    /// What it does now.
    pub state: ActorState,
    /// How many messages its mailbox holds.
    pub mailbox_depth: usize,
    /// How many messages fit in its mailbox, or `None` without a bound.
    pub mailbox_capacity: Option<usize>,
    /// How often it was rebuilt after a failure.
    pub restarts: u64,
    /// The type of the message that it handles, or the part of its life that runs, such as `started`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doing: Option<&'static str>,
    /// For how long it has been at that, once that has come to an await; serialized as seconds.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "maybe_seconds"
    )]
    pub busy: Option<Duration>,
    /// What became of its messages.
    pub messages: MessageCounts,
    /// The name of its strategy, if it is a supervisor; its children have it as their parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<&'static str>,
    /// How many strong addresses keep it alive, if that is known.
    pub addresses: Option<usize>,
    /// Who has them, the oldest first, if addresses are tracked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub address_records: Vec<AddressRecord>,
}

/// A strong address of an actor.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AddressRecord {
    /// The task that made it, or that sent through it last; `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it was made, as `file:line:column`.
    pub place: String,
    /// For how long it has lived, in the runtime's time; serialized as seconds.
    #[serde(serialize_with = "seconds")]
    pub lasts: Duration,
}

impl AddressRecord {
    /// Records an address.
    #[must_use]
    pub fn new(task: Option<Id>, place: String, lasts: Duration) -> Self {
        Self { task, place, lasts }
    }
}

impl ActorRecord {
    pub(super) fn new(record: &dyn Registered, registered: Option<Name>, now: Instant) -> Self {
        // Before the mailbox is looked at, which may take a sender.
        let (addresses, address_records) = (record.addresses(), record.address_records(now));
        let (mailbox_depth, mailbox_capacity) = record.mailbox();
        let doing = record.doing();
        let since = doing.and_then(|doing| doing.since);
        Self {
            task: TaskRecord::new(record.info(), now),
            registered,
            actor_type: record.actor_type(),
            state: record.state(),
            mailbox_depth,
            mailbox_capacity,
            restarts: record.restarts(),
            doing: doing.map(|doing| doing.what),
            busy: since.map(|since| now.saturating_duration_since(since)),
            messages: record.messages(),
            strategy: record.strategy(),
            addresses,
            address_records,
        }
    }
}

/// A living context with a deadline of its own.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct DeadlineRecord {
    /// Tells it from others: how many contexts with a deadline the runtime had made before it.
    pub number: u64,
    /// The time left; zero if the deadline is due and its timer has not run yet. Serialized as seconds.
    #[serde(serialize_with = "seconds")]
    pub remaining: Duration,
}

impl Registry {
    /// Records everything that lives: actors, tasks, deadlines, groups, leases and permits.
    ///
    /// The hubs are asked for their tasks and answer at their next turn. It waits for them, for no
    /// longer than `patience` on the clock of the context's runtime, and names those that did not
    /// answer. It does not stop anything, and what it shows may have changed when it returns.
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::doc_support::{block_on, root};
    /// # use greenroom_core::registry::Registry;
    /// # use std::time::Duration;
    /// # block_on(async {
    /// # let (context, registry) = (root(), Registry::new());
    /// let snapshot = registry.snapshot(&context, Duration::from_secs(1)).await;
    /// assert!(snapshot.actors.is_empty() && snapshot.unanswered.is_empty());
    /// # });
    /// ```
    pub fn snapshot(
        &self,
        context: &Context,
        patience: Duration,
    ) -> impl Future<Output = Snapshot> + Send + use<> {
        let (registry, context) = (self.clone(), context.clone());
        async move {
            let (tasks, unanswered) = registry.gather(&context, patience).await;
            registry.compose(context.now(), tasks, unanswered)
        }
    }

    async fn gather(
        &self,
        context: &Context,
        patience: Duration,
    ) -> (Vec<Arc<TaskInfo>>, Vec<String>) {
        self.ask_all(context, patience, TaskQuery::List).await
    }

    /// Asks each hub, and returns what all of them say, and the names of those that say nothing.
    pub(super) async fn ask_all<T: Send + 'static>(
        &self,
        context: &Context,
        patience: Duration,
        query: fn(Reply<Vec<T>>) -> TaskQuery,
    ) -> (Vec<T>, Vec<String>) {
        let mut unanswered = Vec::new();
        let mut asked = Vec::new();
        for source in self.0.sources.living() {
            let (reply, answer) = Reply::new(current::task_id());
            if source.request(query(reply)) {
                asked.push((source.name(), answer));
            } else {
                unanswered.push(source.name());
            }
        }
        let mut tasks = Vec::new();
        let mut timer = After::new(
            context.driver().driver().clone(),
            patience,
            Location::caller(),
        );
        std::future::poll_fn(|cx| {
            asked.retain_mut(|(name, answer)| match answer.poll(cx.waker()) {
                Poll::Pending => true,
                Poll::Ready(Some(here)) => {
                    tasks.extend(here);
                    false
                }
                Poll::Ready(None) => {
                    unanswered.push(std::mem::take(name));
                    false
                }
            });
            if asked.is_empty() {
                return Poll::Ready(());
            }
            Pin::new(&mut timer).poll(cx).map(|_| ())
        })
        .await;
        unanswered.extend(asked.into_iter().map(|(name, _)| name));
        unanswered.sort_unstable();
        (tasks, unanswered)
    }

    fn compose(
        &self,
        now: Instant,
        mut tasks: Vec<Arc<TaskInfo>>,
        unanswered: Vec<String>,
    ) -> Snapshot {
        let actors = self.actors(now);
        tasks.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        tasks.dedup_by(|a, b| a.id == b.id);
        // An actor runs in a task, which its hub may list as well: each id is shown once.
        tasks.retain(|info| {
            actors
                .binary_search_by(|actor| actor.task.id.cmp(&info.id))
                .is_err()
        });
        let tasks = tasks
            .iter()
            .map(|info| TaskRecord::new(info, now))
            .collect();
        Snapshot {
            actors,
            tasks,
            deadlines: self.deadline_records(now),
            groups: self.groups(),
            leases: self.leases(now),
            lease_cycles: self.lease_cycles(),
            permits: self.permits(now),
            unanswered,
        }
    }
}

pub(crate) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn maybe_seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}
