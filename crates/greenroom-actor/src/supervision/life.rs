//! The life of an actor: its incarnations, from the first build to the end.
//!
//! # Invariants
//! 1. The mailbox outlives each incarnation: queued messages and addresses survive a failure, and the
//!    message in flight alone is lost, its asker told.
//! 2. User code (factory, hooks, handlers, streams, drops) runs inside a catch, and what it leaves is
//!    dropped outside any unwind.
//! 3. The end is told once, whatever ends the actor: registry, scope, watchers and queued askers.
//! 4. After [`BATCH`] messages in one turn the actor gives way to the others on its arbiter.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use greenroom_core::channel::{Receiver, RecvError};
use greenroom_core::context::Registration;
use greenroom_core::driver::{self, Driver, EventKind};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::registry::ActorState;
use greenroom_core::time::sleep_on;
use greenroom_core::{Context, ExitReason, Failure, Panic, Result, current, unwind};

use super::decide::{Action, Intensity, Restart, Strategy, decide};
use crate::actor::{Actor, ActorContext, Timers};
use crate::address::WeakAddress;
use crate::mailbox::{BoxedEnvelope, Signal};
use crate::reply::NoReply;
use crate::scope::{Child, OnDrop, Scope};
use crate::station::Station;

/// Messages that an actor handles in one turn.
const BATCH: usize = 64;

/// Builds an actor, again for each incarnation.
pub(super) type Factory<A> = Box<dyn FnMut() -> Result<A> + Send>;

/// Told once whether the first start went well.
pub(super) type Started = Box<dyn FnOnce(Result<(), ExitReason>) + Send>;

pub(super) struct Life<A: Actor> {
    pub(super) station: Arc<Station<A>>,
    pub(super) mailbox: Receiver<BoxedEnvelope<A>>,
    pub(super) factory: Factory<A>,
    pub(super) restart: Restart,
    pub(super) intensity: Intensity,
    pub(super) started: Option<Started>,
    pub(super) driver: Arc<dyn Driver>,
    pub(super) spawned_at: &'static Location<'static>,
}

/// Why an incarnation ended.
enum End {
    /// It was asked to, or has nobody left to serve.
    Orderly(ExitReason),
    /// It failed, or its context ended.
    Abnormal(ExitReason),
}

impl<A: Actor> Life<A> {
    /// Lives to the end, woken by the end of the actor's own context.
    pub(super) async fn live(self) {
        let context = self.station.context.clone();
        let mut life = pin!(self.live_unwatched());
        let mut registration = None;
        std::future::poll_fn(|cx| {
            // Whoever waits inside looks for the end itself.
            let _ended = Registration::update(&mut registration, &context, cx.waker());
            let _watch = current::enter_watch(cx.waker());
            life.as_mut().poll(cx)
        })
        .await;
    }

    async fn live_unwatched(mut self) {
        let told = self.tell_when_dropped();
        let mut restarted: Vec<Instant> = Vec::new();
        let mut next_timer = 0;
        let (reason, is_given_up) = loop {
            let end = self.incarnate(&mut next_timer).await;
            let reason = match end {
                End::Orderly(reason) => break (reason, false),
                End::Abnormal(reason) => reason,
            };
            // An end of the context is nobody's failure, and a restart would end at once.
            if self.station.context.err().is_some() {
                break (reason, false);
            }
            if let Some(started) = self.started.take() {
                // Never started: whoever spawned it gets the reason, and decides.
                started(Err(reason.clone()));
                break (reason, false);
            }
            let now = self.driver.now();
            let action = decide(
                Strategy::OneForOne,
                self.intensity,
                self.restart,
                &reason,
                &restarted,
                now,
            );
            match action {
                Action::Leave => break (reason, false),
                Action::GiveUp => break (reason, true),
                Action::Restart(_) => {
                    restarted
                        .retain(|at| now.saturating_duration_since(*at) <= self.intensity.period);
                    restarted.push(now);
                    self.station.set_state(ActorState::Restarting);
                    self.station.count_restart();
                    let id = || Some(self.station.info.id.clone());
                    driver::report(EventKind::Exit, id, "incarnation");
                    // One that fails at once must not keep the arbiter busy with its restarts.
                    give_way().await;
                }
            }
        };
        if is_given_up {
            let failure = match &reason {
                ExitReason::Failed(failure) => failure.clone(),
                ExitReason::Panicked(panic) => Failure::from(panic.clone()),
                other => Failure::message(format!("{} ended: {other}", self.station.info.id)),
            };
            self.station
                .scope
                .fail(self.station.info.id.clone(), failure);
        }
        told.disarm();
        self.tell(reason, is_given_up);
    }

    // Invariant 3: also when the arbiter goes away under the actor.
    fn tell_when_dropped(&self) -> OnDrop<impl FnOnce() + use<A>> {
        let station = self.station.clone();
        OnDrop::new(move || {
            let reason = match station.context.err() {
                Some(error) => error.into(),
                None => ExitReason::Cancelled(Cause::Shutdown),
            };
            tell_end(&station, reason);
        })
    }

    fn tell(mut self, reason: ExitReason, is_given_up: bool) {
        if let Some(started) = self.started.take() {
            started(Err(reason.clone()));
        }
        let why = if is_given_up {
            NoReply::Restarting
        } else {
            NoReply::Closed
        };
        close(&self.station);
        while let Ok(envelope) = self.mailbox.try_recv() {
            refuse(envelope, why.clone());
        }
        let station = self.station.clone();
        let dropped = unwind::drop_caught(self);
        if let Err(payload) = dropped {
            forget(payload);
        }
        tell_end(&station, reason);
    }

