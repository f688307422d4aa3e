//! The future of a select. The invariants it cites are those of the module.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::case::{Attempt, Kind};
use super::cases::{Cases, List};
use super::set::Set;
use crate::channel::Claim;
use crate::current;
use crate::driver::{self, EventKind, Operation};
use crate::task::WaitKind;
use crate::wait::Wait;

/// Waits until one case has fired. Made by [`select!`](crate::select!).
#[must_use = "futures do nothing unless polled"]
pub struct Selecting<C: Cases> {
    cases: C,
    fair: bool,
    phase: Phase,
    claim: Option<Arc<Claim>>,
    wait: Wait,
}

/// A select that does not wait. Made by [`select!`](crate::select!) with a default.
#[must_use = "futures do nothing unless polled"]
pub struct SelectingOrDefault<C: Cases>(Selecting<C>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Parked,
    Done,
}

/// What a look at the cases gave.
enum Look<R> {
    Fired(usize, R),
    /// Nothing is certain: look again.
    Again,
    Nothing,
}

impl<C: List> Selecting<C> {
    /// Chooses among the cases that are ready with equal chances.
    pub fn fair(cases: C) -> Self {
        let () = C::FITS;
        Self::new(cases, true)
    }

    /// Chooses the first case that is ready.
    pub fn biased(cases: C) -> Self {
        let () = C::FITS;
        Self::new(cases, false)
    }

    /// Gives `None` in place of waiting.
    pub fn or_default(self) -> SelectingOrDefault<C> {
        SelectingOrDefault(self)
    }
}

impl<C: Cases> Selecting<C> {
    pub(super) fn new(cases: C, fair: bool) -> Self {
        Self {
            cases,
            fair,
            phase: Phase::New,
            claim: None,
            wait: Wait::new(WaitKind::Select),
        }
    }

    /// Fires a case if one can, and does not wait.
    pub(super) fn at_once(&mut self, cx: &mut task::Context<'_>) -> Option<C::Output> {
        self.begin().or_else(|| self.settle(cx))
    }

    /// Tries until a case has fired, or all were not ready at one instant.
    fn settle(&mut self, cx: &mut task::Context<'_>) -> Option<C::Output> {
        let ends = self.cases.ends_with_context();
        loop {
            if ends
                && let Some(error) = Wait::ended()
                && !self.cases.has_ended_context()
                && let Some((index, output)) = self.cases.fail(error)
            {
                return Some(self.fire(index, output));
            }
            match self.pass(self.cases.enabled(&Kind::ALL), cx) {
                Look::Fired(index, output) => return Some(self.fire(Some(index), output)),
                Look::Again => {}
                // Invariant 2.
                Look::Nothing if self.cases.is_unchanged() => return None,
                Look::Nothing => {}
            }
        }
    }

    /// Tries each of the given cases once, in the chosen order.
    fn pass(&mut self, mut left: C::Set, cx: &mut task::Context<'_>) -> Look<C::Output> {
        self.cases.reset();
        while !left.is_empty() {
            let index = left.take(if self.fair {
                current::choose(left.len())
            } else {
                0
            });
            match self.cases.attempt(index, cx, &|| true) {
                Attempt::Ready(output) => return Look::Fired(index, output),
                Attempt::Changed => return Look::Again,
                Attempt::NotReady(_) => {}
            }
        }
        Look::Nothing
    }

    /// Enters the queues, and looks once more from inside.
    fn park(&mut self, cx: &mut task::Context<'_>) -> Look<C::Output> {
        let claim = match &self.claim {
            Some(claim) => {
                claim.set_waker(cx.waker());
                claim.clone()
            }
            None => self.claim.insert(Claim::new(cx.waker())).clone(),
        };
        claim.open();
        self.phase = Phase::Parked;
        // Invariant 7.
        for index in self.cases.enabled(&Kind::SIGNALS).iter() {
            if self.cases.register(index, &claim, index) {
                return self.turn_back(&claim);
            }
        }
        // Invariant 5.
        let queues = self.cases.enabled(&Kind::QUEUES);
        for index in queues.by_key(|index| self.cases.address(index)) {
            if self.cases.register(index, &claim, index) {
                return self.turn_back(&claim);
            }
        }
        Look::Nothing
    }

    /// Leaves the queues that it has entered so far to start over, unless a peer came first. A signal
    /// that came first is found again, in the order of the cases.
    fn turn_back(&mut self, claim: &Claim) -> Look<C::Output> {
        match claim.hold() {
            Err(index) if self.cases.enabled(&Kind::QUEUES).contains(index) => self.claimed(index),
            _ => self.start_over(),
        }
    }

