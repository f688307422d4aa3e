//! The owner.

use greenroom_actor::{Actor, ActorContext, Handler, Kept};
use greenroom_core::Result;

use super::book::Book;
use super::message::{Back, Leave, Look, Overdue, Park, Request, Wake};
use super::report::LeaseStatus;
use super::vault::Vault;

/// Lends a value.
pub(crate) struct Owner<V: Vault>(pub(super) Kept<Book<V>>);

impl<V: Vault> Actor for Owner<V> {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        self.0.open(cx);
        Ok(())
    }
}

impl<V: Vault> Handler<Request<V>> for Owner<V> {
    type Reply = ();

    async fn handle(&mut self, request: Request<V>, cx: &mut ActorContext<Self>) {
        self.0.request(request, cx);
    }
}

impl<V: Vault> Handler<Back<V>> for Owner<V> {
    type Reply = ();

    async fn handle(&mut self, back: Back<V>, cx: &mut ActorContext<Self>) {
        // Last: its destructor is the user's, and may panic.
        drop(self.0.give_back(back, cx));
    }
}

impl<V: Vault> Handler<Leave> for Owner<V> {
    type Reply = ();

    async fn handle(&mut self, Leave(lease): Leave, cx: &mut ActorContext<Self>) {
        self.0.leave(lease, cx);
    }
}

impl<V: Vault> Handler<Park<V>> for Owner<V> {
    type Reply = ();

    async fn handle(&mut self, park: Park<V>, cx: &mut ActorContext<Self>) {
        drop(self.0.park(park.condition, park.back, park.request, cx));
    }
}

impl<V: Vault> Handler<Wake> for Owner<V> {
    type Reply = ();

    async fn handle(&mut self, Wake { condition, all }: Wake, cx: &mut ActorContext<Self>) {
        self.0.wake(condition, all, cx);
    }
}

impl<V: Vault> Handler<Look> for Owner<V> {
    type Reply = LeaseStatus;

    async fn handle(&mut self, _: Look, cx: &mut ActorContext<Self>) -> LeaseStatus {
        self.0.status(cx.context().now())
    }
}

impl<V: Vault> Handler<Overdue> for Owner<V> {
    type Reply = ();

    async fn handle(&mut self, Overdue(lease): Overdue, cx: &mut ActorContext<Self>) {
        self.0.overdue(lease, cx);
    }
}
