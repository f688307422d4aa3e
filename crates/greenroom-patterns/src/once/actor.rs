//! The owner of a value.

use greenroom_actor::{
    Actor, ActorContext, Address, Handler, HandlerLater, JoinHandle, Kept, ReplyTo,
};
use greenroom_core::Context;
use greenroom_core::watch::Publisher;

use super::message::{Ended, Get};
use super::state::{Asked, OnFailure, Outcome, Phase};
use crate::caught::let_go;
use crate::detached;
use crate::flow::run::{NoValue, Runs};

/// Tells the owner how a run has ended.
pub(super) type Tell<T> = Box<dyn FnOnce(Result<T, NoValue>) + Send>;

/// Starts a run, if there is one left.
pub(super) type Launch<T> = Box<dyn FnMut(&Runs, Tell<T>) -> Option<JoinHandle<()>> + Send>;

/// What outlives a restart of the owner.
pub(super) struct Life<T: Send + Sync + 'static> {
    pub(super) phase: Phase<T, ReplyTo<Outcome<T>>, JoinHandle<()>>,
    pub(super) launch: Launch<T>,
    pub(super) runs: Runs,
    pub(super) on_failure: OnFailure,
    /// Read by every handle. Invariant 4.
    pub(super) finished: Publisher<Option<Outcome<T>>>,
    /// In which the end of a run is told, so that no cancel skips it.
    pub(super) detached: Context,
}

/// Makes the value when it is first asked for, and answers everyone.
pub(super) struct Owner<T: Send + Sync + 'static>(pub(super) Kept<Life<T>>);

impl<T: Send + Sync + 'static> Actor for Owner<T> {}

impl<T: Send + Sync + 'static> HandlerLater<Get> for Owner<T> {
    type Reply = Outcome<T>;

    async fn handle(
        &mut self,
        Get { asker }: Get,
        reply: ReplyTo<Outcome<T>>,
        cx: &mut ActorContext<Self>,
    ) {
        let is_own = |run: &JoinHandle<()>| match (run.id(), &asker) {
            (Some(run), Some(asker)) => run.is_same(asker),
            _ => false,
        };
        match self.0.phase.ask(reply, is_own, ReplyTo::is_abandoned) {
            Asked::Waits => {}
            Asked::Answer(reply, outcome) => reply.send(outcome),
            Asked::Start(reply) => {
                // The one that asks has it, or nobody waits for the reply.
                let Some(address) = cx.address() else {
                    return;
                };
                let tell = tell(address, self.0.detached.clone());
                let Life { launch, runs, .. } = &mut *self.0;
                if let Some(run) = launch(runs, tell) {
                    self.0.phase.begin(run, reply);
                }
            }
        }
    }
}

impl<T: Send + Sync + 'static> Handler<Ended<T>> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, Ended(outcome): Ended<T>, _cx: &mut ActorContext<Self>) {
        let on_failure = self.0.on_failure;
        let waiters = self.0.phase.end(outcome.clone(), on_failure);
        let is_finished = matches!(self.0.phase, Phase::Finished(_));
        if is_finished {
            self.0.finished.publish(Some(outcome.clone()));
        }
        for waiter in waiters {
            waiter.send(outcome.clone());
        }
        if is_finished {
            // What the user's closure holds is not needed any more, and its drop is the user's code.
            let launch = std::mem::replace(&mut self.0.launch, Box::new(|_, _| None));
            let_go(launch);
        }
    }
}

fn tell<T: Send + Sync + 'static>(address: Address<Owner<T>>, detached: Context) -> Tell<T> {
    Box::new(move |ended| {
        let outcome = ended.map(std::sync::Arc::new).map_err(Into::into);
        let _gone = detached::tell(&address, &detached, Ended(outcome));
    })
}
