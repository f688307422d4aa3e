//! One incarnation at work: what comes next, and the handler that runs.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use greenroom_core::channel::RecvError;
use greenroom_core::context::Registration;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::error::ContextError;
use greenroom_core::registry::ActorState;
use greenroom_core::task::yield_now;
use greenroom_core::time::sleep_on;
use greenroom_core::{Context, ExitReason, Result, current, unwind};

use super::apart::{catching, forget};
use super::life::{End, Life, close, refuse};
use crate::actor::{Actor, ActorContext};
use crate::mailbox::{BoxedEnvelope, Signal};
use crate::reply::{Begun, NoReply};

/// Messages that an actor handles in one turn.
pub(super) const BATCH: usize = 64;

enum Next<A: Actor> {
    Signal(Signal),
    Message(BoxedEnvelope<A>),
    Ended(ContextError),
    /// The last address is gone, or the mailbox was closed, and all was handled.
    Nobody,
    Panicked(Box<dyn std::any::Any + Send>),
}

enum Handled {
    Done,
    Ended(ContextError),
    Stopped,
    Panicked(Box<dyn std::any::Any + Send>),
}

impl<A: Actor> Life<A> {
    /// Starts the actor and serves until it ends.
    pub(super) async fn serve(&mut self, actor: &mut A, cx: &mut ActorContext<A>) -> End {
        let context = self.station.context.clone();
        match catching(Box::pin(context.run(actor.started(cx)))).await {
            Err(payload) => return self.panicked(payload, "started"),
            Ok(Err(error)) => return End::Abnormal(error.into()),
            Ok(Ok(Err(failure))) => {
                return match context.err() {
                    Some(error) => End::Abnormal(error.into()),
                    None => End::Abnormal(ExitReason::Failed(failure)),
                };
            }
            Ok(Ok(Ok(()))) => {}
        }
        self.station.set_state(ActorState::Running);
        if let Some(started) = self.started.take() {
            started(Ok(()));
        }
        let mut reason = ExitReason::Normal;
        let mut handled = 0;
        loop {
            if cx.is_stopping {
                return End::ByItself;
            }
            if handled == BATCH {
                handled = 0;
                yield_now().await;
            }
            let envelope = match self.next(cx).await {
                Next::Message(envelope) => envelope,
                Next::Ended(error) => return End::Abnormal(error.into()),
                Next::Nobody => return End::Orderly(reason),
                Next::Panicked(payload) => return self.panicked(payload, "stream"),
                Next::Signal(Signal::Stop) => return End::Orderly(ExitReason::Normal),
                Next::Signal(Signal::Drain) => {
                    self.station.set_state(ActorState::Stopping);
                    close(&self.station);
                    reason = ExitReason::Shutdown;
                    continue;
                }
                Next::Signal(Signal::Timer(number)) => {
                    match unwind::catch(|| cx.timers.fired(number)) {
                        Ok(Some(envelope)) => envelope,
                        Ok(None) => continue,
                        Err(payload) => return self.panicked(payload, "timer"),
                    }
                }
            };
            handled += 1;
            if let Some(end) = self.handle(actor, cx, envelope).await {
                return end;
            }
        }
    }

    /// Waits for what comes next: signals before messages, streams and mailbox in turn.
    async fn next(&self, cx: &mut ActorContext<A>) -> Next<A> {
        let station = &self.station;
        let mut message = pin!(self.mailbox.recv());
        let mailbox_first = cx.sources.give_way();
        std::future::poll_fn(|task| {
            // The whole life watches this context, see `live`.
            if let Some(error) = station.context.err() {
                return Poll::Ready(Next::Ended(error));
            }
            if let Poll::Ready(signal) = station.control.poll(task) {
                return Poll::Ready(Next::Signal(signal));
            }
            if mailbox_first && let Poll::Ready(received) = message.as_mut().poll(task) {
                return Poll::Ready(self.received(received));
            }
            match unwind::catch(|| cx.sources.poll(task)) {
                Ok(Poll::Ready(envelope)) => {
                    let id = || Some(station.info.id.clone());
                    driver::report(EventKind::Message, id, envelope.message_type());
                    return Poll::Ready(Next::Message(envelope));
                }
                Ok(Poll::Pending) => {}
                Err(payload) => return Poll::Ready(Next::Panicked(payload)),
            }
            message
                .as_mut()
                .poll(task)
                .map(|received| self.received(received))
        })
        .await
    }

