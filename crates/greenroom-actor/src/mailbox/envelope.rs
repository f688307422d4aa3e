//! A message on its way: with its context, and the address for its reply.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use greenroom_core::Context;

use crate::actor::{Actor, ActorContext, HandlerLater};
use crate::reply::{NoReply, ReplyTo, Unanswered};

pub(crate) type BoxedEnvelope<A> = Box<dyn Envelope<A>>;

pub(crate) type HandlerFuture<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A message of any type that `A` handles.
pub(crate) trait Envelope<A: Actor>: Send {
    /// The context of the sender, for the handler to run in.
    fn context(&self) -> &Context;

    fn message_type(&self) -> &'static str;

    /// Whether nobody waits for the answer any more.
    fn is_asker_gone(&self) -> bool;

    /// The way to answer for a handler that panics, and whether the handler keeps the reply address to
    /// itself.
    fn unanswered(&self) -> (Option<Arc<dyn Unanswered>>, bool);

    /// Makes the handler's future, which borrows the state.
    fn handle<'a>(
        self: Box<Self>,
        actor: &'a mut A,
        cx: &'a mut ActorContext<A>,
    ) -> HandlerFuture<'a>;

    /// Answers without handling.
    fn refuse(self: Box<Self>, why: NoReply);

    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

pub(crate) struct Packed<M, R: Send + 'static> {
    pub(crate) message: M,
    pub(crate) reply: ReplyTo<R>,
    pub(crate) context: Context,
}

impl<A, M> Envelope<A> for Packed<M, <A as HandlerLater<M>>::Reply>
where
    A: HandlerLater<M>,
    M: Send + 'static,
{
    fn context(&self) -> &Context {
        &self.context
    }

    fn message_type(&self) -> &'static str {
        std::any::type_name::<M>()
    }

    fn is_asker_gone(&self) -> bool {
        self.reply.is_asker_gone()
    }

    fn unanswered(&self) -> (Option<Arc<dyn Unanswered>>, bool) {
        (self.reply.unanswered(), A::HOLDS_REPLY)
    }

    fn handle<'a>(
        self: Box<Self>,
        actor: &'a mut A,
        cx: &'a mut ActorContext<A>,
    ) -> HandlerFuture<'a> {
        let Self { message, reply, .. } = *self;
        Box::pin(HandlerLater::handle(actor, message, reply, cx))
    }

    fn refuse(self: Box<Self>, why: NoReply) {
        self.reply.refuse(why);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
