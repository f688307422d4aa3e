//! Errors of a router, of its changes, of a message.

use std::fmt;

use greenroom_actor::{AskError, SpawnError, TellError};
use greenroom_core::error::Cause;

/// Why a router was not started, or not resized.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// Without actors every message would be refused.
    #[error("a router of 0 actors would refuse every message")]
    ZeroActors,
    /// The router was made over addresses, and does not know how to spawn more.
    #[error("a router over given addresses cannot spawn actors: use `add` and `remove`")]
    NoFactory,
    /// An actor was not started. Those before it are members.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The router has ended, with its scope.
    #[error("the router has ended")]
    Closed,
    /// The current context was cancelled. Some of the actors may be members.
    #[error("change of the router cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed. Some of the actors may be members.
    #[error("deadline exceeded while the router changed")]
    Deadline,
}

impl From<ChangeError> for RouterError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Closed => Self::Closed,
            ChangeError::Cancelled(cause) => Self::Cancelled(cause),
            ChangeError::Deadline => Self::Deadline,
        }
    }
}

/// Why a member was not taken in or out.
///
/// In `Closed` it was not; the others do not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The router has ended, with its scope.
    #[error("the router has ended")]
    Closed,
    /// The current context was cancelled.
    #[error("change of the router cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed.
    #[error("deadline exceeded while the router changed")]
    Deadline,
}

impl From<AskError> for ChangeError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // The owner waits for room, and answers what it begins.
            _ => Self::Closed,
        }
    }
}

/// Why a message was not sent. It comes back.
#[non_exhaustive]
pub enum RouteError<M> {
    /// No member is left that takes messages.
    NoActor(M),
    /// The member that was chosen did not take it.
    Tell(TellError<M>),
}

impl<M> RouteError<M> {
    /// Returns the message.
    pub fn into_inner(self) -> M {
        match self {
            Self::NoActor(message) => message,
            Self::Tell(error) => error.into_inner(),
        }
    }
}

impl<M> fmt::Debug for RouteError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoActor(_) => f.write_str("NoActor(..)"),
            Self::Tell(error) => f.debug_tuple("Tell").field(error).finish(),
        }
    }
}

impl<M> fmt::Display for RouteError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoActor(_) => f.write_str(NO_ACTOR),
            Self::Tell(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<M> std::error::Error for RouteError<M> {}

const NO_ACTOR: &str = "no actor of the router is left";

/// Why a message was not sent at once. It comes back.
#[non_exhaustive]
pub enum TryRouteError<M> {
    /// No member is left that takes messages.
    NoActor(M),
    /// The mailbox of the key's member is full; without a key, that of every member.
    Full(M),
}

impl<M> TryRouteError<M> {
    /// Returns the message.
    pub fn into_inner(self) -> M {
        match self {
            Self::NoActor(message) | Self::Full(message) => message,
        }
    }
}

impl<M> fmt::Debug for TryRouteError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoActor(_) => "NoActor(..)",
            Self::Full(_) => "Full(..)",
        })
    }
}

impl<M> fmt::Display for TryRouteError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoActor(_) => NO_ACTOR,
            Self::Full(_) => "the router's mailboxes are full",
        })
    }
}

impl<M> std::error::Error for TryRouteError<M> {}

/// Why an ask gave no reply.
#[non_exhaustive]
pub enum RouteAskError<M> {
    /// No member is left that takes messages. The message comes back.
    NoActor(M),
    /// The member that was chosen gave no reply. The message is not sent to another.
    Ask(AskError),
}

impl<M> fmt::Debug for RouteAskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoActor(_) => f.write_str("NoActor(..)"),
            Self::Ask(error) => f.debug_tuple("Ask").field(error).finish(),
        }
    }
}

impl<M> fmt::Display for RouteAskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoActor(_) => f.write_str(NO_ACTOR),
            Self::Ask(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<M> std::error::Error for RouteAskError<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoActor(_) => None,
            Self::Ask(error) => Some(error),
        }
    }
}
