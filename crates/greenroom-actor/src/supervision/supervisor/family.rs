//! The children of one supervisor, which outlive its own restarts.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use greenroom_core::channel::{self, Receiver, Sender};
use greenroom_core::error::Cause;
use greenroom_core::task::WaitKind;
use greenroom_core::time::after;
use greenroom_core::wait::Wait;
use greenroom_core::{ExitReason, Name};

use super::super::child::{Launched, Parts};
use super::super::decide::{Member, Standing};
use super::super::leash::{ChildExited, Down, Leash, Ward};
use super::super::spawn::SpawnError;
use crate::reply::NoReply;
use crate::scope::Scope;

pub(super) struct Family {
    pub(super) records: Vec<Record>,
    pub(super) exits: (Sender<ChildExited>, Receiver<ChildExited>),
    /// Where the children live, while the supervisor does.
    pub(super) scope: Option<Scope>,
    /// Whether it ends since it was told to drain: what the children have started may go on.
    pub(super) is_draining: bool,
    next_key: u64,
}

/// One child.
pub(super) struct Record {
    pub(super) key: u64,
    pub(super) id: Name,
    pub(super) parts: Parts,
    pub(super) life: Option<Launched>,
    pub(super) standing: Standing,
    pub(super) incarnation: u64,
    /// The wait for a restart that counts; an earlier one is over.
    pub(super) turn: u64,
    /// Whether it waits for its own restart, not for that of its group.
    pub(super) is_first: bool,
    pub(super) starts: u64,
    pub(super) failures: u32,
    pub(super) up_since: Option<Instant>,
    pub(super) last_exit: Option<ExitReason>,
}

impl Family {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            exits: channel::unbounded(),
            scope: None,
            is_draining: false,
            next_key: 0,
        }
    }

    pub(super) fn add(&mut self, id: Name, parts: Parts) -> usize {
        let key = self.next_key;
        self.next_key += 1;
        self.records.push(Record {
            key,
            id,
            parts,
            life: None,
            standing: Standing::Ended,
            incarnation: 0,
            turn: 0,
            is_first: false,
            starts: 0,
            failures: 0,
            up_since: None,
            last_exit: None,
        });
        self.records.len() - 1
    }

    /// Returns an id that no child has had.
    pub(super) fn next_id(&self) -> String {
        format!("child-{}", self.next_key + 1)
    }

    pub(super) fn at(&self, id: &Name) -> Option<usize> {
        self.records.iter().position(|record| record.id == *id)
    }

    pub(super) fn members(&self) -> Vec<Member> {
        self.records.iter().map(Record::member).collect()
    }

    /// Makes the life of a child, unless it has one.
    pub(super) fn enliven(&mut self, at: usize) -> Result<(), SpawnError> {
        let record = &mut self.records[at];
        if record.life.is_some() {
            return Ok(());
        }
        let scope = self.scope.as_ref().ok_or(SpawnError::Ended)?;
        let leash = Leash::new(record.key, self.exits.0.clone());
        let Parts { spawn, options, .. } = &mut record.parts;
        record.life = Some(spawn(scope, leash, &record.id, options)?);
        Ok(())
    }

    /// Stops a child, and leaves its mailbox. Returns when it is down.
    pub(super) async fn stop(&mut self, at: usize, drains: bool) {
        self.records[at].stop(drains).await;
    }

    /// Ends the life of a child that is down: what is queued is refused.
    pub(super) async fn retire(&mut self, at: usize, why: NoReply) {
        self.records[at].retire(why).await;
    }

    /// Ends every life, the last one first, and what the children had started.
    pub(super) async fn end(&mut self, why: NoReply) {
        for record in self.records.iter_mut().rev() {
            record.stop(false).await;
            record.retire(why.clone()).await;
        }
        let Some(scope) = self.scope.take() else {
            return;
        };
        // A drain lets tasks go on, as the end of any scope does.
        if !self.is_draining {
            scope.cancel(Cause::Shutdown);
        }
        let mut wait = Wait::new(WaitKind::ScopeEnd);
        std::future::poll_fn(|cx| {
            let polled = scope.inner().poll_ended(cx);
            if polled.is_pending() {
                wait.tell(|| Some(scope.id().clone()));
            }
            polled
        })
        .await;
    }
}

// The supervisor may be dropped with its arbiter.
impl Drop for Family {
    fn drop(&mut self) {
        if let Some(scope) = &self.scope {
            scope.cancel(Cause::Shutdown);
        }
    }
}

impl Record {
    pub(super) fn member(&self) -> Member {
        Member {
            restart: self.parts.restart,
            is_significant: self.parts.is_significant,
            standing: self.standing,
        }
    }

    pub(super) fn ward(&self) -> Option<&dyn Ward> {
        self.life.as_ref().map(|life| &*life.ward)
    }

    /// Notes that an incarnation has ended by itself.
    pub(super) fn note_exit(&mut self, down: Down) -> ExitReason {
        self.standing = Standing::Ended;
        self.last_exit = Some(down.reason.clone());
        if down.is_gone {
            self.life = None;
        }
        down.reason
    }

    async fn stop(&mut self, drains: bool) {
        let life = self.life.as_ref().map(|life| life.ward.clone());
        let Some(ward) = life.filter(|_| self.standing == Standing::Running) else {
            if self.standing == Standing::Restarting {
                self.standing = Standing::Ended;
            }
            return;
        };
        if drains {
            self.incarnation = drained(&*ward, self.incarnation).await;
        }
        ward.halt();
        let mut down = until(&*ward, |cx| ward.leash().poll_down(cx)).await;
        if down.reason.is_orderly() {
            down.reason = ExitReason::Shutdown;
        }
        self.note_exit(down);
    }

    async fn retire(&mut self, why: NoReply) {
        if let Some(Launched { ward, _address }) = self.life.take() {
            ward.retire(self.last_exit.clone(), why);
            until(&*ward, |cx| ward.leash().poll_gone(cx)).await;
        }
    }
}

/// Waits until a child has handled what it has, or its time has passed. Returns its incarnation.
///
/// One that fails meanwhile goes on in the next incarnation, as long as it gets to a message in each.
async fn drained(ward: &dyn Ward, mut incarnation: u64) -> u64 {
    ward.drain();
    let mut patience = after(ward.patience());
    loop {
        let down = until(ward, |cx| match ward.leash().poll_down(cx) {
            Poll::Ready(down) => Poll::Ready(Some(down)),
            Poll::Pending => Pin::new(&mut patience).poll(cx).map(|_at| None),
        })
        .await;
        match down {
            Some(down)
                if down.has_run
                    && !down.is_gone
                    && !down.reason.is_orderly()
                    && ward.queued() > 0 =>
            {
                incarnation = ward.begin();
            }
            _ => return incarnation,
        }
    }
}

/// Waits for something of a child, whatever becomes of the context: its end is what is waited for.
pub(super) async fn until<T>(
    ward: &dyn Ward,
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>,
) -> T {
    let mut wait = Wait::new(WaitKind::Join);
    std::future::poll_fn(|cx| {
        let polled = poll(cx);
        if polled.is_pending() {
            wait.tell(|| Some(ward.id().clone()));
        }
        polled
    })
    .await
}
