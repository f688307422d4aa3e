//! The record of a child: how it is made, when it is started again, and how long it may take to end.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::{Failure, Name, Result};

use super::decide::Restart;
use super::job::Job;
use super::kept::{Keeper, Kept};
use super::leash::{Leash, Ward};
use super::life::Factory;
use super::spawn::{Launch, SHUTDOWN, SpawnError};
use super::supervisor::SpecError;
use crate::actor::Actor;
use crate::address::Address;
use crate::mailbox::{DEFAULT_CAPACITY, Overflow};
use crate::runtime::Placement;
use crate::scope::Scope;

/// A child of a supervisor, before it is started. `H` is what [`Supervisor::start`] gives: the address
/// of an actor, nothing for a task, the handle of a supervisor.
///
/// Made by [`child`], [`keeper`], [`task`], or from a [`supervisor`](super::supervisor()). Without more it is
/// restarted after a failure ([`Restart::Transient`]), has 5 seconds to end, and is not significant.
///
/// The supervisor holds an address of each child: one that nobody else knows lives as well.
///
/// [`Supervisor::start`]: super::Supervisor::start
#[must_use = "a child is started by a supervisor that it is given to"]
pub struct Child<H> {
    pub(super) parts: Parts,
    pub(super) handle: fn(Box<dyn Any + Send + Sync>) -> Option<H>,
}

/// What can be given to a supervisor as a child.
pub trait IntoChild {
    /// What starting it gives.
    type Handle: Send + 'static;

    /// Makes the record.
    fn into_child(self) -> Child<Self::Handle>;
}

impl<H: Send + 'static> IntoChild for Child<H> {
    type Handle = H;

    fn into_child(self) -> Self {
        self
    }
}

/// The part of a record that has no type of its own.
pub(super) struct Parts {
    pub(super) id: Result<Name, SpecError>,
    pub(super) restart: Restart,
    pub(super) is_significant: bool,
    pub(super) is_supervisor: bool,
    pub(super) options: Options,
    pub(super) spawn: Spawn,
}

pub(super) type Spawn =
    Box<dyn FnMut(&Scope, Leash, &Name, &Options) -> Result<Launched, SpawnError> + Send>;

/// A life that was made, and the address that its supervisor holds.
pub(super) struct Launched {
    pub(super) ward: Arc<dyn Ward>,
    pub(super) _address: Box<dyn Any + Send + Sync>,
}

impl Launched {
    pub(super) fn new<A: Actor>(address: Address<A>) -> Self {
        Self {
            ward: address.station().clone(),
            _address: Box::new(address),
        }
    }
}

pub(super) struct Options {
    name: Option<String>,
    groups: Vec<String>,
    capacity: Option<usize>,
    overflow: Overflow,
    shutdown: Duration,
    placement: Option<Placement>,
    spawned_at: &'static Location<'static>,
}

impl Options {
    pub(super) fn new(spawned_at: &'static Location<'static>) -> Self {
        Self {
            name: None,
            groups: Vec::new(),
            capacity: Some(DEFAULT_CAPACITY),
            overflow: Overflow::default(),
            shutdown: SHUTDOWN,
            placement: None,
            spawned_at,
        }
    }

    /// Makes a life with these options.
    pub(super) fn launch<A: Actor>(
        &self,
        scope: &Scope,
        label: &Name,
        leash: Leash,
        factory: Factory<A>,
    ) -> Result<Launch<A>, SpawnError> {
        let scope = match self.placement {
            Some(placement) => scope.on(placement),
            None => scope.clone(),
        };
        Ok(Launch {
            name: self.name.clone().map(Name::new).transpose()?,
            label: Some(label.clone()),
            groups: (self.groups.iter().cloned())
                .map(Name::new)
                .collect::<Result<_, _>>()?,
            capacity: self.capacity,
            overflow: self.overflow,
            shutdown: self.shutdown,
            leash: Some(Arc::new(leash)),
            ..Launch::new(&scope, factory, self.spawned_at)
        })
    }
}

/// Describes an actor as a child, made by a factory that can make it again.
///
/// `id` tells it from the other children of its supervisor, and stands in its path.
///
/// # Examples
/// ```
/// use greenroom_actor::supervision::child;
/// use greenroom_actor::{Actor, Restart, Runtime};
/// # use greenroom_core::time::Durations;
/// struct Store;
/// impl Actor for Store {}
/// # Runtime::new()?.block_on(|scope| async move {
/// let top = scope.supervisor("top").await?;
/// let store = top.start(child("store", || Store).restart(Restart::Permanent).shutdown(1.secs())).await?;
/// assert_eq!(store.id().name(), "store");
/// assert!(top.start(child("store", || Store)).await.is_err(), "the id is taken");
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn child<A: Actor>(
    id: impl Into<Cow<'static, str>>,
    mut factory: impl FnMut() -> A + Send + 'static,
) -> Child<Address<A>> {
    let factory: Factory<A> = Box::new(move || Ok(factory()));
    actor(id.into(), factory, Location::caller())
}

