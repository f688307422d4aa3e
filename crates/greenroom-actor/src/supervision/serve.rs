//! One incarnation at work: what comes next, and the handler that runs.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{self, Poll, Waker};

use greenroom_core::channel::RecvError;
use greenroom_core::context::Registration;
use greenroom_core::cycle::Desk;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::error::ContextError;
use greenroom_core::registry::ActorState;
use greenroom_core::task::yield_now;
use greenroom_core::time::{After, after};
use greenroom_core::{Context, ExitReason, Id, Linked, Panic, Result, current, unwind};

use super::apart::{Apart, catching};
use super::life::{Again, End, Life, close};
use crate::actor::{Actor, ActorContext};
use crate::dead_letter::Undelivered;
use crate::mailbox::{BoxedEnvelope, Interrupt, Order, Spare, Tidings, Urgent};
use crate::reply::Begun;
use crate::station::Station;

/// Messages that an actor handles in one turn.
pub(super) const BATCH: usize = 64;

/// Where an actor's messages come from. They take turns, so that none starves the others.
#[derive(Clone, Copy)]
enum Lane {
    Timers,
    Streams,
    Mailbox,
}

impl Lane {
    /// The order in which the lanes are asked after a message of this one.
    fn next(self) -> [Self; 3] {
        match self {
            Self::Timers => [Self::Streams, Self::Mailbox, Self::Timers],
            Self::Streams => [Self::Mailbox, Self::Timers, Self::Streams],
            Self::Mailbox => [Self::Timers, Self::Streams, Self::Mailbox],
        }
    }
}

enum Next<A: Actor> {
    Order(Order),
    Timer(u64),
    Message(BoxedEnvelope<A>),
    Told(Tidings),
    /// A link ends the actor.
    Exit(Linked),
    Ended(ContextError),
    /// The last address is gone, or the mailbox was closed, and all was handled.
    Nobody,
    Panicked(Box<dyn std::any::Any + Send>),
}

enum Handled {
    Done,
    /// The message's context had ended when its handler returned.
    Late,
    /// The message's context ended before its handler did.
    Overdue,
    Ended(ContextError),
    Stopped,
    /// A link ends the actor.
    Exit(Linked),
    Panicked(Box<dyn std::any::Any + Send>),
}

impl From<Interrupt> for Handled {
    fn from(interrupt: Interrupt) -> Self {
        match interrupt {
            Interrupt::Exit(linked) => Self::Exit(linked),
            Interrupt::Stop => Self::Stopped,
        }
    }
}

/// Leaves the desk when the user code is dropped.
struct Leaving<'a>(&'a Desk);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A message in hand: its handler has begun. One that is dropped was cut.
struct Hand<'a, A: Actor> {
    station: &'a Station<A>,
    message_type: &'static str,
    // None when the outcome is known.
    begun: Option<Begun>,
    spare: Option<Box<dyn Spare<A>>>,
}

impl<A: Actor> Hand<'_, A> {
    /// The handler has returned.
    #[inline]
    fn handled(&mut self) {
        self.station.tally.handled.add();
        if let Some(begun) = self.begun.take() {
            begun.end(None);
        }
    }

    /// The handler has panicked. Returns the message if it is tried again.
    fn panicked(&mut self, panic: Panic, most: u32) -> Option<Again<A>> {
        let begun = self.begun.take()?;
        match self.spare.take() {
            Some(spare) if spare.may_repeat(most) => {
                begun.end_for_another_try();
                let envelope = spare.into_envelope();
                return Some(Again { envelope, panic });
            }
            Some(spare) => self.set_aside(begun, spare, panic),
            None => {
                let from = begun.asker();
                begun.end(Some(&panic));
                self.lose(Undelivered::Panicked(panic), from);
            }
        }
        None
    }

    fn set_aside(&self, begun: Begun, spare: Box<dyn Spare<A>>, panic: Panic) {
        let from = begun.asker();
        begun.end(Some(&panic));
        self.station.tally.set_aside.add();
        if !self.station.scope.core.letters().is_watched() {
            return unwind::drop_apart(spare, self.message_type);
        }
        let tries = spare.tried();
        let why = Undelivered::Poisoned { tries, panic };
        let message = spare.into_message();
        (self.station).post(self.message_type, why, from, Some(message));
    }

    #[cold]
    fn drop_what_is_left(&mut self) {
        if let Some(begun) = self.begun.take() {
            let from = begun.asker();
            drop(begun);
            self.lose(Undelivered::Cut, from);
        }
        if let Some(spare) = self.spare.take() {
            unwind::drop_apart(spare, self.message_type);
        }
    }

    fn lose(&self, why: Undelivered, from: Option<Id>) {
        self.station.tally.lost.add();
        if self.station.scope.core.letters().is_watched() {
            self.station.post(self.message_type, why, from, None);
        }
    }
}

