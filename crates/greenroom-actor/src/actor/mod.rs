//! What a user writes: an actor, its handlers and its hooks.

mod context;
mod sources;
mod timers;

use std::future::Future;

use greenroom_core::Result;

pub use context::ActorContext;
pub(crate) use context::own_message;
pub(crate) use timers::Timers;
pub use timers::{TimerError, TimerId};

use crate::reply::ReplyTo;

/// Owns state and handles messages, one at a time.
///
/// An actor lives on one arbiter and need not be `Send`. It is made by a factory, so that its
/// supervisor can rebuild it; see [`Scope::spawn`](crate::Scope::spawn). The hooks may be left out.
///
/// # Examples
/// ```
/// use greenroom_actor::{Actor, ActorContext, Handler, Runtime};
///
/// struct Counter(u64);
/// struct Add(u64);
/// impl Actor for Counter {}
/// impl Handler<Add> for Counter {
///     type Reply = u64;
///     async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
///         self.0 += n;
///         self.0
///     }
/// }
///
/// let total = Runtime::new()?.block_on(|scope| async move {
///     let counter = scope.spawn(|| Counter(0)).await?;
///     counter.tell(Add(40)).await?;
///     Ok(counter.ask(Add(2)).await?)
/// })?;
/// assert_eq!(total, 42);
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
pub trait Actor: Sized + 'static {
    /// Called before the first message, after each build by the factory.
    ///
    /// # Errors
    /// An error counts as a failure of the actor: at the first start it goes to whoever spawned it, at
    /// a restart to the supervisor.
    fn started(&mut self, cx: &mut ActorContext<Self>) -> impl Future<Output = Result<()>> {
        let _ = cx;
        async { Ok(()) }
    }

    /// Called when the actor is about to end in an orderly way or by a cancel, while it can still send.
    /// Not called after a panic, since the state may be half changed.
    ///
    /// It runs in a context without cancel, and is dropped when the actor's shutdown time has passed.
    fn stopping(&mut self, cx: &mut ActorContext<Self>) -> impl Future<Output = ()> {
        let _ = cx;
        async {}
    }

    /// Called last, after [`stopping`](Self::stopping), just before the state is dropped.
    fn stopped(&mut self) {}
}

/// Handles messages of type `M`, one at a time, to completion.
///
/// The next message waits until the future has returned, across its awaits too. It runs in the
/// context of the message: what it asks inherits the sender's remaining time.
///
/// # Cancel safety
/// The future may be dropped at an await, when the message's context or the actor's ends: the state is
/// then as the last completed step left it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle messages of type `{M}`",
    label = "no handler for `{M}`",
    note = "write `impl Handler<{M}> for {Self}` with `type Reply` and `async fn handle(&mut self, message: {M}, cx: &mut ActorContext<Self>) -> Self::Reply`"
)]
pub trait Handler<M: Send + 'static>: Actor {
    /// What an ask of `M` gives.
    type Reply: Send + 'static;

    /// Handles one message.
    fn handle(
        &mut self,
        message: M,
        cx: &mut ActorContext<Self>,
    ) -> impl Future<Output = Self::Reply>;
}

/// Handles messages of type `M` whose reply may come later, from anywhere.
///
/// The handler gets the reply address by value, may keep it or hand it on, and returns; the next
/// message is handled meanwhile. OTP counterpart: `noreply` and a later `gen_server:reply`. Every
/// [`Handler`] is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle messages of type `{M}`",
    label = "no handler for `{M}`",
    note = "write `impl Handler<{M}> for {Self}` with `type Reply` and `async fn handle(&mut self, message: {M}, cx: &mut ActorContext<Self>) -> Self::Reply`"
)]
pub trait HandlerLater<M: Send + 'static>: Actor {
    /// What an ask of `M` gives.
    type Reply: Send + 'static;

    /// Whether the handler alone has the address for the reply until it returns.
    #[doc(hidden)]
    const HOLDS_REPLY: bool = false;

    /// Takes one message, and the address for its reply. Dropping that answers `AskError::Dropped`.
    fn handle(
        &mut self,
        message: M,
        reply: ReplyTo<Self::Reply>,
        cx: &mut ActorContext<Self>,
    ) -> impl Future<Output = ()>;
}

impl<M: Send + 'static, A: Handler<M>> HandlerLater<M> for A {
    type Reply = <A as Handler<M>>::Reply;

    const HOLDS_REPLY: bool = true;

    async fn handle(
        &mut self,
        message: M,
        reply: ReplyTo<Self::Reply>,
        cx: &mut ActorContext<Self>,
    ) {
        reply.send(Handler::handle(self, message, cx).await);
    }
}
