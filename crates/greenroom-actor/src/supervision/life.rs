//! The life of an actor: its incarnations, from the first build to the end.
//!
//! # Invariants
//! 1. The mailbox outlives each incarnation: queued messages and addresses survive a failure, and the
//!    message in flight alone is lost, its asker told, unless its sender lets it be tried again: then the
//!    next incarnation has it first.
//! 2. User code (factory, hooks, handlers, streams, drops) runs inside a catch, and what it leaves is
//!    dropped outside any unwind.
//! 3. The end is told once, whatever ends the actor: registry, scope, watchers and queued askers.
//! 4. Each message that the actor takes up is counted once, when its outcome is known, and by the actor
//!    alone. What has no outcome when the life is dropped gets one there.
//! 5. After [`BATCH`](super::serve::BATCH) messages in one turn the actor gives way to the others on its arbiter.

use std::cell::Cell;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use greenroom_core::channel::Receiver;
use greenroom_core::context::Registration;
use greenroom_core::cycle::Desk;
use greenroom_core::driver::{self, Driver, EventKind};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::registry::ActorState;
use greenroom_core::task::{LocalFuture, WaitKind, yield_now};
use greenroom_core::wait::Wait;
use greenroom_core::{ExitReason, Failure, Panic, Result, current, unwind};

use super::apart::{Apart, Dropped, catching};
use super::decide::{Action, Intensity, Member, Policy, Restart, Standing, decide};
use super::leash::Go;
use crate::actor::{Actor, ActorContext, Timers};
use crate::address::WeakAddress;
use crate::dead_letter::Undelivered;
use crate::mailbox::{BoxedEnvelope, Order};
use crate::reply::NoReply;
use crate::scope::{Child, Scope};
use crate::station::Station;
use crate::work::Names;

/// Builds an actor, again for each incarnation.
pub(super) type Factory<A> = Box<dyn FnMut() -> Result<A> + Send>;

/// Told once whether the first start went well.
pub(super) type Started = Box<dyn FnOnce(Result<(), ExitReason>) + Send>;

/// What is left to do when a supervisor has ended for good: for its children.
pub(super) type Epilogue = Box<dyn FnOnce(NoReply) -> LocalFuture + Send>;

pub(super) struct Life<A: Actor> {
    pub(super) station: Arc<Station<A>>,
    /// Where its user code is polled, so that a circle of waits is seen.
    pub(super) desk: Arc<Desk>,
    pub(super) mailbox: Receiver<BoxedEnvelope<A>>,
    pub(super) factory: Apart<Factory<A>>,
    pub(super) restart: Restart,
    pub(super) intensity: Intensity,
    pub(super) started: Option<Started>,
    pub(super) epilogue: Option<Epilogue>,
    /// The number of the present incarnation, under a supervisor.
    pub(super) incarnation: u64,
    /// Whether the present incarnation has started well.
    pub(super) has_run: bool,
    /// Whether it takes no new messages, and is to end after those that it has.
    pub(super) is_draining: bool,
    /// Whether an incarnation has ended in an orderly way: no other is wanted.
    pub(super) is_over: bool,
    /// Whether the end has been told.
    pub(super) is_told: bool,
    /// The message that the next incarnation is to try first.
    pub(super) again: Cell<Option<Again<A>>>,
    pub(super) driver: Arc<dyn Driver>,
    /// What it has said to be busy with so far.
    pub(super) names: Names,
    pub(super) spawned_at: &'static Location<'static>,
}

/// A message whose handler has panicked, and that panic.
pub(super) struct Again<A: Actor> {
    pub(super) envelope: BoxedEnvelope<A>,
    pub(super) panic: Panic,
}

/// Why an incarnation ended.
pub(super) enum End {
    /// It was asked to, or has nobody left to serve: it is not wanted any more.
    Orderly(ExitReason),
    /// It stopped itself; a permanent one is wanted again.
    ByItself(ExitReason),
    /// It failed, or its context ended.
    Abnormal(ExitReason),
}

