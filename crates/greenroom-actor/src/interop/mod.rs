//! The only place where foreign actor types show: actix's, and tower's `Service`.
//!
//! | From | To | By |
//! | --- | --- | --- |
//! | an actix actor | a [`Recipient`](crate::Recipient) of ours | [`from_actix`] |
//! | a [`Recipient`](crate::Recipient) of ours | an actix one | [`to_actix`], [`to_actix_result`] |
//! | an actor of ours | the actix actor that hosts it | [`actix_address`] |
//! | an ask | a tower service | [`AskService`] |
//! | a receiver, a sender | a `Stream`, a `Sink` | [`Receiver::stream`](greenroom_core::channel::Receiver::stream), [`Sender::sink`](greenroom_core::channel::Sender::sink) |
//!
//! # Errors, from one side to the other
//! | actix | here |
//! | --- | --- |
//! | `SendError::Full`, `SendError::Closed` | [`TryTellError::Full`](crate::TryTellError::Full), [`TryTellError::Closed`](crate::TryTellError::Closed), by `From` in both directions |
//! | `MailboxError::Closed`, the actor had ended before the message was sent | [`AskError::Closed`](crate::AskError::Closed) |
//! | `MailboxError::Closed` after that: the reply was dropped, or the actor ended with the message in its mailbox or handler, by a panic too | [`AskError::Dropped`](crate::AskError::Dropped); it may have been handled |
//! | `MailboxError::Timeout` | none: a deadline of ours ends the ask before |
//!
//! To an actix asker `MailboxError::Closed` is all that a reply that does not come can say. Where the
//! reason matters, use [`to_actix_result`], which hands every [`AskError`](crate::AskError) on.

mod ask_service;
mod error;
mod from_actix;
mod hosted;
mod to_actix;

pub use ask_service::AskService;
pub use from_actix::from_actix;
pub use hosted::{Shell, Stop, actix_address};
pub use to_actix::{to_actix, to_actix_result};
