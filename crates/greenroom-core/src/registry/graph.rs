//! Who waits for whom, in the whole runtime.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Knot, Registry};
use crate::context::Context;
use crate::id::Id;
use crate::task::{TaskInfo, TaskKind, WaitKind};

/// Who waits for whom. Made by [`Registry::wait_graph`].
///
/// It prints as text, one line for each wait and each circle; [`to_dot`](Self::to_dot) gives a drawing,
/// and serde the rest. Each wait is right for some moment while the graph was made, not all for the same
/// one.
///
/// # What a circle is
/// Some who wait for each other all the way round, by asks, tells, joins and leases. A circle of asks
/// and tells that is certain is refused as it closes, so it is hardly ever met here. One that is not
/// certain may go on by itself: one of them also waits for something else, or somebody else may answer.
/// A circle that is still there at a second look is worth one.
///
/// A wait for a channel, a permit, a time or the end of a scope is shown, and is no part of a circle: there
/// may be several who could end it. It may be part of a knot.
///
/// # What a knot is
/// Some who wait, each for others of them only; see [`Knot`].
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct WaitGraph {
    /// The waits, sorted by who waits and on what. Actors that wait for a message only are left out.
    pub waits: Vec<WaitEdge>,
    /// The knots: those that are certain, then those that are possible and have no task in common with
    /// them.
    pub knots: Vec<Knot>,
    /// The circles: one for each group of those that can reach each other, from its least id on.
    pub circles: Vec<WaitCircle>,
    /// The hubs whose tasks are missing here, since they did not answer in time; sorted.
    pub unanswered: Vec<String>,
}

/// A wait of an actor or a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub struct WaitEdge {
    /// Who waits.
    pub waiter: Id,
    /// On what: an actor, a task, a scope or a channel; or `None` where that has no id.
    pub on: Option<Id>,
    /// What it does while it waits.
    pub kind: WaitKind,
    /// Whether it is certain that the waiter does nothing else, and that nobody but the one it waits for
    /// can end the wait; see [`cycle`](crate::cycle).
    pub is_certain: bool,
}

/// Some who wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct WaitCircle {
    /// Who waits for whom; the first and the last are the same.
    pub path: Vec<Id>,
    /// Whether each wait of it is certain.
    pub is_certain: bool,
}

impl WaitGraph {
    /// Returns the graph in the language of Graphviz: a wait that is not certain is dashed.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut dot = String::from("digraph waits {\n");
        for (number, knot) in self.knots.iter().enumerate() {
            let style = if knot.is_certain { "solid" } else { "dashed" };
            let label = if knot.is_certain {
                "knot"
            } else {
                "possible knot"
            };
            dot += &format!("    subgraph cluster_{number} {{ label={label:?}; style={style}; ");
            for task in &knot.tasks {
                dot += &format!("{:?}; ", task.id.to_string());
            }
            dot += "}\n";
        }
        for wait in &self.waits {
            let on = match &wait.on {
                Some(on) => on.to_string(),
                None => format!("{} of {}", noun(wait.kind), wait.waiter),
            };
            let style = if wait.is_certain { "solid" } else { "dashed" };
            dot += &format!(
                "    {:?} -> {on:?} [label={:?}, style={style}];\n",
                wait.waiter.to_string(),
                noun(wait.kind)
            );
        }
        dot += "}\n";
        dot
    }

    fn new(waits: Vec<WaitEdge>, knots: Vec<Knot>, unanswered: Vec<String>) -> Self {
        let circles = circles(&waits);
        Self {
            waits,
            knots,
            circles,
            unanswered,
        }
    }
}

impl fmt::Display for WaitGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for wait in &self.waits {
            writeln!(f, "{wait}")?;
        }
        for knot in &self.knots {
            writeln!(f, "{knot}")?;
        }
        for circle in &self.circles {
            writeln!(f, "{circle}")?;
        }
        for hub in &self.unanswered {
            writeln!(f, "{hub} does not answer: something blocks it")?;
        }
        Ok(())
    }
}

