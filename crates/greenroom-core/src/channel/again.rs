//! A receive and a send as cases that a select tries again and again. They own their end of the
//! channel, and wait in its queue only while a select waits.

use std::sync::Arc;

use super::chan::Failed;
use super::error::{RecvError, SendError, SendFromError};
use super::party::Claim;
use super::recv::One;
use super::{Receiver, Sender};
use crate::error::ContextError;
use crate::id::Id;
use crate::select::{Attempt, Kernel};
use crate::unwind;

/// A receive.
pub(crate) struct ReceiveAgain<T> {
    rx: Receiver<T>,
    entry: Option<usize>,
}

/// A send of the value in a slot, which is the case's own or another's.
pub(crate) struct SendAgain<T, S: Slot<T>> {
    tx: Sender<T>,
    slot: S,
    entry: Option<usize>,
    /// Whether the value was accepted while nobody looked: the wait was dropped.
    accepted: bool,
}

/// Where the value of a send lies before it is sent.
pub(crate) trait Slot<T> {
    /// Why a send from it failed.
    type Error;
    /// Returns the place.
    fn place(&mut self) -> &mut Option<T>;
    /// Makes the error of a failed send. The value is in the slot.
    fn refuse(&mut self, failed: Failed) -> Self::Error;
    /// Drops the value, if the slot owns it: apart, since the case may go in an unwinding.
    fn let_go(&mut self) {}
}

impl<T> ReceiveAgain<T> {
    pub(crate) fn new(rx: &Receiver<T>) -> Self {
        Self {
            rx: rx.clone(),
            entry: None,
        }
    }
}

impl<T, S: Slot<T>> SendAgain<T, S> {
    pub(crate) fn new(tx: &Sender<T>, slot: S) -> Self {
        Self {
            tx: tx.clone(),
            slot,
            entry: None,
            accepted: false,
        }
    }

    fn end(&mut self, sent: Result<(), Failed>) -> Result<(), S::Error> {
        sent.map_err(|failed| self.slot.refuse(failed))
    }
}

impl<T> Kernel for ReceiveAgain<T> {
    type Output = Result<T, RecvError>;

    fn begin(&mut self) -> Option<Self::Output> {
        let taken = self.rx.chan.leave_receive(&mut One, &mut self.entry, false);
        taken.map(Ok)
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        let attempt = self.rx.chan.attempt_receive(&mut One, unchanged);
        attempt.map(|taken| taken.map_err(RecvError::from))
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        self.rx.chan.register_receive(&mut self.entry, claim, case)
    }

    fn is_ready(&self, claim: &Arc<Claim>) -> bool {
        self.rx.chan.look(|state| state.can_pull(Some(claim)))
    }

    fn leave(&mut self) {
        self.rx.chan.abandon_receive(&mut self.entry);
    }

    fn complete(&mut self) -> Self::Output {
        let taken = self.rx.chan.leave_receive(&mut One, &mut self.entry, true);
        taken.ok_or(RecvError::Closed)
    }

    fn fail(&mut self, error: ContextError) -> Option<Self::Output> {
        Some(Err(error.into()))
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.rx.chan).addr()
    }

    fn version(&self) -> u64 {
        self.rx.chan.version()
    }

    fn id(&self) -> Option<&Id> {
        self.rx.chan.id()
    }
}

impl<T, S: Slot<T>> Kernel for SendAgain<T, S> {
    type Output = Result<(), S::Error>;

    fn begin(&mut self) -> Option<Self::Output> {
        self.leave();
        std::mem::take(&mut self.accepted).then_some(Ok(()))
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output> {
        let attempt = self.tx.chan.attempt_send(self.slot.place(), unchanged);
        attempt.map(|sent| self.end(sent))
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        let (slot, entry) = (self.slot.place(), &mut self.entry);
        self.tx.chan.register_send(slot, entry, claim, case)
    }

    fn is_ready(&self, claim: &Arc<Claim>) -> bool {
        self.tx.chan.look(|state| state.can_push(Some(claim)))
    }

    fn leave(&mut self) {
        self.accepted |= self.tx.chan.leave_send(self.slot.place(), &mut self.entry);
    }

    fn complete(&mut self) -> Self::Output {
        let sent = match self.tx.chan.leave_send(self.slot.place(), &mut self.entry) {
            true => Ok(()),
            false => Err(Failed::Closed),
        };
        self.end(sent)
    }

    fn fail(&mut self, error: ContextError) -> Option<Self::Output> {
        Some(self.end(Err(Failed::Ended(error))))
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.tx.chan).addr()
    }

    fn version(&self) -> u64 {
        self.tx.chan.version()
    }

    fn id(&self) -> Option<&Id> {
        self.tx.chan.id()
    }
}

impl<T> Slot<T> for Option<T> {
    type Error = SendError<T>;

    fn place(&mut self) -> &mut Option<T> {
        self
    }

    fn refuse(&mut self, failed: Failed) -> SendError<T> {
        failed.with_value(self.take())
    }

    fn let_go(&mut self) {
        if let Some(value) = self.take() {
            unwind::drop_apart(value, std::any::type_name::<T>());
        }
    }
}

impl<T> Slot<T> for &mut Option<T> {
    type Error = SendFromError;

    fn place(&mut self) -> &mut Option<T> {
        self
    }

    fn refuse(&mut self, failed: Failed) -> SendFromError {
        failed.into()
    }
}

impl<T> Drop for ReceiveAgain<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T, S: Slot<T>> Drop for SendAgain<T, S> {
    fn drop(&mut self) {
        self.leave();
        self.slot.let_go();
    }
}