impl<A: Actor> Drop for Hand<'_, A> {
    #[inline]
    fn drop(&mut self) {
        if self.begun.is_some() || self.spare.is_some() {
            self.drop_what_is_left();
        }
    }
}

impl<A: Actor> Life<A> {
    /// Starts the actor and serves until it ends.
    pub(super) async fn serve(&mut self, actor: &mut A, cx: &mut ActorContext<A>) -> End {
        let context = self.station.context.clone();
        self.at_work("started");
        let started = self.unless_stopped(self.at_desk(context.run(actor.started(cx))));
        match catching(Box::pin(started), "started").await {
            Err(payload) => return self.panicked(payload, "started"),
            Ok(Err(Interrupt::Stop)) => return End::Orderly(ExitReason::Normal),
            Ok(Err(Interrupt::Exit(linked))) => return End::Abnormal(ExitReason::Linked(linked)),
            Ok(Ok(Err(error))) => return End::Abnormal(error.into()),
            Ok(Ok(Ok(Err(failure)))) => {
                return match context.err() {
                    Some(error) => End::Abnormal(error.into()),
                    None => End::Abnormal(ExitReason::Failed(failure)),
                };
            }
            Ok(Ok(Ok(Ok(())))) => {}
        }
        self.station.work.end();
        self.station.set_state(ActorState::Running);
        self.has_run = true;
        if let Some(started) = self.started.take() {
            started(Ok(()));
        }
        self.station.tell_up(self.incarnation);
        let mut handled = 0;
        // Before all that is queued, but not before a stop.
        let mut again = match self.station.control.order() {
            Some(Order::Stop) => None,
            _ if cx.is_stopping => None,
            _ => self.again.take(),
        };
        // The mailbox first, so that each incarnation gets on with it.
        let mut last = Lane::Streams;
        loop {
            if cx.is_stopping {
                return match cx.reason.take() {
                    None => End::ByItself(ExitReason::Normal),
                    Some(reason) if reason.is_orderly() => End::ByItself(reason),
                    Some(reason) => End::Abnormal(reason),
                };
            }
            if handled == BATCH {
                handled = 0;
                yield_now().await;
            }
            let next = match again.take() {
                Some(again) => Next::Message(again.envelope),
                None => self.next(cx, &mut last).await,
            };
            let envelope = match next {
                Next::Message(envelope) => envelope,
                Next::Ended(error) => return End::Abnormal(error.into()),
                Next::Nobody if self.is_draining => return End::Orderly(ExitReason::Shutdown),
                Next::Nobody => return End::Orderly(ExitReason::Normal),
                Next::Panicked(payload) => return self.panicked(payload, "stream"),
                Next::Exit(linked) => return End::Abnormal(ExitReason::Linked(linked)),
                Next::Told(tidings) => match cx.hear(tidings) {
                    Some(envelope) => {
                        self.station.tally.own.add();
                        envelope
                    }
                    None => continue,
                },
                Next::Order(Order::Stop) => return End::Orderly(ExitReason::Normal),
                Next::Order(Order::Drain) => {
                    self.station.set_state(ActorState::Stopping);
                    close(&self.station);
                    self.is_draining = true;
                    cx.is_draining = true;
                    continue;
                }
                Next::Timer(number) => match unwind::catch(|| cx.timers.fired(number)) {
                    Ok(Some(envelope)) => {
                        self.station.tally.own.add();
                        envelope
                    }
                    Ok(None) => continue,
                    Err(payload) => return self.panicked(payload, "timer"),
                },
            };
            handled += 1;
            if let Some(end) = self.handle(actor, cx, envelope).await {
                return end;
            }
        }
    }

