//! The runtime: its threads, its root, its beginning and its end.

mod alive;
mod builder;
mod census;
mod core;
mod error;
mod report;
mod shutdown;
mod single;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::registry::{MessageCounts, Progress, Registry, Snapshot, WaitGraph};
use greenroom_core::{Context, Driver, Name, Result};

pub use alive::{Alive, ArmedTimer, Held, HeldKind, Living, Taker};
pub use builder::{Builder, SingleThreadBuilder};
pub(crate) use core::Core;
pub use error::{LookupError, RuntimeError};
pub use report::{Ending, HowEnded, ShutdownReport, Stuck};
pub use single::SingleThread;

use crate::actor::Actor;
use crate::address::Address;
use crate::blocking::Jobs;
use crate::dead_letter::DeadLetters;
use crate::scope::{self, Scope};

/// Where a task or an actor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// Beside whoever starts it, on the same arbiter: a wake-up there costs nanoseconds. From outside
    /// any arbiter: where the scope's body runs.
    #[default]
    Here,
    /// On the next arbiter in turn. A wake-up of another arbiter costs microseconds: for work that
    /// keeps a core busy.
    Spread,
    /// On the arbiter of this number, counted from 0; beyond the last it starts again at 0.
    Arbiter(usize),
}

/// Owns the arbiters, and everything that runs on them. Cloning gives another handle.
///
/// Two runtimes in one process share nothing. Dropping the last handle cancels everything and does not
/// block, except that it gives the threads up to a second to end when it is dropped on a plain thread;
/// use [`shutdown`](Self::shutdown) to wait and to learn what did not end.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// let answer = Runtime::new()?.block_on(|_scope| async { Ok(6 * 7) })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[derive(Clone)]
pub struct Runtime(Arc<Owner>);

struct Owner {
    core: Arc<Core>,
}

impl Runtime {
    /// Starts a runtime with one arbiter for each core.
    ///
    /// # Errors
    /// - [`RuntimeError::PanicAborts`]: the program was compiled with `panic = "abort"`.
    /// - [`RuntimeError::Start`]: the system refused a thread or what a thread needs.
    pub fn new() -> Result<Self, RuntimeError> {
        Self::builder().build()
    }

