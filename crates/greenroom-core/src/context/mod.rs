//! Cancellation, deadline and values, in a tree that follows the work.
//!
//! Go counterpart: package `context`. A context belongs to a runtime and takes its clock from it. It
//! is ambient: [`Context::run`] makes it current, messages carry it, and every wait of the kernel ends
//! with the current one. No operation takes it as a parameter.
//!
//! # Ordering
//! A cancel marks the whole subtree before it returns, and wins the selects that wait for it. Wake-ups
//! and after-functions follow as events.

mod after;
mod deadline;
mod done;
mod handle;
mod node;
mod values;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::sync::Mutex;

pub use after::AfterFunc;
pub use done::Done;
pub use handle::{CancelCauseHandle, CancelHandle};
pub(crate) use node::Node;
pub use node::Registration;

use crate::current::{self, Handle};
use crate::cycle::ContextClones;
use crate::driver::{self, EventKind, Operation};
use crate::error::{Cause, ContextError};
use crate::id::Id;
use crate::registry::Registry;
use crate::task::Shield;
use node::Root;
use values::Values;

/// Carries a cancellation signal, a deadline and values across calls, messages and tasks.
///
/// Cloning shares the context. A child ends with its parent at the latest; a parent never ends with
/// its child. Once ended it stays so, with the first cause.
///
/// # Differences from Go
/// - The root is a value of the runtime (`runtime.context()`), and ends when that shuts down.
/// - A handle to cancel may be dropped: that neither cancels nor leaks. Go's vet asks for a call.
/// - Only [`with_cancel`](Self::with_cancel) and [`with_cancel_cause`](Self::with_cancel_cause) give a
///   handle. What is to end before its deadline too is derived from one of them.
/// - Values are found by their type, so a key of the same text elsewhere is never met.
/// - It is a type, not an interface: there are no contexts of other making.
///   [`after_func`](Self::after_func) joins two of them, or one and something else that ends.
///
/// # Examples
/// ```
/// # use greenroom_core::doc_support::root;
/// # use greenroom_core::error::ContextError;
/// # let root = root();
/// let (context, cancel) = root.with_cancel();
/// let child = context.with_value(7_u32);
/// cancel.cancel();
/// assert!(child.is_done());
/// assert!(matches!(child.err(), Some(ContextError::Cancelled(_))));
/// assert_eq!(child.value::<u32>(), Some(&7));
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    node: Arc<Node>,
    values: Values,
}

impl Context {
    /// Makes the root context of a runtime, which takes its time from `driver`.
    #[must_use]
    pub fn root(id: Id, driver: Handle, registry: Registry) -> (Self, CancelCauseHandle) {
        let root = Arc::new(Root {
            id,
            driver,
            registry,
            lingering: Mutex::new(Some(Vec::new())),
        });
        let node = Node::root(root, false);
        let context = Self::from_parts(node, Values::default());
        let cancel = CancelCauseHandle::new(&context.0.node);
        (context, cancel)
    }

    /// Returns the current context, or `None` outside our tasks and handlers.
    ///
    /// # Examples
    /// ```
    /// assert!(greenroom_core::Context::current().is_none());
    /// ```
    #[must_use]
    pub fn current() -> Option<Self> {
        current::context()
    }

    /// Derives a context that its handle can cancel.
    ///
    /// The handle may be dropped, which does not cancel and leaves nothing behind. Costs O(1),
    /// however many children there are.
    #[must_use]
    pub fn with_cancel(&self) -> (Self, CancelHandle) {
        let child = self.child(None);
        let cancel = CancelHandle::new(&child.0.node);
        (child, cancel)
    }

    /// Derives a context that its handle can cancel with a cause.
    #[must_use]
    pub fn with_cancel_cause(&self) -> (Self, CancelCauseHandle) {
        let child = self.child(None);
        let cancel = CancelCauseHandle::new(&child.0.node);
        (child, cancel)
    }

