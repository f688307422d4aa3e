//! Errors of a condition.

use std::fmt;

use greenroom_core::channel::{self, Receiver};
use greenroom_core::error::Cause;
use greenroom_core::registry::LeaseHop;

use crate::lease::LockError;
use crate::mutex::{Lease, Poison};

/// Why a wait ended without a lease. The value is with its owner, but for
/// [`OtherMutex`](Self::OtherMutex).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum WaitError<T: Send + 'static> {
    /// The lease is of another mutex. It comes back, and nothing was done with it.
    #[error("the lease is of another mutex than the condition")]
    OtherMutex(HandedBack<T>),
    /// A holder panicked, and may have left the value half changed.
    #[error("poisoned: {0}")]
    Poisoned(Poison),
    /// The wait for the lease, after a signal, would close a cycle of lockers, and the mutex refuses that.
    #[error("deadlock: {}", crate::lease::Path(path))]
    Cycle {
        /// Who waits for whom, from the caller back to it.
        path: Vec<LeaseHop>,
    },
    /// The current context was cancelled.
    #[error("wait for a signal cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed.
    #[error("deadline exceeded while waiting for a signal")]
    Deadline,
    /// The owner has ended, with its scope.
    #[error("the owner of the lease has ended")]
    Closed,
}

impl<T: Send + 'static> WaitError<T> {
    /// Returns the lease, if it is of another mutex.
    pub fn into_lease(self) -> Option<Lease<T>> {
        match self {
            Self::OtherMutex(back) => Some(back.into_lease()),
            _ => None,
        }
    }
}

// By hand: derived, it would ask for a value that can be printed, and `?` for the error with it.
impl<T: Send + 'static> fmt::Debug for WaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherMutex(back) => f.debug_tuple("OtherMutex").field(back).finish(),
            Self::Poisoned(poison) => f.debug_tuple("Poisoned").field(poison).finish(),
            Self::Cycle { path } => f.debug_struct("Cycle").field("path", path).finish(),
            Self::Cancelled(cause) => f.debug_tuple("Cancelled").field(cause).finish(),
            Self::Deadline => f.write_str("Deadline"),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

impl<T: Send + 'static> From<LockError> for WaitError<T> {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Poisoned(poison) => Self::Poisoned(poison),
            LockError::Cycle { path } => Self::Cycle { path },
            LockError::Cancelled(cause) => Self::Cancelled(cause),
            LockError::Deadline => Self::Deadline,
            LockError::Closed => Self::Closed,
        }
    }
}

/// A lease in an error. It goes home if it is dropped.
///
/// It may be shared between threads whatever the value is, so that `?` takes the error.
pub struct HandedBack<T: Send + 'static>(Receiver<Lease<T>>);

impl<T: Send + 'static> HandedBack<T> {
    pub(super) fn new(lease: Lease<T>) -> Self {
        let (into, back) = channel::bounded(1);
        if into.try_send(lease).is_err() {
            unreachable!("there is room for it");
        }
        Self(back)
    }

    /// Returns the lease.
    pub fn into_lease(self) -> Lease<T> {
        match self.0.try_recv() {
            Ok(lease) => lease,
            Err(_) => unreachable!("it was put in, and this takes it out once"),
        }
    }
}

impl<T: Send + 'static> fmt::Debug for HandedBack<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandedBack(..)")
    }
}
