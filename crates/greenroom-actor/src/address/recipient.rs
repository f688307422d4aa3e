//! An address for one type of message, whoever handles it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use greenroom_core::{ExitReason, Id};

use super::{Address, AskError, ClosedError, TellError, TryTellError, WeakAddress};
use crate::actor::{Actor, HandlerLater};
use crate::monitor::Watched;
use crate::reply::Answer;

pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends messages of type `M`, answered with `R`, to an actor whose type is hidden.
///
/// Cheap to clone, `Send + Sync`, and keeps its actor alive as an [`Address`] does. Made by
/// [`Address::recipient`].
pub struct Recipient<M, R>(Arc<dyn Receives<M, R>>);

impl<M: Send + 'static, R: Send + 'static> Recipient<M, R> {
    pub(crate) fn new<A: HandlerLater<M, Reply = R>>(address: Address<A>) -> Self {
        Self(Arc::new(address))
    }

    /// Makes a recipient of what hands its messages on.
    pub(crate) fn from_receiver(receives: Arc<dyn Receives<M, R>>) -> Self {
        Self(receives)
    }

    /// Sends a message and waits for the reply; see [`Address::ask`].
    ///
    /// # Errors
    /// See [`AskError`].
    ///
    /// # Cancel safety
    /// As [`Address::ask`].
    pub async fn ask(&self, message: M) -> Result<R, AskError> {
        self.0.ask(message).await
    }

    /// Sends a message, waiting for room; see [`Address::tell`].
    ///
    /// # Errors
    /// See [`TellError`]. The message comes back.
    ///
    /// # Cancel safety
    /// As [`Address::tell`].
    pub async fn tell(&self, message: M) -> Result<(), TellError<M>> {
        self.0.tell(message).await
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    /// See [`TryTellError`]. The message comes back.
    pub fn try_tell(&self, message: M) -> Result<(), TryTellError<M>> {
        self.0.try_tell(message)
    }

    /// Waits until the actor has ended; see [`Address::closed`].
    ///
    /// # Errors
    /// See [`ClosedError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    pub fn closed(&self) -> impl Future<Output = Result<ExitReason, ClosedError>> + use<M, R> {
        self.0.closed()
    }

    /// Asks the actor to end; see [`Address::stop`].
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Returns the actor's id.
    #[must_use]
    pub fn id(&self) -> &Id {
        self.0.id()
    }

    /// Returns whether the actor takes no more messages.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns how many messages fit into the mailbox; `None` if there is no bound.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }

    /// Sends a message as an ask, and returns when the mailbox has it.
    pub(crate) async fn begin_ask(&self, message: M) -> Result<Answer<R>, AskError> {
        self.0.begin_ask(message).await
    }

    pub(crate) fn watched(&self) -> &dyn Watched {
        self.0.watched()
    }

    /// Returns a recipient that does not keep the actor alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakRecipient<M, R> {
        WeakRecipient(self.0.downgrade())
    }
}

impl<M, R> Clone for Recipient<M, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M, R> fmt::Debug for Recipient<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0.id())
    }
}

/// Reaches a recipient without keeping it alive. Made by [`Recipient::downgrade`].
pub struct WeakRecipient<M, R>(Arc<dyn Upgrades<M, R>>);

impl<M, R> WeakRecipient<M, R> {
    /// Returns a full recipient, or `None` when the actor's last address is gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Recipient<M, R>> {
        self.0.upgrade()
    }
}

impl<M, R> Clone for WeakRecipient<M, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M, R> fmt::Debug for WeakRecipient<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakRecipient")
    }
}

pub(crate) trait Receives<M, R>: Send + Sync {
    fn ask(&self, message: M) -> Later<'_, Result<R, AskError>>;
    fn tell(&self, message: M) -> Later<'_, Result<(), TellError<M>>>;
    fn try_tell(&self, message: M) -> Result<(), TryTellError<M>>;
    fn closed(&self) -> Later<'static, Result<ExitReason, ClosedError>>;
    fn stop(&self);
    fn id(&self) -> &Id;
    fn is_closed(&self) -> bool;
    fn capacity(&self) -> Option<usize>;
    fn begin_ask(&self, message: M) -> Later<'_, Result<Answer<R>, AskError>>
    where
        R: Send + 'static;
    fn downgrade(&self) -> Arc<dyn Upgrades<M, R>>;
    fn watched(&self) -> &dyn Watched;
}

pub(crate) trait Upgrades<M, R>: Send + Sync {
    fn upgrade(&self) -> Option<Recipient<M, R>>;
}

impl<A, M> Receives<M, <A as HandlerLater<M>>::Reply> for Address<A>
where
    A: HandlerLater<M>,
    M: Send + 'static,
{
    fn ask(&self, message: M) -> Later<'_, Result<<A as HandlerLater<M>>::Reply, AskError>> {
        Box::pin(Address::ask(self, message))
    }

    fn tell(&self, message: M) -> Later<'_, Result<(), TellError<M>>> {
        Box::pin(Address::tell(self, message))
    }

    fn try_tell(&self, message: M) -> Result<(), TryTellError<M>> {
        Address::try_tell(self, message)
    }

    fn closed(&self) -> Later<'static, Result<ExitReason, ClosedError>> {
        Box::pin(Address::closed(self))
    }

    fn stop(&self) {
        Address::stop(self);
    }

    fn id(&self) -> &Id {
        Address::id(self)
    }

    fn is_closed(&self) -> bool {
        Address::is_closed(self)
    }

    fn capacity(&self) -> Option<usize> {
        Address::capacity(self)
    }

    fn begin_ask(
        &self,
        message: M,
    ) -> Later<'_, Result<Answer<<A as HandlerLater<M>>::Reply>, AskError>> {
        Box::pin(Address::begin_ask(self, message))
    }

    fn downgrade(&self) -> Arc<dyn Upgrades<M, <A as HandlerLater<M>>::Reply>> {
        Arc::new(Address::downgrade(self))
    }

    fn watched(&self) -> &dyn Watched {
        self
    }
}

impl<A, M> Upgrades<M, <A as HandlerLater<M>>::Reply> for WeakAddress<A>
where
    A: HandlerLater<M> + Actor,
    M: Send + 'static,
{
    fn upgrade(&self) -> Option<Recipient<M, <A as HandlerLater<M>>::Reply>> {
        WeakAddress::upgrade(self).map(Recipient::new)
    }
}
