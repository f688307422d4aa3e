//! Why an actor or a task ended.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::error::{Cause, ContextError};
use crate::failure::Failure;
use crate::id::Id;
use crate::sync::Mutex;
use crate::unwind;

/// Why an actor or a task ended.
///
/// OTP counterpart: the exit reason. Supervisors decide on the variant, never on a text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// It finished its work.
    Normal,
    /// Its supervisor or the runtime stopped it.
    Shutdown,
    /// Its context was cancelled.
    Cancelled(Cause),
    /// The deadline of its context passed.
    Deadline,
    /// Its code returned an error.
    Failed(Failure),
    /// Its code panicked.
    Panicked(Panic),
    /// Something that it was linked to ended, and took it down.
    Linked(Linked),
    /// It had ended before anybody looked, and why is not known; or it never was. OTP counterpart:
    /// `noproc`.
    Gone,
}

impl ExitReason {
    /// Returns whether a supervisor of transient children would leave it ended: true for
    /// [`Normal`](Self::Normal) and [`Shutdown`](Self::Shutdown), and for what was taken down by such an
    /// end.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        match self {
            Self::Normal | Self::Shutdown => true,
            Self::Linked(linked) => linked.root().is_orderly(),
            _ => false,
        }
    }
}

impl From<ContextError> for ExitReason {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Cancelled(cause) => write!(f, "cancelled: {cause}"),
            Self::Deadline => f.write_str("deadline exceeded"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
            Self::Panicked(panic) => write!(f, "{panic}"),
            Self::Linked(linked) => write!(f, "{linked}"),
            Self::Gone => f.write_str("gone, it had ended before"),
        }
    }
}

/// The end of one that was linked to another, and why that one ended: a chain, if it was linked to yet
/// another.
///
/// It is the cause with which a context is cancelled that a link ends.
#[derive(Clone)]
pub struct Linked(Arc<Tie>);

struct Tie {
    of: Id,
    to: Id,
    reason: ExitReason,
}

// A chain is as long as a row of links: dropped one by one, since each in the drop of the one before it
// would use up the stack.
impl Drop for Tie {
    fn drop(&mut self) {
        let mut next = std::mem::replace(&mut self.reason, ExitReason::Normal);
        while let ExitReason::Linked(Linked(tie)) = next {
            next = match Arc::into_inner(tie) {
                Some(mut tie) => std::mem::replace(&mut tie.reason, ExitReason::Normal),
                None => return,
            };
        }
    }
}

impl Linked {
    /// How many links of a chain are written out.
    const SHOWN: usize = 8;

    /// Records that `of` was linked to `to`, which ended for this reason.
    #[must_use]
    pub fn new(of: Id, to: Id, reason: ExitReason) -> Self {
        Self(Arc::new(Tie { of, to, reason }))
    }

    /// Returns who was taken down.
    #[must_use]
    pub fn of(&self) -> &Id {
        &self.0.of
    }

    /// Returns what it was linked to.
    #[must_use]
    pub fn to(&self) -> &Id {
        &self.0.to
    }

    /// Returns why that one ended.
    #[must_use]
    pub fn reason(&self) -> &ExitReason {
        &self.0.reason
    }

    /// Returns the reason at the far end of the chain, which is no link.
    #[must_use]
    pub fn root(&self) -> &ExitReason {
        let mut reason = self.reason();
        while let ExitReason::Linked(linked) = reason {
            reason = linked.reason();
        }
        reason
    }

    /// Returns the chain, this link first.
    pub fn chain(&self) -> impl Iterator<Item = &Linked> {
        std::iter::successors(Some(self), |linked| match linked.reason() {
            ExitReason::Linked(next) => Some(next),
            _ => None,
        })
    }
}

impl fmt::Display for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.chain();
        for linked in rest.by_ref().take(Self::SHOWN) {
            write!(f, "linked to {}, which ended: ", linked.to())?;
        }
        match rest.count() {
            0 => {}
            more => write!(f, "({more} more links) ")?,
        }
        write!(f, "{}", self.root())
    }
}

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linked({self})")
    }
}

impl std::error::Error for Linked {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.root() {
            ExitReason::Failed(failure) => Some(failure.as_error()),
            ExitReason::Panicked(panic) => Some(panic),
            ExitReason::Cancelled(cause) => Some(cause),
            _ => None,
        }
    }
}

/// A panic of user code: its payload, whose it was, and where that was spawned.
///
/// Clones share the payload, which one of them may take. A payload that panics when it is dropped
/// does no harm: that second panic is caught.
#[derive(Clone)]
pub struct Panic(Arc<Caught>);

struct Caught {
    message: Option<Box<str>>,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    id: Id,
    doing: Option<&'static str>,
    spawned_at: &'static Location<'static>,
}

impl Panic {
    /// Records a caught panic. `doing` names the message or the hook that was being run.
    #[must_use]
    pub fn new(
        payload: Box<dyn Any + Send>,
        id: Id,
        doing: Option<&'static str>,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        let message = unwind::text(&*payload).map(Box::from);
        Self(Arc::new(Caught {
            message,
            payload: Mutex::new(Some(payload)),
            id,
            doing,
            spawned_at,
        }))
    }

    /// Returns the text given to `panic!`, or `None` if the payload is another type.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// Takes the payload, for example to `std::panic::resume_unwind` it; `None` the second time.
    #[must_use]
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.0.payload.lock().take()
    }

    /// Returns the id of the actor or task that panicked.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.0.id
    }

    /// Returns the type of the message, or the name of the hook, that was being run.
    #[must_use]
    pub fn doing(&self) -> Option<&'static str> {
        self.0.doing
    }

    /// Returns where the actor or task was spawned.
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.0.spawned_at
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        if let Some(payload) = self.payload.get_mut().take() {
            unwind::forget(payload);
        }
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} panicked", self.0.id)?;
        if let Some(doing) = self.0.doing {
            write!(f, " in {doing}")?;
        }
        match self.message() {
            Some(message) => write!(f, ": {message}")?,
            None => f.write_str(" with a payload that is not a text")?,
        }
        write!(f, " (spawned at {})", self.0.spawned_at)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panic({self})")
    }
}

impl std::error::Error for Panic {}