impl<A: Actor> Life<A> {
    /// Lives to the end, woken by the end of the actor's own context.
    pub(super) async fn live(self) {
        let context = self.station.context.clone();
        let desk = self.desk.clone();
        let mut life = pin!(async move {
            if self.station.leash.is_some() {
                self.live_on_leash().await;
            } else {
                self.live_unwatched().await;
            }
        });
        let mut registration = None;
        std::future::poll_fn(|cx| {
            // Whoever waits inside looks for the end itself.
            let _ended = Registration::update(&mut registration, &context, cx.waker());
            let _watch = current::enter_watch(cx.waker());
            desk.enter(cx.waker());
            life.as_mut().poll(cx)
        })
        .await;
    }

    async fn live_unwatched(mut self) {
        let mut restarted: Vec<Instant> = Vec::new();
        let mut next_timer = 0;
        let (reason, is_given_up) = loop {
            let end = self.incarnate(&mut next_timer).await;
            let reason = match end {
                End::Orderly(reason) => break (reason, false),
                End::ByItself(reason) => reason,
                End::Abnormal(reason) => reason,
            };
            // An end of the context is nobody's failure, and a restart would end at once.
            if self.station.context.err().is_some() {
                break (reason, false);
            }
            if self.started.is_some() {
                // Never started: whoever spawned it gets the reason, and decides.
                break (reason, false);
            }
            let now = self.driver.now();
            match self.decide(&reason, &restarted, now) {
                Action::Leave | Action::Forget | Action::ShutDown => break (reason, false),
                Action::GiveUp => break (reason, true),
                // Given up if its end is what failed, or if messages are left that nobody will handle.
                Action::Restart(_) if !self.is_wanted() => {
                    let is_left = self.is_draining() && self.has_messages();
                    break (reason, self.is_over || is_left);
                }
                Action::Restart(_) => {
                    restarted.retain(|at| self.intensity.counts(*at, now));
                    restarted.push(now);
                    self.station.set_state(ActorState::Restarting);
                    self.station.tell_incarnation_end(&reason);
                    self.station.count_restart();
                    let id = || Some(self.station.info.id.clone());
                    driver::report(EventKind::Exit, id, "incarnation");
                    // One that fails at once must not keep the arbiter busy with its restarts.
                    yield_now().await;
                }
            }
        };
        // A supervisor that fails has given its children up, whatever that does above it.
        let fails = is_given_up || (self.epilogue.is_some() && !reason.is_orderly());
        let why = if fails && !self.is_over && self.station.context.err().is_none() {
            NoReply::Restarting
        } else {
            NoReply::Closed
        };
        self.wait_epilogue(&why).await;
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
        self.tell(reason, why);
    }

    /// Decides about an actor that has no supervisor but its scope.
    fn decide(&self, reason: &ExitReason, restarted: &[Instant], now: Instant) -> Action {
        let policy = Policy {
            intensity: self.intensity,
            ..Policy::default()
        };
        let only = Member {
            restart: self.restart,
            is_significant: false,
            standing: Standing::Ended,
        };
        decide(&policy, &[only], 0, reason, restarted, now)
    }

    /// Lives as a supervisor wants it: it decides between two incarnations.
    async fn live_on_leash(mut self) {
        let mut next_timer = 0;
        let mut last = ExitReason::Shutdown;
        let (reason, why) = loop {
            match self.wait_go().await {
                Ok(Go::Begin(incarnation)) => {
                    self.incarnation = incarnation;
                    self.station.control.begin(incarnation);
                    if incarnation > 1 {
                        self.station.count_restart();
                    }
                }
                Ok(Go::Retire(reason, why)) => break (reason.unwrap_or(last), why),
                Err(error) => break (error.into(), NoReply::Closed),
            }
            let end = self.incarnate(&mut next_timer).await;
            let reason = match end {
                End::Orderly(reason) | End::ByItself(reason) | End::Abnormal(reason) => reason,
            };
            if self.station.context.err().is_some() {
                break (reason, NoReply::Closed);
            }
            self.station.set_state(ActorState::Restarting);
            last = reason.clone();
            self.station.tell_incarnation_end(&reason);
            self.station
                .tell_down(self.incarnation, reason, self.has_run);
            // One that fails at once must not keep the arbiter busy with its restarts.
            yield_now().await;
        };
        self.wait_epilogue(&why).await;
        self.tell(reason, why);
    }

