//! What a handler and a hook get beside the state.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use futures_core::Stream;
use greenroom_core::{Context, ExitReason, Id, current};

use super::sources::Sources;
use super::timers::{TimerError, TimerId, Timers};
use super::{Actor, HandlerLater};
use crate::address::{Address, WeakAddress};
use crate::mailbox::{BoxedEnvelope, Tidings};
use crate::monitor::Own;
use crate::scope::Scope;

/// The actor's own side: its address, its timers, its sources of messages, and the context of the
/// message in hand.
pub struct ActorContext<A: Actor> {
    address: WeakAddress<A>,
    scope: Scope,
    own: Context,
    pub(crate) message: Option<Context>,
    pub(crate) timers: Timers<A>,
    pub(crate) sources: Sources<A>,
    pub(crate) bonds: Own<A>,
    pub(crate) is_stopping: bool,
    /// How it ends if it stops itself, unless normally.
    pub(crate) reason: Option<ExitReason>,
    /// Whether it ends since it was told to drain.
    pub(crate) is_draining: bool,
}

impl<A: Actor> ActorContext<A> {
    pub(crate) fn new(
        address: WeakAddress<A>,
        scope: Scope,
        own: Context,
        timers: Timers<A>,
    ) -> Self {
        Self {
            address,
            scope,
            own,
            message: None,
            timers,
            sources: Sources::default(),
            bonds: Own::default(),
            is_stopping: false,
            reason: None,
            is_draining: false,
        }
    }

    /// Drops what the user has put into it, each thing in a catch of its own. Gives the first panic, with
    /// what it was; the others are stray ones.
    pub(crate) fn take_apart(&mut self) -> (Result<(), Box<dyn Any + Send>>, &'static str) {
        self.bonds.end();
        let mut first = (Ok(()), "");
        loop {
            let (dropped, doing) = if let Some(dropped) = self.timers.drop_one() {
                (dropped, "drop of a timer")
            } else if let Some(dropped) = self.sources.drop_one() {
                (dropped, "drop of a stream")
            } else {
                return first;
            };
            match (&first.0, dropped) {
                (Ok(()), dropped) => first = (dropped, doing),
                (Err(_), Err(payload)) => current::tell_stray(payload, doing),
                (Err(_), Ok(())) => {}
            }
        }
    }

    /// Makes a message of what the actor was told of the end of another.
    pub(crate) fn hear(&mut self, tidings: Tidings) -> Option<BoxedEnvelope<A>> {
        let context = self.own.clone();
        self.bonds.pack(tidings, context)
    }

    /// Returns the actor's address, which does not keep it alive.
    #[must_use]
    pub fn weak_address(&self) -> &WeakAddress<A> {
        &self.address
    }

    /// Returns the actor's address, or `None` when the last one is gone and the actor only finishes
    /// what it has.
    #[must_use]
    #[track_caller]
    pub fn address(&self) -> Option<Address<A>> {
        self.address.upgrade()
    }

    /// Returns the actor's id.
    #[must_use]
    pub fn id(&self) -> &Id {
        self.address.id()
    }

    /// Returns the context of the message in hand; in a hook, the actor's own.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.message.as_ref().unwrap_or(&self.own)
    }

    /// Returns the scope that the actor lives in, to start tasks and actors beside it.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Ends the actor after the message in hand; what is queued is refused.
    pub fn stop(&mut self) {
        self.is_stopping = true;
    }

    /// Ends the actor after the message in hand, with this reason.
    pub(crate) fn end(&mut self, reason: ExitReason) {
        self.reason = Some(reason);
        self.is_stopping = true;
    }

    /// Sends the actor a message after a duration of the runtime's time, beside its mailbox.
    ///
    /// A restart and the end of the actor forget it.
    #[track_caller]
    pub fn after<M>(&mut self, delay: Duration, message: M) -> TimerId
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        let context = self.own.clone();
        self.timers.once(delay, message, context)
    }

    /// Sends the actor a message again and again, the first time after one period.
    ///
    /// Ticks do not pile up: one that falls due while an earlier one waits to be handled is skipped, and
    /// the next keeps to the original rhythm. Go counterpart: `time.Ticker`.
    ///
    /// # Errors
    /// [`TimerError::ZeroPeriod`]: the period is zero.
    #[track_caller]
    pub fn every<M>(
        &mut self,
        period: Duration,
        make: impl FnMut() -> M + 'static,
    ) -> Result<TimerId, TimerError>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        let context = self.own.clone();
        self.timers.every(period, make, context)
    }

    /// Forgets a timer. Returns whether it was set.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.timers.cancel(timer)
    }

    /// Handles each item of a stream, or of a channel's receiver, as a message.
    ///
    /// Items take turns with the mailbox; the next is taken when the one before has been handled. The
    /// stream is dropped at its end, and with the actor. It does not keep the actor alive: an actor that
    /// stops or drains handles its mailbox, and drops the stream with what it still holds.
    pub fn attach<S, M>(&mut self, stream: S, map: impl FnMut(S::Item) -> M + 'static)
    where
        S: Stream + 'static,
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        self.sources.attach(stream, map, self.own.clone());
    }
}

/// Packs a message that the actor sends to itself.
pub(crate) fn own_message<A, M>(message: M, context: Context) -> BoxedEnvelope<A>
where
    A: HandlerLater<M>,
    M: Send + 'static,
{
    let nobody = crate::reply::ReplyTo::nobody();
    let once = crate::mailbox::Once;
    Box::new(crate::mailbox::Packed::new(message, nobody, context, once))
}

// The life that holds it may be dropped at an await, with its arbiter.
impl<A: Actor> Drop for ActorContext<A> {
    fn drop(&mut self) {
        if let (Err(payload), doing) = self.take_apart() {
            current::tell_stray(payload, doing);
        }
    }
}

impl<A: Actor> fmt::Debug for ActorContext<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorContext")
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}
