//! A supervisor of many like children.

use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::super::back_off::BackOff;
use super::super::child::{Child, child};
use super::super::decide::Restart;
use super::builder::SupervisorBuilder;
use super::message::Start;
use super::{ChildError, ChildStatus, RootPolicy, StartError, Supervisor};
use crate::actor::Actor;
use crate::address::{Address, AskError};
use crate::scope::Scope;

type Template<T, A> = Arc<dyn Fn(T) -> Child<Address<A>> + Send + Sync>;

/// A supervisor whose children are made alike, each from its own argument, and forgotten when they have
/// ended. Restarts concern one child only. Made by [`Scope::dynamic_supervisor`].
///
/// OTP counterpart: `simple_one_for_one`; Elixir's `DynamicSupervisor`.
///
/// # Examples
/// ```
/// use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
/// struct Session { user: String }
/// struct Who;
/// impl Actor for Session {}
/// impl Handler<Who> for Session {
///     type Reply = String;
///     async fn handle(&mut self, _: Who, _cx: &mut ActorContext<Self>) -> String {
///         self.user.clone()
///     }
/// }
/// # Runtime::new()?.block_on(|scope| async move {
/// let sessions = scope
///     .dynamic_supervisor("sessions", |user: &String| Session { user: user.clone() })
///     .max_children(1)
///     .await?;
/// let ann = sessions.start("ann".to_owned()).await?;
/// assert_eq!(ann.ask(Who).await?, "ann");
/// assert!(sessions.start("bob".to_owned()).await.is_err(), "there is no room");
/// assert!(sessions.terminate(&ann).await?);
/// sessions.start("bob".to_owned()).await?;
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
pub struct DynamicSupervisor<T, A: Actor> {
    supervisor: Supervisor,
    template: Template<T, A>,
}

/// Describes a dynamic supervisor; await it. Made by [`Scope::dynamic_supervisor`].
#[must_use = "a supervisor is started by awaiting it"]
pub struct DynamicBuilder<T, A: Actor> {
    builder: SupervisorBuilder<Scope>,
    template: Template<T, A>,
    max_children: Option<usize>,
    restart: Restart,
    shutdown: Option<Duration>,
    mailbox: Option<usize>,
}

impl Scope {
    /// Describes a supervisor of like children, which are made from their arguments: at their start, and
    /// again at each restart.
    ///
    /// Without more a child is [`Restart::Temporary`], and there may be any number.
    #[track_caller]
    pub fn dynamic_supervisor<T, A>(
        &self,
        id: impl Into<Cow<'static, str>>,
        make: impl Fn(&T) -> A + Send + Sync + 'static,
    ) -> DynamicBuilder<T, A>
    where
        T: Send + 'static,
        A: Actor,
    {
        let make = Arc::new(make);
        DynamicBuilder {
            builder: SupervisorBuilder::new(self.clone(), id.into(), Location::caller()),
            template: Arc::new(move |argument: T| {
                let make = make.clone();
                child("child", move || make(&argument))
            }),
            max_children: None,
            restart: Restart::Temporary,
            shutdown: None,
            mailbox: None,
        }
    }
}

impl<T: Send + 'static, A: Actor> DynamicBuilder<T, A> {
    /// Sets when a child is started again.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets how long a child may take to end; see [`Child::shutdown`].
    pub fn shutdown(mut self, patience: Duration) -> Self {
        self.shutdown = Some(patience);
        self
    }

    /// Sets how many messages the mailbox of a child holds.
    pub fn mailbox(mut self, capacity: usize) -> Self {
        self.mailbox = Some(capacity);
        self
    }

    /// Sets how many children there may be at a time.
    pub fn max_children(mut self, children: usize) -> Self {
        self.max_children = Some(children);
        self
    }

    /// Sets how many restarts within a period are too many, for all children together.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.builder = self.builder.intensity(restarts, period);
        self
    }

    /// Sets how long restarts wait.
    pub fn back_off(mut self, back_off: BackOff) -> Self {
        self.builder = self.builder.back_off(back_off);
        self
    }

    /// Sets what its failure does.
    pub fn on_give_up(mut self, policy: RootPolicy) -> Self {
        self.builder = self.builder.on_give_up(policy);
        self
    }

    async fn run(mut self) -> Result<DynamicSupervisor<T, A>, StartError> {
        self.builder.set_dynamic(self.max_children);
        let (template, restart) = (self.template, self.restart);
        let (shutdown, mailbox) = (self.shutdown, self.mailbox);
        Ok(DynamicSupervisor {
            supervisor: self.builder.run().await?,
            template: Arc::new(move |argument| {
                let mut child = template(argument).restart(restart);
                if let Some(patience) = shutdown {
                    child = child.shutdown(patience);
                }
                match mailbox {
                    Some(capacity) => child.mailbox(capacity),
                    None => child,
                }
            }),
        })
    }
}

impl<T: Send + 'static, A: Actor> IntoFuture for DynamicBuilder<T, A> {
    type Output = Result<DynamicSupervisor<T, A>, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T: Send + 'static, A: Actor> DynamicSupervisor<T, A> {
    /// Starts a child, and gives its address.
    ///
    /// # Errors
    /// [`StartError::AtCapacity`]: there are as many as there may be. [`StartError::Spawn`]: it did not
    /// start. [`StartError::Stopping`], [`StartError::Ask`]: the supervisor ends, or could not be asked.
    ///
    /// # Cancel safety
    /// As [`Supervisor::start`].
    pub async fn start(&self, argument: T) -> Result<Address<A>, StartError> {
        let Child { parts, handle } = (self.template)(argument);
        let found = self.supervisor.ask(Start { name: None, parts }).await;
        let found = found.map_err(StartError::Ask)??;
        handle(found.address).ok_or(StartError::Stopping)
    }

    /// Stops a child and waits for its end. Returns whether it was one of this supervisor's.
    ///
    /// # Errors
    /// [`ChildError::Ask`].
    ///
    /// # Cancel safety
    /// Once the supervisor has taken it up the child ends, whether or not somebody waits.
    pub async fn terminate(&self, child: &Address<A>) -> Result<bool, ChildError> {
        self.supervisor.terminate_actor(child.id()).await
    }

    /// Returns the children, the oldest first.
    ///
    /// # Errors
    /// [`AskError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn children(&self) -> Result<Vec<ChildStatus>, AskError> {
        self.supervisor.children().await
    }

    /// Returns the supervisor itself, to stop it, to watch it, and to count its children.
    #[must_use]
    pub fn as_supervisor(&self) -> &Supervisor {
        &self.supervisor
    }
}

impl<T, A: Actor> Clone for DynamicSupervisor<T, A> {
    fn clone(&self) -> Self {
        Self {
            supervisor: self.supervisor.clone(),
            template: self.template.clone(),
        }
    }
}

impl<T, A: Actor> fmt::Debug for DynamicSupervisor<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicSupervisor({})", self.supervisor.id())
    }
}

impl<T, A: Actor> fmt::Debug for DynamicBuilder<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicBuilder")
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}
