//! The handle to a router.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{
    Actor, Address, HandlerLater, Placement, Scope, SpawnError, TellError, TryTellError,
};
use greenroom_core::channel::{self, Receiver, Sender};
use greenroom_core::watch::{self, Watch};
use greenroom_core::{Id, Result, current};

use super::actor::{Held, Make, Owner};
use super::error::{ChangeError, RouteAskError, RouteError, RouterError, TryRouteError};
use super::hash::hash;
use super::keyed::Keyed;
use super::members::{Chosen, Members};
use super::message::{Add, Remove, Resize};
use super::options::{Route, RouterOptions};

/// Sends each message to one of several like actors. Cloning gives another handle to the same router.
///
/// It keeps its members alive, as an address does. When the last handle is gone, actors that nobody else
/// has an address of handle what they have, and end.
///
/// Use a [`WorkerPool`](crate::worker_pool::WorkerPool) for jobs without state: there a free worker takes
/// the next job, where a router must guess who will be free. Use a
/// [`Broadcast`](crate::broadcast::Broadcast) to reach all.
pub struct Router<A: Actor> {
    owner: Address<Owner<A>>,
    members: Watch<Members<A>>,
    /// Whose turn it is: both ends, since who takes a token puts it back behind the others.
    turn: Receiver<u64>,
    turns: Sender<u64>,
    route: Route,
}

