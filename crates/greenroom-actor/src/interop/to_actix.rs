//! An actor of ours behind an actix address.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::task::Poll;

use actix::dev::{MessageResponse, OneshotSender};
use actix::fut::wrap_future;
use actix::{Actor as _, ActorContext as _, ActorFutureExt, AsyncContext};

use crate::address::{AskError, Recipient};

/// Starts an actix actor, on an arbiter of actix, that passes its messages on to one of ours.
///
/// The actix actor keeps ours alive, and ends with it, or when its own last address is gone. It waits
/// for room in our mailbox: meanwhile `try_send` says `Full` once the mailbox of actix is full too,
/// which holds 16 messages and one more for each clone of the address. `do_send` fills the memory, as it
/// does everywhere.
///
/// The message's context is the root of the runtime: actix has no deadline that travels. A message whose
/// asker has gone is skipped while it is queued.
///
/// # Errors
/// An asker of actix sees every reason for which there is no reply as `MailboxError::Closed`, since the
/// other side of an actix request can say no more; see [`to_actix_result`].
///
/// # Examples
/// ```
/// use greenroom_actor::{Actor, ActorContext, Handler, Runtime, interop::to_actix};
/// struct Meter;
/// struct Measure(String);
/// impl actix::Message for Measure { type Result = usize; }
/// impl Actor for Meter {}
/// impl Handler<Measure> for Meter {
///     type Reply = usize;
///     async fn handle(&mut self, Measure(text): Measure, _cx: &mut ActorContext<Self>) -> usize { text.len() }
/// }
/// # Runtime::new()?.block_on(|scope| async move {
/// let meter = scope.spawn(|| Meter).await?;
/// let arbiter = actix::Arbiter::current();
/// let theirs: actix::Recipient<Measure> = to_actix(&arbiter, meter.recipient());
/// assert_eq!(theirs.send(Measure("green".into())).await?, 5);
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
#[must_use]
pub fn to_actix<M>(
    arbiter: &actix::ArbiterHandle,
    recipient: Recipient<M, M::Result>,
) -> actix::Recipient<M>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
    start(arbiter, recipient, Result::ok)
}

/// As [`to_actix`], for messages whose actix result can hold an error: each is handed on, as it is.
///
/// # Errors
/// In the reply, an `E` from each [`AskError`]. Only a runtime that is torn down half-way leaves an
/// asker with `MailboxError::Closed`.
///
/// # Examples
/// ```
/// # use greenroom_actor::{Actor, ActorContext, AskError, Handler, Runtime, interop::to_actix_result};
/// # struct Meter;
/// # impl Actor for Meter {}
/// struct Measure(String);
/// impl actix::Message for Measure { type Result = Result<usize, AskError>; }
/// impl Handler<Measure> for Meter {
///     type Reply = usize;
///     async fn handle(&mut self, Measure(text): Measure, _cx: &mut ActorContext<Self>) -> usize { text.len() }
/// }
/// # Runtime::new()?.block_on(|scope| async move {
/// let meter = scope.spawn(|| Meter).await?;
/// let theirs = to_actix_result(&actix::Arbiter::current(), meter.recipient::<Measure>());
/// assert_eq!(theirs.send(Measure("green".into())).await??, 5);
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
#[must_use]
pub fn to_actix_result<M, R, E>(
    arbiter: &actix::ArbiterHandle,
    recipient: Recipient<M, R>,
) -> actix::Recipient<M>
where
    M: actix::Message<Result = Result<R, E>> + Send + 'static,
    R: Send + 'static,
    E: From<AskError> + Send + 'static,
{
    start(arbiter, recipient, |asked| Some(asked.map_err(E::from)))
}

fn start<M, R>(
    arbiter: &actix::ArbiterHandle,
    recipient: Recipient<M, R>,
    answer: Answered<M, R>,
) -> actix::Recipient<M>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
    R: Send + 'static,
{
    ToActix::start_in_arbiter(arbiter, move |_cx| ToActix {
        recipient,
        answer,
        watch: None,
    })
    .recipient()
}

