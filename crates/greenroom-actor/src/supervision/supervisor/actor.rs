//! The actor that is a supervisor: it carries out what [`decide`] says.
//!
//! # Invariants
//! 1. Children start from the first to the last and stop from the last to the first, each after the one
//!    before.
//! 2. A restart that failed is tried again by a message to itself, so that a stop may come in between; a
//!    stop also ends the wait for a child that starts.
//! 3. A handler is not dropped half-way with its asker: the family is whole between two messages.
//! 4. The end of an incarnation that the supervisor has asked for is never taken for a failure.

use std::collections::BTreeSet;
use std::task::Poll;
use std::time::{Duration, Instant};

use greenroom_core::task::Shield;
use greenroom_core::{Context, ExitReason, Failure, Name, Result, current};

use super::super::back_off::BackOff;
use super::super::child::Parts;
use super::super::decide::{Action, AutoShutdown, Policy, Restart, Standing, decide, plan};
use super::super::kept::Kept;
use super::super::leash::ChildExited;
use super::super::spawn::SpawnError;
use super::error::{GaveUp, SpecError};
use super::family::{Family, until};
use super::message::{Resume, Retry};
use crate::actor::{Actor, ActorContext, Handler};
use crate::reply::NoReply;
use crate::scope::{Inner, Scope};

/// What a supervisor was told at its start.
#[derive(Clone, Copy, Default)]
pub(super) struct Settings {
    pub(super) policy: Policy,
    pub(super) back_off: BackOff,
    /// Whether children that have ended are forgotten.
    pub(super) is_dynamic: bool,
    pub(super) max_children: Option<usize>,
}

pub(super) struct SupervisorActor {
    pub(super) settings: Settings,
    pub(super) family: Kept<Family>,
    restarted: Vec<Instant>,
    own: Option<Context>,
}

/// How the start of a child went.
pub(super) enum Begun {
    Up,
    Failed(ExitReason),
    /// The supervisor is to end: whether the child has started does not matter any more.
    Interrupted,
}

/// What follows from the end of a child.
enum Next {
    Left,
    Retry {
        key: u64,
        turn: u64,
        delay: Duration,
    },
    /// The supervisor ends.
    Over,
}

impl SupervisorActor {
    pub(super) fn new(settings: Settings, family: Kept<Family>) -> Self {
        Self {
            settings,
            family,
            restarted: Vec::new(),
            own: None,
        }
    }

    /// Starts one child and waits until that has succeeded or failed.
    pub(super) async fn begin(&mut self, at: usize, cx: &mut ActorContext<Self>) -> Begun {
        if let Err(error) = self.family.enliven(at) {
            let reason = ExitReason::Failed(error.into());
            self.family.records[at].last_exit = Some(reason.clone());
            return Begun::Failed(reason);
        }
        let record = &mut self.family.records[at];
        let Some(ward) = record.life.as_ref().map(|life| life.ward.clone()) else {
            return Begun::Interrupted;
        };
        record.incarnation = ward.begin();
        record.standing = Standing::Running;
        record.starts += 1;
        let own = self.own.clone();
        let control = cx.weak_address().station().control.clone();
        let started = until(&*ward, |cx| {
            let is_ending = || own.as_ref().is_some_and(|own| own.err().is_some());
            match ward.leash().poll_started(cx) {
                Poll::Ready(started) => Poll::Ready(Some(started)),
                Poll::Pending if is_ending() => Poll::Ready(None),
                Poll::Pending => control.poll_any_order(cx).map(|()| None),
            }
        })
        .await;
        match started {
            Some(Ok(())) => {
                record.up_since = Some(cx.context().now());
                Begun::Up
            }
            Some(Err(down)) => Begun::Failed(record.note_exit(down)),
            None => Begun::Interrupted,
        }
    }

