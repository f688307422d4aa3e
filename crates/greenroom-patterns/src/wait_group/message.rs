//! What the counter is sent.

use greenroom_core::channel::Sender;

use super::error::DoneError;

/// Adds members.
pub(super) struct Add(pub(super) usize);

/// Counts one member as done, and tells whether there was one, if anybody wants to know.
pub(super) struct Done(pub(super) Option<Sender<Result<(), DoneError>>>);

/// Asks to be answered at zero.
pub(super) struct Wait;
