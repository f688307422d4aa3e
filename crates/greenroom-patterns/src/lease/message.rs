//! What the owner is sent.

use greenroom_core::channel::{self, Receiver, Sender};
use greenroom_core::registry::{LeaseHop, LeaseParty};

use super::error::Poison;
use super::vault::{Lend, Vault};

/// Asks for a lease.
pub(crate) struct Request<V: Vault> {
    /// The number of the lease, if it is granted.
    pub(super) lease: u64,
    pub(super) party: LeaseParty,
    pub(super) slot: Slot<V>,
    pub(super) tries: bool,
    pub(super) recovers: bool,
}

/// Brings a lease home.
pub(crate) struct Back<V: Vault> {
    pub(super) lease: u64,
    pub(super) out: Out<V>,
    /// Whether a panic dropped it.
    pub(super) is_broken: bool,
}

/// Gives up a request.
pub(crate) struct Leave(pub(super) u64);

/// Brings a lease home, and asks for another when there has been a signal.
pub(crate) struct Park<V: Vault> {
    pub(super) condition: u64,
    pub(super) back: Back<V>,
    pub(super) request: Request<V>,
}

/// Wakes one who waits for a signal, or all.
pub(crate) struct Wake {
    pub(crate) condition: u64,
    pub(crate) all: bool,
}

/// Asks who holds and who waits.
pub(crate) struct Look;

/// The time of a lease is over.
pub(crate) struct Overdue(pub(super) u64);

/// What a lease carries.
pub(crate) enum Out<V: Lend> {
    Exclusive(V::Exclusive),
    Shared(V::Shared),
}

/// Where the answer to a request goes. The owner keeps both ends, to take it out again.
pub(super) struct Slot<V: Vault> {
    pub(super) answer: Sender<Answer<V>>,
    pub(super) answers: Receiver<Answer<V>>,
}

pub(super) type Answer<V> = Result<Out<V>, Refusal>;

/// Why there is no lease.
pub(crate) enum Refusal {
    Busy,
    Poisoned(Poison),
    Cycle(Vec<LeaseHop>),
}

impl<V: Vault> Slot<V> {
    pub(super) fn new() -> Self {
        let (answer, answers) = channel::bounded(1);
        Self { answer, answers }
    }

    pub(super) fn grant(&self, out: Out<V>) {
        self.answer(Ok(out));
    }

    pub(super) fn refuse(&self, why: Refusal) {
        self.answer(Err(why));
    }

    fn answer(&self, answer: Answer<V>) {
        if self.answer.try_send(answer).is_err() {
            unreachable!("a slot has room for its one answer, and this keeps it open");
        }
    }
}