impl fmt::Display for WaitEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits: {}", self.waiter, noun(self.kind))?;
        if let Some(on) = &self.on {
            write!(f, " ({on})")?;
        }
        if self.is_certain {
            f.write_str(", and for nothing else")?;
        }
        Ok(())
    }
}

impl fmt::Display for WaitCircle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.is_certain {
            true => "circle: ",
            false => "possible circle: ",
        })?;
        for (place, id) in self.path.iter().enumerate() {
            if place > 0 {
                f.write_str(" -> ")?;
            }
            write!(f, "{id}")?;
        }
        Ok(())
    }
}

impl Registry {
    /// Returns who waits for whom.
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
    /// let graph = registry.wait_graph(&context, Duration::from_secs(1)).await;
    /// assert!(graph.waits.is_empty() && graph.circles.is_empty());
    /// assert_eq!(graph.to_dot(), "digraph waits {\n}\n");
    /// # });
    /// ```
    pub fn wait_graph(
        &self,
        context: &Context,
        patience: Duration,
    ) -> impl Future<Output = WaitGraph> + Send + use<> {
        let (registry, context) = (self.clone(), context.clone());
        async move {
            let survey = registry.survey(&context, patience).await;
            let knots = survey.knots();
            WaitGraph::new(survey.waits, knots, survey.unanswered)
        }
    }

    /// Returns the waits of these tasks, sorted.
    pub(super) fn waits(&self, tasks: &[Arc<TaskInfo>], now: Instant) -> Vec<WaitEdge> {
        let mut waits: Vec<_> = tasks.iter().flat_map(|task| edges(task)).collect();
        // The owner of a lease answers; who holds it is who is waited for.
        for lease in self.leases(now) {
            let waiters = lease.waiters.iter().filter_map(|party| party.task.as_ref());
            for waiter in waiters {
                let holders = lease.holders.iter().filter_map(|party| party.task.as_ref());
                waits.extend(holders.map(|holder| WaitEdge {
                    waiter: waiter.clone(),
                    on: Some(holder.clone()),
                    kind: WaitKind::Lease,
                    is_certain: false,
                }));
            }
        }
        // Any of the holders may end such a wait; how many each has is in `Registry::permits`.
        for owner in self.permits(now) {
            let waiters = owner.waiters.iter().filter_map(|party| party.task.as_ref());
            for waiter in waiters {
                let holders = owner.holders.iter().filter_map(|party| party.task.as_ref());
                waits.extend(holders.map(|holder| WaitEdge {
                    waiter: waiter.clone(),
                    on: Some(holder.clone()),
                    kind: WaitKind::Permit,
                    is_certain: false,
                }));
            }
        }
        waits.sort_unstable();
        waits.dedup();
        waits
    }
}

fn edges(task: &TaskInfo) -> impl Iterator<Item = WaitEdge> + use<> {
    let only = task.waits_only_for();
    let (waiter, is_actor) = (task.id.clone(), task.kind == TaskKind::Actor);
    let mut waits = task.waits();
    // An actor at rest waits for its mailbox, which says nothing.
    if is_actor && !task.is_in_code() && waits.len() == 1 && waits[0].kind == WaitKind::Receive {
        waits.clear();
    }
    waits.into_iter().map(move |waiting| WaitEdge {
        waiter: waiter.clone(),
        is_certain: is_mutual(waiting.kind) && only.is_some() && waiting.on == only,
        on: waiting.on,
        kind: waiting.kind,
    })
}

/// Whether who is waited for is who can end the wait.
fn is_mutual(kind: WaitKind) -> bool {
    matches!(kind, WaitKind::Ask | WaitKind::Tell)
}

fn is_followed(kind: WaitKind) -> bool {
    is_mutual(kind) || matches!(kind, WaitKind::Join | WaitKind::Lease)
}

