//! What became of the messages.

use std::iter::Sum;
use std::ops::AddAssign;

use super::Registry;

/// What became of the messages of one actor, or of all.
///
/// Each message that an actor accepted has one outcome, or none yet:
/// `accepted = handled + expired + abandoned + refused + dropped + lost + set_aside + pending()`,
/// exactly, and at any moment. A message that came back to its sender was not accepted, and is not here.
/// Messages of an actor's own timers and streams are accepted when they are taken up.
///
/// # Examples
/// ```
/// use greenroom_core::registry::MessageCounts;
/// let mut counts = MessageCounts::default();
/// counts.accepted = 3;
/// counts.handled = 2;
/// assert_eq!(counts.pending(), 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct MessageCounts {
    /// Those that got into a mailbox, or that a full one dropped by its policy.
    pub accepted: u64,
    /// Those whose handler returned.
    pub handled: u64,
    /// Those whose deadline passed in the mailbox.
    pub expired: u64,
    /// Those that nobody wanted any more when their turn came: the asker had gone, or the context they
    /// were sent in was cancelled.
    pub abandoned: u64,
    /// Those that were queued when the actor ended or was given up.
    pub refused: u64,
    /// Those that a full mailbox dropped by its policy.
    pub dropped: u64,
    /// Those whose handler panicked, or was dropped before it returned.
    pub lost: u64,
    /// Those whose handler panicked as often as their sender let it try.
    pub set_aside: u64,
}

impl MessageCounts {
    /// Returns how many have no outcome yet: they are queued or in hand.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.accepted.saturating_sub(self.settled())
    }

    /// Returns how many have an outcome.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.handled + self.undelivered()
    }

    /// Returns how many were accepted and will not be handled.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        self.expired + self.abandoned + self.refused + self.dropped + self.lost + self.set_aside
    }
}

impl AddAssign for MessageCounts {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.handled += other.handled;
        self.expired += other.expired;
        self.abandoned += other.abandoned;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.lost += other.lost;
        self.set_aside += other.set_aside;
    }
}

impl Sum for MessageCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut all, one| {
            all += one;
            all
        })
    }
}

impl Registry {
    /// Returns what became of the messages of all actors: those that live and those that have left.
    ///
    /// Each actor counts once, also one that leaves meanwhile. The counts of the living are right for
    /// some moment during the call, not all for the same one.
    #[must_use]
    pub fn messages(&self) -> MessageCounts {
        let (left, living) = self.0.actors.accounts();
        let living = living.iter().map(|record| record.messages());
        std::iter::once(left).chain(living).sum()
    }
}