    /// Decides about a child that has ended, and stops whom it takes along.
    async fn resolve(
        &mut self,
        at: usize,
        reason: ExitReason,
        cx: &mut ActorContext<Self>,
    ) -> Next {
        let now = cx.context().now();
        let policy = self.settings.policy;
        let members = self.family.members();
        match decide(&policy, &members, at, &reason, &self.restarted, now) {
            Action::Leave if !self.settings.is_dynamic => {
                self.family.retire(at, NoReply::Closed).await;
                Next::Left
            }
            Action::Leave | Action::Forget => {
                self.family.retire(at, NoReply::Closed).await;
                self.family.records.remove(at);
                Next::Left
            }
            Action::ShutDown => {
                cx.end(ExitReason::Shutdown);
                Next::Over
            }
            Action::GiveUp => {
                let gave_up = GaveUp {
                    supervisor: cx.id().clone(),
                    child: self.family.records[at].id.clone(),
                    reason,
                };
                cx.end(ExitReason::Failed(Failure::from(gave_up)));
                Next::Over
            }
            Action::Restart(plan) => {
                self.restarted
                    .retain(|at| policy.intensity.counts(*at, now));
                self.restarted.push(now);
                let key = self.family.records[at].key;
                // Earlier waits of the affected are over: this one is for all of them.
                let is_down = |at: &&usize| members[**at].standing != Standing::Ended;
                let waiting: Vec<u64> = (plan.start.iter().filter(is_down))
                    .map(|at| self.family.records[*at].key)
                    .collect();
                self.stop_all(&plan.stop, &plan.forget).await;
                for record in &mut self.family.records {
                    if waiting.contains(&record.key) {
                        record.turn += 1;
                        record.is_first = false;
                        record.standing = Standing::Restarting;
                    }
                }
                let back_off = self.settings.back_off;
                let record = self.family.records.iter_mut().find(|r| r.key == key);
                let Some(record) = record else {
                    return Next::Left;
                };
                if let Some(since) = record.up_since.take()
                    && back_off.is_reset_by(now.saturating_duration_since(since))
                {
                    record.failures = 0;
                }
                record.failures = record.failures.saturating_add(1);
                record.standing = Standing::Restarting;
                record.is_first = true;
                record.turn += 1;
                Next::Retry {
                    key,
                    turn: record.turn,
                    delay: back_off.delay(record.failures, current::choose),
                }
            }
        }
    }

    async fn stop_all(&mut self, stop: &[usize], forget: &[usize]) {
        for at in stop {
            self.family.stop(*at, false).await;
        }
        for at in forget.iter().rev() {
            self.family.retire(*at, NoReply::Closed).await;
            self.family.records.remove(*at);
        }
    }

    /// Starts a child again, and those that the strategy names with it. What is left to do afterwards.
    async fn attempt(&mut self, key: u64, cx: &mut ActorContext<Self>) -> Next {
        let at = |family: &Family| family.records.iter().position(|r| r.key == key);
        let Some(found) = at(&self.family) else {
            return Next::Left;
        };
        let plan = plan(self.settings.policy.strategy, &self.family.members(), found);
        let start: Vec<u64> = plan
            .start
            .iter()
            .map(|at| self.family.records[*at].key)
            .collect();
        self.stop_all(&plan.stop, &plan.forget).await;
        self.start_all(start, cx).await
    }

    /// Starts children one after the other, until one fails that is to be tried again.
    async fn start_all(&mut self, start: Vec<u64>, cx: &mut ActorContext<Self>) -> Next {
        for key in start {
            let Some(at) = self.family.records.iter().position(|r| r.key == key) else {
                continue;
            };
            if cx.weak_address().station().control.order().is_some() {
                return Next::Over;
            }
            match self.begin(at, cx).await {
                Begun::Up => {}
                Begun::Interrupted => return Next::Over,
                Begun::Failed(reason) => match self.resolve(at, reason, cx).await {
                    Next::Left => {}
                    next => return next,
                },
            }
        }
        Next::Left
    }

    /// Has a restart tried later. Invariant 2.
    fn schedule(&self, next: Next, cx: &mut ActorContext<Self>) {
        if let Next::Retry { key, turn, delay } = next {
            cx.after(delay, Retry { key, turn });
        }
    }
}

/// Checks a record. OTP refuses the same combinations.
pub(super) fn check(
    name: &Name,
    parts: &Parts,
    auto_shutdown: AutoShutdown,
) -> Result<(), SpecError> {
    if !parts.is_significant {
        return Ok(());
    }
    match (parts.restart, auto_shutdown) {
        (Restart::Permanent, _) => Err(SpecError::PermanentSignificant(name.clone())),
        (_, AutoShutdown::Never) => Err(SpecError::NeverSignificant(name.clone())),
        _ => Ok(()),
    }
}