/// What an actix asker gets for what an ask gave.
type Answered<M, R> = fn(Result<R, AskError>) -> Option<<M as actix::Message>::Result>;

struct ToActix<M: actix::Message + 'static, R: Send + 'static> {
    recipient: Recipient<M, R>,
    answer: Answered<M, R>,
    /// Ends this one with ours. A task of its own: as one of the actor's it would keep that alive.
    watch: Option<tokio::task::JoinHandle<()>>,
}

/// Ours has ended. It names `M`, so that it can be no `M`.
struct Ended<M>(PhantomData<fn() -> M>);

impl<M: 'static> actix::Message for Ended<M> {
    type Result = ();
}

impl<M: actix::Message + 'static, R: Send + 'static> Drop for ToActix<M, R> {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl<M, R> actix::Handler<Ended<M>> for ToActix<M, R>
where
    M: actix::Message + Send + 'static,
    R: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, _: Ended<M>, cx: &mut Self::Context) {
        cx.stop();
    }
}

impl<M, R> actix::Actor for ToActix<M, R>
where
    M: actix::Message + Send + 'static,
    R: Send + 'static,
{
    type Context = actix::Context<Self>;

    fn started(&mut self, cx: &mut Self::Context) {
        let (ended, me) = (self.recipient.closed(), cx.address().downgrade());
        self.watch = Some(actix_rt::spawn(async move {
            let _reason = ended.await;
            if let Some(me) = me.upgrade() {
                let _gone = me.send(Ended(PhantomData)).await;
            }
        }));
    }
}

impl<M, R> actix::Handler<M> for ToActix<M, R>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
    R: Send + 'static,
{
    type Result = PassedOn<M, R>;

    fn handle(&mut self, message: M, _cx: &mut Self::Context) -> PassedOn<M, R> {
        PassedOn {
            message,
            recipient: self.recipient.clone(),
            answer: self.answer,
        }
    }
}

/// A message on its way to us.
struct PassedOn<M: actix::Message + 'static, R: Send + 'static> {
    message: M,
    recipient: Recipient<M, R>,
    answer: Answered<M, R>,
}

impl<M, R> MessageResponse<ToActix<M, R>, M> for PassedOn<M, R>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
    R: Send + 'static,
{
    fn handle(
        self,
        cx: &mut actix::Context<ToActix<M, R>>,
        asker: Option<OneshotSender<M::Result>>,
    ) {
        let Self {
            message,
            recipient,
            answer,
        } = self;
        // The actor takes no other message before this one is in our mailbox: they keep their order,
        // and a full mailbox fills that of actix.
        let Some(mut asker) = asker else {
            let told = async move {
                let _closed = recipient.tell(message).await;
            };
            cx.wait(wrap_future(told));
            return;
        };
        if asker.is_closed() {
            return;
        }
        let begun = async move { recipient.begin_ask(message).await };
        let begun = wrap_future(begun).map(move |begun, _, cx: &mut actix::Context<_>| {
            let waiting = match begun {
                Ok(waiting) => waiting,
                Err(error) => return give(asker, answer(Err(error))),
            };
            let reply = async move {
                let asked = poll_fn(|task| {
                    if asker.poll_closed(task).is_ready() {
                        return Poll::Ready(None);
                    }
                    waiting.poll(task).map(Some)
                })
                .await;
                if let Some(asked) = asked {
                    give(asker, answer(asked.map_err(AskError::from_no_reply)));
                }
            };
            cx.spawn(wrap_future(reply));
        });
        cx.wait(begun);
    }
}

/// Without an answer the asker is dropped, which is `MailboxError::Closed`.
fn give<T>(asker: OneshotSender<T>, answer: Option<T>) {
    if let Some(answer) = answer {
        let _gone = asker.send(answer);
    }
}
