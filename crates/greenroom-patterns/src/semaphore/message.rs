//! What the owner of the permits is sent.

use greenroom_core::registry::PermitParty;

use super::handle::Semaphore;

/// Asks for permits, and waits for its turn.
pub(super) struct Acquire {
    /// The number of the guard, and of the place in the queue.
    pub(super) number: u64,
    /// Who asks, and for how many permits.
    pub(super) party: PermitParty,
    /// For the guard, which the owner makes: one that nobody takes gives its permits back.
    pub(super) semaphore: Semaphore,
}

/// Asks for permits that are free now.
pub(super) struct TryAcquire {
    pub(super) number: u64,
    pub(super) party: PermitParty,
    pub(super) semaphore: Semaphore,
}

/// Gives permits of a guard back.
pub(super) struct Release {
    pub(super) number: u64,
    pub(super) permits: usize,
}

/// Says that the waiter of this number has given up.
pub(super) struct Leave(pub(super) u64);

/// Changes how many permits there are.
pub(super) struct Resize(pub(super) usize);

/// Lets nobody in any more.
pub(super) struct Close;

/// Asks how things stand.
pub(super) struct Look;
