//! What the registry shows of leases, permits and items, as one list.

use greenroom_core::registry::{LeaseKind, LeaseRecord, PermitKind, PermitRecord};

use super::records::{Held, HeldKind, Taker};

/// Returns what is held and what is waited for.
pub(super) fn of_leases(records: Vec<LeaseRecord>) -> (Vec<Held>, Vec<Held>) {
    let (mut held, mut awaited) = (Vec::new(), Vec::new());
    for record in records {
        for (parties, into) in [(record.holders, &mut held), (record.waiters, &mut awaited)] {
            into.extend(parties.into_iter().map(|party| Held {
                owner: record.owner.clone(),
                name: Some(record.name),
                kind: match party.kind {
                    LeaseKind::Exclusive => HeldKind::Lease,
                    LeaseKind::Shared => HeldKind::SharedLease,
                },
                number: party.lease,
                weight: 1,
                task: party.task,
                place: party.place,
                lasts: party.lasts,
                taker: Taker::Unknown,
                is_leak: false,
            }));
        }
    }
    (held, awaited)
}

/// Returns what is held and what is waited for.
pub(super) fn of_permits(records: Vec<PermitRecord>) -> (Vec<Held>, Vec<Held>) {
    let (mut held, mut awaited) = (Vec::new(), Vec::new());
    for record in records {
        for (parties, into) in [(record.holders, &mut held), (record.waiters, &mut awaited)] {
            into.extend(parties.into_iter().map(|party| Held {
                owner: record.owner.clone(),
                name: None,
                kind: match record.kind {
                    PermitKind::Item => HeldKind::Item,
                    _ => HeldKind::Permit,
                },
                number: party.number,
                weight: party.weight,
                task: party.task,
                place: party.place,
                lasts: party.lasts,
                taker: Taker::Unknown,
                is_leak: false,
            }));
        }
    }
    (held, awaited)
}
