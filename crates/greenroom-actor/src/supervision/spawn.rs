//! How an actor is started.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::cycle::Desk;
use greenroom_core::error::{Cause, NameError};
use greenroom_core::registry::RegistryError;
use greenroom_core::task::{Task, TaskInfo, TaskKind};
use greenroom_core::{ExitReason, Failure, Id, Linked, Name, Panic, Result, channel, current};

use super::apart::Apart;
use super::child::keeping;
use super::decide::{Intensity, Restart};
use super::kept::Kept;
use super::leash::Leash;
use super::life::{Epilogue, Factory, Life, Started};
use crate::actor::Actor;
use crate::address::Address;
use crate::engine;
use crate::mailbox::{DEFAULT_CAPACITY, Overflow};
use crate::runtime::Placement;
use crate::scope::{JoinCell, JoinError, OnDrop, Scope};
use crate::station::{Parts, Station};
use crate::work::Names;

/// How long an actor may take to end, unless told otherwise.
pub(super) const SHUTDOWN: Duration = Duration::from_secs(5);

/// Why an actor was not started.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SpawnError {
    /// The scope has ended.
    Ended,
    /// The name or the group is not a name.
    Name(NameError),
    /// Another living actor has the name.
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: Id,
    },
    /// The `started` hook returned this error, which is the source of this one.
    Failed(Failure),
    /// The factory or the `started` hook panicked.
    Panicked(Panic),
    /// The scope's or the caller's context was cancelled.
    Cancelled(Cause),
    /// The deadline of the scope's or the caller's context passed.
    Deadline,
    /// Something that it was linked to ended while it started.
    Linked(Linked),
    /// The actor stopped itself while it started.
    Stopped,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the scope has ended; the actor was not started"),
            Self::Name(error) => fmt::Display::fmt(error, f),
            Self::NameTaken { name, holder } => write!(
                f,
                "the name {name:?} is taken by {holder}: choose another, or look that one up with `whereis`"
            ),
            Self::Failed(failure) => write!(f, "the actor could not start: {failure}"),
            Self::Panicked(panic) => fmt::Display::fmt(panic, f),
            Self::Cancelled(cause) => write!(f, "cancelled while the actor started: {cause}"),
            Self::Deadline => f.write_str("deadline exceeded while the actor started"),
            Self::Linked(linked) => write!(f, "the actor could not start: {linked}"),
            Self::Stopped => f.write_str("the actor stopped while it started"),
        }
    }
}

// By hand, since a `Failure` is not itself an `Error`.
impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(error) => Some(error),
            Self::Failed(failure) => Some(failure.as_error()),
            Self::Panicked(panic) => Some(panic),
            Self::Cancelled(cause) => Some(cause),
            Self::Linked(linked) => Some(linked),
            _ => None,
        }
    }
}

impl From<NameError> for SpawnError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl SpawnError {
    pub(super) fn from_exit(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Failed(failure) => Self::Failed(failure),
            ExitReason::Panicked(panic) => Self::Panicked(panic),
            ExitReason::Cancelled(cause) => Self::Cancelled(cause),
            ExitReason::Deadline => Self::Deadline,
            ExitReason::Linked(linked) => Self::Linked(linked),
            _ => Self::Stopped,
        }
    }
}

impl Scope {
    /// Starts an actor in this scope, supervised, from a factory that can build it again.
    ///
    /// Await the builder, after setting what differs from the defaults: no name, a mailbox of 64
    /// messages whose senders wait for room, restarted after a failure ([`Restart::Transient`]) at most
    /// 3 times in 5 seconds, 5 seconds to shut down, beside its parent. It gives the address when the
    /// `started` hook has returned.
    ///
    /// The actor lives until its last address is gone, it is stopped, or the scope ends. At the end of
    /// the scope it handles what is queued first. An actor that fails too often is given up, and its
    /// failure is the scope's.
    ///
    /// # Errors
    /// The await gives [`SpawnError`].
    ///
    /// # Cancel safety
    /// Nothing is started before the first poll. A start that is dropped half-way ends the actor, since
    /// nobody has its address.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::{Actor, Runtime, Restart};
    /// # struct Store; impl Actor for Store {}
    /// # Runtime::new()?.block_on(|scope| async move {
    /// let store = scope.spawn(|| Store).name("store").mailbox(128).restart(Restart::Permanent).await?;
    /// assert_eq!(store.id().name(), "store");
    /// assert!(scope.spawn(|| Store).name("store").await.is_err());
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn spawn<A: Actor>(
        &self,
        mut factory: impl FnMut() -> A + Send + 'static,
    ) -> ActorBuilder<A> {
        ActorBuilder::new(self, Location::caller(), Box::new(move || Ok(factory())))
    }

    /// Starts an actor from a value. It cannot be rebuilt: it is [`Restart::Temporary`].
    #[track_caller]
    pub fn spawn_once<A: Actor + Send>(&self, actor: A) -> ActorBuilder<A> {
        let mut actor = Some(actor);
        let factory = move || {
            actor
                .take()
                .ok_or_else(|| Failure::message("an actor spawned from a value cannot be rebuilt"))
        };
        ActorBuilder::new(self, Location::caller(), Box::new(factory)).restart(Restart::Temporary)
    }

