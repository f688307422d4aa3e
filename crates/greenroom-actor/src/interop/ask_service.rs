//! An ask as a tower service.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use greenroom_core::channel::{self, Receiver, SendError, Sender, TrySendError};
use tower_service::Service;

use crate::address::{AskError, Recipient};

/// An actor as a tower service: a request is a message, a response its reply.
///
/// So layers of tower apply to it, in axum and tonic too: a time-out, a limit, a retry, load shedding.
///
/// Ready means that a place was taken for one call. There are as many places as the mailbox has
/// (another number by [`in_flight`](Self::in_flight)), shared by all clones; a call gives its place back
/// when its future is done or dropped. While there is none the service is pending, so that a layer that
/// sheds load does so; then the one that has waited longest is served first. If others send to the
/// actor too, the call itself may wait for room in the mailbox.
///
/// A call begins when its future is first polled. It is an [ask](Recipient::ask): it ends with the
/// context that is current where it is polled.
///
/// # Errors
/// [`AskError`], every cause apart. `poll_ready` gives [`AskError::Closed`] when the actor takes no more
/// messages, and [`AskError::Cancelled`] or [`AskError::DeadlineInMailbox`] when the current context
/// ended in the wait for a place.
///
/// # Panics
/// A call without a place, which its caller gets by `poll_ready`.
///
/// # Cancel safety
/// Dropping the service gives its place back. Dropping a call is dropping an ask.
///
/// # Examples
/// ```
/// use greenroom_actor::{Actor, ActorContext, Handler, Runtime, interop::AskService};
/// use tower::{ServiceBuilder, ServiceExt};
/// struct Double;
/// impl Actor for Double {}
/// impl Handler<u64> for Double {
///     type Reply = u64;
///     async fn handle(&mut self, n: u64, _cx: &mut ActorContext<Self>) -> u64 { 2 * n }
/// }
/// # Runtime::new()?.block_on(|scope| async move {
/// let double = scope.spawn(|| Double).await?;
/// let service = ServiceBuilder::new()
///     .concurrency_limit(10)
///     .service(AskService::new(double.recipient::<u64>()));
/// assert_eq!(service.oneshot(21).await?, 42);
/// # Ok(())
/// # })?; Ok::<(), greenroom_core::Failure>(())
/// ```
pub struct AskService<M, R> {
    recipient: Recipient<M, R>,
    places: Places,
    readiness: Readiness,
}

enum Readiness {
    /// No place is wanted.
    Idle,
    Waiting(Pin<Box<dyn Future<Output = Result<Place, SendError<()>>> + Send>>),
    Ready(Place),
}

impl<M: Send + 'static, R: Send + 'static> AskService<M, R> {
    /// Makes a service that has as many calls in flight as the mailbox holds messages; any number if
    /// that has no bound.
    #[must_use]
    pub fn new(recipient: Recipient<M, R>) -> Self {
        // One message can be handed over at a rendezvous.
        let places = Places::new(recipient.capacity().map(|capacity| capacity.max(1)));
        Self {
            recipient,
            places,
            readiness: Readiness::Idle,
        }
    }

    /// Sets how many calls of the service and its clones may be in flight; 0 counts as 1.
    #[must_use]
    pub fn in_flight(self, calls: usize) -> Self {
        Self {
            places: Places::new(Some(calls.max(1))),
            readiness: Readiness::Idle,
            ..self
        }
    }
}

impl<M: Send + 'static, R: Send + 'static> Service<M> for AskService<M, R> {
    type Response = R;
    type Error = AskError;
    type Future = Pin<Box<dyn Future<Output = Result<R, AskError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AskError>> {
        if self.recipient.is_closed() {
            self.readiness = Readiness::Idle;
            return Poll::Ready(Err(AskError::Closed));
        }
        loop {
            match &mut self.readiness {
                Readiness::Ready(_) => return Poll::Ready(Ok(())),
                Readiness::Idle => {
                    self.readiness = match self.places.try_take() {
                        Some(place) => Readiness::Ready(place),
                        None => Readiness::Waiting(Box::pin(self.places.clone().take())),
                    };
                }
                Readiness::Waiting(waiting) => {
                    let waited = std::task::ready!(waiting.as_mut().poll(cx));
                    self.readiness = Readiness::Idle;
                    match waited {
                        Ok(place) => self.readiness = Readiness::Ready(place),
                        Err(SendError::Cancelled(_, cause)) => {
                            return Poll::Ready(Err(AskError::Cancelled(cause)));
                        }
                        Err(SendError::Deadline(())) => {
                            return Poll::Ready(Err(AskError::DeadlineInMailbox));
                        }
                        Err(SendError::Closed(())) => {
                            unreachable!("the service holds both ends of its places")
                        }
                    }
                }
            }
        }
    }

    fn call(&mut self, message: M) -> Self::Future {
        let Readiness::Ready(place) = std::mem::replace(&mut self.readiness, Readiness::Idle)
        else {
            panic!("greenroom: a call of a service that is not ready; wait for `poll_ready` first");
        };
        let recipient = self.recipient.clone();
        Box::pin(async move {
            let _place = place;
            recipient.ask(message).await
        })
    }
}

impl<M, R> Clone for AskService<M, R> {
    fn clone(&self) -> Self {
        Self {
            recipient: self.recipient.clone(),
            places: self.places.clone(),
            // A place is for one call: the clone takes its own.
            readiness: Readiness::Idle,
        }
    }
}

impl<M, R> fmt::Debug for AskService<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskService")
            .field("recipient", &self.recipient)
            .field("places", &self.places.0.capacity())
            .finish_non_exhaustive()
    }
}

/// A channel with a value for each call in flight.
#[derive(Clone)]
struct Places(Sender<()>, Receiver<()>);

impl Places {
    fn new(count: Option<usize>) -> Self {
        let (taken, given_back) = match count {
            Some(count) => channel::bounded(count),
            None => channel::unbounded(),
        };
        Self(taken, given_back)
    }

    fn try_take(&self) -> Option<Place> {
        match self.0.try_send(()) {
            Ok(()) => Some(Place(self.1.clone())),
            Err(TrySendError::Full(()) | TrySendError::Closed(())) => None,
        }
    }

    async fn take(self) -> Result<Place, SendError<()>> {
        self.0.send(()).await?;
        Ok(Place(self.1.clone()))
    }
}

/// One place, given back when it is dropped.
struct Place(Receiver<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _free = self.0.try_recv();
    }
}
