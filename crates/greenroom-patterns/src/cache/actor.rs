//! The owner.

use std::future::Future;
use std::panic::Location;
use std::time::Instant;

use greenroom_actor::{Actor, ActorContext, Handler, HandlerLater, Kept, ReplyTo};
use greenroom_core::channel::{Receiver, Sender};
use greenroom_core::watch::Publisher;
use greenroom_core::{Panic, Result, current};

use super::error::LoadError;
use super::message::{Clear, Load, Loaded, Remove, Set, Sweep};
use super::state::{Asked, Entries, Loads, Store, read};
use crate::caught::{caught, let_go};

/// What outlives the owner's incarnations.
pub(super) struct Held<K, V: Send + 'static> {
    pub(super) store: Store<K, V>,
    pub(super) loads: Loads<K, ReplyTo<Result<V, LoadError>>>,
    pub(super) publisher: Publisher<Entries<K, V>>,
}

/// Writes the entries, and publishes each version.
pub(super) struct Owner<K: 'static, V: Send + 'static> {
    pub(super) held: Kept<Held<K, V>>,
    pub(super) ended: Receiver<Loaded<V>>,
    pub(super) end: Sender<Loaded<V>>,
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) is_sweep_set: bool,
}

impl<K, V> Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Changes the entries, and publishes them.
    fn change<R>(&mut self, change: impl FnOnce(&mut Store<K, V>) -> R) -> R {
        let held = &mut *self.held;
        let before = held.store.entries().clone();
        let result = change(&mut held.store);
        held.publisher.publish(held.store.entries().clone());
        // Last, and here: a destructor that panics costs neither the owner nor the writer.
        let_go(before);
        result
    }

    fn set_sweep(&mut self, cx: &mut ActorContext<Self>) {
        if !self.is_sweep_set
            && let Some(delay) = self.held.store.next_sweep(now(cx))
        {
            self.is_sweep_set = true;
            cx.after(delay, Sweep);
        }
    }
}

fn now<K, V>(cx: &ActorContext<Owner<K, V>>) -> Instant
where
    Owner<K, V>: Actor,
    V: Send + 'static,
{
    cx.scope().context().now()
}

impl<K, V> Actor for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.attach(self.ended.clone().stream(), |loaded| loaded);
        self.set_sweep(cx);
        Ok(())
    }

    /// An actor that drains handles its mailbox, not the streams that are attached to it.
    async fn stopping(&mut self, cx: &mut ActorContext<Self>) {
        while let Ok(loaded) = self.ended.try_recv() {
            Handler::handle(self, loaded, cx).await;
        }
    }
}

impl<K, V> Handler<Set<K, V>> for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, Set(key, value): Set<K, V>, cx: &mut ActorContext<Self>) {
        self.held.loads.forget(&key);
        let now = now(cx);
        self.change(|store| store.set(key, value, now));
        self.set_sweep(cx);
    }
}

impl<K, V> Handler<Remove<K>> for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reply = Option<V>;

    async fn handle(&mut self, Remove(key): Remove<K>, cx: &mut ActorContext<Self>) -> Option<V> {
        self.held.loads.forget(&key);
        let now = now(cx);
        self.change(|store| store.remove(&key, now))
    }
}

impl<K, V> Handler<Clear> for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, _: Clear, _cx: &mut ActorContext<Self>) {
        self.held.loads.forget_all();
        self.change(Store::clear);
    }
}

impl<K, V, F, Fut> HandlerLater<Load<K, F>> for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<V>> + 'static,
{
    type Reply = Result<V, LoadError>;

    async fn handle(
        &mut self,
        load: Load<K, F>,
        reply: ReplyTo<Self::Reply>,
        cx: &mut ActorContext<Self>,
    ) {
        let Load { key, loader, asker } = load;
        let held = &mut *self.held;
        if let Some(value) = read(held.store.entries(), &key, || now(cx)) {
            return reply.send(Ok(value.clone()));
        }
        let number = match held.loads.ask(key, reply, asker, ReplyTo::is_abandoned) {
            Asked::Joins => return,
            Asked::Cycle(reply) => return reply.send(Err(LoadError::Cycle)),
            Asked::Begins(number) => number,
        };
        let end = End {
            number,
            end: self.end.clone(),
            is_told: false,
        };
        let spawned_at = self.spawned_at;
        // In the context of the scope: a cancel of who asked first is none of the others.
        let task = cx.scope().unlimited().go_local(move || async move {
            let outcome = match caught(Box::pin(async move { loader().await })).await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(failure)) => Err(LoadError::Failed(failure)),
                Err(payload) => Err(match current::task_id() {
                    Some(id) => {
                        LoadError::Panicked(Panic::new(payload, id, Some("load"), spawned_at))
                    }
                    None => LoadError::Abandoned,
                }),
            };
            end.tell(outcome);
            Ok(())
        });
        held.loads.carried_by(number, task.id().cloned());
        task.detach();
    }
}

impl<K, V> Handler<Loaded<V>> for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, loaded: Loaded<V>, cx: &mut ActorContext<Self>) {
        let Loaded { number, outcome } = loaded;
        let (waiters, key) = self.held.loads.end(number);
        let now = now(cx);
        // Stored first: who was answered may read at once.
        if let (Some(key), Ok(value)) = (key, &outcome) {
            let value = value.clone();
            self.change(|store| store.set(key, value, now));
            self.set_sweep(cx);
        }
        for waiter in waiters {
            if !waiter.is_abandoned() {
                waiter.send(outcome.clone());
            }
        }
    }
}

impl<K, V> Handler<Sweep> for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, _: Sweep, cx: &mut ActorContext<Self>) {
        self.is_sweep_set = false;
        let now = now(cx);
        self.change(|store| store.sweep(now));
        self.set_sweep(cx);
    }
}

/// Tells the owner how a load ended, once, whatever becomes of its task.
struct End<V> {
    number: u64,
    end: Sender<Loaded<V>>,
    is_told: bool,
}

impl<V> End<V> {
    fn tell(mut self, outcome: Result<V, LoadError>) {
        self.say(outcome);
    }

    fn say(&mut self, outcome: Result<V, LoadError>) {
        self.is_told = true;
        let number = self.number;
        // Without a bound it is never full: it holds one for each load.
        let _owner_is_gone = self.end.try_send(Loaded { number, outcome });
    }
}

impl<V> Drop for End<V> {
    fn drop(&mut self) {
        if !self.is_told {
            self.say(Err(LoadError::Abandoned));
        }
    }
}
