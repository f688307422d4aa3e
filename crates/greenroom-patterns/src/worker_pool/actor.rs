//! A worker.

use std::convert::Infallible;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_core::Stream;
use greenroom_actor::{Actor, ActorContext, Handler};
use greenroom_core::channel::{Receiver, ReceiverStream, Sender};
use greenroom_core::{Id, Panic, Result};

use super::error::JobError;
use super::message::{Outcome, Queued, Retire, Work};
use super::retry::Retries;
use crate::caught::caught;

/// Takes jobs one by one until there are no more, or it is let go.
pub(super) struct Worker<J, O, R, F> {
    pub(super) jobs: Receiver<Queued<J, O>>,
    pub(super) recipe: Arc<Recipe<R, F>>,
    pub(super) is_retired: bool,
    /// Channels that close when the last worker has gone.
    pub(super) _badge: (Sender<Infallible>, Sender<Infallible>),
}

/// How a job is done.
pub(super) struct Recipe<R, F> {
    pub(super) f: F,
    pub(super) retry: R,
    pub(super) deadline: Option<Duration>,
    pub(super) spawned_at: &'static Location<'static>,
}

/// Tells that a job panicked, and has been answered.
struct Broken;

impl<J, O, R, F, Fut> Worker<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    /// Runs a job to its end, and answers it.
    async fn run(&self, queued: Queued<J, O>, own: &Id) -> Result<(), Broken> {
        let Queued { job, mut reply } = queued;
        if reply.is_unwanted() || reply.context().is_done() {
            return Ok(());
        }
        reply.begin();
        let submitted_in = reply.context().clone();
        let context = match self.recipe.deadline {
            Some(deadline) => submitted_in.with_timeout(deadline),
            None => submitted_in.clone(),
        };
        // The closure is called inside, so that its own panic is the job's as well.
        let recipe = self.recipe.clone();
        let run = context.run(async move { recipe.retry.run(&recipe.f, job).await });
        let outcome: Outcome<O> = match caught(Box::pin(run)).await {
            Ok(Ok(Ok(output))) => Ok(output),
            // An error that follows from the end of the context is that end.
            Ok(Ok(Err(failure))) => match (submitted_in.err(), context.err()) {
                (Some(ended), _) => Err(JobError::ended(ended, true)),
                (None, Some(_)) => Err(JobError::JobDeadline),
                (None, None) => Err(JobError::Failed(failure)),
            },
            Ok(Err(_ended)) => Err(match submitted_in.err() {
                Some(ended) => JobError::ended(ended, true),
                None => JobError::JobDeadline,
            }),
            Err(payload) => {
                let spawned_at = self.recipe.spawned_at;
                let panic = Panic::new(payload, own.clone(), Some("job"), spawned_at);
                reply.end(Err(JobError::Panicked(panic)));
                return Err(Broken);
            }
        };
        reply.end(outcome);
        Ok(())
    }
}

impl<J, O, R, F, Fut> Actor for Worker<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.attach(Jobs(Some(self.jobs.clone().stream())), |work| work);
        Ok(())
    }

    /// At the end of the scope runs what is queued: an actor that drains handles its mailbox, not the
    /// streams that are attached to it.
    async fn stopping(&mut self, cx: &mut ActorContext<Self>) {
        let own = cx.context().clone();
        let drain = async {
            while let Ok(queued) = self.jobs.try_recv() {
                // Answered is enough: this incarnation is the last one.
                let _answered = self.run(queued, cx.id()).await;
            }
        };
        // A hook outlives a cancel, and jobs do not.
        if !own.is_done() && !self.is_retired {
            let _cancelled = own.run(drain).await;
        }
    }
}

impl<J, O, R, F, Fut> Handler<Work<J, O>> for Worker<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    type Reply = ();

    async fn handle(&mut self, work: Work<J, O>, cx: &mut ActorContext<Self>) {
        match work {
            Work::Run(queued) => {
                if let Err(Broken) = self.run(queued, cx.id()).await {
                    // Invariant 3: what else the panic broke goes with this incarnation.
                    std::panic::resume_unwind(Box::new("a job panicked; its outcome tells"));
                }
            }
            // Not `cx.stop()`, after which its supervisor would want it again.
            Work::End => cx.weak_address().stop(),
        }
    }
}

impl<J, O, R, F, Fut> Handler<Retire> for Worker<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    type Reply = ();

    async fn handle(&mut self, Retire(notice): Retire, cx: &mut ActorContext<Self>) {
        if notice.try_recv().is_ok() {
            self.is_retired = true;
            // Not `cx.stop()`, after which its supervisor would want it again.
            cx.weak_address().stop();
        }
    }
}

/// The jobs of a queue, and after them the news that there are no more.
struct Jobs<J, O>(Option<ReceiverStream<Queued<J, O>>>);

impl<J, O> Stream for Jobs<J, O> {
    type Item = Work<J, O>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Work<J, O>>> {
        let this = self.get_mut();
        let Some(jobs) = &mut this.0 else {
            return Poll::Ready(None);
        };
        Pin::new(jobs).poll_next(cx).map(|job| {
            Some(match job {
                Some(queued) => Work::Run(queued),
                None => {
                    this.0 = None;
                    Work::End
                }
            })
        })
    }
}