    /// Goes on with a parked select.
    fn resume(&mut self, cx: &mut task::Context<'_>) -> Look<C::Output> {
        let Some(claim) = self.claim.clone() else {
            return Look::Again;
        };
        claim.set_waker(cx.waker());
        if !self.cases.has(&Kind::FUTURES) {
            if let Some(index) = claim.claimed() {
                return self.claimed(index);
            }
            return match self.wait(cx) {
                Poll::Ready(()) => self.retract(&claim),
                Poll::Pending => Look::Nothing,
            };
        }
        // Invariant 4: no peer may fire a case while a future may.
        if let Err(index) = claim.hold() {
            return self.claimed(index);
        }
        let futures = self.cases.enabled(&Kind::FUTURES);
        if let Look::Fired(index, output) = self.pass(futures, cx) {
            return Look::Fired(index, output);
        }
        if self.wait(cx).is_ready() {
            return self.retract(&claim);
        }
        // A signal that came meanwhile has claimed; a peer went past this select.
        if let Err(index) = claim.reopen() {
            return self.claimed(index);
        }
        let queues = self.cases.enabled(&Kind::QUEUES);
        if queues
            .iter()
            .any(|index| self.cases.is_ready(index, &claim))
        {
            return self.retract(&claim);
        }
        Look::Nothing
    }

    /// Leaves the queues to start over, unless a peer or a signal came first.
    fn retract(&mut self, claim: &Claim) -> Look<C::Output> {
        match claim.hold() {
            Err(index) => self.claimed(index),
            Ok(()) => self.start_over(),
        }
    }

    fn start_over(&mut self) -> Look<C::Output> {
        self.cases.leave();
        self.phase = Phase::New;
        Look::Again
    }

    fn claimed(&mut self, index: usize) -> Look<C::Output> {
        match self.cases.complete(index) {
            Some(output) => Look::Fired(index, output),
            None => unreachable!("only a kernel case is claimed"),
        }
    }

    fn wait(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        let cases = &self.cases;
        let on = || {
            let first = cases.enabled(&Kind::QUEUES).iter().next()?;
            cases.id(first)
        };
        if !cases.ends_with_context() {
            // Nothing here could fail with the current context.
            self.wait.tell(on);
            return Poll::Pending;
        }
        self.wait.poll_at(cx, on, || cases.far()).map(|_| ())
    }

    fn fire(&mut self, index: Option<usize>, output: C::Output) -> C::Output {
        self.phase = Phase::Done;
        self.cases.leave();
        self.wait.end();
        if let Some(index) = index {
            driver::report(
                EventKind::Operation(Operation::Select),
                || self.cases.id(index),
                "select",
            );
        }
        output
    }

    fn begin(&mut self) -> Option<C::Output> {
        assert!(
            self.phase != Phase::Done,
            "greenroom: a select was polled after completion"
        );
        let (index, output) = self.cases.begin()?;
        Some(self.fire(Some(index), output))
    }
}

impl<C: Cases + Unpin> Future for Selecting<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<C::Output> {
        let this = self.get_mut();
        if this.phase == Phase::Parked {
            match this.resume(cx) {
                Look::Fired(index, output) => {
                    return Poll::Ready(this.fire(Some(index), output));
                }
                Look::Nothing => return Poll::Pending,
                Look::Again => {}
            }
        } else if let Some(output) = this.begin() {
            return Poll::Ready(output);
        }
        loop {
            if let Some(output) = this.settle(cx) {
                return Poll::Ready(output);
            }
            let parks = this.cases.has(&Kind::KERNEL);
            if (parks || this.cases.ends_with_context()) && this.wait(cx).is_ready() {
                continue;
            }
            if !parks {
                return Poll::Pending;
            }
            match this.park(cx) {
                Look::Fired(index, output) => {
                    return Poll::Ready(this.fire(Some(index), output));
                }
                Look::Nothing => return Poll::Pending,
                Look::Again => {}
            }
        }
    }
}

impl<C: Cases + Unpin> Future for SelectingOrDefault<C> {
    type Output = Option<C::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.get_mut().0.at_once(cx))
    }
}

impl<C: Cases> Drop for Selecting<C> {
    fn drop(&mut self) {
        // Before the cases go; see `certain`, invariant 5.
        self.wait.end();
        // The cases that are kept by reference do not go with it.
        if self.phase == Phase::Parked {
            self.cases.leave();
        }
    }
}

impl<C: Cases> fmt::Debug for Selecting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selecting").finish_non_exhaustive()
    }
}

impl<C: Cases> fmt::Debug for SelectingOrDefault<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectingOrDefault").finish_non_exhaustive()
    }
}