    /// Builds the actor and serves until it ends.
    async fn incarnate(&mut self, next_timer: &mut u64) -> End {
        let station = self.station.clone();
        let built = unwind::catch(|| (self.factory)());
        let mut actor = match built {
            Ok(Ok(actor)) => Apart::new(actor),
            Ok(Err(failure)) => return End::Abnormal(ExitReason::Failed(failure)),
            Err(payload) => return self.panicked(payload, "factory"),
        };
        let timers = Timers::new(
            station.info.id.clone(),
            self.driver.clone(),
            station.control.clone(),
            *next_timer,
        );
        let mut cx = Apart::new(ActorContext::new(
            WeakAddress::new(station.clone(), station.mailbox.clone()),
            Scope::from_inner(station.scope.clone()),
            station.context.clone(),
            timers,
        ));
        let end = self.serve(&mut actor, &mut cx).await;
        *next_timer = cx.timers.next_number();
        let is_whole = !matches!(end, End::Abnormal(ExitReason::Panicked(_)));
        let end = if is_whole {
            station.set_state(ActorState::Stopping);
            self.wind_up(&mut actor, &mut cx, end).await
        } else {
            end
        };
        let dropped = cx.take_apart().and(cx.drop());
        let end = self.or_panicked(dropped, "drop of the actor's context", end);
        self.or_panicked(actor.drop(), "drop of the state", end)
    }

    /// The hooks of an end that leaves the state whole.
    async fn wind_up(&self, actor: &mut A, cx: &mut ActorContext<A>, end: End) -> End {
        let rest = self
            .station
            .context
            .without_cancel()
            .with_timeout(self.station.shutdown);
        let hook = catching(Box::pin(rest.run(actor.stopping(cx)))).await;
        let end = self.or_panicked(hook.map(|_ended| ()), "stopping", end);
        let stopped = unwind::catch(|| actor.stopped());
        self.or_panicked(stopped, "stopped", end)
    }

    async fn serve(&mut self, actor: &mut A, cx: &mut ActorContext<A>) -> End {
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
                return End::Orderly(reason);
            }
            if handled == BATCH {
                handled = 0;
                give_way().await;
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
        let unanswered = envelope.unanswered();
        if let Some(unanswered) = &unanswered {
            unanswered.begin();
        }
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
        if let Some(unanswered) = unanswered {
            unanswered.end(match &end {
                Some(End::Abnormal(ExitReason::Panicked(panic))) => Some(panic),
                _ => None,
            });
        }
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

    fn panicked(&self, payload: Box<dyn std::any::Any + Send>, doing: &'static str) -> End {
        End::Abnormal(ExitReason::Panicked(Panic::new(
            payload,
            self.station.info.id.clone(),
            Some(doing),
            self.spawned_at,
        )))
    }

    fn or_panicked(&self, result: Dropped, doing: &'static str, end: End) -> End {
        match result {
            Ok(()) => end,
            Err(payload) => match end {
                // The first panic is the one that tells what went wrong.
                End::Abnormal(ExitReason::Panicked(_)) => {
                    forget(payload);
                    end
                }
                _ => self.panicked(payload, doing),
            },
        }
    }
}

/// A value of the user's that is dropped in a catch of its own, whatever ends the life: of two that
/// panic as they go, the second would end the process.
struct Apart<T>(Option<T>);

impl<T> Apart<T> {
    fn new(value: T) -> Self {
        Self(Some(value))
    }

    fn drop(mut self) -> Dropped {
        unwind::drop_caught(self.0.take())
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> DerefMut for Apart<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> Drop for Apart<T> {
    fn drop(&mut self) {
        if let Err(payload) = unwind::drop_caught(self.0.take()) {
            forget(payload);
        }
    }
}

impl<A: Actor> Drop for Life<A> {
    fn drop(&mut self) {
        close(&self.station);
        while let Ok(envelope) = self.mailbox.try_recv() {
            refuse(envelope, NoReply::Closed);
        }
    }
}

type Dropped = std::result::Result<(), Box<dyn std::any::Any + Send>>;

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

/// Closes a mailbox to new messages.
fn close<A: Actor>(station: &Station<A>) {
    if let Some(mailbox) = station.mailbox.upgrade() {
        mailbox.close();
    }
}

fn refuse<A: Actor>(envelope: BoxedEnvelope<A>, why: NoReply) {
    if let Err(payload) = unwind::catch(|| envelope.refuse(why)) {
        forget(payload);
    }
}

/// Lets the payload of a panic go that there is nobody to tell of.
pub(crate) fn forget(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = unwind::drop_caught(payload) {
        std::mem::forget(second);
    }
}

fn tell_end<A: Actor>(station: &Arc<Station<A>>, reason: ExitReason) {
    close(station);
    station.set_state(ActorState::Stopped);
    let core = station.scope.core.clone();
    core.registry().leave_actor(&station.info.id);
    driver::deliver(
        EventKind::Exit,
        || Some(station.info.id.clone()),
        "actor",
        {
            let station = station.clone();
            move || station.exit.set(reason)
        },
    );
    station.scope.remove_child(Child::id(&**station));
    station.scope.leave();
}

/// Lets the other tasks of the arbiter run, then goes on.
async fn give_way() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future of user code, with its panic, and that of its drop, as a value.
async fn catching<F: Future + Unpin>(
    future: F,
) -> std::result::Result<F::Output, Box<dyn std::any::Any + Send>> {
    let mut future = Some(future);
    let polled = std::future::poll_fn(|cx: &mut TaskContext<'_>| {
        let Some(running) = &mut future else {
            return Poll::Pending;
        };
        match unwind::catch(|| Pin::new(running).poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await;
    match unwind::drop_caught(future.take()) {
        Err(payload) if polled.is_ok() => Err(payload),
        _ => polled,
    }
}