    /// Derives a context that ends after `timeout` of the runtime's time.
    ///
    /// The parent's deadline stays in force if it is earlier. A time-out of zero has ended already.
    #[must_use]
    #[track_caller]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        self.with_timeout_cause(timeout, Cause::Deadline)
    }

    /// Derives a context that ends after `timeout`, then with the given cause.
    #[must_use]
    #[track_caller]
    pub fn with_timeout_cause(&self, timeout: Duration, cause: impl Into<Cause>) -> Self {
        match self.now().checked_add(timeout) {
            Some(at) => self.with_deadline_cause(at, cause),
            // Later than the clock can tell is never.
            None => self.child(None),
        }
    }

    /// Derives a context that ends at an instant of the runtime's time. One in the past has ended
    /// already.
    #[must_use]
    #[track_caller]
    pub fn with_deadline(&self, at: Instant) -> Self {
        self.with_deadline_cause(at, Cause::Deadline)
    }

    /// Derives a context that ends at an instant, then with the given cause.
    ///
    /// The cause is used only if the deadline passes; a cancel before that brings its own.
    #[must_use]
    #[track_caller]
    pub fn with_deadline_cause(&self, at: Instant, cause: impl Into<Cause>) -> Self {
        self.child(Some((at, cause.into(), Location::caller())))
    }

    /// Derives a context in which [`value`](Self::value) of type `T` finds this one.
    ///
    /// It hides a value of the same type further up, and shares everything else with its parent.
    #[must_use]
    pub fn with_value<T: Send + Sync + 'static>(&self, value: T) -> Self {
        Self::from_parts(self.0.node.clone(), self.0.values.with(value))
    }

    /// Derives a context that keeps the values and nothing else: it never ends by itself, has no
    /// deadline and no cause. It is for work that must outlive a cancel, such as cleaning up: a task
    /// whose context has ended is dropped at its next await, but not while it is inside
    /// [`run`](Self::run) of such a context. A deadline below it that the runtime's end overtakes
    /// becomes [`Cause::Shutdown`].
    #[must_use]
    pub fn without_cancel(&self) -> Self {
        let node = Node::root(self.0.node.root.clone(), true);
        Self::from_parts(node, self.0.values.clone())
    }

    /// Drops the functions that were registered below a context [without cancel](Self::without_cancel) and
    /// never started. For the end of a runtime: who could have started them may be gone, and what they
    /// hold would stay for ever.
    pub fn release_detached(&self) {
        self.0.node.root.release();
    }

    /// Returns the nearest value of type `T`, looking from this context towards the root.
    ///
    /// Use a type of your own (`struct RequestId(String)`), as Go asks for an unexported key type.
    /// Costs O(depth of values).
    #[must_use]
    pub fn value<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.values.get()
    }

    /// Returns how the context ended, or `None` while it has not.
    #[inline]
    #[must_use]
    pub fn err(&self) -> Option<ContextError> {
        self.tell_read();
        if self.has_ended() {
            self.ended_quietly()
        } else {
            None
        }
    }

    /// Fails if the context has ended: for a long computation that is to stop then.
    ///
    /// # Errors
    /// How it ended.
    ///
    /// # Examples
    /// ```
    /// # let root = greenroom_core::doc_support::root();
    /// let (context, cancel) = root.with_cancel();
    /// assert!(context.check().is_ok());
    /// cancel.cancel();
    /// assert!(context.check().is_err());
    /// ```
    pub fn check(&self) -> Result<(), ContextError> {
        self.err().map_or(Ok(()), Err)
    }

    /// Returns the first cause of the end, or `None` while it has not ended.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.err().map(|error| error.cause().clone())
    }

    /// Returns whether the context has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.tell_read();
        self.has_ended()
    }

    /// Returns the instant at which the context ends by itself, also after it has ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.node.deadline
    }

    /// Returns the time left until the deadline: zero when it has passed, `None` without one.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline()
            .map(|at| at.saturating_duration_since(self.now()))
    }

    /// Returns a future that completes when the context ends.
    ///
    /// As a case of [`select!`](crate::select!) it is the kernel's: the end wins a waiting select before
    /// the cancel returns.
    ///
    /// # Cancel safety
    /// Cancel safe. The future holds the context, not a task; dropping it leaves nothing behind.
    pub fn done(&self) -> Done {
        Done::new(self.clone())
    }

    /// Runs a future in a task of its own when the context ends; at once if it has.
    ///
    /// The future runs in a context [without cancel](Self::without_cancel), so that it can wait. Go
    /// counterpart: `context.AfterFunc`. No lock is held while it runs.
    ///
    /// It runs also if every handle to this context is dropped before: until it is started or
    /// [taken back](AfterFunc::stop), it holds the context, as Go's parent holds a child. On a context
    /// that can never end, such as one just [without cancel](Self::without_cancel), it never runs.
    #[track_caller]
    pub fn after_func(&self, future: impl Future<Output = ()> + Send + 'static) -> AfterFunc {
        AfterFunc::register(self, Location::caller(), Box::pin(future))
    }

    /// Makes this context current around each poll of a future, and ends the future with it.
    ///
    /// When the context ends, the future is polled once more, so that a wait of the kernel inside it
    /// returns its own error; if it is still pending then, it is dropped. So `context.run(fut)` does not
    /// outlast the context, whatever `fut` waits for; except for a part of it that runs in a context
    /// [without cancel](Self::without_cancel), and for a scope in it, which ends with the context too
    /// but is waited for.
    ///
    /// # Errors
    /// [`ContextError`] if the context ended while the future was pending; the future is dropped.
    ///
    /// # Cancel safety
    /// As safe as the future inside: dropping one drops the other.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_core::doc_support::{block_on, root};
    /// # use std::time::Duration;
    /// # block_on(async {
    /// # let root = root();
    /// let expired = root.with_timeout(Duration::ZERO);
    /// assert!(expired.run(std::future::pending::<()>()).await.is_err());
    /// assert_eq!(expired.run(async { 5 }).await.ok(), Some(5));
    /// # });
    /// ```
    pub fn run<F: Future>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<F::Output, ContextError>> + use<F> {
        let context = self.clone();
        async move {
            let mut future = pin!(future);
            let mut registration = None;
            // After the registration here, so that it goes first.
            let mut clones = None;
            let _shield = context
                .0
                .node
                .detached
                .then(|| current::task().map(Shield::over));
            // What shields this future from outside does not shield what is inside it.
            let shields = || current::with_task(|task| task.shields()).unwrap_or(0);
            let outside = shields();
            std::future::poll_fn(|cx| {
                // Registered first: an end between the poll and the registration would be missed.
                drop(clones.take());
                let ended = Registration::update(&mut registration, &context, cx.waker()).err();
                if ended.is_none() {
                    clones = ContextClones::of(cx.waker());
                }
                let _entered = current::enter_watched_context(context.clone(), cx.waker());
                match (future.as_mut().poll(cx), ended) {
                    (Poll::Ready(output), _) => Poll::Ready(Ok(output)),
                    (Poll::Pending, Some(error)) if shields() <= outside => Poll::Ready(Err(error)),
                    (Poll::Pending, _) => Poll::Pending,
                }
            })
            .await
        }
    }

    /// Returns the current time of the runtime that this context belongs to.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.node.root.driver.driver().now()
    }

    /// Returns the driver of the runtime that this context belongs to.
    #[must_use]
    pub fn driver(&self) -> &Handle {
        &self.0.node.root.driver
    }

    /// Returns the registry of the runtime that this context belongs to.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.node.root.registry
    }

    /// Returns the id of the runtime's root.
    #[must_use]
    pub fn root_id(&self) -> &Id {
        &self.0.node.root.id
    }

    /// Returns whether both are the same context, or differ in values only.
    #[must_use]
    pub fn ends_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.node, &other.0.node)
    }

    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.0.node.ended().is_some()
    }

    pub(crate) fn ended_quietly(&self) -> Option<ContextError> {
        self.0.node.ended().cloned()
    }

    fn from_parts(node: Arc<Node>, values: Values) -> Self {
        Self(Arc::new(Inner { node, values }))
    }

    fn child(&self, deadline: Option<node::Due>) -> Self {
        let node = Node::child(&self.0.node, deadline);
        Self::from_parts(node, self.0.values.clone())
    }

    #[inline]
    fn tell_read(&self) {
        driver::report(
            EventKind::Operation(Operation::ContextRead),
            || Some(self.root_id().clone()),
            "context",
        );
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("deadline", &self.deadline())
            .field("ended", &self.ended_quietly())
            .finish_non_exhaustive()
    }
}
