//! Supervisors: who starts, stops and restarts a line of children.
//!
//! OTP counterpart: `supervisor`, and `DynamicSupervisor` for many like children.
//!
//! # Ordering
//! Children start in the order in which they were given, each when the one before has started, and stop
//! in the reverse order, each when the one after has ended. What a supervisor is asked it does one after
//! the other; a stop of the supervisor comes before what is queued.

mod actor;
mod builder;
mod dynamic;
mod error;
mod family;
mod message;
mod requests;

use std::any::Any;
use std::fmt;

use greenroom_core::{ExitReason, Id, Name};

use self::actor::SupervisorActor;
pub use self::builder::{Nested, RootPolicy, SupervisorBuilder, supervisor};
pub use self::dynamic::{DynamicBuilder, DynamicSupervisor};
pub use self::error::{ChildError, GaveUp, SpecError, StartError};
pub use self::message::ChildStatus;
use self::message::{Count, Delete, Find, List, Remove, RestartChild, Start, Terminate, Which};
use super::child::{Child, IntoChild};
use crate::actor::{Actor, HandlerLater};
use crate::address::{Address, AskError, ClosedError};

/// A supervisor at work. Cloning gives another handle to the same one.
///
/// It starts its children from left to right, restarts those that end as its [`Strategy`] and their
/// [`Restart`] say, and stops them from right to left. A child keeps its address and its queue over
/// restarts, its own and those of the supervisors above it: a failure costs the message in flight. Only
/// when a child is given up, terminated or not wanted any more is what it has queued refused.
///
/// It lives until its scope ends, it is [stopped](Self::stop), its significant children have ended, or it
/// gives up: then it fails, its parent decides, and above the first supervisor its [`RootPolicy`].
/// At the end of the scope each child gets its shutdown time to handle what it has queued.
///
/// Made by [`Scope::supervisor`](crate::Scope::supervisor).
///
/// [`Strategy`]: super::Strategy
/// [`Restart`]: super::Restart
///
/// # Differences from OTP
/// - An address stays over a restart, where a process has a new identifier; after a
///   [`terminate`](Self::terminate) and a [`restart`](Self::restart) it is a new one.
/// - A supervisor that is restarted starts the children that it has, those added at run time too;
///   temporary ones go. OTP begins with the first list again.
/// - There is back-off, and what is asked meanwhile is done.
///
/// A `started` hook of a child must not ask its own supervisor, which waits for that hook.
///
/// # Examples
/// ```
/// use greenroom_actor::supervision::{Strategy, child};
/// use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler, Runtime};
/// # use greenroom_core::time::Durations;
/// struct Divider;
/// impl Actor for Divider {}
/// impl Handler<u64> for Divider {
///     type Reply = u64;
///     async fn handle(&mut self, n: u64, _cx: &mut ActorContext<Self>) -> u64 {
///         100 / n
///     }
/// }
/// # std::panic::set_hook(Box::new(|_| ()));
/// # Runtime::new()?.block_on(|scope| async move {
/// let top = scope
///     .supervisor("top")
///     .strategy(Strategy::RestForOne)
///     .intensity(3, 5.secs())
///     .child(child("divider", || Divider))
///     .child(child("spare", || Divider))
///     .await?;
/// let divider: Address<Divider> = top.address("divider").await?;
/// assert!(matches!(divider.ask(0).await, Err(AskError::Panicked(_))));
/// assert_eq!(divider.ask(5).await?, 20);
/// assert_eq!(top.children().await?[0].restarts, 1);
/// assert!(top.address::<Divider>("nobody").await.is_err());
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Supervisor {
    address: Address<SupervisorActor>,
}

/// How many children a supervisor has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChildCount {
    /// All, those that have ended included.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// The supervisors among all.
    pub supervisors: usize,
    /// Those that are no supervisors.
    pub workers: usize,
}

impl Supervisor {
    /// Adds a child behind the others and starts it. Gives its address, for an actor.
    ///
    /// OTP counterpart: `start_child`.
    ///
    /// # Errors
    /// See [`StartError`]. A child that does not start is not kept.
    ///
    /// # Cancel safety
    /// Dropped before the supervisor takes it up, nothing is started. After that the child may have been
    /// added.
    pub async fn start<C: IntoChild>(&self, child: C) -> Result<C::Handle, StartError> {
        let Child { parts, handle } = child.into_child();
        let name = parts.id.clone().map_err(StartError::Spec)?;
        let name = Some(name);
        let found = self.ask(Start { name, parts }).await;
        let found = found.map_err(StartError::Ask)??;
        handle(found.address).ok_or(StartError::Stopping)
    }

    /// Starts a child again that has ended or was terminated. What it gets is a new mailbox: earlier
    /// addresses stay closed.
    ///
    /// OTP counterpart: `restart_child`.
    ///
    /// # Errors
    /// See [`StartError`]. The record of a child that does not start is kept.
    ///
    /// # Cancel safety
    /// As [`start`](Self::start).
    pub async fn restart(&self, id: &str) -> Result<(), StartError> {
        let name = Name::new(id.to_owned()).map_err(|e| StartError::Spec(SpecError::Name(e)))?;
        let restarted = self.ask(RestartChild(name)).await;
        restarted.map_err(StartError::Ask)?
    }