    /// Waits for what comes next: orders before messages, those of the lanes in turn.
    async fn next(&self, cx: &mut ActorContext<A>, last: &mut Lane) -> Next<A> {
        let station = &self.station;
        let mut message = pin!(self.mailbox.recv());
        std::future::poll_fn(|task| {
            // The whole life watches this context, see `live`.
            if let Some(error) = station.context.err() {
                return Poll::Ready(Next::Ended(error));
            }
            while let Poll::Ready(urgent) = station.control.poll_urgent(cx.bonds.taken, task) {
                return Poll::Ready(match urgent {
                    Urgent::Order(order) => Next::Order(order),
                    Urgent::Exit(linked) => Next::Exit(linked),
                    Urgent::Told(tidings) => Next::Told(tidings),
                    Urgent::Unset => {
                        // A message that was handed to this wait is in no queue: it goes first.
                        if let Poll::Ready(got) = message.as_mut().poll(task) {
                            cx.bonds.taken += 1;
                            *last = Lane::Mailbox;
                            return Poll::Ready(self.received(got));
                        }
                        // What the ended ones had sent is among these, or has been handled.
                        let there = self.mailbox.len() as u64;
                        station.control.set_turn(cx.bonds.taken + there);
                        continue;
                    }
                });
            }
            for lane in last.next() {
                let next = match lane {
                    Lane::Timers => station.control.poll_timer(task).map(Next::Timer),
                    Lane::Streams => self.poll_streams(cx, task),
                    Lane::Mailbox => message.as_mut().poll(task).map(|got| {
                        cx.bonds.taken += 1;
                        self.received(got)
                    }),
                };
                if next.is_ready() {
                    *last = lane;
                    return next;
                }
            }
            // All have had their turn. A stream that waits may be handed an item, and holds it: it must
            // not find that a drained mailbox comes first.
            *last = Lane::Mailbox;
            Poll::Pending
        })
        .await
    }

    fn poll_streams(
        &self,
        cx: &mut ActorContext<A>,
        task: &mut task::Context<'_>,
    ) -> Poll<Next<A>> {
        match unwind::catch(|| cx.sources.poll(task)) {
            Ok(polled) => polled.map(|envelope| {
                let id = || Some(self.station.info.id.clone());
                driver::report(EventKind::Message, id, envelope.message_type());
                self.station.tally.own.add();
                Next::Message(envelope)
            }),
            Err(payload) => Poll::Ready(Next::Panicked(payload)),
        }
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
        let (station, tally) = (&*self.station, &self.station.tally);
        let terms = envelope.terms();
        let context = terms.context;
        if terms.is_asker_gone {
            tally.abandoned.add();
            station.bury(envelope, Undelivered::Abandoned, None);
            return None;
        }
        match context.err() {
            None => {}
            Some(ContextError::Deadline(_)) => {
                tally.expired.add();
                station.bury(envelope, Undelivered::Expired, None);
                return None;
            }
            Some(ContextError::Cancelled(_)) => {
                tally.abandoned.add();
                station.bury(envelope, Undelivered::Cancelled, None);
                return None;
            }
        }
        let Some(begun) = Begun::new(terms.unanswered, terms.holds_reply) else {
            tally.abandoned.add();
            station.bury(envelope, Undelivered::Abandoned, None);
            return None;
        };
        let mut hand = Hand {
            station,
            message_type: terms.message_type,
            begun: Some(begun),
            spare: None,
        };
        cx.message = Some(context.clone());
        station.work.begin(&self.names, terms.message_type);
        let make = || {
            if terms.may_repeat {
                hand.spare = envelope.spare();
            }
            envelope.handle(actor, cx)
        };
        let outcome = match unwind::catch(make) {
            Ok(handler) => (self.run_handler(handler, &context, terms.message_type)).await,
            Err(payload) => Handled::Panicked(payload),
        };
        cx.message = None;
        station.work.end();
        match outcome {
            Handled::Done => {
                hand.handled();
                None
            }
            Handled::Late => {
                if station.context.err().is_some() {
                    station.scope.note_cut();
                }
                hand.handled();
                None
            }
            Handled::Overdue => {
                if station.context.err().is_some() {
                    station.scope.note_cut();
                }
                None
            }
            Handled::Ended(error) => {
                station.scope.note_cut();
                Some(End::Abnormal(error.into()))
            }
            Handled::Stopped => Some(End::Orderly(ExitReason::Normal)),
            Handled::Exit(linked) => Some(End::Abnormal(ExitReason::Linked(linked))),
            Handled::Panicked(payload) => {
                let panic = self.panic(payload, hand.message_type);
                let again = hand.panicked(panic.clone(), self.most_tries());
                self.again.set(again);
                Some(End::Abnormal(ExitReason::Panicked(panic)))
            }
        }
    }

