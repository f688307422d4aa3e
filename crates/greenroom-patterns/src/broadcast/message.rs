//! What the owner is sent.

use greenroom_core::Panic;
use greenroom_core::channel::{Receiver, Sender};

/// Offers a value to all subscribers.
///
/// The value stays the sender's until the owner takes it out of the slot: whoever takes first decides.
pub(super) struct Offer<T> {
    pub(super) slot: Receiver<T>,
    pub(super) told: Sender<Verdict<T>>,
    /// Whether it waits for room.
    pub(super) waits: bool,
}

/// To how many subscribers a value went, or why to none.
pub(super) type Verdict<T> = Result<usize, Refused<T>>;

/// Why a value went to nobody. It is still in its slot, unless it is here.
pub(super) enum Refused<T> {
    Full,
    Closed,
    Panicked(T, Panic),
}

/// Asks for the values from now on.
pub(super) struct Subscribe;

/// Asks how many subscribers there are.
pub(super) struct Count;

/// Tells that a subscriber has made room, or has gone.
pub(super) struct Room;

/// Ends the broadcast. The reply tells whether it was open.
pub(super) struct Close;

/// What a subscriber's buffer holds.
pub(super) enum Item<T> {
    /// A value and its number. Numbers have no gaps, except where a subscriber missed values.
    Value(u64, T),
    /// There are no more.
    End {
        /// The number that the next value has, or would have.
        next: u64,
        /// The subscriber was too slow; else the broadcast is closed.
        is_too_slow: bool,
    },
}
