//! How a supervisor is described and started.

use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

use greenroom_core::{Failure, Name};

use super::super::back_off::BackOff;
use super::super::child::{Child, IntoChild, Launched, Options, Parts};
use super::super::decide::{AutoShutdown, Intensity, Restart, Strategy};
use super::super::kept::Keeper;
use super::super::life::{Epilogue, Factory};
use super::super::spawn::{Launch, SpawnError};
use super::actor::{Settings, SupervisorActor, check};
use super::family::Family;
use super::{SpecError, StartError, Supervisor};
use crate::scope::Scope;

/// What the failure of a supervisor that has no supervisor does. The host chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootPolicy {
    /// It is a failure of the scope, whose [`OnError`](crate::OnError) says what follows: without more,
    /// the siblings are cancelled, and the scope returns [`GaveUp`](super::GaveUp) as its error.
    #[default]
    FailScope,
    /// Nothing: the scope goes on without it. [`Supervisor::closed`] tells how it ended.
    Leave,
}

/// Marks the description of a supervisor that is to be a child of another.
#[derive(Clone, Copy, Debug)]
pub struct Nested;

/// Describes a supervisor. Made by [`Scope::supervisor`], to be awaited, or by [`supervisor`], to be a
/// child of another.
///
/// Without more it restarts one for one ([`Strategy::OneForOne`]), at most 3 times in 5 seconds, without
/// back-off, and does not shut down by itself. Its failure fails the scope.
#[must_use = "a supervisor is started by awaiting it, or by giving it to another"]
pub struct SupervisorBuilder<S = Nested> {
    place: S,
    id: Cow<'static, str>,
    settings: Settings,
    root: RootPolicy,
    restart: Restart,
    is_significant: bool,
    children: Vec<Parts>,
    name: Option<String>,
    spawned_at: &'static Location<'static>,
}

/// Describes a supervisor that is a child of another. Without more it is permanent.
///
/// # Examples
/// ```
/// use greenroom_actor::supervision::{child, supervisor};
/// use greenroom_actor::{Actor, Runtime};
/// struct Store;
/// impl Actor for Store {}
/// # Runtime::new()?.block_on(|scope| async move {
/// let top = scope
///     .supervisor("top")
///     .child(supervisor("stores").child(child("a", || Store)))
///     .await?;
/// let stores = top.supervisor("stores").await?;
/// assert_eq!(stores.count().await?.active, 1);
/// assert!(top.supervisor("a").await.is_err());
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn supervisor(id: impl Into<Cow<'static, str>>) -> SupervisorBuilder {
    SupervisorBuilder::new(Nested, id.into(), Location::caller())
}

impl Scope {
    /// Describes a supervisor in this scope; await it to start it and its children.
    ///
    /// # Errors
    /// The await gives [`StartError`]. If a child does not start, those that did are stopped, and the
    /// error is [`StartError::Spawn`] with [`GaveUp`](super::GaveUp) in it.
    ///
    /// # Cancel safety
    /// Nothing is started before the first poll. A start that is dropped half-way ends what has started.
    #[track_caller]
    pub fn supervisor(&self, id: impl Into<Cow<'static, str>>) -> SupervisorBuilder<Self> {
        SupervisorBuilder::new(self.clone(), id.into(), Location::caller())
    }
}

impl<S> SupervisorBuilder<S> {
    pub(super) fn new(
        place: S,
        id: Cow<'static, str>,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        Self {
            place,
            id,
            settings: Settings::default(),
            root: RootPolicy::default(),
            restart: Restart::Permanent,
            is_significant: false,
            children: Vec::new(),
            name: None,
            spawned_at,
        }
    }

    /// Adds a child behind the others.
    pub fn child(mut self, child: impl IntoChild) -> Self {
        self.children.push(child.into_child().parts);
        self
    }

    /// Sets who is restarted with a child that is.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.settings.policy.strategy = strategy;
        self
    }

    /// Sets how many restarts within a period are too many, for all children together.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.settings.policy.intensity = Intensity { restarts, period };
        self
    }

    /// Sets how long restarts wait. Keep it within the intensity: with delays as long as its period the
    /// supervisor never gives up.
    pub fn back_off(mut self, back_off: BackOff) -> Self {
        self.settings.back_off = back_off;
        self
    }

    /// Sets when it ends with its significant children.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.settings.policy.auto_shutdown = auto_shutdown;
        self
    }

    /// Registers the supervisor under a name, which no other living actor of the runtime has.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(super) fn set_dynamic(&mut self, max_children: Option<usize>) {
        self.settings.is_dynamic = true;
        self.settings.max_children = max_children;
    }

    fn take_family(&mut self) -> Result<Keeper<Family>, SpecError> {
        let mut family = Family::new();
        for parts in std::mem::take(&mut self.children) {
            let id = parts.id.clone()?;
            check(&id, &parts, self.settings.policy.auto_shutdown)?;
            if family.at(&id).is_some() {
                return Err(SpecError::Duplicate(id));
            }
            family.add(id, parts);
        }
        Ok(Keeper::new(family, "drop of the children"))
    }
}

