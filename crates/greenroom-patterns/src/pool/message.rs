//! What the owner of the items is sent.

use greenroom_core::channel::Sender;
use greenroom_core::registry::PermitParty;

use super::item::Item;
use super::state::Prepared;

/// Asks for an item.
pub(super) struct Get {
    /// The number of the guard, and of the place in line.
    pub(super) number: u64,
    pub(super) party: PermitParty,
}

/// Asks for an item if one is idle.
pub(super) struct TryGet {
    pub(super) number: u64,
    pub(super) party: PermitParty,
}

/// Says that the asker of this number has given up.
pub(super) struct Leave(pub(super) u64);

/// Gives an item back.
pub(super) struct Return<T> {
    pub(super) number: u64,
    pub(super) item: Item<T>,
    /// Its holder panicked.
    pub(super) is_after_panic: bool,
}

/// Says that an item has left for good.
pub(super) struct Forgo(pub(super) u64);

/// Brings an item from outside, and tells whether it was taken. Dropped unhandled, it gives it back.
pub(super) struct Put<T> {
    // Some until the owner takes it.
    item: Option<Item<T>>,
    verdict: Sender<Result<(), Refused<T>>>,
}

/// An item that was not taken.
pub(super) struct Refused<T> {
    pub(super) item: Item<T>,
    pub(super) is_closed: bool,
}

impl<T> Put<T> {
    pub(super) fn new(item: Item<T>, verdict: Sender<Result<(), Refused<T>>>) -> Self {
        Self {
            item: Some(item),
            verdict,
        }
    }

    /// Takes the item, and tells so.
    pub(super) fn accept(mut self) -> Option<Item<T>> {
        let item = self.item.take();
        // There is room for it, unless nobody waits for it any more.
        let _nobody = self.verdict.try_send(Ok(()));
        item
    }

    /// Gives the item back.
    pub(super) fn refuse(&mut self, is_closed: bool) {
        if let Some(item) = self.item.take() {
            let refused = Refused { item, is_closed };
            let _nobody = self.verdict.try_send(Err(refused));
        }
    }
}

impl<T> Drop for Put<T> {
    fn drop(&mut self) {
        self.refuse(true);
    }
}

/// Takes no new callers.
pub(super) struct Close;

/// Asks to be answered when the pool is closed and has no items left.
pub(super) struct WaitClosed;

/// Asks how many items are where.
pub(super) struct Count;

/// Tells what became of a preparation.
pub(super) struct Ready<T> {
    pub(super) number: u64,
    pub(super) prepared: Prepared<Item<T>>,
}

/// Drops items that were idle for too long.
pub(super) struct Sweep;
