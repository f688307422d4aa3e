//! A message on its way: with its context, and the address for its reply.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use greenroom_core::{Context, unwind};

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
    // Some until it is taken out.
    message: Option<M>,
    reply: ReplyTo<R>,
    context: Context,
}

impl<M, R: Send + 'static> Packed<M, R> {
    pub(crate) fn new(message: M, reply: ReplyTo<R>, context: Context) -> Self {
        Self {
            message: Some(message),
            reply,
            context,
        }
    }

    /// Takes the message out, and the way to answer it.
    pub(crate) fn open(mut self) -> (M, ReplyTo<R>) {
        let Some(message) = self.message.take() else {
            unreachable!("it is opened once");
        };
        let reply = std::mem::replace(&mut self.reply, ReplyTo::nobody());
        (message, reply)
    }
}

// One that is not handled goes anywhere: with a mailbox, a timer, or a send that an unwinding ends.
impl<M, R: Send + 'static> Drop for Packed<M, R> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            unwind::drop_apart(message, std::any::type_name::<M>());
        }
    }
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
        let (message, reply) = self.open();
        Box::pin(HandlerLater::handle(actor, message, reply, cx))
    }

    fn refuse(self: Box<Self>, why: NoReply) {
        let (message, reply) = self.open();
        reply.refuse(why);
        unwind::drop_apart(message, std::any::type_name::<M>());
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
