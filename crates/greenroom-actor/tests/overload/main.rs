//! More messages than an actor can handle, messages that kill it, and the account of all of them.

mod account;
mod flood;
mod letters;
mod poison;
mod policies;
mod shuffler;
mod waiters;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom_actor::{
    Actor, ActorContext, Address, DeadLetter, DeadLetters, Handler, Runtime, Scope, SingleThread,
};
use greenroom_core::registry::MessageCounts;
use greenroom_core::time::sleep;
use greenroom_core::{Failure, Result};

pub(crate) fn paused() -> SingleThread {
    std::panic::set_hook(Box::new(|_| ()));
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(7)
        .build()
        .expect("a single-threaded runtime starts")
}

/// Runs a body with a subscriber to the dead letters, and checks that every letter was counted.
pub(crate) fn check<F, Fut>(body: F)
where
    F: FnOnce(Scope, Arc<DeadLetters>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let runtime = paused();
    let letters = Arc::new(runtime.dead_letters());
    let inside = letters.clone();
    runtime
        .block_on(|scope| body(scope, inside))
        .unwrap_or_else(|failure: Failure| unreachable!("{failure:?}"));
    let counts = runtime.messages();
    assert_eq!(counts.pending(), 0, "{counts:?}");
    runtime.assert_no_leaks();
}

/// What happened to tokens: how often a handler began with each, and which returned.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
pub(crate) struct Entries {
    pub(crate) begun: BTreeMap<u32, u32>,
    pub(crate) returned: Vec<u32>,
}

impl Ledger {
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Entries) -> R) -> R {
        f(&mut self.0.lock().expect("no panic while it is locked"))
    }

    pub(crate) fn returned(&self) -> Vec<u32> {
        self.with(|entries| entries.returned.clone())
    }

    pub(crate) fn tries(&self, token: u32) -> u32 {
        self.with(|entries| entries.begun.get(&token).copied().unwrap_or(0))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Does {
    Return,
    Wait(u64),
    Boom,
    BoomAfter(u64),
    Hang,
    /// Panics at this try and before it.
    BoomUpTo(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Job(pub(crate) u32, pub(crate) Does);
/// Another type of message, which does the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Other(pub(crate) u32);

pub(crate) struct Worker(pub(crate) Ledger);

impl Actor for Worker {}

impl Handler<Job> for Worker {
    type Reply = u32;
    async fn handle(&mut self, Job(token, does): Job, _cx: &mut ActorContext<Self>) -> u32 {
        let tries = self.0.with(|entries| {
            let tries = entries.begun.entry(token).or_default();
            *tries += 1;
            *tries
        });
        match does {
            Does::Return => {}
            Does::Wait(ms) => {
                let _ended = sleep(Duration::from_millis(ms)).await;
            }
            Does::Boom => panic!("boom {token}"),
            Does::BoomAfter(ms) => {
                let _ended = sleep(Duration::from_millis(ms)).await;
                panic!("boom {token}, late");
            }
            Does::Hang => std::future::pending().await,
            Does::BoomUpTo(last) => assert!(tries > last, "boom {token}, try {tries}"),
        }
        self.0.with(|entries| entries.returned.push(token));
        token
    }
}

impl Handler<Other> for Worker {
    type Reply = u32;
    async fn handle(&mut self, Other(token): Other, cx: &mut ActorContext<Self>) -> u32 {
        Handler::<Job>::handle(self, Job(token, Does::Return), cx).await
    }
}

/// Keeps a worker busy for a while, so that what is sent meanwhile is queued.
pub(crate) async fn occupy(worker: &Address<Worker>, ms: u64) -> Result<()> {
    worker.tell(Job(0, Does::Wait(ms))).await?;
    sleep(Duration::from_millis(1)).await?;
    Ok(())
}

pub(crate) fn drain(letters: &DeadLetters) -> Vec<DeadLetter> {
    std::iter::from_fn(|| letters.try_recv().ok()).collect()
}

/// Accepted, handled, dropped.
pub(crate) fn short(counts: MessageCounts) -> (u64, u64, u64) {
    (counts.accepted, counts.handled, counts.dropped)
}