    async fn wait_go(&self) -> Result<Go, ContextError> {
        let mut wait = Wait::new(WaitKind::Join);
        std::future::poll_fn(|cx| {
            // The whole life watches this context, see `live`.
            if let Some(error) = self.station.context.err() {
                return Poll::Ready(Err(error));
            }
            let polled = match &self.station.leash {
                Some(leash) => leash.poll_go(cx),
                None => unreachable!("it lives on a leash"),
            };
            if polled.is_pending() {
                wait.tell(|| self.station.info.id.parent().cloned());
            }
            polled.map(Ok)
        })
        .await
    }

    async fn wait_epilogue(&mut self, why: &NoReply) {
        if let Some(epilogue) = self.epilogue.take() {
            epilogue(why.clone()).await;
        }
    }

    /// Returns whether another incarnation is: not of an actor that was told to stop, or has ended. One
    /// that drains goes on with what it has, as long as it starts: each incarnation handles a message,
    /// or is the last.
    fn is_wanted(&self) -> bool {
        if self.is_over || self.station.control.order() == Some(Order::Stop) {
            return false;
        }
        self.has_run || !self.is_draining()
    }

    fn is_draining(&self) -> bool {
        self.is_draining || self.station.control.order() == Some(Order::Drain)
    }

    fn has_messages(&self) -> bool {
        let again = self.again.take();
        let is_any = again.is_some() || !self.mailbox.is_empty();
        self.again.set(again);
        is_any
    }

    /// Gives up what is left. The mailbox is closed then, so that its count is the last.
    fn settle(&self, why: Undelivered) {
        let (station, tally) = (&self.station, &self.station.tally);
        close(station);
        if let Some(Again { envelope, panic }) = self.again.take() {
            tally.lost.add();
            station.bury(envelope, Undelivered::Panicked(panic), None);
        }
        while let Ok(envelope) = self.mailbox.try_recv() {
            tally.refused.add();
            station.bury(envelope, why.clone(), None);
        }
        tally.close(self.mailbox.accepted());
    }

    fn tell(mut self, reason: ExitReason, why: NoReply) {
        let started = self.started.take();
        let incarnation = self.incarnation;
        close(&self.station);
        if self.has_messages() && self.station.context.err().is_some() {
            self.station.scope.note_cut();
        }
        self.settle(match why {
            NoReply::Restarting => Undelivered::GivenUp,
            _ => Undelivered::Ended,
        });
        self.is_told = true;
        let station = self.station.clone();
        drop(self);
        tell_end(&station, incarnation, reason.clone());
        // Last, so that the name is free for whoever tries again.
        if let Some(started) = started {
            started(Err(reason));
        }
    }

    /// Builds the actor and serves until it ends.
    async fn incarnate(&mut self, next_timer: &mut u64) -> End {
        let station = self.station.clone();
        self.has_run = false;
        self.at_work("factory");
        let built = unwind::catch(|| (self.factory)());
        station.work.end();
        let mut actor = match built {
            Ok(Ok(actor)) => Apart::new(actor, "drop of the state"),
            Ok(Err(failure)) => return End::Abnormal(ExitReason::Failed(failure)),
            Err(payload) => return self.panicked(payload, "factory"),
        };
        let timers = Timers::new(
            station.info.id.clone(),
            self.driver.clone(),
            station.control.clone(),
            *next_timer,
        );
        let mut cx = ActorContext::new(
            WeakAddress::new(station.clone(), station.mailbox.clone()),
            Scope::from_inner(station.scope.clone()),
            station.context.clone(),
            timers,
        );
        let end = self.serve(&mut actor, &mut cx).await;
        *next_timer = cx.timers.next_number();
        self.is_over = matches!(end, End::Orderly(_));
        let is_whole = !matches!(end, End::Abnormal(ExitReason::Panicked(_)));
        let end = if is_whole {
            station.set_state(ActorState::Stopping);
            self.wind_up(&mut actor, &mut cx, end).await
        } else {
            end
        };
        self.at_work("drop of the state");
        let (dropped, doing) = cx.take_apart();
        let end = self.or_panicked(dropped, doing, end);
        let end = self.or_panicked(actor.drop(), "drop of the state", end);
        station.work.end();
        end
    }

