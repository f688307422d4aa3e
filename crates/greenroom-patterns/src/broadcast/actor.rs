//! The owner.

use std::any::Any;
use std::panic::Location;

use greenroom_actor::{Actor, ActorContext, Handler, Kept};
use greenroom_core::channel::Receiver;
use greenroom_core::{Id, Panic, Result};

use super::error::SubscribeError;
use super::message::{Close, Count, Offer, Room, Subscribe};
use super::state::Audience;
use super::subscription::Subscription;
use crate::caught::let_go;

/// Gives each value to all subscribers.
pub(super) struct Owner<T> {
    pub(super) audience: Kept<Audience<T>>,
    /// Wakes when a subscriber has made room, or has gone.
    pub(super) room: Receiver<()>,
    pub(super) spawned_at: &'static Location<'static>,
}

impl<T> Owner<T> {
    fn panicked(&self, id: &Id) -> impl Fn(Box<dyn Any + Send>) -> Panic + use<T> {
        let (id, spawned_at) = (id.clone(), self.spawned_at);
        move |payload| Panic::new(payload, id.clone(), Some("clone"), spawned_at)
    }
}

impl<T: Clone + Send + 'static> Actor for Owner<T> {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.attach(self.room.clone().stream(), |()| Room);
        // An incarnation before may have taken a wake-up with it.
        self.audience.nudge();
        Ok(())
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        self.audience.close();
    }
}

impl<T: Clone + Send + 'static> Handler<Offer<T>> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, offer: Offer<T>, cx: &mut ActorContext<Self>) {
        let panicked = self.panicked(cx.id());
        drop(self.audience.offer(offer, panicked));
    }
}

impl<T: Clone + Send + 'static> Handler<Subscribe> for Owner<T> {
    type Reply = Result<Subscription<T>, SubscribeError>;

    async fn handle(&mut self, _: Subscribe, _cx: &mut ActorContext<Self>) -> Self::Reply {
        self.audience.subscribe().ok_or(SubscribeError::Closed)
    }
}

impl<T: Clone + Send + 'static> Handler<Count> for Owner<T> {
    type Reply = usize;

    async fn handle(&mut self, _: Count, _cx: &mut ActorContext<Self>) -> usize {
        self.audience.count()
    }
}

impl<T: Clone + Send + 'static> Handler<Room> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, _: Room, cx: &mut ActorContext<Self>) {
        let panicked = self.panicked(cx.id());
        drop(self.audience.advance(panicked));
    }
}

impl<T: Clone + Send + 'static> Handler<Close> for Owner<T> {
    type Reply = bool;

    async fn handle(&mut self, _: Close, _cx: &mut ActorContext<Self>) -> bool {
        let was_open = self.audience.close();
        // Each by itself: a destructor that panics costs neither the answer nor, with a second one, the
        // process.
        for value in self.audience.take_last() {
            let_go(value);
        }
        was_open
    }
}
