//! Errors of a broadcast, of a send, of a subscription.

use std::fmt;

use greenroom_actor::{AskError, SpawnError};
use greenroom_core::Panic;
use greenroom_core::channel::{RecvError, TryRecvError};
use greenroom_core::error::{Cause, ContextError};

/// Why a broadcast was not started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// A subscriber without a buffer could never be given a value.
    #[error("a broadcast with a buffer of 0 values would give none")]
    ZeroBuffer,
    /// A new subscriber has no room for what is replayed to it.
    #[error("a replay of {replay} values does not fit into a buffer of {buffer}")]
    ReplayTooLong {
        /// How many values were to be replayed.
        replay: usize,
        /// How many values a buffer holds.
        buffer: usize,
    },
    /// The owner was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Why [`Broadcast::send`](super::Broadcast::send) reached nobody. The value comes back.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError<T> {
    /// The broadcast is closed, was closed while the send waited, or has ended with its scope.
    #[error("send on a closed broadcast")]
    Closed(T),
    /// The current context was cancelled before every subscriber had room.
    #[error("broadcast cancelled: {1}")]
    Cancelled(T, Cause),
    /// The deadline of the current context passed before every subscriber had room.
    #[error("deadline exceeded while waiting for the slowest subscriber")]
    Deadline(T),
    /// The value's `clone` panicked.
    #[error("a value could not be copied for its subscribers: {1}")]
    Panicked(T, Panic),
}

impl<T> PublishError<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(value)
            | Self::Cancelled(value, _)
            | Self::Deadline(value)
            | Self::Panicked(value, _) => value,
        }
    }

    pub(super) fn ended(value: T, error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(value, cause),
            ContextError::Deadline(_) => Self::Deadline(value),
        }
    }
}

impl<T> fmt::Debug for PublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("Closed(..)"),
            Self::Cancelled(_, cause) => write!(f, "Cancelled(.., {cause:?})"),
            Self::Deadline(_) => f.write_str("Deadline(..)"),
            Self::Panicked(_, panic) => write!(f, "Panicked(.., {panic:?})"),
        }
    }
}

/// Why [`Broadcast::try_send`](super::Broadcast::try_send) reached nobody. The value comes back.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TryPublishError<T> {
    /// A subscriber has no room, or an earlier send waits for one.
    #[error("a subscriber of the broadcast has no room")]
    Full(T),
    /// The send failed as one that waits would have.
    #[error(transparent)]
    Publish(#[from] PublishError<T>),
}

impl<T> TryPublishError<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) => value,
            Self::Publish(error) => error.into_inner(),
        }
    }

    /// Returns whether a subscriber had no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl<T> fmt::Debug for TryPublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::Publish(error) => f.debug_tuple("Publish").field(error).finish(),
        }
    }
}

/// Why [`Broadcast::subscribe`](super::Broadcast::subscribe) gave no subscription, or
/// [`Broadcast::subscribers`](super::Broadcast::subscribers) no number.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The broadcast is closed, or has ended with its scope.
    #[error("the broadcast is closed")]
    Closed,
    /// The current context was cancelled.
    #[error("subscribe cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed.
    #[error("deadline exceeded while subscribing")]
    Deadline,
    /// The `clone` of a value that is replayed panicked.
    #[error("{0}")]
    Panicked(#[source] Panic),
}

impl From<AskError> for SubscribeError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            AskError::Panicked(panic) => Self::Panicked(panic),
            // The owner waits for room, is not given up, and answers what it begins.
            _ => Self::Closed,
        }
    }
}

/// Why [`Subscription::recv`](super::Subscription::recv) gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// So many values were missed here. The next receive gives the one after them.
    #[error("the subscriber was too slow and missed {0} values")]
    Lagged(u64),
    /// The subscriber was too slow and was disconnected; what its buffer held has been received.
    #[error("the subscriber was too slow and was disconnected")]
    TooSlow,
    /// The broadcast is closed, and all that was sent has been received.
    #[error("receive on a closed broadcast")]
    Closed,
    /// The current context was cancelled before a value came.
    #[error("receive cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before a value came.
    #[error("deadline exceeded while receiving")]
    Deadline,
}

impl From<RecvError> for ReceiveError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => Self::Closed,
            RecvError::Cancelled(cause) => Self::Cancelled(cause),
            RecvError::Deadline => Self::Deadline,
        }
    }
}

impl From<ContextError> for ReceiveError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

/// Why [`Subscription::try_recv`](super::Subscription::try_recv) gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryReceiveError {
    /// No value is there yet.
    #[error("no value from the broadcast yet")]
    Empty,
    /// So many values were missed here. The next receive gives the one after them.
    #[error("the subscriber was too slow and missed {0} values")]
    Lagged(u64),
    /// The subscriber was too slow and was disconnected; what its buffer held has been received.
    #[error("the subscriber was too slow and was disconnected")]
    TooSlow,
    /// The broadcast is closed, and all that was sent has been received.
    #[error("receive on a closed broadcast")]
    Closed,
}

impl From<TryRecvError> for TryReceiveError {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => Self::Empty,
            TryRecvError::Closed => Self::Closed,
        }
    }
}
