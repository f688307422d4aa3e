//! The future of a select. The invariants it cites are those of the module.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::case::{Attempt, Kind};
use super::cases::Cases;
use crate::channel::Claim;
use crate::current;
use crate::driver::{self, EventKind, Operation};
use crate::task::WaitKind;
use crate::wait::Wait;

/// The most cases that a select may have: one bit of a word each.
const MOST: usize = 64;

/// Waits until one case has fired. Made by [`select!`](crate::select!).
#[must_use = "futures do nothing unless polled"]
pub struct Select<C: Cases> {
    cases: C,
    fair: bool,
    phase: Phase,
    claim: Option<Arc<Claim>>,
    wait: Wait,
}

/// A select that does not wait. Made by [`select!`](crate::select!) with a default.
#[must_use = "futures do nothing unless polled"]
pub struct SelectOrDefault<C: Cases>(Select<C>);

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

impl<C: Cases> Select<C> {
    /// Chooses among the cases that are ready with equal chances.
    pub fn fair(cases: C) -> Self {
        Self::new(cases, true)
    }

    /// Chooses the first case that is ready.
    pub fn biased(cases: C) -> Self {
        Self::new(cases, false)
    }

    fn new(cases: C, fair: bool) -> Self {
        const { assert!(C::LEN <= MOST, "a select has at most 64 cases") };
        Self {
            cases,
            fair,
            phase: Phase::New,
            claim: None,
            wait: Wait::new(WaitKind::Select),
        }
    }

    /// Gives `None` in place of waiting.
    pub fn or_default(self) -> SelectOrDefault<C> {
        SelectOrDefault(self)
    }

    /// Tries until a case has fired, or all were not ready at one instant.
    fn settle(&mut self, cx: &mut task::Context<'_>) -> Option<C::Output> {
        let channels = self.cases.enabled(Kind::Channel);
        loop {
            if channels != 0
                && let Some(error) = Wait::ended()
                && !self.cases.has_ended_context()
            {
                let first = channels.trailing_zeros() as usize;
                if let Some(output) = self.cases.fail(first, error) {
                    return Some(self.fire(first, output));
                }
            }
            match self.pass(self.cases.enabled(Kind::Future), cx) {
                Look::Fired(index, output) => return Some(self.fire(index, output)),
                Look::Again => {}
                // Invariant 2.
                Look::Nothing if self.cases.is_unchanged() => return None,
                Look::Nothing => {}
            }
        }
    }

    /// Tries each of the given cases once, in the chosen order.
    fn pass(&mut self, cases: u64, cx: &mut task::Context<'_>) -> Look<C::Output> {
        self.cases.reset();
        let mut left = cases;
        while left != 0 {
            let index = if self.fair {
                nth_bit(left, current::choose(left.count_ones() as usize))
            } else {
                left.trailing_zeros() as usize
            };
            match self.cases.attempt(index, cx, &|| true) {
                Attempt::Ready(output) => return Look::Fired(index, output),
                Attempt::Changed => return Look::Again,
                Attempt::NotReady(_) => left &= !(1 << index),
            }
        }
        Look::Nothing
    }

    /// Enters the queues, and looks once more from inside.
    fn park(&mut self, cx: &mut task::Context<'_>) -> Look<C::Output> {
        let queues = self.cases.enabled(Kind::Tick);
        let signals = self.cases.enabled(Kind::Signal) & !queues;
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
        for index in bits(signals) {
            if self.cases.register(index, &claim, index) {
                return self.turn_back(&claim);
            }
        }
        // Invariant 5.
        let mut order = [0; MOST];
        let mut len = 0;
        for index in bits(queues) {
            order[len] = index;
            len += 1;
        }
        order[..len].sort_unstable_by_key(|&index| (self.cases.address(index), index));
        for &index in &order[..len] {
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
            Err(index) if self.cases.enabled(Kind::Tick) & (1 << index) != 0 => self.claimed(index),
            _ => self.start_over(),
        }
    }

    /// Goes on with a parked select.
    fn resume(&mut self, cx: &mut task::Context<'_>) -> Look<C::Output> {
        let Some(claim) = self.claim.clone() else {
            return Look::Again;
        };
        claim.set_waker(cx.waker());
        let futures = self.cases.enabled(Kind::Future) & !self.cases.enabled(Kind::Signal);
        if futures == 0 {
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
        for index in bits(self.cases.enabled(Kind::Tick)) {
            if self.cases.is_ready(index, &claim) {
                return self.retract(&claim);
            }
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
        let channels = cases.enabled(Kind::Channel);
        if channels == 0 {
            // Nothing here could fail with the current context.
            self.wait.tell(|| None);
            return Poll::Pending;
        }
        let first = channels.trailing_zeros() as usize;
        self.wait.poll(cx, || cases.id(first), None).map(|_| ())
    }

    fn fire(&mut self, index: usize, output: C::Output) -> C::Output {
        self.phase = Phase::Done;
        self.cases.leave();
        self.wait.end();
        driver::report(
            EventKind::Operation(Operation::Select),
            || self.cases.id(index),
            "select",
        );
        output
    }

    fn begin(&mut self) -> Option<C::Output> {
        assert!(
            self.phase != Phase::Done,
            "greenroom: a select was polled after completion"
        );
        let (index, output) = self.cases.begin()?;
        Some(self.fire(index, output))
    }
}

impl<C: Cases + Unpin> Future for Select<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<C::Output> {
        let this = self.get_mut();
        if this.phase == Phase::Parked {
            match this.resume(cx) {
                Look::Fired(index, output) => return Poll::Ready(this.fire(index, output)),
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
            if this.cases.enabled(Kind::Signal) == 0 {
                return Poll::Pending;
            }
            if this.wait(cx).is_ready() {
                continue;
            }
            match this.park(cx) {
                Look::Fired(index, output) => return Poll::Ready(this.fire(index, output)),
                Look::Nothing => return Poll::Pending,
                Look::Again => {}
            }
        }
    }
}

impl<C: Cases + Unpin> Future for SelectOrDefault<C> {
    type Output = Option<C::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut self.get_mut().0;
        let begun = this.begin();
        Poll::Ready(begun.or_else(|| this.settle(cx)))
    }
}

impl<C: Cases> Drop for Select<C> {
    fn drop(&mut self) {
        // The cases that are kept by reference do not go with it.
        if self.phase == Phase::Parked {
            self.cases.leave();
        }
    }
}

impl<C: Cases> fmt::Debug for Select<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").finish_non_exhaustive()
    }
}

impl<C: Cases> fmt::Debug for SelectOrDefault<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectOrDefault").finish_non_exhaustive()
    }
}

fn nth_bit(mut bits: u64, n: usize) -> usize {
    for _ in 0..n {
        bits &= bits - 1;
    }
    bits.trailing_zeros() as usize
}

fn bits(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (bits != 0).then(|| {
            let index = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            index
        })
    })
}
