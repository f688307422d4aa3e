//! The futures of a channel as kernel cases of a select.

use std::sync::Arc;

use super::chan::{Chan, Failed};
use super::error::{RecvError, SendError, SendFromError};
use super::party::Claim;
use super::recv::One;
use super::{Recv, RecvMany, Send, SendFrom};
use crate::error::ContextError;
use crate::id::Id;
use crate::select::{Attempt, Kernel};

// What is the same for all four.
macro_rules! common {
    () => {
        fn address(&self) -> usize {
            std::ptr::from_ref(self.chan).addr()
        }

        fn version(&self) -> u64 {
            self.chan.version()
        }

        fn id(&self) -> Option<&Id> {
            self.chan.id()
        }
    };
}

impl<T> Kernel for Send<'_, T> {
    type Output = Result<(), SendError<T>>;

    common!();

    fn begin(&mut self) -> Option<Self::Output> {
        self.pending.enter_select();
        let accepted = self
            .chan
            .leave_send(&mut self.value, &mut self.pending.entry);
        accepted.then_some(Ok(()))
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        let attempt = self.chan.attempt_send(&mut self.value, unchanged);
        attempt.map(|sent| self.end(sent))
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        let entry = &mut self.pending.entry;
        self.chan.register_send(&mut self.value, entry, claim, case)
    }

    fn is_ready(&self, claim: &Arc<Claim>) -> bool {
        self.chan.look(|state| state.can_push(Some(claim)))
    }

    fn leave(&mut self) {
        self.chan
            .leave_send(&mut self.value, &mut self.pending.entry);
    }

    fn complete(&mut self) -> Self::Output {
        let sent = send_complete(self.chan, &mut self.value, &mut self.pending.entry);
        self.end(sent)
    }

    fn fail(&mut self, error: ContextError) -> Option<Self::Output> {
        Some(self.end(Err(Failed::Ended(error))))
    }
}

impl<T> Send<'_, T> {
    fn end(&mut self, sent: Result<(), Failed>) -> Result<(), SendError<T>> {
        self.pending.complete();
        sent.map_err(|failed| self.give_up(failed))
    }
}

impl<T> Kernel for SendFrom<'_, T> {
    type Output = Result<(), SendFromError>;

    common!();

    fn begin(&mut self) -> Option<Self::Output> {
        self.pending.enter_select();
        let accepted = self.chan.leave_send(self.slot, &mut self.pending.entry);
        accepted.then_some(Ok(()))
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        let attempt = self.chan.attempt_send(self.slot, unchanged);
        attempt.map(|sent| self.end(sent))
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        let entry = &mut self.pending.entry;
        self.chan.register_send(self.slot, entry, claim, case)
    }

    fn is_ready(&self, claim: &Arc<Claim>) -> bool {
        self.chan.look(|state| state.can_push(Some(claim)))
    }

    fn leave(&mut self) {
        self.chan.leave_send(self.slot, &mut self.pending.entry);
    }

    fn complete(&mut self) -> Self::Output {
        let sent = send_complete(self.chan, self.slot, &mut self.pending.entry);
        self.end(sent)
    }

    fn fail(&mut self, error: ContextError) -> Option<Self::Output> {
        Some(self.end(Err(Failed::Ended(error))))
    }
}

impl<T> SendFrom<'_, T> {
    fn end(&mut self, sent: Result<(), Failed>) -> Result<(), SendFromError> {
        self.pending.complete();
        sent.map_err(SendFromError::from)
    }
}

impl<T> Kernel for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    common!();

    fn begin(&mut self) -> Option<Self::Output> {
        self.pending.enter_select();
        let taken = self
            .chan
            .leave_receive(&mut One, &mut self.pending.entry, false);
        taken.map(Ok)
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        let attempt = self.chan.attempt_receive(&mut One, unchanged);
        attempt.map(|taken| self.end(taken))
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        self.chan
            .register_receive(&mut self.pending.entry, claim, case)
    }

    fn is_ready(&self, claim: &Arc<Claim>) -> bool {
        self.chan.look(|state| state.can_pull(Some(claim)))
    }

    fn leave(&mut self) {
        self.chan.abandon_receive(&mut self.pending.entry);
    }

    fn complete(&mut self) -> Self::Output {
        let taken = self
            .chan
            .leave_receive(&mut One, &mut self.pending.entry, true);
        self.end(taken.ok_or(Failed::Closed))
    }

    fn fail(&mut self, error: ContextError) -> Option<Self::Output> {
        Some(self.end(Err(Failed::Ended(error))))
    }
}

impl<T> Recv<'_, T> {
    fn end(&mut self, taken: Result<T, Failed>) -> Result<T, RecvError> {
        self.pending.complete();
        taken.map_err(RecvError::from)
    }
}

impl<T> Kernel for RecvMany<'_, T> {
    type Output = Result<usize, RecvError>;

    common!();

    fn begin(&mut self) -> Option<Self::Output> {
        self.pending.enter_select();
        let entry = &mut self.pending.entry;
        self.chan
            .leave_receive(&mut self.many, entry, false)
            .map(Ok)
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        if self.many.is_nothing() {
            return Attempt::Ready(self.end(Ok(0)));
        }
        let attempt = self.chan.attempt_receive(&mut self.many, unchanged);
        attempt.map(|taken| self.end(taken))
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        self.chan
            .register_receive(&mut self.pending.entry, claim, case)
    }

    fn is_ready(&self, claim: &Arc<Claim>) -> bool {
        self.chan.look(|state| state.can_pull(Some(claim)))
    }

    fn leave(&mut self) {
        self.chan.abandon_receive(&mut self.pending.entry);
    }

    fn complete(&mut self) -> Self::Output {
        let entry = &mut self.pending.entry;
        let taken = self.chan.leave_receive(&mut self.many, entry, true);
        self.end(taken.ok_or(Failed::Closed))
    }

    fn fail(&mut self, error: ContextError) -> Option<Self::Output> {
        Some(self.end(Err(Failed::Ended(error))))
    }
}

impl<T> RecvMany<'_, T> {
    fn end(&mut self, taken: Result<usize, Failed>) -> Result<usize, RecvError> {
        self.pending.complete();
        taken.map_err(RecvError::from)
    }
}

fn send_complete<T>(
    chan: &Chan<T>,
    slot: &mut Option<T>,
    entry: &mut Option<usize>,
) -> Result<(), Failed> {
    match chan.leave_send(slot, entry) {
        true => Ok(()),
        false => Err(Failed::Closed),
    }
}
