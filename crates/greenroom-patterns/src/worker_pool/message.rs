//! A job on its way to a worker, and its outcome on the way back; and what the foreman says.

use greenroom_core::Context;
use greenroom_core::channel::{Receiver, Sender};

use super::error::JobError;

pub(super) type Outcome<O> = Result<O, JobError>;

/// What a worker handles.
pub(super) enum Work<J, O> {
    /// Run a job.
    Run(Queued<J, O>),
    /// There are no more jobs.
    End,
}

/// Ends the worker that handles it, if it takes what is in the channel.
pub(super) struct Retire(pub(super) Receiver<()>);

/// Asks for so many workers.
pub(super) struct Resize(pub(super) usize);

/// Tells that the last worker has gone.
pub(super) struct Gone;

/// A job in the queue.
pub(super) struct Queued<J, O> {
    pub(super) job: J,
    /// Where the outcome goes, and the context that the job runs in.
    pub(super) reply: Reply<O>,
}

/// What whoever waits for a job is sent.
pub(super) enum Answer<O> {
    /// A worker has it.
    Begun,
    /// It has ended, as the job of this number of its batch.
    Ended(u64, Outcome<O>),
}

/// Who waits for a job.
#[derive(Clone, Copy)]
pub(super) enum Waiter {
    /// A ticket. The job is run even if that was dropped.
    Ticket,
    /// A call that does nothing else. Without it the job need not begin.
    Caller,
    /// A batch, for its job of this number. Without it the job need not begin.
    Batch(u64),
}

/// Answers once. Dropped without an answer, it tells why there is none. Invariant 1.
pub(super) struct Reply<O> {
    to: Option<Sender<Answer<O>>>,
    waiter: Waiter,
    context: Context,
    is_begun: bool,
}

impl<O> Reply<O> {
    pub(super) fn new(to: Sender<Answer<O>>, waiter: Waiter, context: Context) -> Self {
        Self {
            to: Some(to),
            waiter,
            context,
            is_begun: false,
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Returns whether the job may be left out, since nobody would learn of it.
    pub(super) fn is_unwanted(&self) -> bool {
        let is_left = self.to.as_ref().is_none_or(Sender::is_closed);
        is_left && !matches!(self.waiter, Waiter::Ticket)
    }

    /// Says that the job begins.
    pub(super) fn begin(&mut self) {
        self.is_begun = true;
        if let (Some(to), Waiter::Ticket | Waiter::Caller) = (&self.to, self.waiter) {
            // Without a bound: it is refused only if nobody waits any more.
            let _nobody = to.try_send(Answer::Begun);
        }
    }

    pub(super) fn end(mut self, outcome: Outcome<O>) {
        self.answer(outcome);
    }

    fn answer(&mut self, outcome: Outcome<O>) {
        let number = match self.waiter {
            Waiter::Batch(number) => number,
            Waiter::Ticket | Waiter::Caller => 0,
        };
        if let Some(to) = self.to.take() {
            let _nobody = to.try_send(Answer::Ended(number, outcome));
        }
    }
}

impl<O> Drop for Reply<O> {
    fn drop(&mut self) {
        if self.to.is_some() {
            let why = match self.context.err() {
                Some(ended) => JobError::ended(ended, self.is_begun),
                None => JobError::Closed,
            };
            self.answer(Err(why));
        }
    }
}
