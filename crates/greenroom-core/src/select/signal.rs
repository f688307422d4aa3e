//! What becomes ready once and stays so, as a kernel case: the end of a context, a timer.
//!
//! # Invariants
//! 1. A signal fires under its own lock: there it claims the select of each case that waits for it, and
//!    shows itself as ready. Tasks are woken after the lock.
//! 2. It claims also while the select is at work. That is not lost: the select looks before it waits
//!    again, and nothing was handed over if it fires another case. Were it turned away, as a channel's
//!    peer is, a send just after the select waits again would come first.
//! 3. A select takes its entry out under the same lock before it lets go of its claim, so no entry
//!    holds the last reference to one.

use std::sync::Arc;
use std::task::Waker;

use super::case::{Attempt, Kernel, Kind};
use crate::channel::Claim;
use crate::error::ContextError;
use crate::id::Id;

/// Something that becomes ready once, stays so, and hands nothing over.
pub trait Signal {
    /// What it tells.
    type Output;

    /// Returns whether it has been seen to be ready. It locks nothing and asks no driver.
    fn has_fired(&self) -> bool;

    /// Looks whether it is ready.
    fn look(&mut self) -> bool {
        self.has_fired()
    }

    /// Enters a case of a select, or returns false if it has fired.
    fn enter(&mut self, claim: &Arc<Claim>, case: usize) -> bool;

    /// Takes the case out.
    fn leave(&mut self);

    /// Returns what it tells, once it has fired or has claimed a select.
    fn output(&mut self) -> Self::Output;

    /// Returns whether it is the end of a context.
    fn is_context(&self) -> bool {
        false
    }
}

impl<S: Signal> Signal for &mut S {
    type Output = S::Output;

    fn has_fired(&self) -> bool {
        (**self).has_fired()
    }

    fn look(&mut self) -> bool {
        (**self).look()
    }

    fn enter(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        (**self).enter(claim, case)
    }

    fn leave(&mut self) {
        (**self).leave();
    }

    fn output(&mut self) -> Self::Output {
        (**self).output()
    }

    fn is_context(&self) -> bool {
        (**self).is_context()
    }
}

impl<S: Signal> Kernel for S {
    type Output = S::Output;

    fn kind(&self) -> Kind {
        Kind::Signal
    }

    fn begin(&mut self) -> Option<Self::Output> {
        None
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        if !self.look() {
            Attempt::NotReady(0)
        } else if unchanged() {
            Attempt::Ready(self.output())
        } else {
            Attempt::Changed
        }
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        !self.enter(claim, case)
    }

    fn is_ready(&self, _claim: &Arc<Claim>) -> bool {
        self.has_fired()
    }

    fn leave(&mut self) {
        Signal::leave(self);
    }

    fn complete(&mut self) -> Self::Output {
        self.output()
    }

    fn fail(&mut self, _error: ContextError) -> Option<Self::Output> {
        None
    }

    fn address(&self) -> usize {
        0
    }

    fn version(&self) -> u64 {
        u64::from(self.has_fired())
    }

    fn id(&self) -> Option<&Id> {
        None
    }

    fn is_ended_context(&self) -> bool {
        self.is_context() && self.has_fired()
    }
}

/// Who waits for a signal: a task, or a select with one of its cases.
pub(crate) enum Watcher {
    Task(Waker),
    Select(Arc<Claim>, usize),
}

impl Watcher {
    /// Claims the select, which leaves its task to be woken. Called under the lock of the signal.
    pub(crate) fn claim(&mut self) {
        if let Self::Select(claim, case) = self
            && let Some(waker) = claim.signal(*case)
        {
            // Invariant 3: this does not drop the claim.
            *self = Self::Task(waker);
        }
    }

    /// Returns whom to wake: nobody for a select that another has claimed.
    pub(crate) fn into_waker(self) -> Option<Waker> {
        match self {
            Self::Task(waker) => Some(waker),
            Self::Select(..) => None,
        }
    }

    pub(crate) fn is_task(&self, waker: &Waker) -> bool {
        matches!(self, Self::Task(there) if there.will_wake(waker))
    }
}
