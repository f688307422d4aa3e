//! What the two sides of a link share.
//!
//! # Invariants
//! 1. A tie leaves `Open` once: undone, or by the end of one side. Who takes it from there takes both sides
//!    out of the lists of those who end.
//! 2. It keeps neither side alive.
//! 3. A side is entered in a list before the tie knows of it: who enters it looks afterwards whether the tie
//!    is still open.

use std::sync::Arc;

use greenroom_core::bond::{Ending, Until, Watcher};
use greenroom_core::error::Cause;
use greenroom_core::{ExitReason, Id, Linked};
use parking_lot::Mutex;

use crate::monitor::{Party, WeakParty, deliver_down};

pub(super) struct Tie {
    ids: [Id; 2],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    sides: [Option<Side>; 2],
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// One side has ended.
    Fired,
    Undone,
}

struct Side {
    party: WeakParty,
    /// Of an actor: under which it is told.
    number: Option<u64>,
    /// Where it stands in the list of the one who ends.
    key: Option<u64>,
}

/// The end of one side is what the other hears of.
struct Half {
    tie: Arc<Tie>,
    side: usize,
}

impl Tie {
    pub(super) fn new(one: Id, other: Id) -> Arc<Self> {
        Arc::new(Self {
            ids: [one, other],
            state: Mutex::default(),
        })
    }

    pub(super) fn ids(&self) -> &[Id; 2] {
        &self.ids
    }

    /// Ties both sides. One that is not there, or has ended, takes effect on the other at once.
    pub(super) fn fasten(self: &Arc<Self>, parties: [Option<Party>; 2]) {
        let sides = parties.each_ref().map(|party| {
            party.as_ref().map(|party| Side {
                party: party.downgrade(),
                number: party.control.as_ref().map(|control| control.bind()),
                key: None,
            })
        });
        let unused = {
            let mut state = self.state.lock();
            match state.phase {
                Phase::Open => {
                    state.sides = sides;
                    None
                }
                // Undone while one side was looked for.
                _ => Some(sides),
            }
        };
        if let Some(sides) = unused {
            for side in sides.iter().flatten() {
                side.release();
            }
            return;
        }
        for (side, party) in parties.iter().enumerate() {
            let key = party.as_ref().and_then(|party| {
                let tie = self.clone();
                party
                    .info
                    .watch(Until::Incarnation, Arc::new(Half { tie, side }))
            });
            match (key, party) {
                (Some(key), Some(party)) => {
                    let is_open = {
                        let mut state = self.state.lock();
                        let is_open = state.phase == Phase::Open;
                        if let Some(there) = state.sides[side].as_mut().filter(|_| is_open) {
                            there.key = Some(key);
                        }
                        is_open
                    };
                    if !is_open {
                        // Invariant 3.
                        party.info.unwatch(key);
                    }
                }
                _ => {
                    let gone = Ending {
                        id: self.ids[side].clone(),
                        reason: ExitReason::Gone,
                        incarnation: 0,
                        is_final: true,
                    };
                    self.fire(side, &gone);
                    return;
                }
            }
        }
    }

    /// Undoes it. Returns whether somebody is spared by that.
    pub(super) fn undo(&self) -> bool {
        let (was_open, sides) = {
            let mut state = self.state.lock();
            let was_open = state.phase == Phase::Open;
            state.phase = Phase::Undone;
            (was_open, std::mem::take(&mut state.sides))
        };
        let mut is_spared = false;
        for side in sides.iter().flatten() {
            // An exit that waits to be handled goes with the number.
            is_spared |= side.release();
        }
        was_open || is_spared
    }

    fn fire(self: &Arc<Self>, ended: usize, end: &Ending) {
        let other = 1 - ended;
        let (first, spared) = {
            let mut state = self.state.lock();
            if state.phase != Phase::Open {
                return;
            }
            state.phase = Phase::Fired;
            let first = state.sides[ended].take();
            // Left there, so that an exit that waits can be undone.
            let spared = state.sides[other].as_mut().map(|side| {
                let key = side.key.take();
                (side.party.clone(), side.number, key)
            });
            (first, spared)
        };
        if let Some(first) = first {
            first.release();
        }
        let Some((party, number, key)) = spared else {
            return;
        };
        if let (Some(key), Some(info)) = (key, party.info.upgrade()) {
            info.unwatch(key);
        }
        let (tie, end) = (self.clone(), end.clone());
        let id = self.ids[other].clone();
        let home = party.home.clone();
        deliver_down(
            home.as_ref(),
            || Some(id),
            "link",
            move || tie.take_down(other, &party, number, end),
        );
    }

    /// Tells one side of the end of the other.
    fn take_down(&self, side: usize, party: &WeakParty, number: Option<u64>, end: Ending) {
        let of = &self.ids[side];
        if let Some(number) = number {
            let control = party.control.as_ref().and_then(|control| control.upgrade());
            if let Some(control) = control {
                control.exited(number, of, end);
            }
            return;
        }
        let is_undone = self.state.lock().phase == Phase::Undone;
        if is_undone || matches!(end.reason, ExitReason::Normal) {
            return;
        }
        if let Some(info) = party.info.upgrade() {
            let linked = Linked::new(of.clone(), end.id, end.reason);
            info.cancel(Cause::new(linked));
        }
    }
}

impl Side {
    /// Takes it out where it stands. Returns whether it, or an exit that waits, was there.
    fn release(&self) -> bool {
        if let (Some(key), Some(info)) = (self.key, self.party.info.upgrade()) {
            info.unwatch(key);
        }
        let control = self.party.control.as_ref().and_then(|it| it.upgrade());
        match (self.number, control) {
            (Some(number), Some(control)) => control.unbind(number),
            _ => false,
        }
    }
}

impl Watcher for Half {
    fn ended(self: Arc<Self>, end: &Ending) {
        self.tie.fire(self.side, end);
    }

    fn owner(&self) -> Option<Id> {
        Some(self.tie.ids[1 - self.side].clone())
    }

    fn is_link(&self) -> bool {
        true
    }
}
