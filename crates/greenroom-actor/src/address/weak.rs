//! An address that does not keep its actor alive.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use greenroom_core::channel::WeakSender;
use greenroom_core::{ExitReason, Id};

use super::{Address, ClosedError, closed};
use crate::actor::Actor;
use crate::mailbox::{BoxedEnvelope, Order, Signal};
use crate::station::Station;

/// Reaches an actor without keeping it alive. Made by [`Address::downgrade`].
pub struct WeakAddress<A: Actor> {
    station: Arc<Station<A>>,
    mailbox: WeakSender<BoxedEnvelope<A>>,
}

impl<A: Actor> WeakAddress<A> {
    pub(crate) fn new(station: Arc<Station<A>>, mailbox: WeakSender<BoxedEnvelope<A>>) -> Self {
        Self { station, mailbox }
    }

    /// Returns a full address, or `None` when the last one is gone.
    #[must_use]
    #[track_caller]
    pub fn upgrade(&self) -> Option<Address<A>> {
        let mailbox = self.mailbox.upgrade()?;
        Some(Address::new(self.station.clone(), mailbox))
    }

    /// Asks the actor to end; see [`Address::stop`].
    pub fn stop(&self) {
        self.station.signal(Signal::Order(Order::Stop));
    }

    /// Waits until the actor has ended, for good, and returns why.
    ///
    /// # Errors
    /// [`ClosedError::Cancelled`], [`ClosedError::Deadline`]: the waiter's own context ended first.
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    pub fn closed(&self) -> impl Future<Output = Result<ExitReason, ClosedError>> + use<A> {
        closed::closed(self.station.clone())
    }

    pub(crate) fn station(&self) -> &Arc<Station<A>> {
        &self.station
    }

    /// Returns the actor's id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.station.info.id
    }
}

impl<A: Actor> Clone for WeakAddress<A> {
    fn clone(&self) -> Self {
        Self {
            station: self.station.clone(),
            mailbox: self.mailbox.clone(),
        }
    }
}

impl<A: Actor> fmt::Debug for WeakAddress<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakAddress({})", self.id())
    }
}
