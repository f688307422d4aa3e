//! How an actor is reached.

mod closed;
mod error;
mod recipient;
mod redelivered;
mod ticket;
mod weak;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use greenroom_core::blocking::{self, OnArbiter};
use greenroom_core::channel::Sender;
use greenroom_core::error::ContextError;
use greenroom_core::registry::MessageCounts;
use greenroom_core::task::WaitKind;
use greenroom_core::wait::Wait;
use greenroom_core::{Context, ExitReason, Id, current};

pub use closed::ClosedError;
pub use error::{AskBlockingError, AskError, TellBlockingError, TellError, TryTellError};
pub(crate) use recipient::{Later, Receives, Upgrades};
pub use recipient::{Recipient, WeakRecipient};
pub use redelivered::Redelivered;
use ticket::Ticket;
pub(crate) use ticket::Tickets;
pub use weak::WeakAddress;

use crate::actor::{Actor, HandlerLater};
use crate::mailbox::{self, BoxedEnvelope, Once, Order, Packed, PutError, Signal, Tries};
use crate::reply::{self, Answer, NoReply, ReplyTo};
use crate::station::Station;

/// Sends messages to one actor. Cheap to clone; `Send + Sync` even if the actor is neither.
///
/// While an address lives its actor does; when the last one is gone, the actor handles what it has and
/// ends. [`downgrade`](Self::downgrade) gives an address that does not count. It stays valid over
/// restarts.
///
/// # Circles of addresses
/// Two actors that have each other's address, or one that has its own, keep each other alive: neither's
/// last address goes. Their scope is not kept open by it, since it drains its actors at its end and waits
/// for no address; but until then they stay, with all that they hold, and in a scope that lives as long
/// as the program they are never freed. So one of the two should have a [`WeakAddress`], such as the child
/// that answers its parent; or something that knows the work is done calls [`stop`](Self::stop) on one of
/// them, whose addresses go with its state. [`Runtime::alive`](crate::Runtime::alive) tells how many
/// addresses keep an actor, and with [`track_addresses`](crate::Builder::track_addresses) whose they are
/// and which circles they make.
///
/// # Ordering
/// Messages of one sender to one actor are handled in the order in which they were sent. Between
/// senders there is no order. Stop, cancel and supervision overtake messages.
pub struct Address<A: Actor> {
    station: Arc<Station<A>>,
    mailbox: Sender<BoxedEnvelope<A>>,
    // Only if addresses are tracked.
    ticket: Option<Box<Ticket>>,
}

impl<A: Actor> Address<A> {
    #[track_caller]
    pub(crate) fn new(station: Arc<Station<A>>, mailbox: Sender<BoxedEnvelope<A>>) -> Self {
        let place = Location::caller();
        let ticket = station.tickets.as_ref().map(|t| Box::new(t.enter(place)));
        Self {
            station,
            mailbox,
            ticket,
        }
    }

