//! Errors of names and of ended contexts, shared by every boundary of the kernel.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::failure::Failure;
use crate::unwind;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text, given back here, contains `/`.
    #[error("a name must not contain '/': {0:?}")]
    Slash(String),
}

/// Why a context ended: the first cause given, which is never replaced.
///
/// Go counterpart: the error that `context.Cause` returns. As there, two causes are equal if they are the
/// same error: the one that was given and its clones, not another with the same text. Texts of the
/// canceller are compared.
///
/// # Examples
/// ```
/// use greenroom_core::error::Cause;
/// let cause = Cause::from("user pressed stop");
/// assert_eq!(cause.to_string(), "user pressed stop");
/// let cause = Cause::new(std::io::Error::other("disk gone"));
/// assert!(cause.downcast_ref::<std::io::Error>().is_some());
/// assert_eq!(cause, cause.clone());
/// assert_ne!(cause, Cause::new(std::io::Error::other("disk gone")));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Cause {
    /// A plain cancel, without a cause of its own.
    Cancelled,
    /// The deadline passed.
    Deadline,
    /// The future of a scope was dropped before its end.
    ScopeDropped,
    /// The scope has ended.
    ScopeEnded,
    /// The runtime is shutting down.
    Shutdown,
    /// A sibling in the same scope failed; its error is inside.
    SiblingFailed(Failure),
    /// A text given by the canceller.
    Text(Cow<'static, str>),
    /// An error given by the canceller.
    Custom(Arc<dyn Error + Send + Sync>),
}

impl Cause {
    /// Makes a cause from an error.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Custom(Arc::new(error))
    }

    /// Returns the canceller's error, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Custom(error) => error.downcast_ref(),
            Self::SiblingFailed(failure) => failure.downcast_ref(),
            _ => None,
        }
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SiblingFailed(a), Self::SiblingFailed(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            // Without the tables of methods, which may differ for one error.
            (Self::Custom(a), Self::Custom(b)) => std::ptr::addr_eq(Arc::as_ptr(a), Arc::as_ptr(b)),
            (a, b) => {
                let kind = std::mem::discriminant(a);
                kind == std::mem::discriminant(b)
            }
        }
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Deadline => f.write_str("deadline exceeded"),
            Self::ScopeDropped => f.write_str("the scope's future was dropped"),
            Self::ScopeEnded => f.write_str("the scope has ended"),
            Self::Shutdown => f.write_str("the runtime is shutting down"),
            Self::SiblingFailed(failure) => write!(f, "a sibling failed: {failure}"),
            Self::Text(text) => f.write_str(text),
            Self::Custom(error) => unwind::format(f, |f| fmt::Display::fmt(error, f)),
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("Cancelled"),
            Self::Deadline => f.write_str("Deadline"),
            Self::ScopeDropped => f.write_str("ScopeDropped"),
            Self::ScopeEnded => f.write_str("ScopeEnded"),
            Self::Shutdown => f.write_str("Shutdown"),
            Self::SiblingFailed(failure) => f.debug_tuple("SiblingFailed").field(failure).finish(),
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Custom(error) => {
                unwind::format(f, |f| f.debug_tuple("Custom").field(error).finish())
            }
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Custom(error) => error.source(),
            Self::SiblingFailed(failure) => Some(failure.as_error()),
            _ => None,
        }
    }
}

impl From<&'static str> for Cause {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// How a context ended: what Go's `ctx.Err()` tells, with the cause inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The context, or one it descends from, was cancelled (Go's `context.Canceled`).
    #[error("context cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the context, or of one it descends from, passed (Go's
    /// `context.DeadlineExceeded`). The cause differs from [`Cause::Deadline`] only if one was given
    /// with the deadline.
    #[error("context deadline exceeded")]
    Deadline(Cause),
}

impl ContextError {
    /// Returns the cause.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Cancelled(cause) | Self::Deadline(cause) => cause,
        }
    }

    /// Returns whether the deadline passed, as opposed to a cancel.
    #[must_use]
    pub fn is_deadline(&self) -> bool {
        matches!(self, Self::Deadline(_))
    }
}
