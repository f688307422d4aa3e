//! A message on its way: with its context, and the address for its reply.

use std::any::{Any, TypeId};
use std::pin::Pin;
use std::sync::Arc;

use greenroom_core::{Context, Id, unwind};

use crate::actor::{Actor, ActorContext, HandlerLater};
use crate::reply::{Dormant, NoReply, ReplyTo, Unanswered};

pub(crate) type BoxedEnvelope<A> = Box<dyn Envelope<A>>;

pub(crate) type HandlerFuture<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A message of any type that `A` handles.
pub(crate) trait Envelope<A: Actor>: Send {
    fn message_type(&self) -> &'static str;

    /// The type of the message, by which the latest of each type is kept.
    fn kind(&self) -> TypeId;

    /// Who waits for the answer, if that is one of our tasks.
    fn asker(&self) -> Option<Id>;

    /// What must be known before the handler has the message, by one call.
    fn terms(&self) -> Terms;

    /// Copies the message for another try, if its sender allows that. Runs code of the user's.
    fn spare(&self) -> Option<Box<dyn Spare<A>>>;

    /// Makes the handler's future, which borrows the state.
    fn handle<'a>(
        self: Box<Self>,
        actor: &'a mut A,
        cx: &'a mut ActorContext<A>,
    ) -> HandlerFuture<'a>;

    /// Answers without handling, and drops the message.
    fn refuse(self: Box<Self>, why: NoReply);

    /// Answers without handling, and gives the message out.
    fn give_up(self: Box<Self>, why: NoReply) -> Box<dyn Any + Send>;

    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// What must be known of a message before its handler has it.
pub(crate) struct Terms {
    /// The context of the sender, for the handler to run in.
    pub(crate) context: Context,
    pub(crate) message_type: &'static str,
    /// Whether nobody waits for the answer any more.
    pub(crate) is_asker_gone: bool,
    /// The way to answer for a handler that panics.
    pub(crate) unanswered: Option<Arc<dyn Unanswered>>,
    /// Whether the handler keeps the reply address to itself.
    pub(crate) holds_reply: bool,
    /// Whether there is a spare to be had.
    pub(crate) may_repeat: bool,
}

/// A copy of a message in hand. It answers nobody until it is made an envelope.
pub(crate) trait Spare<A: Actor>: Send {
    /// Whether the message may be tried again, if no more than `most` tries are allowed at all.
    fn may_repeat(&self, most: u32) -> bool;

    /// How often it was tried, the try in hand included.
    fn tried(&self) -> u32;

    /// Makes it the envelope of the next try.
    fn into_envelope(self: Box<Self>) -> BoxedEnvelope<A>;

    fn into_message(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// How often a message may be tried.
pub(crate) trait Tries<M>: Copy + Send + 'static {
    const MAY_REPEAT: bool;

    /// Copies the message, if it may be tried again.
    fn copy(message: &M) -> Option<M>;

    /// Counts a try.
    fn next(self) -> Self;

    fn tried(self) -> u32;

    fn limit(self) -> u32;
}

/// A message is tried once.
#[derive(Clone, Copy)]
pub(crate) struct Once;

/// A message is tried up to a limit.
#[derive(Clone, Copy)]
pub(crate) struct Many {
    pub(crate) limit: u32,
    pub(crate) tried: u32,
}

impl<M> Tries<M> for Once {
    const MAY_REPEAT: bool = false;

    fn copy(_message: &M) -> Option<M> {
        None
    }

    fn next(self) -> Self {
        self
    }

    fn tried(self) -> u32 {
        1
    }

    fn limit(self) -> u32 {
        1
    }
}

impl<M: Clone> Tries<M> for Many {
    const MAY_REPEAT: bool = true;

    fn copy(message: &M) -> Option<M> {
        Some(message.clone())
    }

    fn next(self) -> Self {
        Self {
            tried: self.tried + 1,
            ..self
        }
    }

    fn tried(self) -> u32 {
        self.tried
    }

    fn limit(self) -> u32 {
        self.limit
    }
}

pub(crate) struct Packed<M, R: Send + 'static, T = Once> {
    // Some until it is taken out.
    message: Option<M>,
    reply: ReplyTo<R>,
    context: Context,
    tries: T,
}

impl<M, R: Send + 'static, T> Packed<M, R, T> {
    pub(crate) fn new(message: M, reply: ReplyTo<R>, context: Context, tries: T) -> Self {
        Self {
            message: Some(message),
            reply,
            context,
            tries,
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
impl<M, R: Send + 'static, T> Drop for Packed<M, R, T> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            unwind::drop_apart(message, std::any::type_name::<M>());
        }
    }
}

struct Copied<M, R: Send + 'static, T> {
    message: M,
    reply: Dormant<R>,
    context: Context,
    // The try in hand counts.
    tries: T,
}

impl<A, M, T> Envelope<A> for Packed<M, <A as HandlerLater<M>>::Reply, T>
where
    A: HandlerLater<M>,
    M: Send + 'static,
    T: Tries<M>,
{
    fn message_type(&self) -> &'static str {
        std::any::type_name::<M>()
    }

    fn kind(&self) -> TypeId {
        TypeId::of::<M>()
    }

    fn asker(&self) -> Option<Id> {
        self.reply.asker()
    }

    fn terms(&self) -> Terms {
        Terms {
            context: self.context.clone(),
            message_type: std::any::type_name::<M>(),
            is_asker_gone: self.reply.is_asker_gone(),
            unanswered: self.reply.unanswered(),
            holds_reply: A::HOLDS_REPLY,
            may_repeat: T::MAY_REPEAT,
        }
    }

    fn spare(&self) -> Option<Box<dyn Spare<A>>> {
        let message = T::copy(self.message.as_ref()?)?;
        Some(Box::new(Copied {
            message,
            reply: self.reply.dormant(),
            context: self.context.clone(),
            tries: self.tries.next(),
        }))
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

    fn give_up(self: Box<Self>, why: NoReply) -> Box<dyn Any + Send> {
        let (message, reply) = self.open();
        reply.refuse(why);
        Box::new(message)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl<A, M, T> Spare<A> for Copied<M, <A as HandlerLater<M>>::Reply, T>
where
    A: HandlerLater<M>,
    M: Send + 'static,
    T: Tries<M>,
{
    fn may_repeat(&self, most: u32) -> bool {
        self.tries.tried() < self.tries.limit().min(most)
    }

    fn tried(&self) -> u32 {
        self.tries.tried()
    }

    fn into_envelope(self: Box<Self>) -> BoxedEnvelope<A> {
        let Self {
            message,
            reply,
            context,
            tries,
        } = *self;
        Box::new(Packed::new(message, reply.wake(), context, tries))
    }

    fn into_message(self: Box<Self>) -> Box<dyn Any + Send> {
        Box::new(self.message)
    }
}