impl<A: Actor> Router<A> {
    /// Starts a router and its actors, each from the factory, which gets 0, 1, 2 and so on.
    ///
    /// An actor is supervised with the defaults of [`Scope::spawn`]: it is restarted after a failure, and
    /// given up, with the scope, if it fails too often. For others spawn them yourself and use
    /// [`over`](Self::over).
    ///
    /// # Errors
    /// - [`RouterError::ZeroActors`]: the description asks for none.
    /// - [`RouterError::Spawn`]: an actor was not started.
    /// - [`RouterError::Closed`], [`RouterError::Cancelled`], [`RouterError::Deadline`]: the scope ended,
    ///   or the caller's context did.
    ///
    /// # Cancel safety
    /// Dropping the future ends the actors that were started.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
    /// # use greenroom_patterns::router::{Route, Router, RouterError, router};
    /// # struct Echo(usize);
    /// # impl Actor for Echo {}
    /// # impl Handler<&'static str> for Echo {
    /// #     type Reply = usize;
    /// #     async fn handle(&mut self, _: &'static str, _cx: &mut ActorContext<Self>) -> usize { self.0 }
    /// # }
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let echoes = Router::spawn(&scope, router("echo").actors(2), Echo).await?;
    /// assert_eq!([echoes.ask("a").await?, echoes.ask("b").await?, echoes.ask("c").await?], [0, 1, 0]);
    ///
    /// let refused = Router::spawn(&scope, router("echo").actors(0), Echo).await;
    /// assert!(matches!(refused, Err(RouterError::ZeroActors)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(
        scope: &Scope,
        options: RouterOptions,
        factory: F,
    ) -> impl Future<Output = Result<Self, RouterError>> + Send + use<A, F>
    where
        F: Fn(usize) -> A + Send + Sync + 'static,
    {
        let factory = Arc::new(factory);
        let spawned_at = Location::caller();
        let placement = match options.actors {
            1 => Placement::Here,
            _ => Placement::Spread,
        };
        let make: Make<A> = Arc::new(move |scope, number| {
            let factory = factory.clone();
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            scope
                .at(spawned_at)
                .spawn(move || factory(number))
                .group(options.name)
                .mailbox(options.mailbox)
                .on(placement)
        });
        let router = Self::start(scope, options.route, Some(make));
        async move {
            if options.actors == 0 {
                return Err(RouterError::ZeroActors);
            }
            let router = router.await?;
            router.resize(options.actors).await?;
            Ok(router)
        }
    }

    /// Starts a router over actors that are there. There may be none yet.
    ///
    /// # Errors
    /// See [`SpawnError`]: the scope has ended, or the caller's context did.
    ///
    /// # Cancel safety
    /// Dropping the future drops the addresses.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
    /// # use greenroom_patterns::router::{Route, RouteError, Router, RouterError};
    /// # struct Echo;
    /// # impl Actor for Echo {}
    /// # impl Handler<u8> for Echo {
    /// #     type Reply = u8;
    /// #     async fn handle(&mut self, n: u8, _cx: &mut ActorContext<Self>) -> u8 { n }
    /// # }
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let echo = scope.spawn(|| Echo).await?;
    /// let echoes = Router::over(&scope, Route::InTurn, [echo.clone()]).await?;
    /// assert_eq!(echoes.ask(1).await?, 1);
    /// assert!(echoes.remove(echo.id()).await?);
    /// assert!(matches!(echoes.tell(2).await, Err(RouteError::NoActor(2))));
    /// assert!(matches!(echoes.resize(2).await, Err(RouterError::NoFactory)));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn over(
        scope: &Scope,
        route: Route,
        addresses: impl IntoIterator<Item = Address<A>>,
    ) -> impl Future<Output = Result<Self, RouterError>> + Send {
        let addresses: Vec<_> = addresses.into_iter().collect();
        let router = Self::start(scope, route, None);
        async move {
            let router = router.await?;
            for address in addresses {
                router.add(address).await?;
            }
            Ok(router)
        }
    }

    #[track_caller]
    fn start(
        scope: &Scope,
        route: Route,
        make: Option<Make<A>>,
    ) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<A> {
        let (publisher, members) = watch::channel(Members::new(BTreeMap::new()));
        let (turns, turn) = channel::unbounded();
        let held = Held {
            members: BTreeMap::new(),
            next: 0,
            publisher,
            turns: turns.clone(),
            turn: turn.clone(),
        };
        let builder = scope.supervise(held, move |held| Owner {
            held,
            make: make.clone(),
        });
        async move {
            let owner = builder.await?;
            Ok(Self {
                owner,
                members,
                turn,
                turns,
                route,
            })
        }
    }

    /// Sends a message to the member that is chosen; waits for room in its mailbox.
    ///
    /// If that one has ended meanwhile, another is chosen.
    ///
    /// # Errors
    /// See [`RouteError`]. The message comes back.
    ///
    /// # Cancel safety
    /// As [`Address::tell`].
    #[allow(
        clippy::manual_async_fn,
        reason = "that the future is `Send` is said, so that no task that awaits it need find out"
    )]
    pub fn tell<M>(&self, message: M) -> impl Future<Output = Result<(), RouteError<M>>> + Send
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        async move {
            let mut message = message;
            let mut tried = BTreeSet::new();
            while let Some((number, address)) = self.choose(&tried) {
                match address.tell(message).await {
                    Err(TellError::Closed(back)) => message = back,
                    told => return told.map_err(RouteError::Tell),
                }
                tried.insert(number);
            }
            Err(RouteError::NoActor(message))
        }
    }

    /// Sends a message to the first member, from the chosen one on, whose mailbox has room now.
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
        let mut is_full = false;
        while let Some((number, address)) = self.choose(&tried) {
            match address.try_tell(message) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    is_full |= matches!(error, TryTellError::Full(_));
                    message = error.into_inner();
                }
            }
            tried.insert(number);
        }
        Err(if is_full {
            TryRouteError::Full(message)
        } else {
            TryRouteError::NoActor(message)
        })
    }

    /// Sends a message to the member that is chosen, and waits for the reply.
    ///
    /// # Errors
    /// See [`RouteAskError`].
    ///
    /// # Cancel safety
    /// As [`Address::ask`].
    #[allow(
        clippy::manual_async_fn,
        reason = "that the future is `Send` is said, so that no task that awaits it need find out"
    )]
    pub fn ask<M>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<<A as HandlerLater<M>>::Reply, RouteAskError<M>>> + Send
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        async move {
            let Some((_, address)) = self.choose(&BTreeSet::new()) else {
                return Err(RouteAskError::NoActor(message));
            };
            address.ask(message).await.map_err(RouteAskError::Ask)
        }
    }

    /// Returns the router as seen by one key: what is sent through it goes to the key's member.
    ///
    /// Equal keys have one member, by a consistent hash: when a member comes or goes, only about one key
    /// of n moves. The hash is the same in each run.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
    /// # use greenroom_patterns::router::{Router, router};
    /// # struct Shard(usize);
    /// # impl Actor for Shard {}
    /// # impl Handler<u8> for Shard {
    /// #     type Reply = usize;
    /// #     async fn handle(&mut self, _: u8, _cx: &mut ActorContext<Self>) -> usize { self.0 }
    /// # }
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let shards = Router::spawn(&scope, router("shard").actors(4), Shard).await?;
    /// let home = shards.key("ada").ask(1).await?;
    /// assert_eq!(shards.clone().key(&String::from("ada")).ask(2).await?, home);
    ///
    /// // Its member stops: the key moves.
    /// let member = shards.key("ada").address().ok_or("nobody").expect("there are four");
    /// member.stop();
    /// member.closed().await?;
    /// assert_ne!(shards.key("ada").ask(3).await?, home);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn key<K: Hash + ?Sized>(&self, key: &K) -> Keyed<'_, A> {
        Keyed {
            router: self,
            hash: hash(key),
        }
    }

    /// Takes a member in. Returns whether it was none before.
    ///
    /// # Errors
    /// See [`ChangeError`].
    ///
    /// # Cancel safety
    /// Dropped before the owner took the call, it changes nothing. After that it may.
    pub async fn add(&self, address: Address<A>) -> Result<bool, ChangeError> {
        Ok(self.owner.ask(Add(address)).await?)
    }

    /// Takes a member out, by its actor's id. Returns whether it was one.
    ///
    /// What was sent to it is handled. The actor ends if nobody else has its address.
    ///
    /// # Errors
    /// See [`ChangeError`].
    ///
    /// # Cancel safety
    /// As [`add`](Self::add).
    pub async fn remove(&self, id: &Id) -> Result<bool, ChangeError> {
        Ok(self.owner.ask(Remove(id.clone())).await?)
    }

    /// Spawns actors, or takes out the newest, until there are so many members.
    ///
    /// # Errors
    /// - [`RouterError::ZeroActors`]: none would be left.
    /// - [`RouterError::NoFactory`]: the router was made over given addresses.
    /// - [`RouterError::Spawn`]: an actor was not started; those before it are members.
    /// - [`RouterError::Closed`], [`RouterError::Cancelled`], [`RouterError::Deadline`]: the router has
    ///   ended, or the current context did first.
    ///
    /// # Cancel safety
    /// Dropped half-way, some of the actors are members or taken out.
    pub async fn resize(&self, actors: usize) -> Result<(), RouterError> {
        if actors == 0 {
            return Err(RouterError::ZeroActors);
        }
        let asked = self.owner.ask(Resize(actors)).await;
        asked.map_err(ChangeError::from)?
    }

    /// Returns the addresses of the members now, in the order in which they came.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address<A>> {
        self.members().addresses().cloned().collect()
    }

    /// Returns how many members there are. One that has ended counts until it is taken out, soon after.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// Returns whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn members(&self) -> Arc<Members<A>> {
        self.members.get()
    }

    /// Chooses a member, without those that were tried.
    fn choose(&self, tried: &BTreeSet<u64>) -> Chosen<A> {
        let turn = self.next_turn()?;
        self.members().in_turn(self.route, turn, tried)
    }

    /// Takes the next turn; `None` without members.
    fn next_turn(&self) -> Option<u64> {
        while let Ok(turn) = self.turn.try_recv() {
            // Looked for after the token was there. The wrong version looks at the members first: one
            // that comes in between loses its token, and with it every turn.
            if self.members().contains(turn) {
                let _never_full = self.turns.try_send(turn);
                return Some(turn);
            }
        }
        // Others, on other arbiters, have the tokens at this moment.
        let members = self.members();
        members.number_at(current::choose(members.len()))
    }
}