/// Describes an actor as a child that works on state which its supervisor owns; see
/// [`Scope::supervise`]. The state outlives the restarts of the child, of its group, and of its
/// supervisor.
#[track_caller]
pub fn keeper<A: Actor, S: Send + 'static>(
    id: impl Into<Cow<'static, str>>,
    state: S,
    factory: impl FnMut(Kept<S>) -> A + Send + 'static,
) -> Child<Address<A>> {
    let factory = keeping(state, factory);
    actor(id.into(), factory, Location::caller())
}

/// Describes a task as a child: a future that is made again at each restart, and need not be `Send`.
///
/// One that returns `Ok` has ended normally. When it is stopped its context is cancelled with
/// `Cause::Shutdown`, so that its waits fail, and it is dropped if it has not returned by its shutdown
/// time.
///
/// # Examples
/// ```
/// use greenroom_actor::supervision::task;
/// use greenroom_actor::Runtime;
/// use greenroom_core::time::{Durations, sleep};
/// # Runtime::new()?.block_on(|scope| async move {
/// let _top = scope.supervisor("top").child(task("sweep", || async {
///     loop {
///         sleep(60.secs()).await?;
///     }
/// })).await?;
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn task<F>(
    id: impl Into<Cow<'static, str>>,
    mut make: impl FnMut() -> F + Send + 'static,
) -> Child<()>
where
    F: Future<Output = Result<()>> + 'static,
{
    let spawned_at = Location::caller();
    let factory: Factory<Job> = Box::new(move || Ok(Job::new(Box::pin(make()), spawned_at)));
    let Child { parts, .. } = actor(id.into(), factory, spawned_at);
    Child {
        parts,
        handle: |_address| Some(()),
    }
}

/// Makes a factory that lends state to each actor that it makes.
pub(super) fn keeping<A: Actor, S: Send + 'static>(
    state: S,
    mut factory: impl FnMut(Kept<S>) -> A + Send + 'static,
) -> Factory<A> {
    let keeper = Keeper::new(state, "drop of the kept state");
    Box::new(move || match keeper.lend() {
        Some(kept) => Ok(factory(kept)),
        None => Err(Failure::message(
            "the supervised state was not given back by the incarnation before",
        )),
    })
}

fn actor<A: Actor>(
    id: Cow<'static, str>,
    factory: Factory<A>,
    spawned_at: &'static Location<'static>,
) -> Child<Address<A>> {
    // A child that was terminated may be started again, with the same factory in a new life.
    let factory = Keeper::new(factory, "drop of the factory");
    let spawn: Spawn = Box::new(move |scope, leash, label, options| {
        let Some(mut factory) = factory.lend() else {
            return Err(SpawnError::Failed(Failure::message(
                "the factory is in use by the life before",
            )));
        };
        let factory: Factory<A> = Box::new(move || (*factory)());
        let launch = options.launch(scope, label, leash, factory)?;
        Ok(Launched::new(launch.launch()?))
    });
    Child {
        parts: Parts {
            id: Name::new(id).map_err(SpecError::Name),
            restart: Restart::default(),
            is_significant: false,
            is_supervisor: false,
            options: Options::new(spawned_at),
            spawn,
        },
        handle: |address| address.downcast().ok().map(|address| *address),
    }
}

impl<H> Child<H> {
    /// Sets when the child is started again.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.parts.restart = restart;
        self
    }

    /// Sets how long a running handler or `started` hook, and then the `stopping` hook, may take after a
    /// stop; then they are dropped. A supervisor as a child has no limit but those of its children.
    pub fn shutdown(mut self, patience: Duration) -> Self {
        if !self.parts.is_supervisor {
            self.parts.options.shutdown = patience;
        }
        self
    }

    /// Makes the child's end count for its supervisor's own; see
    /// [`AutoShutdown`](super::AutoShutdown). A permanent child cannot be significant, since it never
    /// ends.
    pub fn significant(mut self) -> Self {
        self.parts.is_significant = true;
        self
    }

    /// Registers the child under a name, which no other living actor of the runtime has.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.parts.options.name = Some(name.into());
        self
    }

    /// Enters the child in a group. May be called several times.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.parts.options.groups.push(group.into());
        self
    }

    /// Sets how many messages the mailbox holds.
    pub fn mailbox(mut self, capacity: usize) -> Self {
        self.parts.options.capacity = Some(capacity);
        self
    }

    /// Lets the mailbox grow without a bound. For actors whose senders are bounded otherwise.
    pub fn unbounded_mailbox(mut self) -> Self {
        self.parts.options.capacity = None;
        self
    }

    /// Sets what happens to a message when the mailbox is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.parts.options.overflow = overflow;
        self
    }

    /// Sets where the child runs.
    pub fn on(mut self, placement: Placement) -> Self {
        self.parts.options.placement = Some(placement);
        self
    }
}

impl<H> fmt::Debug for Child<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.parts.id)
            .field("restart", &self.parts.restart)
            .finish_non_exhaustive()
    }
}