    /// Starts an actor that works on state which its supervisor owns.
    ///
    /// The factory gets the state as a [`Kept`], for each incarnation: a panic costs the message in
    /// flight, never the state. If an incarnation hides its `Kept` elsewhere, the rebuild fails.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::{Actor, ActorContext, AskError, Handler, Kept, Runtime};
    /// struct Total { sum: Kept<u64> }
    /// struct Add(u64);
    /// impl Actor for Total {}
    /// impl Handler<Add> for Total {
    ///     type Reply = u64;
    ///     async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
    ///         assert!(n < 100, "too much");
    ///         *self.sum += n;
    ///         *self.sum
    ///     }
    /// }
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// Runtime::new()?.block_on(|scope| async move {
    ///     let total = scope.supervise(0, |sum| Total { sum }).await?;
    ///     assert_eq!(total.ask(Add(5)).await?, 5);
    ///     assert!(matches!(total.ask(Add(100)).await, Err(AskError::Panicked(_))));
    ///     assert_eq!(total.ask(Add(5)).await?, 10);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn supervise<A: Actor, S: Send + 'static>(
        &self,
        state: S,
        factory: impl FnMut(Kept<S>) -> A + Send + 'static,
    ) -> ActorBuilder<A> {
        ActorBuilder::new(self, Location::caller(), keeping(state, factory))
    }
}

/// Starts an actor when it is awaited. Made by [`Scope::spawn`], [`Scope::spawn_once`] and
/// [`Scope::supervise`].
#[must_use = "an actor is started by awaiting the builder"]
pub struct ActorBuilder<A: Actor> {
    scope: Scope,
    factory: Factory<A>,
    spawned_at: &'static Location<'static>,
    name: Option<String>,
    groups: Vec<String>,
    capacity: Option<usize>,
    overflow: Overflow,
    restart: Restart,
    intensity: Intensity,
    shutdown: Duration,
}

impl<A: Actor> ActorBuilder<A> {
    fn new(scope: &Scope, spawned_at: &'static Location<'static>, factory: Factory<A>) -> Self {
        Self {
            scope: scope.clone(),
            factory,
            spawned_at: scope.place_of(spawned_at),
            name: None,
            groups: Vec::new(),
            capacity: Some(DEFAULT_CAPACITY),
            overflow: Overflow::default(),
            restart: Restart::default(),
            intensity: Intensity::default(),
            shutdown: SHUTDOWN,
        }
    }

    /// Registers the actor under a name, which no other living actor of the runtime has.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Enters the actor in a group. May be called several times.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Sets how many messages the mailbox holds. 0 is a rendezvous: a send ends when the actor takes it.
    pub fn mailbox(mut self, capacity: usize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Lets the mailbox grow without a bound. For actors whose senders are bounded otherwise.
    pub fn unbounded_mailbox(mut self) -> Self {
        self.capacity = None;
        self
    }

    /// Sets what happens to a message when the mailbox is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets when the actor is restarted. A [`Restart::Permanent`] one lives until the scope ends, also
    /// without an address.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets how many restarts within a period are too many.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.intensity = Intensity { restarts, period };
        self
    }

    /// Sets how long a running handler or `started` hook, and then the `stopping` hook, may take after a
    /// stop.
    pub fn shutdown(mut self, patience: Duration) -> Self {
        self.shutdown = patience;
        self
    }

    /// Sets where the actor runs.
    pub fn on(mut self, placement: Placement) -> Self {
        self.scope = self.scope.on(placement);
        self
    }

    async fn start(self) -> Result<Address<A>, SpawnError> {
        let name = self.name.map(Name::new).transpose()?;
        let groups: Vec<_> = self
            .groups
            .into_iter()
            .map(Name::new)
            .collect::<Result<_, _>>()?;
        let launch = Launch {
            label: name.clone(),
            name,
            groups,
            capacity: self.capacity,
            overflow: self.overflow,
            restart: self.restart,
            intensity: self.intensity,
            shutdown: self.shutdown,
            ..Launch::new(&self.scope, self.factory, self.spawned_at)
        };
        launch.start().await
    }
}

/// Everything that the life of an actor is made from.
pub(super) struct Launch<A: Actor> {
    pub(super) scope: Scope,
    pub(super) factory: Factory<A>,
    pub(super) spawned_at: &'static Location<'static>,
    /// What it is registered under.
    pub(super) name: Option<Name>,
    /// What stands in its id.
    pub(super) label: Option<Name>,
    pub(super) groups: Vec<Name>,
    pub(super) capacity: Option<usize>,
    pub(super) overflow: Overflow,
    pub(super) restart: Restart,
    pub(super) intensity: Intensity,
    pub(super) shutdown: Duration,
    /// Whether it lives on without an address.
    pub(super) is_held: bool,
    pub(super) started: Option<Started>,
    pub(super) leash: Option<Arc<Leash>>,
    pub(super) supervises: Option<&'static str>,
    pub(super) epilogue: Option<Epilogue>,
}