    /// Returns a builder, for a number of arbiters of your choice or a single thread.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs a body in a scope on an arbiter, and blocks this thread until everything in it has ended.
    ///
    /// For a sync `main`. In async code, use [`scope`](Self::scope).
    ///
    /// # Errors
    /// - The error of the body, or the first of its children.
    /// - [`RuntimeError::OnArbiter`], as a `Failure`: called on an arbiter, which it would block.
    #[track_caller]
    pub fn block_on<T, F, Fut>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        if self.core().is_single() {
            return Err(RuntimeError::NeedsItsThread.into());
        }
        match greenroom_core::blocking::wait(self.scope(body)) {
            Ok(result) => result,
            Err(_on_arbiter) => Err(RuntimeError::OnArbiter.into()),
        }
    }

    /// Runs a body in a scope on an arbiter, and waits until everything in it has ended.
    ///
    /// It may be awaited anywhere: in our tasks, or under any other executor.
    ///
    /// # Errors
    /// The error of the body, or the first of its children; a `Failure` of
    /// [`ScopeError::ShutDown`](crate::ScopeError::ShutDown) if the runtime has shut down.
    ///
    /// # Cancel safety
    /// A dropped future cannot wait: the scope is cancelled with `Cause::ScopeDropped`, takes nothing
    /// new, and ends by itself.
    #[track_caller]
    pub fn scope<T, F, Fut>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F, Fut>
    where
        T: Send + 'static,
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        scope::run(self.core().clone(), None, Location::caller(), body)
    }

    /// Returns the root context: Go's `context.Background()`, except that shutdown ends it.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.core().context()
    }

    /// Returns the registry: who lives here, by id, name and group.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.core().registry()
    }

    /// Returns the address of the actor that has a name.
    ///
    /// A name keeps nobody alive: one whose last address is gone is not found.
    ///
    /// # Errors
    /// See [`LookupError`].
    pub fn whereis<A: Actor>(&self, name: &str) -> Result<Address<A>, LookupError> {
        let key = Name::new(name.to_owned())?;
        let not_found = || LookupError::NotFound(name.to_owned());
        let record = self.registry().whereis(&key).ok_or_else(not_found)?;
        let address = record.address().ok_or_else(not_found)?;
        match address.downcast() {
            Ok(address) => Ok(*address),
            Err(_other) => Err(LookupError::OtherType {
                name: name.to_owned(),
                found: record.actor_type(),
            }),
        }
    }

    /// Returns the addresses of the actors of type `A` in a group, in the order of their ids.
    ///
    /// # Errors
    /// [`LookupError::Name`]: the text is not a name. A group that nobody is in is empty.
    pub fn group<A: Actor>(&self, name: &str) -> Result<Vec<Address<A>>, LookupError> {
        let key = Name::new(name.to_owned())?;
        Ok(self
            .registry()
            .group_members(&key)
            .into_iter()
            .filter_map(|record| record.address()?.downcast().ok().map(|address| *address))
            .collect())
    }

    /// Returns what lives in the runtime. Waits up to `patience` of the runtime's time for arbiters
    /// that are busy; the snapshot names those that did not answer.
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn snapshot(&self, patience: Duration) -> Snapshot {
        self.registry().snapshot(self.context(), patience).await
    }

    /// Returns who lives, and who of them is a leak; see [`Alive`]. Waits up to a second of the
    /// runtime's time for arbiters that are busy, and names those that did not answer.
    ///
    /// It tells what a scope that does not end waits for.
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    pub async fn alive(&self) -> Alive {
        alive::look(self.core()).await
    }

    /// Checks that nothing lives that nobody waits for; see [`Alive`]. For the end of a test.
    ///
    /// What was cancelled just now gets half a second of the runtime's time to end. It blocks this
    /// thread meanwhile. It looks at this runtime only, so that tests may run beside each other.
    ///
    /// # Panics
    /// - There is a leak, or an arbiter did not answer; the message lists them with the place where each
    ///   was spawned.
    /// - It is called on an arbiter, which it would block: await [`alive`](Self::alive) there, and call
    ///   [`Alive::assert_no_leaks`].
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        assert!(!self.core().is_single(), "{}", RuntimeError::NeedsItsThread);
        match greenroom_core::blocking::wait(alive::settled(self.core())) {
            Ok(alive) => alive.assert_no_leaks(),
            Err(on_arbiter) => panic!("{on_arbiter}"),
        }
    }

    /// Returns who waits for whom, with the circles and the knots among them; see [`WaitGraph`]. Waits up to a second of
    /// the runtime's time for arbiters that are busy, and names those that did not answer.
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// use greenroom_core::task::WaitKind;
    /// use greenroom_core::{channel, task::yield_now};
    /// let runtime = Runtime::builder().arbiters(1).build()?;
    /// let inside = runtime.clone();
    /// runtime.block_on(|scope| async move {
    ///     let (give, take) = channel::bounded::<u8>(1);
    ///     let waits = scope.go(async move { Ok(take.recv().await?) });
    ///     yield_now().await;
    ///     let graph = inside.wait_graph().await;
    ///     let wait = graph.waits.iter().find(|wait| Some(&wait.waiter) == waits.id());
    ///     assert_eq!(wait.map(|wait| wait.kind), Some(WaitKind::Receive));
    ///     assert!(graph.circles.is_empty(), "{graph}");
    ///     give.send(1).await?;
    ///     Ok(waits.await?)
    /// })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn wait_graph(&self) -> WaitGraph {
        let patience = Duration::from_secs(1);
        self.registry().wait_graph(self.context(), patience).await
    }

    /// Returns what became of the messages of all actors, those that have ended included.
    ///
    /// Actors of the patterns and supervisors count too. The counts stay after the runtime's end. Those of
    /// one actor are told by [`Address::messages`].
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
    /// struct Sink;
    /// struct Drip;
    /// impl Actor for Sink {}
    /// impl Handler<Drip> for Sink {
    ///     type Reply = ();
    ///     async fn handle(&mut self, _: Drip, _cx: &mut ActorContext<Self>) {}
    /// }
    /// let runtime = Runtime::new()?;
    /// runtime.block_on(|scope| async move {
    ///     let sink = scope.spawn(|| Sink).await?;
    ///     sink.tell(Drip).await?;
    ///     Ok(())
    /// })?;
    /// let counts = runtime.messages();
    /// assert_eq!((counts.accepted, counts.handled, counts.pending()), (1, 1, 0));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[must_use]
    pub fn messages(&self) -> MessageCounts {
        self.registry().messages()
    }

    /// Subscribes to the messages that were accepted and will not be handled: a bounded stream of
    /// [`DeadLetter`](crate::DeadLetter)s, from now on. Akka counterpart: its dead letters.
    ///
    /// One letter is made for each message that [`messages`](Self::messages) counts as expired, abandoned,
    /// refused, dropped, lost or set aside. A message that came back to its sender is none. Up to
    /// [`DeadLetters::CAPACITY`] letters wait to be received; those beyond are missed, counted, and told
    /// by the next one. Nobody waits for a subscriber. The stream ends with the runtime: when a
    /// [`shutdown`](Self::shutdown) has returned, or the last handle was dropped. What is cancelled by a
    /// drop that does not wait may come too late for it.
    ///
    /// Without a subscriber a dead letter costs a branch. Subscribe outside the scopes that a shutdown
    /// is to drain, or let the subscriber end by its context: the stream is open until they have ended.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::{Actor, ActorContext, Handler, Runtime, Undelivered};
    /// struct Slow;
    /// #[derive(Debug, PartialEq)]
    /// struct Job(u32);
    /// impl Actor for Slow {}
    /// impl Handler<Job> for Slow {
    ///     type Reply = ();
    ///     async fn handle(&mut self, _: Job, cx: &mut ActorContext<Self>) {
    ///         cx.stop();
    ///     }
    /// }
    /// let runtime = Runtime::builder().arbiters(1).build()?;
    /// let letters = runtime.dead_letters();
    /// runtime.block_on(|scope| async move {
    ///     let slow = scope.spawn(|| Slow).await?;
    ///     slow.tell(Job(1)).await?;
    ///     slow.tell(Job(2)).await?;
    ///     let letter = letters.recv().await?;
    ///     assert!(matches!(letter.why, Undelivered::Ended));
    ///     assert_eq!(letter.to, *slow.id());
    ///     assert_eq!(letter.take(), Some(Job(2)));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn dead_letters(&self) -> DeadLetters {
        self.dead_letters_up_to(DeadLetters::CAPACITY)
    }

    /// As [`dead_letters`](Self::dead_letters), with a bound of your own. 0 keeps no letter: one is
    /// received only by who waits for it.
    pub fn dead_letters_up_to(&self, capacity: usize) -> DeadLetters {
        self.core().letters().subscribe(capacity)
    }

    /// Tells whether what runs here goes on by itself: Go's "all goroutines are asleep", as a value, and
    /// also of a part of the program. Waits up to a second of the runtime's time for arbiters that are
    /// busy.
    ///
    /// - [`Stuck`](Progress::Stuck): these tasks wait for each other, and nothing but a cancel (a stop, the
    ///   error of a sibling) ends that. It is certain, and nothing outside of them can make it untrue.
    /// - [`Moving`](Progress::Moving): each task that waits, waits for one that is at work.
    /// - [`Unknown`](Progress::Unknown): a timer, a deadline, a foreign future, a blocking job, or an end of
    ///   a channel that may be anywhere, could still move something; it says which. To make it known
    ///   where the ends of a channel are, start the tasks that use them with
    ///   [`Scope::go_with`](crate::Scope::go_with).
    ///
    /// The task that asks is at work.
    ///
    /// # Cancel safety
    /// Cancel safe: it only reads.
    ///
    /// # Differences from Go
    /// Go ends the program, and only when all of it is asleep. This ends nothing.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// use greenroom_core::registry::Progress;
    /// use greenroom_core::{channel, task::yield_now};
    /// let runtime = Runtime::builder().arbiters(1).build()?;
    /// let inside = runtime.clone();
    /// runtime.block_on(|scope| async move {
    ///     let (to_a, a) = channel::bounded::<u8>(1);
    ///     let (to_b, b) = channel::bounded::<u8>(1);
    ///     // Each waits for the other's message before it sends its own.
    ///     let first = scope.go_with((a, to_b), async |(a, to_b)| {
    ///         to_b.send(a.recv().await?).await?;
    ///         Ok(())
    ///     });
    ///     let second = scope.go_with((b, to_a), async |(b, to_a)| {
    ///         to_a.send(b.recv().await?).await?;
    ///         Ok(())
    ///     });
    ///     yield_now().await;
    ///     match inside.stuck().await {
    ///         Progress::Stuck(knots) => assert_eq!(knots[0].tasks.len(), 2),
    ///         other => panic!("{other}"),
    ///     }
    ///     first.cancel("stuck");
    ///     assert!(first.await.is_err());
    ///     assert!(second.await.is_err(), "its channel is closed now");
    ///     Ok(())
    /// }).unwrap_err(); // The second task failed.
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn stuck(&self) -> Progress {
        let patience = Duration::from_secs(1);
        self.registry().stuck(self.context(), patience).await
    }

    /// Returns how many arbiters there are.
    #[must_use]
    pub fn arbiters(&self) -> usize {
        self.core().arbiters()
    }

    /// Returns a context that ends when a shutdown begins, with `Cause::Shutdown`, while the root goes on
    /// until the deadline.
    ///
    /// For a body or a task that goes on until it is told to end, such as a loop that accepts connections:
    /// it sees that no more is wanted, and returns.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// use std::time::Duration;
    /// let runtime = Runtime::builder().arbiters(1).build()?;
    /// let closing = runtime.closing().clone();
    /// let serves = runtime.scope(move |_scope| async move {
    ///     closing.done().await;
    ///     Ok("served")
    /// });
    /// let shutdown = runtime.shutdown(Duration::from_secs(5));
    /// # let (served, report) = greenroom_core::doc_support::block_on(async {
    /// #   let mut shutdown = std::pin::pin!(shutdown);
    /// #   let mut serves = std::pin::pin!(serves);
    /// #   let mut report = None;
    /// #   use std::task::Poll;
    /// #   let served = std::future::poll_fn(|cx| {
    /// #       let served = serves.as_mut().poll(cx);
    /// #       if served.is_pending() && report.is_none() {
    /// #           if let Poll::Ready(ended) = shutdown.as_mut().poll(cx) { report = Some(ended); }
    /// #       }
    /// #       served
    /// #   }).await;
    /// #   let report = match report { Some(report) => report, None => shutdown.await };
    /// #   (served, report)
    /// # });
    /// assert_eq!(served?, "served");
    /// assert!(report.is_clean(), "{report}");
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[must_use]
    pub fn closing(&self) -> &Context {
        self.core().closing()
    }

    /// Ends everything: refuses new work, lets what runs finish until the deadline, cancels it, and
    /// ends the threads. The report says what became of whom.
    ///
    /// 1. New scopes are refused, and [`closing`](Self::closing) ends. Those that are open go on: their
    ///    bodies and tasks may start others, their actors take messages. A scope whose body and tasks have
    ///    ended drains its actors, the last started first.
    /// 2. When half of the time has passed, the actors of the scopes that are still open are drained all
    ///    the same, in reverse order of start over all scopes: each takes no new messages, handles those
    ///    that it has, and ends before the next is told. A supervisor does so with its children.
    /// 3. At the deadline, or as soon as nothing is left, everything is cancelled with `Cause::Shutdown`,
    ///    and whatever is new is refused. What comes to an await within half a second of that ends there,
    ///    unless it runs without cancel; so do functions after a context that this cancel starts.
    /// 4. The arbiters end, and what is left on them is dropped.
    ///
    /// It returns at most 1.5 seconds after the deadline, whatever the code on the arbiters does. One that
    /// is stuck in code that does not await is named with what holds it up, and left behind, since a
    /// thread cannot be ended from outside; so is blocking code that does not return. On a
    /// [single thread](crate::Builder::single_thread) such code holds up everything, this too.
    ///
    /// A second call, at the same time or later, reports on the same end with the same report; of several
    /// deadlines the earliest counts.
    ///
    /// Called in a task or a handler of this runtime it waits for that one too, which is cut at the
    /// deadline and does not see the report; the rest goes on without it. Call it from outside.
    ///
    /// An actor that lost its last address ends by itself when it has handled what it has, in no order;
    /// one that is held ([`Restart::Permanent`](crate::Restart::Permanent), or a kept address) waits for its
    /// turn.
    ///
    /// # Cancel safety
    /// Dropped before the deadline, it leaves the runtime refusing new scopes, and what runs goes on: call
    /// it again. Dropped after it, the end goes on by itself.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        shutdown::run(self.core(), deadline).await
    }

    /// Ends everything, as [`shutdown`](Self::shutdown), and blocks this thread meanwhile. For a sync `main`.
    ///
    /// # Errors
    /// - [`RuntimeError::OnArbiter`]: called on an arbiter, which it would block.
    /// - [`RuntimeError::NeedsItsThread`]: use the `shutdown` of the
    ///   [`SingleThread`](crate::SingleThread).
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// use std::time::Duration;
    /// let runtime = Runtime::builder().arbiters(1).build()?;
    /// runtime.block_on(|scope| async move { Ok(scope.go(async { Ok(1) }).await?) })?;
    /// let report = runtime.shutdown_blocking(Duration::from_secs(5))?;
    /// assert!(report.is_clean(), "{report}");
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn shutdown_blocking(&self, deadline: Duration) -> Result<ShutdownReport, RuntimeError> {
        if self.core().is_single() {
            return Err(RuntimeError::NeedsItsThread);
        }
        match greenroom_core::blocking::wait(self.shutdown(deadline)) {
            Ok(report) => Ok(report),
            Err(_on_arbiter) => Err(RuntimeError::OnArbiter),
        }
    }

    pub(crate) fn from_core(core: Arc<Core>) -> Self {
        Self(Arc::new(Owner { core }))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("arbiters", &self.arbiters())
            .finish_non_exhaustive()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        shutdown::on_drop(&self.core);
    }
}

/// Returns whether a driver belongs to a runtime on a single thread, where blocking code runs in place.
pub(crate) fn runs_in_place(_driver: &dyn Driver) -> bool {
    Context::current()
        .and_then(|context| context.value::<Home>().map(|home| home.is_single))
        .unwrap_or(false)
}

/// What every context of a runtime knows of it.
pub(crate) struct Home {
    /// Whether blocking code runs in place.
    pub(crate) is_single: bool,
    /// Whether it is known who has the addresses of an actor.
    pub(crate) tracks_addresses: bool,
    /// The tokio runtime that hears signals.
    pub(crate) tokio: tokio::runtime::Handle,
    /// What runs on its blocking threads.
    pub(crate) jobs: Arc<Jobs>,
}