    /// The hooks of an end that leaves the state whole.
    async fn wind_up(&self, actor: &mut A, cx: &mut ActorContext<A>, end: End) -> End {
        let rest = self
            .station
            .context
            .without_cancel()
            .with_timeout(self.station.shutdown);
        self.at_work("stopping");
        let hook = catching(
            Box::pin(self.at_desk(rest.run(actor.stopping(cx)))),
            "stopping",
        )
        .await;
        let end = self.or_panicked(hook.map(|_ended| ()), "stopping", end);
        self.at_work("stopped");
        let stopped = unwind::catch(|| actor.stopped());
        self.or_panicked(stopped, "stopped", end)
    }

    /// Says which part of its life runs from now on.
    pub(super) fn at_work(&self, part: &'static str) {
        self.station.work.begin(&self.names, part);
        self.station.work.timed(self.driver.now());
    }

    pub(super) fn panicked(
        &self,
        payload: Box<dyn std::any::Any + Send>,
        doing: &'static str,
    ) -> End {
        End::Abnormal(ExitReason::Panicked(self.panic(payload, doing)))
    }

    pub(super) fn panic(
        &self,
        payload: Box<dyn std::any::Any + Send>,
        doing: &'static str,
    ) -> Panic {
        let id = self.station.info.id.clone();
        Panic::new(payload, id, Some(doing), self.spawned_at)
    }

    fn or_panicked(&self, result: Dropped, doing: &'static str, end: End) -> End {
        match result {
            Ok(()) => end,
            Err(payload) => match end {
                // The first panic is the one that tells what went wrong.
                End::Abnormal(ExitReason::Panicked(_)) => {
                    current::tell_stray(payload, doing);
                    end
                }
                _ => self.panicked(payload, doing),
            },
        }
    }
}

// Invariant 3: also when the arbiter goes away under the actor, or went before it had begun.
impl<A: Actor> Drop for Life<A> {
    fn drop(&mut self) {
        self.settle(Undelivered::Ended);
        if self.is_told {
            return;
        }
        let reason = match self.station.context.err() {
            Some(error) => error.into(),
            None => ExitReason::Cancelled(Cause::Shutdown),
        };
        tell_end(&self.station, self.incarnation, reason.clone());
        if let Some(started) = self.started.take() {
            started(Err(reason));
        }
    }
}

/// Closes a mailbox to new messages.
pub(super) fn close<A: Actor>(station: &Station<A>) {
    if let Some(mailbox) = station.mailbox.upgrade() {
        mailbox.close();
    }
}

fn tell_end<A: Actor>(station: &Arc<Station<A>>, incarnation: u64, reason: ExitReason) {
    close(station);
    station.set_state(ActorState::Stopped);
    let core = station.scope.core.clone();
    core.registry().leave_actor(&station.info.id);
    station.control.unbind_all();
    driver::deliver(
        EventKind::Exit,
        || Some(station.info.id.clone()),
        "actor",
        {
            let (station, reason) = (station.clone(), reason.clone());
            move || {
                // First the reason: who watches too late looks for it.
                station.exit.set(reason.clone());
                let incarnation = station.incarnation();
                station.info.tell_end(incarnation, || reason);
            }
        },
    );
    station.scope.remove_child(Child::id(&**station));
    station.scope.leave();
    // Last: the supervisor may go on, and end.
    station.tell_gone(incarnation, reason);
}
