//! What lies between an address and its actor: a bounded channel of envelopes, and a control lane that
//! overtakes it.

mod control;
mod envelope;
mod news;
mod put;
mod room;

pub(crate) use control::{Control, Interrupt, Order, Signal, Urgent};
pub(crate) use envelope::{BoxedEnvelope, Packed};
pub(crate) use news::{Tidings, Told};
pub(crate) use put::{PutError, Target, put, try_put};

/// How many messages a mailbox holds by default.
pub(crate) const DEFAULT_CAPACITY: usize = 64;

/// What happens to a message when the mailbox is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits for room.
    #[default]
    Wait,
    /// The send fails with `Full`, and the message comes back.
    Fail,
}
