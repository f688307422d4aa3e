//! A task that is a child of a supervisor: an actor whose one work is a future.

use std::cell::RefCell;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use greenroom_core::context::CancelCauseHandle;
use greenroom_core::error::Cause;
use greenroom_core::{Context, ExitReason, Result, current};

use crate::actor::{Actor, ActorContext, Handler};
use crate::scope::{Outcome, guarded};

type Work = Pin<Box<dyn Future<Output = Result<()>>>>;
type Guarded = Pin<Box<dyn Future<Output = Outcome<Result<()>>>>>;

pub(super) struct Job {
    work: Option<Work>,
    spawned_at: &'static Location<'static>,
    running: Option<(Running, CancelCauseHandle)>,
}

impl Job {
    pub(super) fn new(work: Work, spawned_at: &'static Location<'static>) -> Self {
        Self {
            work: Some(work),
            spawned_at,
            running: None,
        }
    }
}

impl Actor for Job {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        let (context, cancel) = cx.context().with_cancel_cause();
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        let work = guarded(work, context.clone(), cx.id().clone(), self.spawned_at);
        let running = Running {
            work: Rc::new(RefCell::new(Some(Box::pin(work)))),
            context,
        };
        self.running = Some((running.clone(), cancel));
        cx.attach(running, Finished);
        Ok(())
    }

    /// Goes on until the time to shut down has passed: the waits of the work fail from now on.
    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        if let Some((running, cancel)) = &self.running {
            cancel.cancel(Cause::Shutdown);
            let _too_late = std::future::poll_fn(|cx| running.poll(cx)).await;
        }
    }
}

struct Finished(Outcome<Result<()>>);

impl Handler<Finished> for Job {
    type Reply = ();

    async fn handle(&mut self, Finished(outcome): Finished, cx: &mut ActorContext<Self>) {
        cx.end(match outcome {
            Outcome::Returned(Ok(())) => ExitReason::Normal,
            Outcome::Returned(Err(failure)) => ExitReason::Failed(failure),
            Outcome::Panicked(panic) => ExitReason::Panicked(panic),
            Outcome::Ended(error) => error.into(),
        });
    }
}

#[derive(Clone)]
struct Running {
    work: Rc<RefCell<Option<Guarded>>>,
    context: Context,
}

impl Running {
    /// Ready with the outcome, once; then, and if it was dropped, with nothing.
    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<Option<Outcome<Result<()>>>> {
        // Moved out: what is polled may reach the hub.
        let Some(mut work) = self.work.borrow_mut().take() else {
            return Poll::Ready(None);
        };
        let _entered = current::enter_context(self.context.clone());
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            *self.work.borrow_mut() = Some(work);
        }
        polled.map(Some)
    }
}

impl Stream for Running {
    type Item = Outcome<Result<()>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}
