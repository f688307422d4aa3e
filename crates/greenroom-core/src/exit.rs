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
}

impl ExitReason {
    /// Returns whether a supervisor of transient children would leave it ended: true for
    /// [`Normal`](Self::Normal) and [`Shutdown`](Self::Shutdown).
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown)
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
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| Box::from(*text))
            .or_else(|| {
                payload
                    .downcast_ref::<String>()
                    .map(|text| Box::from(text.as_str()))
            });
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
        if let Some(payload) = self.payload.get_mut().take()
            && let Err(second) = unwind::drop_caught(payload)
        {
            // A payload whose destructor panics may do so again and again: stop here.
            std::mem::forget(second);
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
