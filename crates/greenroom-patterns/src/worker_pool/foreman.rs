//! Who takes workers on and lets them go.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_core::Stream;
use greenroom_actor::{Actor, ActorContext, Address, Handler, Kept, Placement, Restart, Scope};
use greenroom_core::channel::{self, Receiver, ReceiverStream, Sender, WeakSender};
use greenroom_core::watch::Publisher;
use greenroom_core::{Result, current};

use super::actor::{Recipe, Worker};
use super::error::ResizeError;
use super::message::{Gone, Queued, Resize, Retire};
use super::retry::Retries;

/// Owns the list of the workers.
pub(super) struct Foreman<J: Send + 'static, O: Send + 'static, R, F>(
    pub(super) Kept<Crew<J, O, R, F>>,
)
where
    Worker<J, O, R, F>: Actor;

/// What outlives the foreman's incarnations.
pub(super) struct Crew<J: Send + 'static, O: Send + 'static, R, F>
where
    Worker<J, O, R, F>: Actor,
{
    pub(super) name: &'static str,
    pub(super) recipe: Arc<Recipe<R, F>>,
    /// For those who come; `None` when the last worker has gone. Until then a job that was taken may
    /// wait here, and afterwards it is answered that the pool is closed.
    pub(super) jobs: Option<Receiver<Queued<J, O>>>,
    /// Open until this, and every worker, has gone: behind the last answer.
    pub(super) present: Option<Sender<Infallible>>,
    /// Held by the workers alone.
    pub(super) at_work: WeakSender<Infallible>,
    pub(super) gone: Receiver<Infallible>,
    pub(super) size: Publisher<usize>,
    pub(super) hands: Vec<Hand<J, O, R, F>>,
}

/// A worker, as the foreman knows it.
pub(super) struct Hand<J: Send + 'static, O: Send + 'static, R, F>
where
    Worker<J, O, R, F>: Actor,
{
    address: Address<Worker<J, O, R, F>>,
    /// It has been told to go. It goes if it takes what is in here, and stays if the foreman does so
    /// before. The wrong version sends a second message that takes the first back: a worker that has
    /// read the first goes, and nobody takes its place.
    notice: Option<Receiver<()>>,
}

impl<J, O, R, F, Fut> Crew<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    /// Returns how many stay.
    fn staying(&self) -> usize {
        let stays = |hand: &&Hand<J, O, R, F>| hand.notice.is_none();
        self.hands.iter().filter(stays).count()
    }

    /// Takes back what one that was told to go has not read. Returns whether there was one.
    fn recall(&mut self) -> bool {
        while let Some(place) = self.hands.iter().position(|hand| hand.notice.is_some()) {
            let unread = self.hands[place].notice.take();
            if unread.is_some_and(|notice| notice.try_recv().is_ok()) {
                return true;
            }
            self.hands.remove(place);
        }
        false
    }

    /// Tells one to go when its job has ended.
    fn let_go(&mut self, scope: &Scope) {
        let Some(place) = self.hands.iter().rposition(|hand| hand.notice.is_none()) else {
            return;
        };
        let (notice, read) = channel::bounded(1);
        let _there_is_room = notice.try_send(());
        // It is to read it whatever becomes of whoever asked for the resize.
        let _detached = current::enter_context(scope.context().without_cancel());
        let hand = &mut self.hands[place];
        if hand.address.try_tell(Retire(read.clone())).is_ok() {
            hand.notice = Some(read);
        } else {
            self.hands.remove(place);
        }
    }

    /// Takes one on.
    async fn take_on(&mut self, target: usize, scope: &Scope) -> Result<(), ResizeError> {
        let all = (&self.jobs, &self.present, self.at_work.upgrade());
        let (Some(jobs), Some(present), Some(at_work)) = all else {
            return Err(ResizeError::Closed);
        };
        let (jobs, recipe) = (jobs.clone(), self.recipe.clone());
        let badge = (present.clone(), at_work);
        let placement = match target {
            1 => Placement::Here,
            _ => Placement::Spread,
        };
        // Held by its supervisor, whatever becomes of this list. A panic is the job's.
        let address = scope
            .at(self.recipe.spawned_at)
            .spawn(move || Worker {
                jobs: jobs.clone(),
                recipe: recipe.clone(),
                is_retired: false,
                _badge: badge.clone(),
            })
            .group(self.name)
            .restart(Restart::Permanent)
            .intensity(usize::MAX, Duration::ZERO)
            // As long as its jobs take: they end with their contexts, and with the scope's.
            .shutdown(Duration::MAX)
            .on(placement)
            .await?;
        self.hands.push(Hand {
            address,
            notice: None,
        });
        Ok(())
    }

    async fn resize(&mut self, target: usize, scope: &Scope) -> Result<(), ResizeError> {
        if target == 0 {
            return Err(ResizeError::ZeroWorkers);
        }
        if self.jobs.as_ref().is_none_or(Receiver::is_closed) {
            return Err(ResizeError::Closed);
        }
        self.hands.retain(|hand| !hand.address.is_closed());
        self.size.publish(self.staying());
        while self.staying() > target {
            self.let_go(scope);
            self.size.publish(self.staying());
        }
        while self.staying() < target {
            if !self.recall() {
                self.take_on(target, scope).await?;
            }
            self.size.publish(self.staying());
        }
        Ok(())
    }
}

impl<J, O, R, F, Fut> Actor for Foreman<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.attach(Going(Some(self.0.gone.clone().stream())), |gone| gone);
        Ok(())
    }
}

impl<J, O, R, F, Fut> Handler<Resize> for Foreman<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    type Reply = Result<(), ResizeError>;

    async fn handle(
        &mut self,
        Resize(target): Resize,
        cx: &mut ActorContext<Self>,
    ) -> Result<(), ResizeError> {
        let scope = cx.scope().clone();
        // To its end, once begun. The wrong version lets it end with the caller: a worker whose start is
        // given up is cancelled, and may have a job in hand by then.
        let whole = cx.context().without_cancel();
        let resized = whole.run(self.0.resize(target, &scope)).await;
        resized.unwrap_or(Err(ResizeError::Closed))
    }
}

impl<J, O, R, F, Fut> Handler<Gone> for Foreman<J, O, R, F>
where
    J: Send + 'static,
    O: Send + 'static,
    R: Retries<J>,
    F: Fn(J) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + 'static,
{
    type Reply = ();

    async fn handle(&mut self, _: Gone, cx: &mut ActorContext<Self>) {
        // The jobs first: whoever waits for the end finds every one of them answered.
        self.0.jobs = None;
        self.0.present = None;
        cx.weak_address().stop();
    }
}

/// The news that the last worker has gone.
struct Going(Option<ReceiverStream<Infallible>>);

impl Stream for Going {
    type Item = Gone;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Gone>> {
        let this = self.get_mut();
        let Some(workers) = &mut this.0 else {
            return Poll::Ready(None);
        };
        Pin::new(workers).poll_next(cx).map(|_none| {
            this.0 = None;
            Some(Gone)
        })
    }
}
