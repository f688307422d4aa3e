//! Searches for those who wait for each other.
//!
//! What is certain comes from [`certain`](crate::certain), and from nothing else. The rest is said as a
//! hint, or as the reason why it cannot be told.
//!
//! # How a possible knot is found
//! Begin with all who wait, and take out repeatedly who has a wait that somebody not among them could end.
//! Of a channel whose ends are not all lent it is assumed that the task which made it has the others; if
//! that has ended, or is the one who asks, that any of those left has them. So two at least are in a knot
//! that rests on this.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Registry;
use super::graph::WaitEdge;
use super::knots::{Knot, KnotTask, Progress, Why};
use super::sources::{Present, TaskQuery};
use crate::certain::{self, Certain};
use crate::context::Context;
use crate::current;
use crate::id::Id;
use crate::task::{TaskInfo, TaskKind, WaitKind};

/// All who live and wait, as found by one search.
pub(super) struct Survey {
    living: BTreeMap<Id, Present>,
    pub(super) waits: Vec<WaitEdge>,
    // The owners of leases that are waited for, each with who waits.
    owners: BTreeMap<Id, BTreeSet<Id>>,
    certain: Certain,
    asker: Option<Id>,
    pub(super) unanswered: Vec<String>,
}

#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
impl Registry {
    /// Tells whether the runtime goes on by itself.
    ///
    /// The hubs are asked for their tasks, for no longer than `patience`; see
    /// [`wait_graph`](Self::wait_graph). What is [`Stuck`](Progress::Stuck) is so for certain, and stays so
    /// until it is cancelled. The task that asks is at work.
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::doc_support::{block_on, root};
    /// # use greenroom_core::registry::{Progress, Registry};
    /// # use std::time::Duration;
    /// # block_on(async {
    /// # let (context, registry) = (root(), Registry::new());
    /// let progress = registry.stuck(&context, Duration::from_secs(1)).await;
    /// assert_eq!(progress, Progress::Moving); // Nobody waits.
    /// # });
    /// ```
    pub fn stuck(
        &self,
        context: &Context,
        patience: Duration,
    ) -> impl Future<Output = Progress> + Send + use<> {
        let (registry, context) = (self.clone(), context.clone());
        async move { registry.survey(&context, patience).await.progress() }
    }

    pub(super) async fn survey(&self, context: &Context, patience: Duration) -> Survey {
        let (present, unanswered) = self.ask_all(context, patience, TaskQuery::Census).await;
        let mut living = BTreeMap::new();
        for actor in self.actor_infos() {
            let actor = Present {
                info: actor,
                is_ready: false,
                has_deadline: false,
            };
            living.insert(actor.info.id.clone(), actor);
        }
        for task in present {
            living.insert(task.info.id.clone(), task);
        }
        let infos: Vec<Arc<TaskInfo>> = living.values().map(|there| there.info.clone()).collect();
        // The waits first: of what is certain they have not changed after that.
        let certain = certain::search(&infos);
        let now = context.now();
        let owners = (self.leases(now).into_iter())
            .map(|lease| {
                let waiters = lease.waiters.into_iter().filter_map(|party| party.task);
                (lease.owner, waiters.collect())
            })
            .collect();
        Survey {
            waits: self.waits(&infos, now),
            living,
            owners,
            certain,
            asker: current::task_id(),
            unanswered,
        }
    }
}

#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
impl Survey {
    pub(super) fn knots(&self) -> Vec<Knot> {
        let mut knots = self.certain_knots();
        for members in self.possible() {
            if members.iter().any(|id| self.certain.stuck.contains_key(id)) {
                continue;
            }
            let why = members.iter().flat_map(|id| self.why(id)).collect();
            knots.push(self.knot(members, sorted(why)));
        }
        knots
    }

    fn progress(&self) -> Progress {
        let knots = self.certain_knots();
        if !knots.is_empty() {
            return Progress::Stuck(knots);
        }
        let moving = self.moving();
        let mut why: Vec<Why> = (self.living.keys())
            .filter(|id| !moving.contains(*id))
            .flat_map(|id| self.why(id))
            .collect();
        let unanswered = self.unanswered.iter();
        why.extend(unanswered.map(|hub| Why::Unanswered { hub: hub.clone() }));
        match why.is_empty() {
            true => Progress::Moving,
            false => Progress::Unknown(sorted(why)),
        }
    }

    fn certain_knots(&self) -> Vec<Knot> {
        let groups = groups(&self.certain.stuck);
        let knots = groups
            .into_iter()
            .map(|members| self.knot(members, Vec::new()));
        knots.collect()
    }

