//! What an actor hears of the end of others: by its monitors, and by its links.
//!
//! # Invariants
//! 1. What a monitor or a link tells is taken in only while its number is bound; one that was unbound
//!    leaves nothing behind. So nothing comes after a `demonitor` or an `unlink`, nor in an incarnation
//!    that did not ask for it.
//! 2. There is no bound but the number of monitors and links: each link tells once, and a monitor as
//!    often as its own bound lets it.
//! 3. Tidings get their turn when the actor first sees them: after all messages that are in the mailbox by
//!    then, among which are those that the ended one had sent. So they neither overtake these nor wait
//!    for room, and messages that come later do not hold them up.

use std::collections::{BTreeSet, VecDeque};

use greenroom_core::bond::Ending;
use greenroom_core::{ExitReason, Id, Linked};

#[derive(Default)]
pub(super) struct News {
    next: u64,
    bound: BTreeSet<u64>,
    /// Whether links tell as messages.
    pub(super) traps: bool,
    waiting: VecDeque<(Option<u64>, Tidings)>,
    exits: VecDeque<(u64, Linked)>,
}

/// The end of another, to be handled as a message.
pub(crate) struct Tidings {
    pub(crate) number: u64,
    pub(crate) end: Ending,
    pub(crate) kind: Told,
}

pub(crate) enum Told {
    /// By a monitor, which has passed over this many.
    Monitor(u64),
    Link,
}

impl News {
    pub(super) fn bind(&mut self) -> u64 {
        self.next += 1;
        self.bound.insert(self.next);
        self.next
    }

    /// Returns what is forgotten, to be dropped elsewhere.
    pub(super) fn unbind(&mut self, number: u64) -> (bool, impl Sized + use<>) {
        let was_bound = self.bound.remove(&number);
        let (mut waiting, mut exits) = (Vec::new(), Vec::new());
        if self.waiting.iter().any(|(_, told)| told.number == number) {
            for told in std::mem::take(&mut self.waiting) {
                match told.1.number == number {
                    true => waiting.push(told),
                    false => self.waiting.push_back(told),
                }
            }
        }
        if self.exits.iter().any(|(of, _)| *of == number) {
            for exit in std::mem::take(&mut self.exits) {
                match exit.0 == number {
                    true => exits.push(exit),
                    false => self.exits.push_back(exit),
                }
            }
        }
        let was_told = !waiting.is_empty() || !exits.is_empty();
        (was_bound || was_told, (waiting, exits))
    }

    pub(super) fn unbind_all(&mut self) -> impl Sized + use<> {
        self.traps = false;
        self.bound.clear();
        let waiting = std::mem::take(&mut self.waiting);
        (waiting, std::mem::take(&mut self.exits))
    }

    pub(super) fn told(&mut self, number: u64, end: Ending, missed: u64) -> Option<Tidings> {
        let tidings = Tidings {
            number,
            end,
            kind: Told::Monitor(missed),
        };
        // Invariant 1.
        let is_bound = match tidings.end.is_final {
            true => self.bound.remove(&number),
            false => self.bound.contains(&number),
        };
        if !is_bound {
            return Some(tidings);
        }
        self.waiting.push_back((None, tidings));
        None
    }

    pub(super) fn exited(&mut self, number: u64, of: &Id, end: Ending) -> Option<Tidings> {
        let is_bound = self.bound.remove(&number);
        if is_bound && !self.traps && !matches!(end.reason, ExitReason::Normal) {
            let linked = Linked::new(of.clone(), end.id, end.reason);
            self.exits.push_back((number, linked));
            return None;
        }
        let tidings = Tidings {
            number,
            end,
            kind: Told::Link,
        };
        if !is_bound || !self.traps {
            return Some(tidings);
        }
        self.waiting.push_back((None, tidings));
        None
    }

    pub(super) fn has_unset(&self) -> bool {
        self.waiting.back().is_some_and(|(turn, _)| turn.is_none())
    }

    pub(super) fn set_turn(&mut self, turn: u64) {
        for (unset, _) in self.waiting.iter_mut().rev() {
            if unset.is_some() {
                return;
            }
            *unset = Some(turn);
        }
    }

    pub(super) fn take_due(&mut self, taken: u64) -> Option<Tidings> {
        match self.waiting.front() {
            Some((Some(turn), _)) if *turn <= taken => {}
            _ => return None,
        }
        self.waiting.pop_front().map(|(_, tidings)| tidings)
    }

    pub(super) fn take_exit(&mut self) -> Option<Linked> {
        self.exits.pop_front().map(|(_, linked)| linked)
    }
}
