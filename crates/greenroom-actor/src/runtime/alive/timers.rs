//! The timers that are set in a runtime.

use std::sync::Arc;
use std::time::Instant;

use greenroom_core::driver::AlarmOrigin;
use greenroom_core::{Driver, Id};

use super::records::{ArmedTimer, Taker};
use crate::hub::Hub;
use crate::runtime::Core;

pub(super) fn list(core: &Core) -> Vec<ArmedTimer> {
    let now = core.keeper.now();
    let mut all = Vec::new();
    // On a single thread the keeper is the one hub as well.
    let others = core
        .hubs
        .iter()
        .filter(|hub| !Arc::ptr_eq(hub, &core.keeper));
    for hub in others.chain([&core.keeper]) {
        all.extend(of_hub(hub).into_iter().map(|(at, origin, owner)| {
            let (kind, age) = match &origin {
                Some(origin) => (
                    Some(origin.kind),
                    Some(now.saturating_duration_since(origin.since)),
                ),
                None => (None, None),
            };
            ArmedTimer {
                kind,
                age,
                place: origin.as_ref().map(|origin| origin.place.to_string()),
                task: origin.map_or(owner, |origin| origin.task),
                remaining: at.saturating_duration_since(now),
                taker: Taker::Unknown,
                is_leak: false,
            }
        }));
    }
    all
}

type Facts = (Instant, Option<AlarmOrigin>, Option<Id>);

fn of_hub(hub: &Hub) -> Vec<Facts> {
    let timers = hub.timers().into_iter();
    timers
        .map(|(at, alarm)| (at, alarm.origin(), alarm.owner()))
        .collect()
}
