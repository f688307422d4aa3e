//! The owner of the list.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use greenroom_actor::{Actor, ActorBuilder, ActorContext, Address, Handler, Kept, Scope};
use greenroom_core::channel::{self, Receiver, ReceiverStream, Sender};
use greenroom_core::watch::Publisher;
use greenroom_core::{Id, Result};

use super::error::RouterError;
use super::members::Members;
use super::message::{Add, Ended, Remove, Resize};

/// Begins to spawn the member of a number.
pub(super) type Make<A> = Arc<dyn Fn(&Scope, u64) -> ActorBuilder<A> + Send + Sync>;

/// What outlives the owner's incarnations.
pub(super) struct Held<A: Actor> {
    pub(super) members: BTreeMap<u64, Member<A>>,
    pub(super) next: u64,
    pub(super) publisher: Publisher<Members<A>>,
    /// One token for each member; those of former members are dropped by whom they come to, or swept.
    pub(super) turns: Sender<u64>,
    pub(super) turn: Receiver<u64>,
}

pub(super) struct Member<A: Actor> {
    address: Address<A>,
    /// Dropping it ends the watch on the member's end.
    _watched: Sender<Infallible>,
    unwatched: Receiver<Infallible>,
}

/// Keeps the list, and publishes each version.
pub(super) struct Owner<A: Actor> {
    pub(super) held: Kept<Held<A>>,
    pub(super) make: Option<Make<A>>,
}

const SWEEP: usize = 16;

impl<A: Actor> Owner<A> {
    fn add(&mut self, address: Address<A>, cx: &mut ActorContext<Self>) {
        let number = self.held.next;
        self.held.next += 1;
        let (watched, unwatched) = channel::rendezvous();
        let member = Member {
            address,
            _watched: watched,
            unwatched,
        };
        cx.attach(End::of(&member, number), Ended);
        self.held.members.insert(number, member);
        self.publish();
        // After the publish: who finds a token whose member is not in the list drops it.
        let _never_full = self.held.turns.try_send(number);
        self.sweep();
    }

    /// Drops the tokens of former members when they are many. The wrong version leaves them to whom they
    /// come to: while messages go by key, or not at all, that is nobody.
    fn sweep(&self) {
        let Held {
            members,
            turns,
            turn,
            ..
        } = &*self.held;
        if turns.len() < 2 * members.len() + SWEEP {
            return;
        }
        for _ in 0..turns.len() {
            if let Ok(number) = turn.try_recv()
                && members.contains_key(&number)
            {
                let _never_full = turns.try_send(number);
            }
        }
    }

    fn remove(&mut self, number: u64) -> bool {
        let is_member = self.held.members.remove(&number).is_some();
        if is_member {
            self.publish();
        }
        is_member
    }

    fn number_of(&self, id: &Id) -> Option<u64> {
        let mut members = self.held.members.iter();
        members
            .find(|(_, member)| member.address.id().is_same(id))
            .map(|(number, _)| *number)
    }

    fn publish(&self) {
        let members = self.held.members.iter();
        let by_number = members
            .map(|(number, member)| (*number, member.address.clone()))
            .collect();
        self.held.publisher.publish(Members::new(by_number));
    }
}

impl<A: Actor> Actor for Owner<A> {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        for (number, member) in &self.held.members {
            cx.attach(End::of(member, *number), Ended);
        }
        Ok(())
    }
}

impl<A: Actor> Handler<Add<A>> for Owner<A> {
    type Reply = bool;

    async fn handle(&mut self, Add(address): Add<A>, cx: &mut ActorContext<Self>) -> bool {
        let is_new = self.number_of(address.id()).is_none();
        if is_new {
            self.add(address, cx);
        }
        is_new
    }
}

impl<A: Actor> Handler<Remove> for Owner<A> {
    type Reply = bool;

    async fn handle(&mut self, Remove(id): Remove, _cx: &mut ActorContext<Self>) -> bool {
        self.number_of(&id)
            .is_some_and(|number| self.remove(number))
    }
}

impl<A: Actor> Handler<Resize> for Owner<A> {
    type Reply = Result<(), RouterError>;

    async fn handle(&mut self, Resize(count): Resize, cx: &mut ActorContext<Self>) -> Self::Reply {
        let make = self.make.clone().ok_or(RouterError::NoFactory)?;
        while self.held.members.len() > count
            && let Some((&newest, _)) = self.held.members.last_key_value()
        {
            self.remove(newest);
        }
        while self.held.members.len() < count {
            let address = make(cx.scope(), self.held.next).await?;
            self.add(address, cx);
        }
        Ok(())
    }
}

impl<A: Actor> Handler<Ended> for Owner<A> {
    type Reply = ();

    async fn handle(&mut self, Ended(number): Ended, _cx: &mut ActorContext<Self>) {
        self.remove(number);
    }
}

/// Gives the number of a member when that has ended; nothing once it is no member.
struct End {
    number: u64,
    closed: Option<Pin<Box<dyn Future<Output = ()>>>>,
    unwatched: ReceiverStream<Infallible>,
}

impl End {
    fn of<A: Actor>(member: &Member<A>, number: u64) -> Self {
        let closed = member.address.closed();
        Self {
            number,
            closed: Some(Box::pin(async move {
                // An error is the end of the owner's own context.
                let _ended = closed.await;
            })),
            unwatched: member.unwatched.clone().stream(),
        }
    }
}

impl Stream for End {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<u64>> {
        let this = &mut *self;
        let Some(closed) = &mut this.closed else {
            return Poll::Ready(None);
        };
        if closed.as_mut().poll(cx).is_ready() {
            this.closed = None;
            return Poll::Ready(Some(this.number));
        }
        match Pin::new(&mut this.unwatched).poll_next(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
