//! What the owner of the permits is sent.

use super::handle::Semaphore;

/// Asks for permits, and waits for its turn.
pub(super) struct Acquire {
    pub(super) permits: usize,
    /// For the guard, which the owner makes: one that nobody takes gives its permits back.
    pub(super) semaphore: Semaphore,
}

/// Asks for permits that are free now.
pub(super) struct TryAcquire {
    pub(super) permits: usize,
    pub(super) semaphore: Semaphore,
}

/// Gives permits back.
pub(super) struct Release(pub(super) usize);

/// Says that a waiter has given up.
pub(super) struct Leave;

/// Changes how many permits there are.
pub(super) struct Resize(pub(super) usize);

/// Lets nobody in any more.
pub(super) struct Close;

/// Asks how things stand.
pub(super) struct Look;