/// The error of a start that ended with `reason`; one of before that comes out as it went in.
pub(super) fn spawn_error(reason: ExitReason) -> SpawnError {
    if let ExitReason::Failed(failure) = &reason
        && let Some(error) = failure.downcast_ref::<SpawnError>()
    {
        return error.clone();
    }
    SpawnError::from_exit(reason)
}

// Invariant 3.
pub(super) fn shield() -> Option<Shield> {
    current::task().map(Shield::over)
}

impl Actor for SupervisorActor {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        let _shield = shield();
        let own = cx.context().clone();
        self.own = Some(own.clone());
        if self.family.scope.is_none() {
            let inner = Inner::household(cx.scope().inner(), cx.id().clone(), &own);
            self.family.scope = Some(Scope::from_inner(inner));
        }
        cx.attach(self.family.exits.1.clone().stream(), |exited| exited);
        // An incarnation that panicked may have left some running.
        for at in (0..self.family.records.len()).rev() {
            self.family.stop(at, false).await;
        }
        let mut forgotten = BTreeSet::new();
        for at in 0..self.family.records.len() {
            let record = &self.family.records[at];
            if record.starts > 0 && record.parts.restart == Restart::Temporary {
                forgotten.insert(record.key);
                continue;
            }
            match self.begin(at, cx).await {
                Begun::Up => {}
                Begun::Interrupted => return Ok(()),
                Begun::Failed(reason) if reason.is_orderly() => {}
                Begun::Failed(reason) => {
                    return Err(GaveUp {
                        supervisor: cx.id().clone(),
                        child: self.family.records[at].id.clone(),
                        reason,
                    }
                    .into());
                }
            }
        }
        for at in (0..self.family.records.len()).rev() {
            if forgotten.contains(&self.family.records[at].key) {
                self.family.retire(at, NoReply::Closed).await;
                self.family.records.remove(at);
            }
        }
        Ok(())
    }

    // The lives stay: the next incarnation starts them again, or the end of this life ends them.
    async fn stopping(&mut self, cx: &mut ActorContext<Self>) {
        self.family.is_draining = cx.is_draining;
        for at in (0..self.family.records.len()).rev() {
            self.family.stop(at, cx.is_draining).await;
        }
    }
}

impl Handler<ChildExited> for SupervisorActor {
    type Reply = ();

    async fn handle(&mut self, exited: ChildExited, cx: &mut ActorContext<Self>) {
        let _shield = shield();
        if self.own.as_ref().is_some_and(|own| own.err().is_some()) {
            return;
        }
        // Invariant 4: one that was stopped does not run.
        let found = self.family.records.iter().position(|record| {
            record.key == exited.key
                && record.incarnation == exited.incarnation
                && record.standing == Standing::Running
        });
        let Some(at) = found else {
            return;
        };
        let record = &mut self.family.records[at];
        let Some(down) = record.ward().and_then(|ward| ward.leash().down()) else {
            return;
        };
        let reason = record.note_exit(down);
        let next = match self.resolve(at, reason, cx).await {
            Next::Retry { key, delay, .. } if delay.is_zero() => self.attempt(key, cx).await,
            next => next,
        };
        self.schedule(next, cx);
    }
}

impl Handler<Retry> for SupervisorActor {
    type Reply = ();

    async fn handle(&mut self, Retry { key, turn }: Retry, cx: &mut ActorContext<Self>) {
        let _shield = shield();
        let mut records = self.family.records.iter();
        let is_due = records.any(|record| {
            record.key == key && record.turn == turn && record.standing == Standing::Restarting
        });
        if is_due {
            let next = self.attempt(key, cx).await;
            self.schedule(next, cx);
        }
    }
}

impl Handler<Resume> for SupervisorActor {
    type Reply = ();

    async fn handle(&mut self, _resume: Resume, cx: &mut ActorContext<Self>) {
        let _shield = shield();
        let records = self.family.records.iter();
        let waiting: Vec<_> = records
            .filter(|record| record.standing == Standing::Restarting)
            .collect();
        // A restart of the whole group may have come in between.
        if waiting.iter().any(|record| record.is_first) {
            return;
        }
        let waiting = waiting.iter().map(|record| record.key).collect();
        let next = self.start_all(waiting, cx).await;
        self.schedule(next, cx);
    }
}
