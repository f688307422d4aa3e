//! A router as seen by one key.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;

use greenroom_actor::{Actor, Address, HandlerLater, TellError, TryTellError};

use super::error::{RouteAskError, RouteError, TryRouteError};
use super::handle::Router;

/// Sends messages to the member of a key. Made by [`Router::key`].
///
/// It looks for the member anew with each message.
#[must_use = "it sends nothing by itself"]
pub struct Keyed<'a, A: Actor> {
    pub(super) router: &'a Router<A>,
    pub(super) hash: u64,
}

impl<'a, A: Actor> Keyed<'a, A> {
    /// Sends a message to the member of the key; waits for room in its mailbox.
    ///
    /// If that one has ended meanwhile, it goes to the one that the key has moved to.
    ///
    /// # Errors
    /// See [`RouteError`]. The message comes back.
    ///
    /// # Cancel safety
    /// As [`Address::tell`].
    pub fn tell<M>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<(), RouteError<M>>> + Send + use<'a, A, M>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        let (router, hash) = (self.router, self.hash);
        async move {
            let mut message = message;
            let mut tried = BTreeSet::new();
            while let Some((number, address)) = router.members().by_key(hash, &tried) {
                match address.tell(message).await {
                    Err(TellError::Closed(back)) => message = back,
                    told => return told.map_err(RouteError::Tell),
                }
                tried.insert(number);
            }
            Err(RouteError::NoActor(message))
        }
    }

    /// Sends a message to the member of the key if its mailbox has room now.
    ///
    /// # Errors
    /// See [`TryRouteError`]. The message comes back.
    pub fn try_tell<M>(&self, message: M) -> Result<(), TryRouteError<M>>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        let mut message = message;
        let mut tried = BTreeSet::new();
        while let Some((number, address)) = self.router.members().by_key(self.hash, &tried) {
            match address.try_tell(message) {
                Ok(()) => return Ok(()),
                Err(TryTellError::Closed(back)) => message = back,
                Err(error) => return Err(TryRouteError::Full(error.into_inner())),
            }
            tried.insert(number);
        }
        Err(TryRouteError::NoActor(message))
    }

    /// Sends a message to the member of the key, and waits for the reply.
    ///
    /// # Errors
    /// See [`RouteAskError`].
    ///
    /// # Cancel safety
    /// As [`Address::ask`].
    pub fn ask<M>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<<A as HandlerLater<M>>::Reply, RouteAskError<M>>>
    + Send
    + use<'a, A, M>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        let (router, hash) = (self.router, self.hash);
        async move {
            let Some((_, address)) = router.members().by_key(hash, &BTreeSet::new()) else {
                return Err(RouteAskError::NoActor(message));
            };
            address.ask(message).await.map_err(RouteAskError::Ask)
        }
    }

    /// Returns the address of the member of the key, or `None` if no member is left.
    ///
    /// Kept, it does not follow the key when that moves, and keeps its actor alive.
    #[must_use]
    pub fn address(&self) -> Option<Address<A>> {
        let chosen = self.router.members().by_key(self.hash, &BTreeSet::new());
        chosen.map(|(_, address)| address)
    }
}

impl<A: Actor> fmt::Debug for Keyed<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("router", self.router)
            .field("hash", &self.hash)
            .finish()
    }
}