impl<A: Actor> Clone for Router<A> {
    fn clone(&self) -> Self {
        Self {
            owner: self.owner.clone(),
            members: self.members.clone(),
            turn: self.turn.clone(),
            turns: self.turns.clone(),
            route: self.route,
        }
    }
}

impl<A: Actor> fmt::Debug for Router<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("id", self.owner.id())
            .field("members", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use greenroom_actor::Runtime;

    use super::*;

    struct Idle;

    impl Actor for Idle {}

    #[test]
    fn turns_of_former_members_do_not_pile_up() {
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .build()
            .expect("a single-threaded runtime starts");
        let ran = runtime.block_on(|scope| async move {
            let member = scope.spawn(|| Idle).await?;
            let router = Router::over(&scope, Route::InTurn, []).await?;
            for _ in 0..200 {
                assert!(router.add(member.clone()).await?);
                assert!(router.remove(member.id()).await?);
            }
            assert!(router.add(member).await?);
            assert!(router.turns.len() < 50, "{}", router.turns.len());
            let numbers = std::iter::from_fn(|| router.turn.try_recv().ok());
            assert_eq!(numbers.filter(|n| router.members().contains(*n)).count(), 1);
            Ok(())
        });
        assert!(ran.is_ok(), "{ran:?}");
    }
}
