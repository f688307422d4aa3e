//! Actors that live only because of each other's addresses, as far as is known.
//!
//! # Invariants
//! 1. Who is in a circle has addresses, and each is with an actor that is kept by these too. One address
//!    that is with a task, outside, or with an actor that others keep takes it out.

use std::collections::BTreeSet;

use greenroom_core::Id;

use super::records::Living;

/// Returns the circles, each from its least id on, sorted.
pub(super) fn find(living: &[Living]) -> Vec<Vec<Id>> {
    let tracked = |one: &&Living| !one.address_records.is_empty();
    let mut kept: Vec<&Living> = living.iter().filter(tracked).collect();
    // Sorted by id, as all is; shrinks until invariant 1 holds.
    loop {
        let before = kept.len();
        let all = kept.clone();
        kept.retain(|one| {
            keepers(one).all(|keeper| keeper.is_some_and(|id| at(&all, id).is_some()))
        });
        if kept.len() == before {
            break;
        }
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for start in 0..kept.len() {
        if !seen.contains(&start)
            && let Some(circle) = circle_from(&kept, start)
        {
            seen.extend(circle.iter().copied());
            let ids = circle.iter().map(|place| kept[*place].task.id.clone());
            found.push(ids.collect());
        }
    }
    found
}

fn keepers(one: &Living) -> impl Iterator<Item = Option<&Id>> {
    let records = one.address_records.iter();
    records.map(|record| record.task.as_ref())
}

fn at(kept: &[&Living], id: &Id) -> Option<usize> {
    kept.binary_search_by(|one| one.task.id.cmp(id)).ok()
}

/// Returns a shortest way from one to itself, each kept by the next.
fn circle_from(kept: &[&Living], start: usize) -> Option<Vec<usize>> {
    let mut reached: Vec<Option<usize>> = vec![None; kept.len()];
    let mut ahead = std::collections::VecDeque::from([start]);
    while let Some(from) = ahead.pop_front() {
        for to in keepers(kept[from]).flatten().filter_map(|id| at(kept, id)) {
            if to == start {
                let mut circle = vec![from];
                let mut place = from;
                while place != start {
                    place = reached[place]?;
                    circle.push(place);
                }
                circle.reverse();
                return Some(circle);
            }
            if reached[to].is_none() {
                reached[to] = Some(from);
                ahead.push_back(to);
            }
        }
    }
    None
}
