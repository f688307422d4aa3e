//! An actix actor behind a recipient of ours.

use std::future::{Future, IntoFuture};
use std::sync::Arc;

use greenroom_core::channel::{self, Receiver, Sender};
use greenroom_core::{ExitReason, Id};

use crate::actor::{Actor, ActorContext, HandlerLater};
use crate::address::{
    Address, AskError, ClosedError, Later, Receives, Recipient, TellError, TryTellError, Upgrades,
    WeakAddress,
};
use crate::monitor::Watched;
use crate::reply::{Answer, NoReply, ReplyTo};
use crate::scope::Scope;
use crate::supervision::SpawnError;

/// How many messages are with the actix actor at a time. Its own mailbox would take any number.
const IN_FLIGHT: usize = 64;

/// Starts an actor that passes its messages on to an actix one.
///
/// So the actix actor is reached as one of ours: through a bounded mailbox, by asks that end with their
/// context and its deadline, and listed in the registry. Messages of one sender reach it in their order;
/// up to 64 are with it at a time, so that one that answers later does not hold up the others. A tell
/// counts until actix has answered it, and the answer is dropped.
///
/// Ours ends when it meets the end of the actix actor, at the next message and not before; to
/// [stop](Recipient::stop) it does not stop that one.
///
/// # Errors
/// See [`SpawnError`]. For asks see the table of [this module](crate::interop).
///
/// # Cancel safety
/// As [`Scope::spawn`]. A message whose asker has gone is skipped while it is queued here; once actix
/// has it, it is handled.
///
/// # Examples
/// ```
/// use actix::prelude::*;
/// struct Legacy;
/// impl Actor for Legacy { type Context = Context<Self>; }
/// struct Measure(String);
/// impl actix::Message for Measure { type Result = usize; }
/// impl Handler<Measure> for Legacy {
///     type Result = usize;
///     fn handle(&mut self, Measure(text): Measure, _: &mut Context<Self>) -> usize { text.len() }
/// }
/// # fn main() -> greenroom_core::Result<()> {
/// use greenroom_actor::{Runtime, interop::from_actix};
/// Runtime::new()?.block_on(|scope| async move {
///     let legacy = Legacy.start().recipient();
///     let measure = from_actix(&scope, legacy).await?;
///     assert_eq!(measure.ask(Measure("green".into())).await?, 5);
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn from_actix<M>(
    scope: &Scope,
    recipient: actix::Recipient<M>,
) -> impl Future<Output = Result<Recipient<M, M::Result>, SpawnError>> + Send + use<M>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
    let spawned = scope.spawn(move || FromActix {
        recipient: recipient.clone(),
        places: channel::bounded(IN_FLIGHT),
    });
    let spawned = spawned.into_future();
    async move {
        let address = spawned.await?;
        Ok(Recipient::from_receiver(Arc::new(Passing(address))))
    }
}

/// Stands for an actix actor among ours.
struct FromActix<M>
where
    M: actix::Message + Send,
    M::Result: Send,
{
    recipient: actix::Recipient<M>,
    /// One place for each message that is with the actix actor.
    places: (Sender<()>, Receiver<()>),
}

/// A message to pass on. Wrapped, since a bare `M` may be a type for which its own crate writes a handler.
struct Pass<M>(M);

impl<M> Actor for FromActix<M>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
}

impl<M> HandlerLater<Pass<M>> for FromActix<M>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
    type Reply = M::Result;

    async fn handle(
        &mut self,
        Pass(message): Pass<M>,
        reply: ReplyTo<M::Result>,
        cx: &mut ActorContext<Self>,
    ) {
        if self.places.0.send(()).await.is_err() {
            // The context has ended, which the asker knows.
            return;
        }
        if !self.recipient.connected() {
            reply.refuse(NoReply::Closed);
            cx.stop();
            return;
        }
        // Sent here, so that messages keep their order.
        let request = self.recipient.send(message);
        let place = Place(self.places.1.clone());
        // No error of this task is one of the scope.
        let _task = cx.scope().unlimited().go(async move {
            let answer = request.await;
            drop(place);
            match answer {
                Ok(answer) => reply.send(answer),
                // The reply was dropped, or the actor has ended: actix does not tell them apart, nor
                // whether the message was handled.
                Err(_closed) => reply.refuse(NoReply::Dropped),
            }
            Ok(())
        });
    }
}

/// Gives its place back when it is dropped.
struct Place(Receiver<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _free = self.0.try_recv();
    }
}

/// The bridge as a recipient of bare messages.
struct Passing<M>(Address<FromActix<M>>)
where
    M: actix::Message + Send + 'static,
    M::Result: Send;

struct WeakPassing<M>(WeakAddress<FromActix<M>>)
where
    M: actix::Message + Send + 'static,
    M::Result: Send;

impl<M> Receives<M, M::Result> for Passing<M>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
    fn ask(&self, message: M) -> Later<'_, Result<M::Result, AskError>> {
        Box::pin(self.0.ask(Pass(message)))
    }

    fn tell(&self, message: M) -> Later<'_, Result<(), TellError<M>>> {
        Box::pin(async {
            let told = self.0.tell(Pass(message)).await;
            told.map_err(|error| error.map(|Pass(message)| message))
        })
    }

    fn try_tell(&self, message: M) -> Result<(), TryTellError<M>> {
        self.0.try_tell(Pass(message)).map_err(|error| match error {
            TryTellError::Full(Pass(message)) => TryTellError::Full(message),
            TryTellError::Closed(Pass(message)) => TryTellError::Closed(message),
        })
    }

    fn closed(&self) -> Later<'static, Result<ExitReason, ClosedError>> {
        Box::pin(self.0.closed())
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn id(&self) -> &Id {
        self.0.id()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }

    fn begin_ask(&self, message: M) -> Later<'_, Result<Answer<M::Result>, AskError>> {
        Box::pin(self.0.begin_ask(Pass(message)))
    }

    fn downgrade(&self) -> Arc<dyn Upgrades<M, M::Result>> {
        Arc::new(WeakPassing(self.0.downgrade()))
    }

    fn watched(&self) -> &dyn Watched {
        &self.0
    }
}

impl<M> Upgrades<M, M::Result> for WeakPassing<M>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
    fn upgrade(&self) -> Option<Recipient<M, M::Result>> {
        let address = self.0.upgrade()?;
        Some(Recipient::from_receiver(Arc::new(Passing(address))))
    }
}
