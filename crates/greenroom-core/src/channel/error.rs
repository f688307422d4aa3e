//! Errors of channels: one enum for each operation.

use std::fmt;

use crate::error::{Cause, ContextError};

/// Why [`Sender::send`](super::Sender::send) gave up. The value comes back.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T> {
    /// The channel is closed, or was closed while the send waited.
    #[error("send on a closed channel")]
    Closed(T),
    /// The current context was cancelled before the channel took the value.
    #[error("send cancelled: {1}")]
    Cancelled(T, Cause),
    /// The deadline of the current context passed before the channel took the value.
    #[error("deadline exceeded while sending")]
    Deadline(T),
}

impl<T> SendError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(value) | Self::Cancelled(value, _) | Self::Deadline(value) => value,
        }
    }

    /// Drops the value and keeps the reason, so that `?` works where the value is not `Sync`.
    pub fn without_value(self) -> SendError<()> {
        match self {
            Self::Closed(_) => SendError::Closed(()),
            Self::Cancelled(_, cause) => SendError::Cancelled((), cause),
            Self::Deadline(_) => SendError::Deadline(()),
        }
    }

    pub(super) fn ended(value: T, error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(value, cause),
            ContextError::Deadline(_) => Self::Deadline(value),
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("Closed(..)"),
            Self::Cancelled(_, cause) => write!(f, "Cancelled(.., {cause:?})"),
            Self::Deadline(_) => f.write_str("Deadline(..)"),
        }
    }
}

/// Why [`Sender::send_blocking`](super::Sender::send_blocking) gave up. The value comes back.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendBlockingError<T> {
    /// This thread runs tasks, which a blocking wait would hold up.
    #[error("a blocking send on an arbiter would hold up its tasks: await `send(..)` instead")]
    OnArbiter(T),
    /// The send itself failed.
    #[error(transparent)]
    Send(SendError<T>),
}

impl<T> SendBlockingError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::OnArbiter(value) => value,
            Self::Send(error) => error.into_inner(),
        }
    }
}

impl<T> fmt::Debug for SendBlockingError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnArbiter(_) => f.write_str("OnArbiter(..)"),
            Self::Send(error) => f.debug_tuple("Send").field(error).finish(),
        }
    }
}

/// Why [`Sender::send_from`](super::Sender::send_from) gave up. The value is back in its slot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendFromError {
    /// The channel is closed, or was closed while the send waited.
    #[error("send on a closed channel")]
    Closed,
    /// The current context was cancelled before the channel took the value.
    #[error("send cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the channel took the value.
    #[error("deadline exceeded while sending")]
    Deadline,
    /// The slot held no value, so there was nothing to send.
    #[error("send from an empty slot")]
    Empty,
}

impl From<ContextError> for SendFromError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

/// Why [`Sender::try_send`](super::Sender::try_send) did not send. The value comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T> {
    /// There is no room, or, on a rendezvous channel, no waiting receiver.
    #[error("send on a full channel")]
    Full(T),
    /// The channel is closed.
    #[error("send on a closed channel")]
    Closed(T),
}

impl<T> TrySendError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }

    /// Returns whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Returns whether the channel is closed.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

/// Why [`Receiver::recv`](super::Receiver::recv) gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// The channel is closed and drained.
    #[error("receive on a closed channel")]
    Closed,
    /// The current context was cancelled before a value came.
    #[error("receive cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before a value came.
    #[error("deadline exceeded while receiving")]
    Deadline,
}

impl From<ContextError> for RecvError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

/// Why [`Receiver::recv_blocking`](super::Receiver::recv_blocking) gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecvBlockingError {
    /// This thread runs tasks, which a blocking wait would hold up.
    #[error("a blocking receive on an arbiter would hold up its tasks: await `recv()` instead")]
    OnArbiter,
    /// The receive itself failed.
    #[error(transparent)]
    Recv(#[from] RecvError),
}

/// Why [`Receiver::try_recv`](super::Receiver::try_recv) gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// No value is stored and no sender waits.
    #[error("receive on an empty channel")]
    Empty,
    /// The channel is closed and drained.
    #[error("receive on a closed channel")]
    Closed,
}