    fn received(&self, received: Result<BoxedEnvelope<A>, RecvError>) -> Next<A> {
        match received {
            Ok(envelope) => Next::Message(envelope),
            Err(_closed) => match self.station.context.err() {
                Some(error) => Next::Ended(error),
                None => Next::Nobody,
            },
        }
    }

    /// Runs one handler to its end, and returns how the actor ends with it, if it does.
    async fn handle(
        &self,
        actor: &mut A,
        cx: &mut ActorContext<A>,
        envelope: BoxedEnvelope<A>,
    ) -> Option<End> {
        let context = envelope.context().clone();
        if envelope.is_asker_gone() {
            return self.drop_message(envelope);
        }
        if let Some(error) = context.err() {
            refuse(
                envelope,
                match error {
                    ContextError::Deadline(_) => NoReply::Expired,
                    ContextError::Cancelled(_) => NoReply::Closed,
                },
            );
            return None;
        }
        let message_type = envelope.message_type();
        let begun = Begun::new(envelope.unanswered());
        cx.message = Some(context.clone());
        let outcome = match unwind::catch(|| envelope.handle(actor, cx)) {
            Ok(handler) => self.run_handler(handler, &context).await,
            Err(payload) => Handled::Panicked(payload),
        };
        cx.message = None;
        let end = match outcome {
            Handled::Done => None,
            Handled::Ended(error) => Some(End::Abnormal(error.into())),
            Handled::Stopped => Some(End::Orderly(ExitReason::Normal)),
            Handled::Panicked(payload) => Some(self.panicked(payload, message_type)),
        };
        begun.end(match &end {
            Some(End::Abnormal(ExitReason::Panicked(panic))) => Some(panic),
            _ => None,
        });
        end
    }

    async fn run_handler(
        &self,
        handler: Pin<Box<dyn Future<Output = ()> + '_>>,
        context: &Context,
    ) -> Handled {
        let station = &self.station;
        let mut handler = Some(handler);
        let (mut message_ended, mut patience) = (None, None);
        let mut is_first = true;
        let outcome = std::future::poll_fn(|cx| {
            let Some(running) = &mut handler else {
                return Poll::Pending;
            };
            let actor_end = station.context.err();
            // Most handlers return at once: only one that waits is worth a registration.
            let message_end = if is_first {
                None
            } else {
                Registration::update(&mut message_ended, context, cx.waker()).err()
            };
            let polled = {
                let _entered = current::enter_context(context.clone());
                let _watch = (!is_first).then(|| current::enter_watch(cx.waker()));
                unwind::catch(|| running.as_mut().poll(cx))
            };
            match polled {
                Err(payload) => return Poll::Ready(Handled::Panicked(payload)),
                Ok(Poll::Ready(())) => return Poll::Ready(Handled::Done),
                Ok(Poll::Pending) => {}
            }
            if std::mem::take(&mut is_first)
                && Registration::update(&mut message_ended, context, cx.waker()).is_err()
            {
                // It ended during the poll: once more, so that a wait in the handler can say so.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let is_shielded = station.info.is_shielded();
            if let Some(error) = actor_end.filter(|_| !is_shielded) {
                return Poll::Ready(Handled::Ended(error));
            }
            if message_end.is_some() && !is_shielded {
                return Poll::Ready(Handled::Done);
            }
            if patience.is_none() && station.control.poll_stop(cx).is_ready() {
                let detached = station.context.without_cancel();
                let shutdown = station.shutdown;
                patience = Some(Box::pin(async move { sleep_on(&detached, shutdown).await }));
            }
            match &mut patience {
                Some(patience) => patience.as_mut().poll(cx).map(|_slept| Handled::Stopped),
                None => Poll::Pending,
            }
        })
        .await;
        match (outcome, unwind::drop_caught(handler.take())) {
            (Handled::Panicked(first), Err(second)) => {
                forget(second);
                Handled::Panicked(first)
            }
            (_, Err(payload)) => Handled::Panicked(payload),
            (outcome, Ok(())) => outcome,
        }
    }

    fn drop_message(&self, envelope: BoxedEnvelope<A>) -> Option<End> {
        if let Err(payload) = unwind::drop_caught(envelope) {
            forget(payload);
        }
        None
    }
}
