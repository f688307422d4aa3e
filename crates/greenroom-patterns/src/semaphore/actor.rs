//! The owner of the permits.

use greenroom_actor::{Actor, ActorContext, Handler, HandlerLater, Kept, ReplyTo};
use greenroom_core::registry::{PermitBoard, PermitKind};
use greenroom_core::{Result, current};

use super::error::{AcquireError, TryAcquireError};
use super::handle::{Census, Permit, Semaphore};
use super::message::{Acquire, Close, Leave, Look, Release, Resize, TryAcquire};
use super::state::{Permits, Refusal, Standing};

type Granted = Result<Permit, AcquireError>;

/// One that waits: where to answer, and for whose permits.
pub(super) struct Asker {
    number: u64,
    reply: ReplyTo<Granted>,
    semaphore: Semaphore,
}

impl Asker {
    fn has_left(&self) -> bool {
        self.reply.is_abandoned()
    }

    /// If the asker has gone meanwhile, the permit is dropped here, which gives it back.
    fn grant(self, permits: usize) {
        self.reply
            .send(Ok(self.semaphore.granted(self.number, permits)));
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

/// What outlives the owner's incarnations.
pub(super) struct Book {
    permits: Permits<Asker>,
    /// There from the first start on.
    board: Option<PermitBoard>,
}

impl Book {
    pub(super) fn new(size: usize) -> Self {
        Self {
            permits: Permits::new(size),
            board: None,
        }
    }

    fn board(&self) -> &PermitBoard {
        match &self.board {
            Some(board) => board,
            None => unreachable!("it is there before the first message"),
        }
    }
}

/// Owns the permits of one semaphore, and answers its waiters in order.
pub(super) struct Owner(pub(super) Kept<Book>);

impl Owner {
    fn admit(&mut self) {
        while let Some((permits, asker)) = self.0.permits.admit(Asker::has_left) {
            // Shown before the holder can go on.
            self.0.board().grant(asker.number, current::turn());
            asker.grant(permits);
        }
    }
}

impl Actor for Owner {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        if self.0.board.is_none() {
            let (registry, size) = (cx.context().registry(), self.0.permits.size());
            let board = registry.enter_permits(cx.id().clone(), PermitKind::Permit, size);
            self.0.board = Some(board);
        }
        Ok(())
    }
}

impl HandlerLater<Acquire> for Owner {
    type Reply = Granted;

    async fn handle(
        &mut self,
        Acquire {
            number,
            party,
            semaphore,
        }: Acquire,
        reply: ReplyTo<Granted>,
        _cx: &mut ActorContext<Self>,
    ) {
        let permits = party.weight;
        let asker = Asker {
            number,
            reply,
            semaphore,
        };
        match self.0.permits.try_acquire(permits, Asker::has_left) {
            Ok(Standing::Granted) => {
                self.0.board().hold(number, party);
                asker.grant(permits);
            }
            Ok(Standing::Waits) => {
                self.0.board().wait(number, party);
                self.0.permits.wait(permits, asker);
            }
            Err(refusal) => asker.reply.send(Err(refusal.into())),
        }
    }
}

impl Handler<TryAcquire> for Owner {
    type Reply = Result<Permit, TryAcquireError>;

    async fn handle(
        &mut self,
        TryAcquire {
            number,
            party,
            semaphore,
        }: TryAcquire,
        _cx: &mut ActorContext<Self>,
    ) -> Self::Reply {
        let permits = party.weight;
        match self.0.permits.try_acquire(permits, Asker::has_left) {
            Ok(Standing::Granted) => {
                self.0.board().hold(number, party);
                Ok(semaphore.granted(number, permits))
            }
            Ok(Standing::Waits) => Err(TryAcquireError::NoPermits),
            Err(refusal) => Err(AcquireError::from(refusal).into()),
        }
    }
}

impl Handler<Release> for Owner {
    type Reply = ();

    async fn handle(&mut self, released: Release, _cx: &mut ActorContext<Self>) {
        let Release { number, permits } = released;
        self.0.board().give_back(number, permits);
        self.0.permits.release(permits);
        self.admit();
    }
}

impl Handler<Leave> for Owner {
    type Reply = ();

    async fn handle(&mut self, Leave(number): Leave, _cx: &mut ActorContext<Self>) {
        self.0.board().leave(number);
        self.0.permits.leave(Asker::has_left);
        self.admit();
    }
}

impl Handler<Resize> for Owner {
    type Reply = ();

    async fn handle(&mut self, Resize(size): Resize, _cx: &mut ActorContext<Self>) {
        self.0.board().resize(size);
        for (asker, refusal) in self.0.permits.resize(size) {
            self.0.board().leave(asker.number);
            asker.reply.send(Err(refusal.into()));
        }
        self.admit();
    }
}

impl Handler<Close> for Owner {
    type Reply = ();

    async fn handle(&mut self, _: Close, _cx: &mut ActorContext<Self>) {
        for asker in self.0.permits.close() {
            self.0.board().leave(asker.number);
            asker.reply.send(Err(AcquireError::Closed));
        }
    }
}

impl Handler<Look> for Owner {
    type Reply = Census;

    async fn handle(&mut self, _: Look, _cx: &mut ActorContext<Self>) -> Census {
        Census {
            size: self.0.permits.size(),
            available: self.0.permits.available(),
            waiting: self.0.permits.waiting(Asker::has_left),
        }
    }
}
