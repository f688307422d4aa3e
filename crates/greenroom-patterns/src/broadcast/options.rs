//! How a broadcast is described.

/// Describes a broadcast: a buffer of 64 values for each subscriber, senders wait for the slowest,
/// nothing is replayed.
///
/// # Examples
/// ```
/// # use greenroom_patterns::broadcast::{Slow, broadcast};
/// let prices = broadcast().buffer(16).slow(Slow::DropOldest).replay(1);
/// # let _ = prices;
/// ```
pub const fn broadcast() -> BroadcastOptions {
    BroadcastOptions {
        buffer: 64,
        slow: Slow::Wait,
        replay: 0,
    }
}

/// What becomes of a value that finds the buffer of a subscriber full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slow {
    /// The send waits until every buffer has room. The slowest subscriber sets the pace.
    #[default]
    Wait,
    /// The oldest value in that buffer makes room. The subscriber is told how many it missed.
    DropOldest,
    /// That subscriber does not get the value. It is told how many it missed.
    DropNewest,
    /// That subscriber gets no more: what its buffer holds, then an error.
    Disconnect,
}

/// The description of a broadcast. Made by [`broadcast()`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a description does nothing until a broadcast is spawned"]
pub struct BroadcastOptions {
    pub(super) buffer: usize,
    pub(super) slow: Slow,
    pub(super) replay: usize,
}

impl BroadcastOptions {
    /// Sets how many values wait for each subscriber at most. Zero is refused when the broadcast is
    /// spawned.
    pub const fn buffer(mut self, capacity: usize) -> Self {
        self.buffer = capacity;
        self
    }

    /// Sets what becomes of a value that finds a buffer full.
    pub const fn slow(mut self, slow: Slow) -> Self {
        self.slow = slow;
        self
    }

    /// Sets how many of the last values a new subscriber gets first. They must fit into its buffer.
    ///
    /// They are kept for as long as the broadcast is open, which costs a clone of each value.
    pub const fn replay(mut self, count: usize) -> Self {
        self.replay = count;
        self
    }
}
