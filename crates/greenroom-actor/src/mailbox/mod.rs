//! What lies between an address and its actor: a bounded channel of envelopes, and a control lane that
//! overtakes it.

mod control;
mod envelope;
mod news;
mod put;
mod room;

pub(crate) use control::{Control, Interrupt, Order, Signal, Urgent};
pub(crate) use envelope::{BoxedEnvelope, Many, Once, Packed, Spare, Tries};
pub(crate) use news::{Tidings, Told};
pub(crate) use put::{PutError, put, try_put};

/// How many messages a mailbox holds by default.
pub(crate) const DEFAULT_CAPACITY: usize = 64;

/// What happens to a message when the mailbox is full.
///
/// A message that a policy drops was accepted: its `tell` gives `Ok`, as for one that is refused later
/// because the actor ends. It is counted as `dropped` (see
/// [`Address::messages`](crate::Address::messages)) and becomes a [dead letter](crate::DeadLetter). Its
/// asker, if it has one, is told at once: [`AskError::Overflow`](crate::AskError::Overflow). So whoever
/// must know asks, or uses [`try_tell`](crate::Address::try_tell), which never has the new message dropped:
/// it gives that one back.
///
/// A mailbox without a bound is never full. One of capacity 0 holds nothing that could be dropped but the
/// new message: there the three policies that drop are the same. Messages of the actor's own timers and
/// streams do not pass the mailbox, and control never does.
///
/// # Differences from Go
/// A channel in Go has `Wait`; the others are a `select` with a default case, written at each sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits for room.
    #[default]
    Wait,
    /// The send fails with `Full`, and the message comes back.
    Fail,
    /// The new message is dropped. What is queued stays: for work of which the first to come is served.
    DropNewest,
    /// The message that is queued for the longest is dropped, and the new one gets in. For what grows old,
    /// such as samples.
    DropOldest,
    /// Of each type of message the latest stays queued: a new one drops the queued one of its type, full
    /// or not, and takes its own place at the end. For updates of which only the last counts, beside
    /// other messages. A mailbox with more types than places is full as well, and drops the oldest.
    ///
    /// An ask is a message like any other: the next of its type drops it. To keep the latest message
    /// whatever its type is, use `DropOldest` with a capacity of 1.
    KeepLatest,
}

impl Overflow {
    /// Whether a message that was accepted may be dropped for another.
    pub(crate) fn drops_queued(self) -> bool {
        matches!(self, Self::DropOldest | Self::KeepLatest)
    }
}
