//! Who lives at one moment, as a shutdown tells it: without waiting for anybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use greenroom_core::registry::{ActorRecord, TaskRecord};
use greenroom_core::task::{TaskInfo, TaskKind};
use greenroom_core::{Driver, Id};

use super::Core;
use super::alive::outermost;
use super::report::{Ending, HowEnded};

/// What a blocking closure does.
const BLOCKING: &str = "blocking";

/// Somebody who lived when it was looked.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) ending: Ending,
    /// The arbiter where it was seen.
    pub(super) hub: Option<usize>,
}

/// Looks who lives and is no housekeeping, sorted by id.
pub(super) fn look(core: &Core) -> Vec<Seen> {
    let now = core.keeper.now();
    let listed = listed(core);
    // After the list: what is in no scope that is open by now has ended meanwhile.
    let open: BTreeSet<u64> = (core.open_scopes().iter())
        .map(|scope| scope.id.number())
        .collect();
    let jobs = core.jobs.running();
    let actors = core.registry().actors(now);
    let polled: Vec<_> = core.hubs.iter().map(|hub| hub.polling()).collect();

    let is_open = |id: &Id| open.contains(&outermost(id, core.id()).number());
    let hub_of = |id: &Id| {
        let place = listed.binary_search_by(|(info, _)| info.id.cmp(id)).ok()?;
        Some(listed[place].1)
    };
    let with_polled = |mut ending: Ending, hub: Option<usize>| {
        let polling = hub.and_then(|hub| polled[hub].as_ref().map(|info| (hub, info)));
        if let Some((hub, info)) = polling
            && info.id.is_same(&ending.task.id)
            && ending.busy.is_none()
        {
            ending.busy = Some(now.saturating_duration_since(core.hubs[hub].turned()));
        }
        Seen { ending, hub }
    };
    let mut seen: Vec<Seen> = actors
        .into_iter()
        .filter(|actor| is_open(&actor.task.id))
        .map(|actor| {
            let hub = hub_of(&actor.task.id);
            with_polled(of_actor(actor), hub)
        })
        .collect();
    for (info, hub) in &listed {
        let is_counted = match info.kind {
            // Told by the registry.
            TaskKind::Actor => false,
            TaskKind::AfterFunc => true,
            _ => is_open(&info.id),
        };
        if is_counted {
            seen.push(with_polled(of_task(info, now), Some(*hub)));
        }
    }
    seen.sort_by(|a, b| a.ending.task.id.cmp(&b.ending.task.id));
    for (info, since) in jobs {
        let busy = Some(now.saturating_duration_since(since));
        match seen.binary_search_by(|seen| seen.ending.task.id.cmp(&info.id)) {
            Ok(place) => {
                let ending = &mut seen[place].ending;
                ending.doing = ending.doing.or(Some(BLOCKING));
                ending.busy = ending.busy.max(busy);
            }
            // Its task has given it up.
            Err(place) => {
                let mut ending = of_task(&info, now);
                (ending.doing, ending.busy) = (Some(BLOCKING), busy);
                seen.insert(place, Seen { ending, hub: None });
            }
        }
    }
    seen
}

/// Returns what an arbiter is held up by, as it is now.
pub(super) fn polled(core: &Core, hub: usize) -> Option<Ending> {
    let info = core.hubs[hub].polling()?;
    let now = core.keeper.now();
    let since = core.hubs[hub].turned();
    let mut ending = of_task(&info, now);
    if info.kind == TaskKind::Actor
        && let Some(actor) = core.registry().actor(&info.id)
    {
        let doing = actor.doing();
        ending.actor_type = Some(actor.actor_type());
        ending.queued = actor.mailbox().0;
        ending.doing = doing.map(|doing| doing.what);
    }
    ending.busy = Some(now.saturating_duration_since(since));
    ending.how = HowEnded::LeftBehind;
    Some(ending)
}

/// The tasks of all arbiters, each once, sorted by id.
fn listed(core: &Core) -> Vec<(Arc<TaskInfo>, usize)> {
    let mut listed: Vec<(Arc<TaskInfo>, usize)> = Vec::new();
    for (number, hub) in core.hubs.iter().enumerate() {
        listed.extend(hub.list().into_iter().map(|info| (info, number)));
    }
    let is_housekeeping = |info: &TaskInfo| {
        info.kind == TaskKind::Kernel
            && (info.id.parent()).is_none_or(|parent| parent.is_same(core.id()))
    };
    listed.retain(|(info, _)| !is_housekeeping(info));
    listed.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    listed.dedup_by(|(a, _), (b, _)| a.id.is_same(&b.id));
    listed
}

fn of_task(info: &TaskInfo, now: Instant) -> Ending {
    Ending {
        task: TaskRecord::new(info, now),
        actor_type: None,
        doing: None,
        busy: None,
        queued: 0,
        how: HowEnded::Finished,
    }
}

fn of_actor(actor: ActorRecord) -> Ending {
    Ending {
        actor_type: Some(actor.actor_type),
        doing: actor.doing,
        busy: actor.busy,
        queued: actor.mailbox_depth,
        how: HowEnded::Finished,
        task: actor.task,
    }
}