    fn knot(&self, members: BTreeSet<Id>, why: Vec<Why>) -> Knot {
        let is_in = |wait: &&WaitEdge| members.contains(&wait.waiter);
        Knot {
            waits: self.waits.iter().filter(is_in).cloned().collect(),
            is_certain: members.iter().all(|id| self.certain.stuck.contains_key(id)),
            tasks: (members.iter())
                .filter_map(|id| self.living.get(id))
                .map(|there| KnotTask {
                    id: there.info.id.clone(),
                    spawned_at: there.info.spawned_at.to_string(),
                })
                .collect(),
            why,
        }
    }

    /// The waits of a task, but for those that its other waits are about.
    fn waits_of(&self, id: &Id) -> impl Iterator<Item = &WaitEdge> {
        let from = self.waits.partition_point(|wait| wait.waiter < *id);
        let waits = &self.waits[from..];
        let waits = waits.iter().take_while({
            let id = id.clone();
            move |wait| wait.waiter == id
        });
        // Who waits for a lease waits for its holders, and the owner only tells it.
        waits.filter(|wait| {
            let owner = wait.on.as_ref().and_then(|on| self.owners.get(on));
            !owner.is_some_and(|waiters| waiters.contains(&wait.waiter))
        })
    }

    fn is_asker(&self, id: &Id) -> bool {
        self.asker.as_ref() == Some(id)
    }

    /// Who is at work for certain, and who waits for one of them.
    fn moving(&self) -> BTreeSet<Id> {
        let at_work = |there: &&Present| there.is_ready || self.is_asker(&there.info.id);
        let mut moving: BTreeSet<Id> = (self.living.values())
            .filter(at_work)
            .map(|there| there.info.id.clone())
            .collect();
        loop {
            let more: Vec<Id> = (self.living.keys())
                .filter(|id| !moving.contains(*id))
                .filter(|id| self.waits_of(id).any(|wait| self.is_carried(wait, &moving)))
                .cloned()
                .collect();
            if more.is_empty() {
                return moving;
            }
            moving.extend(more);
        }
    }

    fn is_carried(&self, wait: &WaitEdge, moving: &BTreeSet<Id>) -> bool {
        let Some(on) = &wait.on else { return false };
        match wait.kind {
            WaitKind::Send | WaitKind::Receive | WaitKind::Select => {
                let is_closed = self.certain.closed.contains(on);
                let mut holders = self.certain.holders.get(on).into_iter().flatten();
                is_closed && holders.any(|id| *id != wait.waiter && moving.contains(id))
            }
            WaitKind::ScopeEnd => {
                let mut children = self.children(on).peekable();
                children.peek().is_none() || children.any(|id| moving.contains(id))
            }
            WaitKind::Ask | WaitKind::Tell | WaitKind::Join | WaitKind::Lease => {
                moving.contains(on) || !self.living.contains_key(on) && self.is_ended(wait)
            }
            _ => false,
        }
    }

    /// Whether what is waited for has ended, so that it will be told. A close of a channel is a join too.
    fn is_ended(&self, wait: &WaitEdge) -> bool {
        let is_channel = wait.on.as_ref().is_some_and(|on| on.name() == "channel");
        !is_channel && self.unanswered.is_empty()
    }

    fn children(&self, scope: &Id) -> impl Iterator<Item = &Id> {
        let is_child = |there: &&Present| there.info.id.parent() == Some(scope);
        let children = self.living.values().filter(move |there| is_child(there));
        let awaited = children.filter(|there| there.info.kind != TaskKind::AfterFunc);
        awaited.map(|there| &there.info.id)
    }

    /// The groups of those that may wait for each other.
    fn possible(&self) -> Vec<BTreeSet<Id>> {
        let can_wait = |there: &&Present| {
            !there.is_ready
                && !self.is_asker(&there.info.id)
                && self.waits_of(&there.info.id).next().is_some()
        };
        let mut left: BTreeSet<Id> = (self.living.values())
            .filter(can_wait)
            .map(|there| there.info.id.clone())
            .collect();
        loop {
            let before = left.clone();
            left.retain(|id| self.waits_of(id).all(|wait| self.is_blocked(wait, &before)));
            if left.len() == before.len() {
                break;
            }
        }
        let next = (left.iter())
            .map(|id| {
                let enders = self.waits_of(id).flat_map(|wait| self.enders(wait));
                (id.clone(), enders.collect())
            })
            .collect();
        let groups = groups(&next).into_iter();
        groups
            .map(|members| members.intersection(&left).cloned().collect())
            .filter(|members: &BTreeSet<Id>| {
                members.len() > 1 || members.iter().any(|id| next[id].contains(id))
            })
            .collect()
    }