    /// How often a message may be tried so that it does not get the actor given up by itself. What a
    /// supervisor allows is not known here.
    fn most_tries(&self) -> u32 {
        match self.station.leash {
            Some(_) => u32::MAX,
            None => u32::try_from(self.intensity.restarts).unwrap_or(u32::MAX),
        }
    }

    async fn run_handler(
        &self,
        handler: Pin<Box<dyn Future<Output = ()> + '_>>,
        context: &Context,
        message_type: &'static str,
    ) -> Handled {
        let station = &self.station;
        let mut handler = Apart::new(handler, message_type);
        let (mut message_ended, mut patience) = (None, None);
        let mut is_first = true;
        let outcome = std::future::poll_fn(|cx| {
            let actor_end = station.context.err();
            // Most handlers return at once: only one that waits is worth a registration. The first poll
            // may say that there is one all the same, since that follows before anybody else runs.
            let message_end = if is_first {
                None
            } else {
                Registration::update(&mut message_ended, context, cx.waker()).err()
            };
            let poll = |waker: &Waker| {
                let _entered = current::enter_watched_context(context.clone(), waker);
                unwind::catch(|| handler.as_mut().poll(&mut task::Context::from_waker(waker)))
            };
            let is_pending = |polled: &Result<Poll<()>, _>| matches!(polled, Ok(Poll::Pending));
            let polled = self.desk.poll(cx.waker(), is_first, poll, is_pending);
            match polled {
                Err(payload) => return Poll::Ready(Handled::Panicked(payload)),
                Ok(Poll::Ready(())) if message_end.is_some() => {
                    return Poll::Ready(Handled::Late);
                }
                Ok(Poll::Ready(())) => return Poll::Ready(Handled::Done),
                Ok(Poll::Pending) => {}
            }
            if std::mem::take(&mut is_first) {
                station.work.timed(self.driver.now());
                if Registration::update(&mut message_ended, context, cx.waker()).is_err() {
                    // It ended during the poll: once more, so that a wait in the handler can say so.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            let is_shielded = station.info.is_shielded();
            if let Some(error) = actor_end.filter(|_| !is_shielded) {
                return Poll::Ready(Handled::Ended(error));
            }
            if message_end.is_some() && !is_shielded {
                return Poll::Ready(Handled::Overdue);
            }
            self.poll_interrupted(&mut patience, !is_shielded, cx)
                .map(Handled::from)
        })
        .await;
        self.desk.leave();
        match (outcome, handler.drop()) {
            (Handled::Panicked(first), Err(second)) => {
                current::tell_stray(second, message_type);
                Handled::Panicked(first)
            }
            (_, Err(payload)) => Handled::Panicked(payload),
            (outcome, Ok(())) => outcome,
        }
    }

    /// Runs user code that waits in the actor's own context, or in one that it makes current itself.
    pub(super) async fn at_desk<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let _leaving = Leaving(&self.desk);
        std::future::poll_fn(|cx| {
            let poll = |waker: &Waker| {
                let _watch = current::enter_watch(waker);
                future.as_mut().poll(&mut task::Context::from_waker(waker))
            };
            self.desk.poll(cx.waker(), false, poll, Poll::is_pending)
        })
        .await
    }

    /// Runs a future to its end, unless a link ends the actor, or a stop has come and the time to shut down
    /// has passed.
    async fn unless_stopped<F: Future>(&self, future: F) -> Result<F::Output, Interrupt> {
        let mut future = pin!(future);
        let mut patience = None;
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => {
                let takes_exit = !self.station.info.is_shielded();
                self.poll_interrupted(&mut patience, takes_exit, cx)
                    .map(Err)
            }
        })
        .await
    }

    /// Ready when a link ends the actor, which is taken, or when the time to shut down has passed since a
    /// stop was seen, which is left there.
    ///
    /// A plain timer: a sleep in a context without cancel would shield what is to be dropped.
    fn poll_interrupted(
        &self,
        patience: &mut Option<After>,
        takes_exit: bool,
        cx: &mut task::Context<'_>,
    ) -> Poll<Interrupt> {
        match self.station.control.poll_interrupt(takes_exit, cx) {
            Poll::Ready(Interrupt::Stop) => {
                let patience = patience.get_or_insert_with(|| after(self.station.shutdown));
                Pin::new(patience).poll(cx).map(|_at| Interrupt::Stop)
            }
            polled => polled,
        }
    }
}
