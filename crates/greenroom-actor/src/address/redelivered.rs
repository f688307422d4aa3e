//! Messages that are tried again after a panic.

use std::fmt;
use std::future::Future;

use super::{Address, AskError, TellError, TryTellError};
use crate::actor::{Actor, HandlerLater};
use crate::mailbox::Many;
use crate::reply::ReplyTo;

/// Sends messages that are tried again when their handler panics. Made by [`Address::redelivered`].
pub struct Redelivered<'a, A: Actor> {
    address: &'a Address<A>,
    tries: Many,
}

impl<A: Actor> Address<A> {
    /// Sends messages that are tried again when their handler panics, up to `tries` tries in all. 0 is as
    /// good as 1.
    ///
    /// After a panic the actor is rebuilt as ever, and the next incarnation tries the message first, so
    /// that the order of messages stays. A message that has panicked at each try is *set aside*: it becomes
    /// a [dead letter](crate::DeadLetter) (`Poisoned`, with the message), its asker gets the last panic,
    /// and the actor goes on with what is queued. So a message that always panics is not retried for ever.
    ///
    /// A handler may so run more than once, and must bear that: what it did before it panicked is done.
    /// Only a panic is tried again. Between two tries the context and the deadline of the message hold, an
    /// asker may give up, and a back-off is waited for; if the actor ends meanwhile, the message is lost,
    /// and its asker gets the panic. A handler that has answered, or handed its reply address on, may be
    /// run again, but the first answer counts.
    ///
    /// # Restarts
    /// Each panic counts as a restart. The tries of one message never get an actor given up by themselves:
    /// one whose intensity allows `n` restarts tries a message at most `n` times, and at least once. The
    /// default is 3. Other panics in the same period count too, so an actor that is to survive many such
    /// messages is spawned with a higher intensity. Under a supervisor it is the intensity of that one
    /// which counts, for all its children: give it more than `tries`, since a child does not know it.
    ///
    /// # Cost
    /// The message is cloned before each try. Other messages pay nothing.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::{Actor, ActorContext, AskError, Handler, Runtime, Undelivered};
    /// struct Parser;
    /// #[derive(Clone)]
    /// struct Parse(&'static str);
    /// impl Actor for Parser {}
    /// impl Handler<Parse> for Parser {
    ///     type Reply = i32;
    ///     async fn handle(&mut self, Parse(text): Parse, _cx: &mut ActorContext<Self>) -> i32 {
    ///         text.parse().expect("a number")
    ///     }
    /// }
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let runtime = Runtime::builder().arbiters(1).build()?;
    /// let letters = runtime.dead_letters();
    /// runtime.block_on(|scope| async move {
    ///     let parser = scope.spawn(|| Parser).await?;
    ///     let asked = parser.redelivered(2).ask(Parse("poison")).await;
    ///     assert!(matches!(asked, Err(AskError::Panicked(_))));
    ///     let letter = letters.recv().await?;
    ///     assert!(matches!(letter.why, Undelivered::Poisoned { tries: 2, .. }));
    ///     assert_eq!(letter.take().map(|Parse(text)| text), Some("poison"));
    ///     assert_eq!(parser.ask(Parse("42")).await?, 42);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[must_use]
    pub fn redelivered(&self, tries: u32) -> Redelivered<'_, A> {
        Redelivered {
            address: self,
            tries: Many {
                limit: tries,
                tried: 0,
            },
        }
    }
}

impl<A: Actor> Redelivered<'_, A> {
    /// Sends a message and waits for the reply; see [`Address::ask`].
    ///
    /// # Errors
    /// See [`AskError`]. `Panicked` has the panic of the last try.
    ///
    /// # Cancel safety
    /// As [`Address::ask`]; a message whose asker has gone is not tried again.
    pub fn ask<M>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<<A as HandlerLater<M>>::Reply, AskError>> + Send
    where
        A: HandlerLater<M>,
        M: Clone + Send + 'static,
    {
        self.address.ask_now(message, self.tries)
    }

    /// Sends a message without waiting for its handler; see [`Address::tell`].
    ///
    /// # Errors
    /// See [`TellError`]. The message comes back.
    ///
    /// # Cancel safety
    /// As [`Address::tell`].
    pub fn tell<M>(&self, message: M) -> impl Future<Output = Result<(), TellError<M>>> + Send
    where
        A: HandlerLater<M>,
        M: Clone + Send + 'static,
    {
        self.address
            .forward_now(message, ReplyTo::nobody(), self.tries)
    }

    /// Sends a message if the mailbox has room for it now; see [`Address::try_tell`].
    ///
    /// # Errors
    /// See [`TryTellError`]. The message comes back.
    pub fn try_tell<M>(&self, message: M) -> Result<(), TryTellError<M>>
    where
        A: HandlerLater<M>,
        M: Clone + Send + 'static,
    {
        self.address.try_tell_now(message, self.tries)
    }
}

impl<A: Actor> Clone for Redelivered<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Actor> Copy for Redelivered<'_, A> {}

impl<A: Actor> fmt::Debug for Redelivered<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redelivered")
            .field("to", self.address.id())
            .field("tries", &self.tries.limit)
            .finish()
    }
}
