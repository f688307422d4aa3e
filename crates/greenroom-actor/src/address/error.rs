//! Errors of messages on their way.

use std::fmt;

use greenroom_core::error::Cause;
use greenroom_core::{Id, Panic};

use crate::mailbox::PutError;
use crate::reply::NoReply;

/// Why an ask gave no reply.
///
/// Whether the message was handled: in `Closed`, `Full`, `Overflow`, `DeadlineInMailbox`, `Restarting`
/// and `Cycle` it was not; in `DeadlineInHandler`, `Panicked` and `Dropped` its handler had begun; `Cancelled` does
/// not say.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The actor has ended, or is about to and takes no new messages.
    #[error("the actor has stopped")]
    Closed,
    /// The mailbox is full, and its policy is to fail.
    #[error("the mailbox is full")]
    Full,
    /// The mailbox dropped the message, by its policy.
    #[error("the mailbox overflowed and dropped the message")]
    Overflow,
    /// The asker's context was cancelled.
    #[error("ask cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the asker's context passed before the handler had begun.
    #[error("deadline exceeded before the message was handled")]
    DeadlineInMailbox,
    /// The deadline of the asker's context passed while the handler ran.
    #[error("deadline exceeded while the message was handled")]
    DeadlineInHandler,
    /// The handler panicked.
    #[error("{0}")]
    Panicked(#[source] Panic),
    /// The actor failed and could not be restarted; the message was queued.
    #[error("the actor failed and was given up before the message was handled")]
    Restarting,
    /// The handler dropped its reply address without a reply.
    #[error("the handler gave no reply")]
    Dropped,
    /// The ask would wait for the asker itself: its path, from the asker back to the asker.
    #[error("the ask would wait for itself: {}", Path(path))]
    Cycle {
        /// Who waits for whom; the first and the last are the same.
        path: Vec<Id>,
    },
}

impl AskError {
    pub(crate) fn from_put(error: PutError) -> Self {
        match error {
            PutError::Closed => Self::Closed,
            PutError::Full => Self::Full,
            PutError::Cancelled(cause) => Self::Cancelled(cause),
            PutError::Deadline => Self::DeadlineInMailbox,
            PutError::Cycle(path) => Self::Cycle { path },
        }
    }

    pub(crate) fn from_no_reply(why: NoReply) -> Self {
        match why {
            NoReply::Closed => Self::Closed,
            NoReply::Dropped => Self::Dropped,
            NoReply::Expired => Self::DeadlineInMailbox,
            NoReply::Panicked(panic) => Self::Panicked(panic),
            NoReply::Restarting => Self::Restarting,
            NoReply::Overflow => Self::Overflow,
            NoReply::Cycle(path) => Self::Cycle { path },
        }
    }
}

/// Why [`Address::ask_blocking`](crate::Address::ask_blocking) gave no reply.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskBlockingError {
    /// This thread runs tasks, which a blocking wait would hold up. The message was dropped unsent.
    #[error("a blocking ask on an arbiter would hold up its tasks: await `ask(..)` instead")]
    OnArbiter,
    /// The ask itself failed.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Why [`Address::tell_blocking`](crate::Address::tell_blocking) failed. The message comes back.
pub enum TellBlockingError<M> {
    /// This thread runs tasks, which a blocking wait would hold up.
    OnArbiter(M),
    /// The tell itself failed.
    Tell(TellError<M>),
}

impl<M> fmt::Debug for TellBlockingError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnArbiter(_) => f.write_str("OnArbiter(..)"),
            Self::Tell(error) => f.debug_tuple("Tell").field(error).finish(),
        }
    }
}

impl<M> fmt::Display for TellBlockingError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnArbiter(_) => f.write_str(
                "a blocking tell on an arbiter would hold up its tasks: await `tell(..)` instead",
            ),
            Self::Tell(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<M> std::error::Error for TellBlockingError<M> {}

struct Path<'a>(&'a [Id]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, id) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" -> ")?;
            }
            write!(f, "{id}")?;
        }
        Ok(())
    }
}

macro_rules! with_message {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $(($extra:ty))? => $text:literal,)* }) => {
        $(#[$doc])*
        #[non_exhaustive]
        pub enum $name<M> {
            $($(#[$vdoc])* $variant(M $(, $extra)?),)*
        }

        impl<M> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(..) => f.write_str(concat!(stringify!($variant), "(..)")),)*
                }
            }
        }

        impl<M> fmt::Display for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(..) => f.write_str($text),)*
                }
            }
        }

        impl<M> std::error::Error for $name<M> {}
    };
}

with_message! {
    /// Why a tell did not get into the mailbox. The message comes back.
    TellError {
        /// The actor has ended, or is about to and takes no new messages.
        Closed => "the actor has stopped",
        /// The mailbox is full, and its policy is to fail.
        Full => "the mailbox is full",
        /// The sender's context was cancelled, with this cause.
        Cancelled(Cause) => "tell cancelled",
        /// The deadline of the sender's context passed.
        Deadline => "deadline exceeded while waiting for room in the mailbox",
        /// Only the sender itself could make room, by waiting no longer: the path, from the sender back to
        /// the sender.
        Cycle(Vec<Id>) => "the sender would wait for itself to make room in the mailbox",
    }
}

with_message! {
    /// Why a message was not accepted at once. It comes back.
    TryTellError {
        /// The mailbox is full.
        Full => "the mailbox is full",
        /// The actor has ended, or is about to and takes no new messages.
        Closed => "the actor has stopped",
    }
}

impl<M> TellError<M> {
    pub(crate) fn new(message: M, error: PutError) -> Self {
        match error {
            PutError::Closed => Self::Closed(message),
            PutError::Full => Self::Full(message),
            PutError::Cancelled(cause) => Self::Cancelled(message, cause),
            PutError::Deadline => Self::Deadline(message),
            PutError::Cycle(path) => Self::Cycle(message, path),
        }
    }

    /// Returns the message.
    pub fn into_inner(self) -> M {
        match self {
            Self::Closed(message)
            | Self::Full(message)
            | Self::Cancelled(message, _)
            | Self::Deadline(message)
            | Self::Cycle(message, _) => message,
        }
    }
}

impl<M> TellError<M> {
    /// Gives the message back in another form.
    pub(crate) fn map<N>(self, f: impl FnOnce(M) -> N) -> TellError<N> {
        match self {
            Self::Closed(message) => TellError::Closed(f(message)),
            Self::Full(message) => TellError::Full(f(message)),
            Self::Cancelled(message, cause) => TellError::Cancelled(f(message), cause),
            Self::Deadline(message) => TellError::Deadline(f(message)),
            Self::Cycle(message, path) => TellError::Cycle(f(message), path),
        }
    }
}

impl<M> TryTellError<M> {
    /// Returns the message.
    pub fn into_inner(self) -> M {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }
}
