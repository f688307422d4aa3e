//! The counter.

use greenroom_actor::{Actor, ActorContext, Handler, HandlerLater, Kept, ReplyTo};

use super::message::{Add, Done, Wait};
use super::state::Count;

/// Owns the counter of one group, and answers its waiters.
pub(super) struct Counter(pub(super) Kept<Count<ReplyTo<()>>>);

impl Actor for Counter {}

impl Handler<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, Add(members): Add, _cx: &mut ActorContext<Self>) {
        self.0.add(members);
    }
}

impl Handler<Done> for Counter {
    type Reply = ();

    async fn handle(&mut self, Done(verdict): Done, _cx: &mut ActorContext<Self>) {
        let counted = self.0.done().map(|waiters| {
            for waiter in waiters {
                waiter.send(());
            }
        });
        if let Some(verdict) = verdict {
            // There is room for it, unless nobody waits for it any more.
            let _nobody = verdict.try_send(counted);
        }
    }
}

impl HandlerLater<Wait> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Wait, reply: ReplyTo<()>, _cx: &mut ActorContext<Self>) {
        if let Some(reply) = self.0.wait(reply, ReplyTo::is_abandoned) {
            reply.send(());
        }
    }
}
