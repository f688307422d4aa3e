//! The owner of the permits.

use greenroom_actor::{Actor, ActorContext, Handler, HandlerLater, Kept, ReplyTo};

use super::error::{AcquireError, TryAcquireError};
use super::handle::{Census, Permit, Semaphore};
use super::message::{Acquire, Close, Leave, Look, Release, Resize, TryAcquire};
use super::state::{Permits, Refusal, Standing};

type Granted = Result<Permit, AcquireError>;

/// One that waits: where to answer, and for whose permits.
pub(super) struct Asker {
    reply: ReplyTo<Granted>,
    semaphore: Semaphore,
}

impl Asker {
    fn has_left(&self) -> bool {
        self.reply.is_abandoned()
    }

    /// If the asker has gone meanwhile, the permit is dropped here, which gives it back.
    fn grant(self, permits: usize) {
        self.reply.send(Ok(self.semaphore.granted(permits)));
    }
}

impl From<Refusal> for AcquireError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge { asked, size } => Self::TooLarge { asked, size },
            Refusal::Closed => Self::Closed,
        }
    }
}

/// Owns the permits of one semaphore, and answers its waiters in order.
pub(super) struct Owner(pub(super) Kept<Permits<Asker>>);

impl Owner {
    fn admit(&mut self) {
        while let Some((permits, asker)) = self.0.admit(Asker::has_left) {
            asker.grant(permits);
        }
    }
}

impl Actor for Owner {}

impl HandlerLater<Acquire> for Owner {
    type Reply = Granted;

    async fn handle(
        &mut self,
        Acquire { permits, semaphore }: Acquire,
        reply: ReplyTo<Granted>,
        _cx: &mut ActorContext<Self>,
    ) {
        let asker = Asker { reply, semaphore };
        match self.0.try_acquire(permits, Asker::has_left) {
            Ok(Standing::Granted) => asker.grant(permits),
            Ok(Standing::Waits) => self.0.wait(permits, asker),
            Err(refusal) => asker.reply.send(Err(refusal.into())),
        }
    }
}

impl Handler<TryAcquire> for Owner {
    type Reply = Result<Permit, TryAcquireError>;

    async fn handle(
        &mut self,
        TryAcquire { permits, semaphore }: TryAcquire,
        _cx: &mut ActorContext<Self>,
    ) -> Self::Reply {
        match self.0.try_acquire(permits, Asker::has_left) {
            Ok(Standing::Granted) => Ok(semaphore.granted(permits)),
            Ok(Standing::Waits) => Err(TryAcquireError::NoPermits),
            Err(refusal) => Err(AcquireError::from(refusal).into()),
        }
    }
}

impl Handler<Release> for Owner {
    type Reply = ();

    async fn handle(&mut self, Release(permits): Release, _cx: &mut ActorContext<Self>) {
        self.0.release(permits);
        self.admit();
    }
}

impl Handler<Leave> for Owner {
    type Reply = ();

    async fn handle(&mut self, _: Leave, _cx: &mut ActorContext<Self>) {
        self.0.leave(Asker::has_left);
        self.admit();
    }
}

impl Handler<Resize> for Owner {
    type Reply = ();

    async fn handle(&mut self, Resize(size): Resize, _cx: &mut ActorContext<Self>) {
        for (asker, refusal) in self.0.resize(size) {
            asker.reply.send(Err(refusal.into()));
        }
        self.admit();
    }
}

impl Handler<Close> for Owner {
    type Reply = ();

    async fn handle(&mut self, _: Close, _cx: &mut ActorContext<Self>) {
        for asker in self.0.close() {
            asker.reply.send(Err(AcquireError::Closed));
        }
    }
}

impl Handler<Look> for Owner {
    type Reply = Census;

    async fn handle(&mut self, _: Look, _cx: &mut ActorContext<Self>) -> Census {
        Census {
            size: self.0.size(),
            available: self.0.available(),
            waiting: self.0.waiting(Asker::has_left),
        }
    }
}
