//! The claim to the outcome of one job.

use std::fmt;

use greenroom_core::channel::{Receiver, RecvError};
use greenroom_core::error::ContextError;

use super::error::JobError;
use super::message::{Answer, Outcome};

/// Waits for the outcome of a job. Made by [`WorkerPool::submit`](super::WorkerPool::submit).
///
/// Dropping it leaves the job as it is: it is run, and its result dropped. To end a job, end the context
/// that it was submitted in.
#[must_use = "the job is run either way; use `let _ =` or `.detach()` to say that its outcome is not wanted"]
pub struct Ticket<O> {
    answers: Receiver<Answer<O>>,
}

impl<O: Send + 'static> Ticket<O> {
    pub(super) fn new(answers: Receiver<Answer<O>>) -> Self {
        Self { answers }
    }

    /// Waits until the job has ended, and takes its outcome.
    ///
    /// # Errors
    /// See [`JobError`]. After [`WaitEnded`](JobError::WaitEnded) it can be called again; after any other
    /// outcome it gives [`Taken`](JobError::Taken).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped wait takes nothing.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::worker_pool::{JobError, WorkerPool, pool};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let pool = WorkerPool::spawn(&scope, pool("parse"), |text: &'static str| async move {
    ///     Ok(text.parse::<u8>()?)
    /// }).await?;
    /// let (good, bad) = (pool.submit("7").await?, pool.submit("x").await?);
    /// assert_eq!(good.wait().await?, 7);
    /// assert!(matches!(bad.wait().await, Err(JobError::Failed(_))));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn wait(&self) -> Result<O, JobError> {
        loop {
            match self.answers.recv().await {
                Ok(Answer::Begun) => {}
                Ok(Answer::Ended(_, outcome)) => return outcome,
                // A job is answered before its sender goes.
                Err(RecvError::Closed) => return Err(JobError::Taken),
                Err(RecvError::Cancelled(cause)) => {
                    return Err(JobError::WaitEnded(ContextError::Cancelled(cause)));
                }
                Err(RecvError::Deadline) => {
                    let deadline = greenroom_core::error::Cause::Deadline;
                    return Err(JobError::WaitEnded(ContextError::Deadline(deadline)));
                }
            }
        }
    }

    /// Says that the outcome is not wanted. The job is run all the same.
    pub fn detach(self) {}

    /// Waits in the context that the job runs in, whose end is therefore the job's.
    pub(super) async fn wait_as_caller(self) -> Outcome<O> {
        let mut is_begun = false;
        let ended = loop {
            match self.answers.recv().await {
                Ok(Answer::Begun) => is_begun = true,
                Ok(Answer::Ended(_, outcome)) => return outcome,
                Err(RecvError::Closed) => return Err(JobError::Closed),
                Err(RecvError::Cancelled(cause)) => break ContextError::Cancelled(cause),
                Err(RecvError::Deadline) => {
                    break ContextError::Deadline(greenroom_core::error::Cause::Deadline);
                }
            }
        };
        while let Ok(answer) = self.answers.try_recv() {
            match answer {
                Answer::Begun => is_begun = true,
                Answer::Ended(_, outcome) => return outcome,
            }
        }
        Err(JobError::ended(ended, is_begun))
    }
}

impl<O> fmt::Debug for Ticket<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}