    /// Stops a child and waits for its end; a restart that is due is given up. What it has queued is
    /// refused. Its record stays, unless it is temporary. Returns whether it ran or was to be restarted.
    ///
    /// OTP counterpart: `terminate_child`.
    ///
    /// # Errors
    /// [`ChildError::Name`], [`ChildError::NotFound`], [`ChildError::Ask`].
    ///
    /// # Cancel safety
    /// Once the supervisor has taken it up the child ends, whether or not somebody waits.
    pub async fn terminate(&self, id: &str) -> Result<bool, ChildError> {
        let which = Which::Child(named(id)?);
        let terminated = self.ask(Terminate(which)).await;
        terminated.map_err(ChildError::Ask)?
    }

    /// Forgets a child that has ended.
    ///
    /// OTP counterpart: `delete_child`.
    ///
    /// # Errors
    /// [`ChildError::Running`], [`ChildError::Restarting`]: terminate it first, or [`remove`](Self::remove)
    /// it. [`ChildError::Name`], [`ChildError::NotFound`], [`ChildError::Ask`].
    ///
    /// # Cancel safety
    /// As [`terminate`](Self::terminate).
    pub async fn delete(&self, id: &str) -> Result<(), ChildError> {
        let deleted = self.ask(Delete(named(id)?)).await;
        deleted.map_err(ChildError::Ask)?
    }

    /// Stops a child, waits for its end, and forgets it.
    ///
    /// # Errors
    /// [`ChildError::Name`], [`ChildError::NotFound`], [`ChildError::Ask`].
    ///
    /// # Cancel safety
    /// As [`terminate`](Self::terminate).
    pub async fn remove(&self, id: &str) -> Result<(), ChildError> {
        let removed = self.ask(Remove(named(id)?)).await;
        removed.map_err(ChildError::Ask)?
    }

    /// Returns the children in the order of their start, with what each does, how often it was
    /// restarted, and how it ended the last time.
    ///
    /// OTP counterpart: `which_children`.
    ///
    /// # Errors
    /// [`AskError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn children(&self) -> Result<Vec<ChildStatus>, AskError> {
        self.ask(List).await
    }

    /// Returns how many children there are.
    ///
    /// OTP counterpart: `count_children`.
    ///
    /// # Errors
    /// [`AskError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn count(&self) -> Result<ChildCount, AskError> {
        self.ask(Count).await
    }

    /// Returns the address of a child that is an actor of type `A`. It stays valid over restarts.
    ///
    /// # Errors
    /// See [`ChildError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn address<A: Actor>(&self, id: &str) -> Result<Address<A>, ChildError> {
        self.find(id, |address| {
            address.downcast().ok().map(|address| *address)
        })
        .await
    }

    /// Returns the handle of a child that is a supervisor.
    ///
    /// # Errors
    /// See [`ChildError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn supervisor(&self, id: &str) -> Result<Self, ChildError> {
        self.find(id, Self::from_any).await
    }

    /// Asks the supervisor to end: its children stop from right to left, and what they have queued is
    /// refused. Does not wait; see [`closed`](Self::closed).
    pub fn stop(&self) {
        self.address.stop();
    }

    /// Waits until the supervisor and its children have ended, for good, and returns why: `Shutdown` if
    /// its significant children ended, `Failed` with [`GaveUp`] if it gave up.
    ///
    /// # Errors
    /// [`ClosedError`]: the waiter's own context ended first.
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    pub async fn closed(&self) -> Result<ExitReason, ClosedError> {
        self.address.closed().await
    }

    /// Returns the supervisor's id, the parent of those of its children.
    #[must_use]
    pub fn id(&self) -> &Id {
        self.address.id()
    }

    fn from_any(address: Box<dyn Any + Send + Sync>) -> Option<Self> {
        let address = *address.downcast().ok()?;
        Some(Self { address })
    }

    async fn find<H>(
        &self,
        id: &str,
        handle: impl FnOnce(Box<dyn Any + Send + Sync>) -> Option<H>,
    ) -> Result<H, ChildError> {
        let child = named(id)?;
        let found = self.ask(Find(child.clone())).await;
        let found = found.map_err(ChildError::Ask)??;
        handle(found.address).ok_or(ChildError::OtherType {
            child,
            found: found.actor_type,
        })
    }

    async fn terminate_actor(&self, id: &Id) -> Result<bool, ChildError> {
        let terminated = self.ask(Terminate(Which::Actor(id.clone()))).await;
        terminated.map_err(ChildError::Ask)?
    }

    async fn ask<M>(
        &self,
        message: M,
    ) -> Result<<SupervisorActor as HandlerLater<M>>::Reply, AskError>
    where
        SupervisorActor: HandlerLater<M>,
        M: Send + 'static,
    {
        self.address.ask(message).await
    }
}

fn named(id: &str) -> Result<Name, ChildError> {
    Name::new(id.to_owned()).map_err(ChildError::Name)
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Supervisor({})", self.id())
    }
}