impl<A: Actor> Launch<A> {
    pub(super) fn new(
        scope: &Scope,
        factory: Factory<A>,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        Self {
            scope: scope.clone(),
            factory,
            spawned_at,
            name: None,
            label: None,
            groups: Vec::new(),
            capacity: Some(DEFAULT_CAPACITY),
            overflow: Overflow::default(),
            restart: Restart::default(),
            intensity: Intensity::default(),
            shutdown: SHUTDOWN,
            is_held: false,
            started: None,
            leash: None,
            supervises: None,
            epilogue: None,
        }
    }

    /// Launches it, and waits until its first start has succeeded or failed.
    pub(super) async fn start(mut self) -> Result<Address<A>, SpawnError> {
        let (cell, asker) = (JoinCell::new(), current::task_id());
        self.started = Some(Box::new({
            let cell = cell.clone();
            move |result| {
                let result = result.map_err(SpawnError::from_exit);
                cell.answer(asker, "started", Ok(result));
            }
        }));
        let address = self.launch()?;
        // Nobody else has the address: one that is given up half-way ends, also in its `started` hook.
        let given_up = OnDrop::new({
            let cancel = address.station().cancel.clone();
            move || cancel.cancel("its start was given up")
        });
        let started = wait_started(&cell).await?;
        given_up.disarm();
        started.map(|()| address)
    }

    /// Makes its life a task. It does not wait for anything.
    pub(super) fn launch(self) -> Result<Address<A>, SpawnError> {
        let inner = self.scope.inner().clone();
        inner.enter().map_err(|_ended| SpawnError::Ended)?;
        let entered = OnDrop::new({
            let inner = inner.clone();
            move || inner.leave()
        });
        let core = inner.core.clone();
        let driver = core.place(self.scope.placement(), inner.home);
        let id = match self.label {
            Some(label) => inner.id.child(label.into_text()),
            None => inner.id.child("actor"),
        };
        let (context, cancel) = inner.context.with_cancel_cause();
        let (sender, mailbox) = match self.capacity {
            Some(capacity) => channel::bounded(capacity),
            None => channel::unbounded(),
        };
        let station = Station::new(Parts {
            info: TaskInfo::new(id.clone(), TaskKind::Actor, self.spawned_at, driver.now()),
            scope: inner.clone(),
            context: context.clone(),
            cancel,
            mailbox: sender.downgrade(),
            overflow: self.overflow,
            shutdown: self.shutdown,
            leash: self.leash,
            supervises: self.supervises,
        });
        core.registry()
            .enter_actor(id.clone(), self.name, station.clone())
            .map_err(|error| match error {
                RegistryError::NameTaken { name, holder } => SpawnError::NameTaken {
                    name: name.to_string(),
                    holder,
                },
                _ => SpawnError::Ended,
            })?;
        for group in self.groups {
            core.registry().join_group(&id, group);
        }
        // From here on the actor's own end leaves the scope and the registry.
        entered.disarm();
        inner.add_child(station.clone());
        let life = Life {
            station: station.clone(),
            desk: Arc::new(Desk::new(station.info.clone())),
            mailbox,
            factory: Apart::new(self.factory, "drop of the factory"),
            restart: self.restart,
            intensity: self.intensity,
            started: self.started,
            epilogue: self.epilogue,
            incarnation: 0,
            has_run: false,
            is_draining: false,
            is_over: false,
            is_told: false,
            again: Cell::new(None),
            driver: driver.clone(),
            names: Names::default(),
            spawned_at: self.spawned_at,
        };
        // A permanent actor is held by its supervisor.
        let is_held = self.is_held || self.restart == Restart::Permanent;
        let held = is_held.then(|| sender.clone());
        let hosted = station.clone();
        driver.spawn(Task::local(station.info.clone(), context, move || {
            let life = async move {
                let _held = held;
                life.live().await;
            };
            engine::host(&hosted, Box::pin(life))
        }));
        Ok(Address::new(station, sender))
    }
}

async fn wait_started(
    cell: &JoinCell<Result<(), SpawnError>>,
) -> Result<Result<(), SpawnError>, SpawnError> {
    use greenroom_core::error::ContextError;
    use greenroom_core::task::WaitKind;
    use greenroom_core::wait::Wait;

    let mut wait = Wait::new(WaitKind::Join);
    // A waker that stayed behind would count as something that may wake its actor yet.
    let _left = OnDrop::new(|| cell.leave());
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(result) = cell.poll(cx) {
            wait.end();
            return std::task::Poll::Ready(result.map_err(|error| match error {
                JoinError::Cancelled(cause) => SpawnError::Cancelled(cause),
                _ => SpawnError::Ended,
            }));
        }
        wait.poll(cx, || None, None).map(|ended| {
            Err(match ended {
                ContextError::Cancelled(cause) => SpawnError::Cancelled(cause),
                ContextError::Deadline(_) => SpawnError::Deadline,
            })
        })
    })
    .await
}

impl<A: Actor> IntoFuture for ActorBuilder<A> {
    type Output = Result<Address<A>, SpawnError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

impl<A: Actor> fmt::Debug for ActorBuilder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorBuilder")
            .field("name", &self.name)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}