/// Finds a shortest circle through the least id of each group of those that reach each other.
#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
fn circles(waits: &[WaitEdge]) -> Vec<WaitCircle> {
    let mut next: BTreeMap<&Id, Vec<&WaitEdge>> = BTreeMap::new();
    for wait in waits.iter().filter(|wait| is_followed(wait.kind)) {
        next.entry(&wait.waiter).or_default().push(wait);
    }
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for start in next.keys() {
        if seen.contains(*start) {
            continue;
        }
        let Some(circle) = circle_from(start, &next) else {
            continue;
        };
        seen.extend(circle.path.iter().cloned());
        found.push(circle);
    }
    found
}

#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
fn circle_from(start: &Id, next: &BTreeMap<&Id, Vec<&WaitEdge>>) -> Option<WaitCircle> {
    // How each was reached first.
    let mut reached: BTreeMap<&Id, &WaitEdge> = BTreeMap::new();
    let mut ahead = VecDeque::from([start]);
    while let Some(at) = ahead.pop_front() {
        for wait in next.get(at).into_iter().flatten() {
            let Some(on) = &wait.on else { continue };
            if reached.contains_key(on) {
                continue;
            }
            reached.insert(on, wait);
            if on == start {
                return Some(trace(start, &reached));
            }
            ahead.push_back(on);
        }
    }
    None
}

#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
fn trace(start: &Id, reached: &BTreeMap<&Id, &WaitEdge>) -> WaitCircle {
    let mut path = vec![start.clone()];
    let mut is_certain = true;
    let mut at = start;
    while let Some(wait) = reached.get(at) {
        is_certain &= wait.is_certain;
        path.push(wait.waiter.clone());
        at = &wait.waiter;
        if at == start {
            break;
        }
    }
    path.reverse();
    WaitCircle { path, is_certain }
}

pub(super) fn noun(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::Ask => "reply",
        WaitKind::Tell => "room",
        WaitKind::Send => "send",
        WaitKind::Receive => "receive",
        WaitKind::Select => "select",
        WaitKind::Join => "end",
        WaitKind::ScopeEnd => "end of a scope",
        WaitKind::Watch => "change",
        WaitKind::Sleep => "time",
        WaitKind::Limit => "turn",
        WaitKind::Lease => "lease",
        WaitKind::Permit => "permit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &'static str) -> Id {
        Id::root().child(name)
    }

    fn graph_of(mut waits: Vec<WaitEdge>) -> WaitGraph {
        waits.sort_unstable();
        WaitGraph::new(waits, Vec::new(), Vec::new())
    }

    fn wait(waiter: &Id, on: &Id, kind: WaitKind, is_certain: bool) -> WaitEdge {
        WaitEdge {
            waiter: waiter.clone(),
            on: Some(on.clone()),
            kind,
            is_certain,
        }
    }

    #[test]
    fn a_circle_is_found_once_and_from_its_least_id() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(id);
        let waits = [
            wait(&d, &a, WaitKind::Ask, true),
            wait(&a, &b, WaitKind::Ask, true),
            wait(&b, &c, WaitKind::Join, false),
            wait(&c, &a, WaitKind::Ask, true),
        ];
        let graph = graph_of(waits.into());
        assert_eq!(graph.circles.len(), 1);
        assert_eq!(graph.circles[0].path, [a.clone(), b, c, a]);
        assert!(!graph.circles[0].is_certain);
    }

    #[test]
    fn two_circles_are_two_and_one_of_oneself_is_one() {
        let [a, b, c] = ["a", "b", "c"].map(id);
        let waits = [
            wait(&a, &a, WaitKind::Tell, true),
            wait(&b, &c, WaitKind::Lease, false),
            wait(&c, &b, WaitKind::Lease, false),
        ];
        let graph = graph_of(waits.into());
        let paths: Vec<_> = graph.circles.iter().map(|c| c.path.clone()).collect();
        assert_eq!(paths, [vec![a.clone(), a], vec![b.clone(), c, b]]);
        assert!(graph.circles[0].is_certain);
    }

    #[test]
    fn a_channel_between_closes_no_circle() {
        let [a, b] = ["a", "b"].map(id);
        let waits = [
            wait(&a, &b, WaitKind::Ask, true),
            wait(&b, &a, WaitKind::Receive, false),
        ];
        assert!(graph_of(waits.into()).circles.is_empty());
    }
}