impl SupervisorBuilder {
    /// Sets when it is started again by the supervisor above it.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Makes its end count for the end of the supervisor above it. It must not be permanent then.
    pub fn significant(mut self) -> Self {
        self.is_significant = true;
        self
    }
}

impl SupervisorBuilder<Scope> {
    /// Sets what its failure does.
    pub fn on_give_up(mut self, policy: RootPolicy) -> Self {
        self.root = policy;
        self
    }

    pub(super) async fn run(mut self) -> Result<Supervisor, StartError> {
        let spec = StartError::Spec;
        let id = Name::new(self.id.clone()).map_err(|e| spec(SpecError::Name(e)))?;
        let family = self.take_family().map_err(spec)?;
        let named = self.name.take().map(Name::new).transpose();
        let named = named.map_err(|e| spec(SpecError::Name(e)))?;
        let settings = self.settings;
        let factory = factory(settings, family.clone());
        let launch = Launch {
            name: named,
            label: Some(id),
            // A failure is the scope's, as that of an actor which is given up at once; or nobody's.
            restart: match self.root {
                RootPolicy::FailScope => Restart::Transient,
                RootPolicy::Leave => Restart::Temporary,
            },
            intensity: Intensity {
                restarts: 0,
                period: Duration::ZERO,
            },
            ..supervising(
                Launch::new(&self.place, factory, self.spawned_at),
                settings,
                family,
            )
        };
        let address = launch.start().await.map_err(StartError::Spawn)?;
        Ok(Supervisor { address })
    }
}

impl IntoFuture for SupervisorBuilder<Scope> {
    type Output = Result<Supervisor, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl IntoChild for SupervisorBuilder {
    type Handle = Supervisor;

    fn into_child(mut self) -> Child<Supervisor> {
        let settings = self.settings;
        let family = self.take_family();
        let id = match (&family, Name::new(self.id.clone())) {
            (Err(error), _) => Err(error.clone()),
            (Ok(_), id) => id.map_err(SpecError::Name),
        };
        let spawn = Box::new(
            move |scope: &Scope,
                  leash: super::super::leash::Leash,
                  label: &Name,
                  options: &Options| {
                let Ok(family) = &family else {
                    return Err(SpawnError::Stopped);
                };
                let factory = factory(settings, family.clone());
                let launch = options.launch(scope, label, leash, factory)?;
                let launch = supervising(launch, settings, family.clone());
                Ok(Launched::new(launch.launch()?))
            },
        );
        let child = Child {
            parts: Parts {
                id,
                restart: self.restart,
                is_significant: self.is_significant,
                is_supervisor: true,
                options: Options::new(self.spawned_at),
                spawn,
            },
            handle: Supervisor::from_any,
        };
        match self.name {
            Some(name) => child.name(name),
            None => child,
        }
    }
}

fn factory(settings: Settings, family: Keeper<Family>) -> Factory<SupervisorActor> {
    Box::new(move || match family.lend() {
        Some(family) => Ok(SupervisorActor::new(settings, family)),
        None => Err(Failure::message(
            "the children were not given back by the incarnation before",
        )),
    })
}

/// What is particular about a supervisor among actors.
fn supervising(
    launch: Launch<SupervisorActor>,
    settings: Settings,
    family: Keeper<Family>,
) -> Launch<SupervisorActor> {
    let epilogue: Epilogue = Box::new(move |why| {
        Box::pin(async move {
            if let Some(mut family) = family.lend() {
                family.end(why).await;
            }
        })
    });
    Launch {
        // As long as its children take.
        shutdown: Duration::MAX,
        is_held: true,
        supervises: Some(settings.policy.strategy.name()),
        epilogue: Some(epilogue),
        ..launch
    }
}

impl<S> fmt::Debug for SupervisorBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorBuilder")
            .field("id", &self.id)
            .field("children", &self.children.len())
            .finish_non_exhaustive()
    }
}