    fn touch(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.touch();
        }
    }

    /// Sends a message and waits for the reply. Go counterpart: a request with a reply channel.
    ///
    /// It waits for room in the mailbox, then for the handler; both end with the current context, whose
    /// deadline, cause and values travel with the message. A message whose asker has gone is skipped.
    /// Outside our tasks the runtime's root context counts.
    ///
    /// # Circles
    /// A handler that asks its own actor, or one whose handler waits for this actor, would wait for ever.
    /// That is refused with [`AskError::Cycle`], also if a deadline would end it: the answer cannot come.
    /// Of a circle the ask that was begun last is refused, and the others go on. It is refused only if it
    /// is certain, that is, if the handlers all the way round await nothing else at the same time, and
    /// none of them has handed its reply address on; all else is shown by
    /// [`Runtime::wait_graph`](crate::Runtime::wait_graph).
    ///
    /// # Errors
    /// See [`AskError`], every cause apart.
    ///
    /// # Cancel safety
    /// Dropping the future before the message was accepted sends nothing. After that the message may be
    /// skipped or handled; the reply is dropped.
    // Not an `async fn`, here and below: that the future is `Send` is said, so that the compiler need not
    // find out anew in each task that awaits it. It fails to where a message holds a `&'static str`.
    pub fn ask<M>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<<A as HandlerLater<M>>::Reply, AskError>> + Send
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        self.ask_now(message, Once)
    }

    async fn ask_now<M, T>(
        &self,
        message: M,
        tries: T,
    ) -> Result<<A as HandlerLater<M>>::Reply, AskError>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
        T: Tries<M>,
    {
        let Some(context) = Context::current() else {
            // Our waits look at the current context: outside our tasks the root stands in.
            let root = self.station.root().clone();
            return within(root.clone(), self.ask_in(message, root, tries)).await;
        };
        self.ask_in(message, context, tries).await
    }

    async fn ask_in<M, T>(
        &self,
        message: M,
        context: Context,
        tries: T,
    ) -> Result<<A as HandlerLater<M>>::Reply, AskError>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
        T: Tries<M>,
    {
        let answer = self.begin_in(message, context, tries).await?;
        let mut wait = Wait::new(WaitKind::Ask).with_message(std::any::type_name::<M>());
        let by_context = |ended: ContextError| match ended {
            ContextError::Cancelled(cause) => AskError::Cancelled(cause),
            ContextError::Deadline(_) if answer.give_up() => AskError::DeadlineInHandler,
            ContextError::Deadline(_) => AskError::DeadlineInMailbox,
        };
        std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = answer.poll(cx) {
                wait.end();
                return Poll::Ready(result.map_err(|why| match (why, Wait::ended()) {
                    // The handler runs in this context too: it may have gone with it before the asker
                    // looked, and then that is the reason.
                    (NoReply::Dropped | NoReply::Closed | NoReply::Expired, Some(ended)) => {
                        by_context(ended)
                    }
                    (why, _) => AskError::from_no_reply(why),
                }));
            }
            let may_be_dropped = self.station.overflow.drops_queued();
            let end = || Some(answer.far_end(&self.station.info, may_be_dropped));
            wait.poll_for(cx, || Some(self.id().clone()), None, end)
                .map(|ended| Err(by_context(ended)))
        })
        .await
    }

    /// Sends a message as an ask, and returns when the mailbox has it.
    pub(crate) async fn begin_ask<M>(
        &self,
        message: M,
    ) -> Result<Answer<<A as HandlerLater<M>>::Reply>, AskError>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        match Context::current() {
            Some(context) => self.begin_in(message, context, Once).await,
            None => {
                let root = self.station.root().clone();
                within(root.clone(), self.begin_in(message, root, Once)).await
            }
        }
    }

    async fn begin_in<M, T>(
        &self,
        message: M,
        context: Context,
        tries: T,
    ) -> Result<Answer<<A as HandlerLater<M>>::Reply>, AskError>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
        T: Tries<M>,
    {
        let core = &self.station.scope.core;
        let (reply, answer) = reply::pair(core.context().driver(), || core.number_wait());
        match self.put(message, reply, context, tries).await {
            Ok(()) => Ok(answer),
            Err((_, error)) => Err(AskError::from_put(error)),
        }
    }

    /// Sends a message without waiting for its handler; waits for room in the mailbox.
    ///
    /// `Ok` means that the mailbox has accepted it, not that it will be handled: the actor may be stopped
    /// first, a full mailbox may drop it by its [policy](crate::Overflow), or the current context may end,
    /// which the message carries and is skipped with. What must be handled
    /// all the same is sent in a context [without cancel](Context::without_cancel).
    ///
    /// # Errors
    /// See [`TellError`]. The message comes back.
    ///
    /// # Cancel safety
    /// Dropping the future before the message was accepted sends nothing, and drops the message.
    pub fn tell<M>(&self, message: M) -> impl Future<Output = Result<(), TellError<M>>> + Send
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        self.forward_now(message, ReplyTo::nobody(), Once)
    }

    /// Sends a message and blocks this thread until the reply is there. For synchronous code.
    ///
    /// Like [`ask`](Self::ask) otherwise.
    ///
    /// # Errors
    /// - [`AskBlockingError::OnArbiter`]: this thread runs tasks, which the wait would hold up.
    /// - [`AskBlockingError::Ask`]: as [`ask`](Self::ask).
    pub fn ask_blocking<M>(
        &self,
        message: M,
    ) -> Result<<A as HandlerLater<M>>::Reply, AskBlockingError>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        match blocking::wait(self.ask(message)) {
            Ok(asked) => asked.map_err(AskBlockingError::Ask),
            Err(OnArbiter) => Err(AskBlockingError::OnArbiter),
        }
    }

    /// Sends a message, blocking this thread while the mailbox has no room. For synchronous code.
    ///
    /// # Errors
    /// - [`TellBlockingError::OnArbiter`]: this thread runs tasks, which the wait would hold up.
    /// - [`TellBlockingError::Tell`]: as [`tell`](Self::tell).
    ///
    /// The message comes back.
    pub fn tell_blocking<M>(&self, message: M) -> Result<(), TellBlockingError<M>>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        if current::is_arbiter() {
            return Err(TellBlockingError::OnArbiter(message));
        }
        match blocking::wait(self.tell(message)) {
            Ok(told) => told.map_err(TellBlockingError::Tell),
            Err(OnArbiter) => unreachable!("this thread was seen to run no tasks"),
        }
    }

    /// Sends a message if the mailbox has room for it now, or makes room by its [policy](crate::Overflow).
    /// It never has this message dropped.
    ///
    /// # Errors
    /// See [`TryTellError`]. The message comes back.
    pub fn try_tell<M>(&self, message: M) -> Result<(), TryTellError<M>>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        self.try_tell_now(message, Once)
    }

    #[inline]
    fn try_tell_now<M, T>(&self, message: M, tries: T) -> Result<(), TryTellError<M>>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
        T: Tries<M>,
    {
        self.touch();
        let context = Context::current().unwrap_or_else(|| self.station.root().clone());
        let mut slot = Some(pack(message, ReplyTo::nobody(), context, tries));
        mailbox::try_put(&self.mailbox, &mut slot, &self.station).map_err(|error| {
            let message = unpack::<A, M, T>(slot);
            match error {
                PutError::Full => TryTellError::Full(message),
                _ => TryTellError::Closed(message),
            }
        })
    }

    /// Sends a message whose reply goes to someone else, such as the asker of the message in hand.
    ///
    /// # Errors
    /// See [`TellError`]. The message comes back; the asker is answered with `AskError::Dropped`.
    ///
    /// # Cancel safety
    /// Dropping the future before the message was accepted sends nothing; the asker is answered.
    pub fn forward<M>(
        &self,
        message: M,
        reply: ReplyTo<<A as HandlerLater<M>>::Reply>,
    ) -> impl Future<Output = Result<(), TellError<M>>> + Send
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        self.forward_now(message, reply, Once)
    }

    async fn forward_now<M, T>(
        &self,
        message: M,
        reply: ReplyTo<<A as HandlerLater<M>>::Reply>,
        tries: T,
    ) -> Result<(), TellError<M>>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
        T: Tries<M>,
    {
        let put = match Context::current() {
            Some(context) => self.put(message, reply, context, tries).await,
            None => {
                let root = self.station.root().clone();
                within(root.clone(), self.put(message, reply, root, tries)).await
            }
        };
        put.map_err(|(message, error)| TellError::new(message, error))
    }

    /// Asks the actor to end after the message in hand; what is queued is refused with `Closed`.
    ///
    /// It overtakes the queue and does not wait; see [`closed`](Self::closed). A handler, or the `started`
    /// hook, that runs longer than the actor's shutdown time is dropped at its next await. An actor that
    /// fails meanwhile is not restarted.
    pub fn stop(&self) {
        self.station.signal(Signal::Order(Order::Stop));
    }

    /// Waits until the actor has ended, for good, and returns why. Addresses that wait do not keep it
    /// alive by waiting, but by being there: use [`WeakAddress::closed`] to watch.
    ///
    /// # Errors
    /// [`ClosedError::Cancelled`], [`ClosedError::Deadline`]: the waiter's own context ended first.
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    pub fn closed(&self) -> impl Future<Output = Result<ExitReason, ClosedError>> + Send + use<A> {
        closed::closed(self.station.clone())
    }

    /// Returns the actor's id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.station.info.id
    }

    /// Returns whether the actor takes no more messages.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Returns how many messages are queued.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.mailbox.len()
    }

    /// Returns how many messages fit into the mailbox; `None` if there is no bound.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.mailbox.capacity()
    }

    /// Returns what became of the messages that the actor accepted, over its restarts; also after its end.
    #[must_use]
    pub fn messages(&self) -> MessageCounts {
        self.station.messages()
    }

    /// Returns an address that does not keep the actor alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakAddress<A> {
        WeakAddress::new(self.station.clone(), self.mailbox.downgrade())
    }

    /// Returns an address for one type of message, which hides the type of the actor.
    #[must_use]
    pub fn recipient<M>(&self) -> Recipient<M, <A as HandlerLater<M>>::Reply>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        Recipient::new(self.clone())
    }

    pub(crate) fn station(&self) -> &Arc<Station<A>> {
        &self.station
    }

    async fn put<M, T>(
        &self,
        message: M,
        reply: ReplyTo<<A as HandlerLater<M>>::Reply>,
        context: Context,
        tries: T,
    ) -> Result<(), (M, PutError)>
    where
        A: HandlerLater<M>,
        M: Send + 'static,
        T: Tries<M>,
    {
        self.touch();
        let mut slot = Some(pack::<A, M, T>(message, reply, context, tries));
        mailbox::put(&self.mailbox, &mut slot, &self.station)
            .await
            .map_err(|error| (unpack::<A, M, T>(slot), error))
    }
}