    fn is_blocked(&self, wait: &WaitEdge, left: &BTreeSet<Id>) -> bool {
        match wait.kind {
            WaitKind::Send | WaitKind::Receive | WaitKind::Select => {
                let Some(channel) = &wait.on else {
                    return false;
                };
                if self.certain.closed.contains(channel) {
                    return self.enders(wait).iter().all(|id| left.contains(id));
                }
                // Nobody knows where the others are.
                let maker = channel.parent().filter(|id| !self.is_asker(id));
                let maker = maker.filter(|id| self.living.contains_key(*id));
                maker.is_none_or(|id| left.contains(id))
            }
            // It ends with all of them.
            WaitKind::ScopeEnd => self.enders(wait).iter().any(|id| left.contains(id)),
            WaitKind::Ask | WaitKind::Tell | WaitKind::Join | WaitKind::Lease => {
                wait.on.as_ref().is_some_and(|on| left.contains(on))
            }
            _ => false,
        }
    }

    /// Who could end a wait, as far as that is known. What a task made binds it to others that wait for
    /// what the same one made.
    fn enders(&self, wait: &WaitEdge) -> BTreeSet<Id> {
        let Some(on) = &wait.on else {
            return BTreeSet::new();
        };
        match wait.kind {
            WaitKind::Send | WaitKind::Receive | WaitKind::Select => {
                let mut known = self.certain.holders.get(on).cloned().unwrap_or_default();
                if !self.certain.closed.contains(on) {
                    // It waits for what others have.
                    known.remove(&wait.waiter);
                    known.extend(on.parent().cloned());
                }
                known
            }
            WaitKind::ScopeEnd => {
                let others = self.children(on).filter(|id| **id != wait.waiter);
                others.cloned().collect()
            }
            _ => BTreeSet::from([on.clone()]),
        }
    }

    /// Why it cannot be told whether a task goes on that is not known to.
    fn why(&self, id: &Id) -> Vec<Why> {
        let Some(there) = self.living.get(id) else {
            return Vec::new();
        };
        let (task, info) = (id.clone(), &there.info);
        let mut waits = self.waits_of(id).peekable();
        if waits.peek().is_none() {
            return match info.kind {
                // An actor at rest, and what the runtime does for itself.
                TaskKind::Actor if !is_busy(info) => Vec::new(),
                TaskKind::Kernel => Vec::new(),
                TaskKind::Blocking => vec![Why::Blocking { task }],
                _ => vec![Why::Foreign { task }],
            };
        }
        let mut why: Vec<Why> = waits.filter_map(|wait| self.why_of(wait)).collect();
        if there.has_deadline || self.certain.timed.contains(id) {
            why.push(Why::Deadline { task: task.clone() });
        }
        if why.is_empty() && info.kind != TaskKind::Scope && !self.certain.resting.contains(id) {
            why.push(match info.has_desk() && info.kind != TaskKind::Actor {
                true => Why::Foreign { task },
                false => Why::Unwatched { task },
            });
        }
        why
    }

    fn why_of(&self, wait: &WaitEdge) -> Option<Why> {
        let task = wait.waiter.clone();
        match wait.kind {
            WaitKind::Send | WaitKind::Receive | WaitKind::Select => {
                let channel = wait.on.clone();
                let is_closed = channel
                    .as_ref()
                    .is_some_and(|on| self.certain.closed.contains(on));
                (!is_closed).then_some(Why::HeldOutside { task, channel })
            }
            WaitKind::Sleep => Some(Why::Timer { task }),
            WaitKind::Ask | WaitKind::Tell => {
                let on = wait.on.as_ref().and_then(|on| self.living.get(on))?;
                let is_at_rest = !is_busy(&on.info) && !on.is_ready;
                let actor = on.info.id.clone();
                is_at_rest.then_some(Why::AtRest { task, actor })
            }
            WaitKind::Join if wait.on.is_some() => None,
            WaitKind::ScopeEnd => None,
            kind => Some(Why::Anybody { task, kind }),
        }
    }
}

/// Whether an actor waits for something besides a message.
fn is_busy(info: &TaskInfo) -> bool {
    let waits = info.waits();
    info.is_in_code() || !matches!(waits.as_slice(), [only] if only.kind == WaitKind::Receive)
}

fn sorted(mut why: Vec<Why>) -> Vec<Why> {
    why.sort_unstable();
    why.dedup();
    why
}

/// Those that reach each other, in any direction; from the least id on.
#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
fn groups(next: &BTreeMap<Id, BTreeSet<Id>>) -> Vec<BTreeSet<Id>> {
    let mut beside: BTreeMap<&Id, BTreeSet<&Id>> = BTreeMap::new();
    for (from, others) in next {
        beside.entry(from).or_default();
        for to in others {
            beside.entry(from).or_default().insert(to);
            beside.entry(to).or_default().insert(from);
        }
    }
    let mut seen: BTreeSet<&Id> = BTreeSet::new();
    let mut found = Vec::new();
    for start in next.keys() {
        let mut members = BTreeSet::new();
        let mut ahead = vec![start];
        while let Some(at) = ahead.pop() {
            if seen.insert(at) {
                members.insert(at.clone());
                ahead.extend(beside.get(at).into_iter().flatten());
            }
        }
        if !members.is_empty() {
            found.push(members);
        }
    }
    found
}
