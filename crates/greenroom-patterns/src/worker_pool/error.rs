//! Errors of a pool, of a submit, and of a job.

use std::error::Error;
use std::fmt;

use greenroom_actor::{AskError, SpawnError};
use greenroom_core::channel::{SendError, TrySendError};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::{Failure, Panic};

use super::message::Queued;

/// Why a pool was not started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Without workers the jobs would wait for ever.
    #[error("a pool of 0 workers would leave its jobs unread")]
    ZeroWorkers,
    /// With no attempt no job would run.
    #[error("a pool that tries its jobs 0 times would run none")]
    ZeroAttempts,
    /// A worker was not started; those before it have been told to end.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Why [`WorkerPool::resize`](super::WorkerPool::resize) did not reach the number that was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// Without workers the jobs would wait for ever. Nothing was changed.
    #[error("a pool of 0 workers would leave its jobs unread")]
    ZeroWorkers,
    /// The pool is closed, or its workers have ended with their scope.
    #[error("resize of a closed pool")]
    Closed,
    /// A worker was not started; those before it are at work.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The current context was cancelled first. If it had begun, it takes effect all the same.
    #[error("resize cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed first. If it had begun, it takes effect all the same.
    #[error("deadline exceeded while resizing the pool")]
    Deadline,
}

impl From<AskError> for ResizeError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled(cause) => Self::Cancelled(cause),
            AskError::DeadlineInMailbox | AskError::DeadlineInHandler => Self::Deadline,
            // It handles every message until the last worker has gone.
            _ => Self::Closed,
        }
    }
}

impl From<ResizeError> for PoolError {
    fn from(error: ResizeError) -> Self {
        match error {
            ResizeError::ZeroWorkers => Self::ZeroWorkers,
            ResizeError::Closed => Self::Spawn(SpawnError::Ended),
            ResizeError::Spawn(error) => Self::Spawn(error),
            ResizeError::Cancelled(cause) => Self::Spawn(SpawnError::Cancelled(cause)),
            ResizeError::Deadline => Self::Spawn(SpawnError::Deadline),
        }
    }
}

/// Why a job was not taken. It comes back.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError<J> {
    /// The pool is closed, or its workers have ended with their scope.
    #[error("submit to a closed pool")]
    Closed(J),
    /// The current context was cancelled before the queue had room.
    #[error("submit cancelled: {1}")]
    Cancelled(J, Cause),
    /// The deadline of the current context passed before the queue had room.
    #[error("deadline exceeded while waiting for room in the pool's queue")]
    Deadline(J),
}

impl<J> SubmitError<J> {
    /// Returns the job.
    pub fn into_inner(self) -> J {
        match self {
            Self::Closed(job) | Self::Cancelled(job, _) | Self::Deadline(job) => job,
        }
    }

    pub(super) fn from_send<O>(error: SendError<Queued<J, O>>) -> Self {
        match error {
            SendError::Closed(queued) => Self::Closed(queued.job),
            SendError::Cancelled(queued, cause) => Self::Cancelled(queued.job, cause),
            SendError::Deadline(queued) => Self::Deadline(queued.job),
        }
    }
}

impl<J> fmt::Debug for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("Closed(..)"),
            Self::Cancelled(_, cause) => write!(f, "Cancelled(.., {cause:?})"),
            Self::Deadline(_) => f.write_str("Deadline(..)"),
        }
    }
}

/// Why a job was not taken at once. It comes back.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrySubmitError<J> {
    /// The queue is full; without a queue, no worker waits.
    #[error("the pool's queue is full")]
    Full(J),
    /// The pool is closed, or its workers have ended with their scope.
    #[error("submit to a closed pool")]
    Closed(J),
}

impl<J> TrySubmitError<J> {
    /// Returns the job.
    pub fn into_inner(self) -> J {
        match self {
            Self::Full(job) | Self::Closed(job) => job,
        }
    }

    pub(super) fn from_send<O>(error: TrySendError<Queued<J, O>>) -> Self {
        match error {
            TrySendError::Full(queued) => Self::Full(queued.job),
            TrySendError::Closed(queued) => Self::Closed(queued.job),
        }
    }
}

impl<J> fmt::Debug for TrySubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

/// Why a job has no result.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum JobError {
    /// The job returned this error, in a context that had not ended.
    Failed(Failure),
    /// The job panicked.
    Panicked(Panic),
    /// The context of the job was cancelled before its end. It had begun or not.
    Cancelled(Cause),
    /// The deadline of the job's context passed before a worker took it.
    DeadlineInQueue,
    /// The deadline of the job's context passed while it ran.
    DeadlineInJob,
    /// The job ran longer than the pool [allows](super::PoolOptions::job_deadline).
    JobDeadline,
    /// The pool was closed before it took the job, or its scope ended before the job did.
    Closed,
    /// The waiter's own context ended first; the job is not affected.
    WaitEnded(ContextError),
    /// The outcome was taken by an earlier wait.
    Taken,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "job failed: {failure}"),
            Self::Panicked(panic) => fmt::Display::fmt(panic, f),
            Self::Cancelled(cause) => write!(f, "job cancelled: {cause}"),
            Self::DeadlineInQueue => f.write_str("deadline exceeded while the job was queued"),
            Self::DeadlineInJob => f.write_str("deadline exceeded while the job ran"),
            Self::JobDeadline => f.write_str("the job ran longer than its pool allows"),
            Self::Closed => f.write_str("the pool ended before the job did"),
            Self::WaitEnded(error) => write!(f, "gave up waiting for the job: {error}"),
            Self::Taken => f.write_str("the job's outcome was taken before"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`: without a source the user's error would be lost to
// `downcast_ref` where `?` makes a failure of this one.
impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure.as_error()),
            Self::Panicked(panic) => Some(panic),
            Self::Cancelled(cause) => Some(cause),
            Self::WaitEnded(error) => Some(error),
            _ => None,
        }
    }
}

impl JobError {
    /// The outcome of a job whose context has ended.
    pub(super) fn ended(error: ContextError, is_begun: bool) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) if is_begun => Self::DeadlineInJob,
            ContextError::Deadline(_) => Self::DeadlineInQueue,
        }
    }

    /// The outcome of a job that was not taken.
    pub(super) fn not_taken<J>(error: SubmitError<J>) -> Self {
        match error {
            SubmitError::Closed(_) => Self::Closed,
            SubmitError::Cancelled(_, cause) => Self::Cancelled(cause),
            SubmitError::Deadline(_) => Self::DeadlineInQueue,
        }
    }
}