/// Makes a context current around each poll. The waits of the kernel inside end with it.
async fn within<F: Future>(context: Context, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let _entered = current::enter_context(context.clone());
        future.as_mut().poll(cx)
    })
    .await
}

fn pack<A, M, T>(
    message: M,
    reply: ReplyTo<<A as HandlerLater<M>>::Reply>,
    context: Context,
    tries: T,
) -> BoxedEnvelope<A>
where
    A: HandlerLater<M>,
    M: Send + 'static,
    T: Tries<M>,
{
    Box::new(Packed::new(message, reply, context, tries))
}

fn unpack<A, M, T>(slot: Option<BoxedEnvelope<A>>) -> M
where
    A: HandlerLater<M>,
    M: Send + 'static,
    T: Tries<M>,
{
    let packed = slot
        .and_then(|envelope| {
            envelope
                .into_any()
                .downcast::<Packed<M, <A as HandlerLater<M>>::Reply, T>>()
                .ok()
        })
        .unwrap_or_else(|| unreachable!("a put that fails leaves the envelope in its slot"));
    packed.open().0
}

impl<A: Actor> Clone for Address<A> {
    #[track_caller]
    fn clone(&self) -> Self {
        let place = Location::caller();
        Self {
            station: self.station.clone(),
            mailbox: self.mailbox.clone(),
            ticket: self.ticket.as_ref().map(|t| Box::new(t.fork(place))),
        }
    }
}

impl<A: Actor> PartialEq for Address<A> {
    fn eq(&self, other: &Self) -> bool {
        self.mailbox.same_channel(&other.mailbox)
    }
}

impl<A: Actor> Eq for Address<A> {}

impl<A: Actor> fmt::Debug for Address<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.id())
    }
}
