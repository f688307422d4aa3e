//! How an envelope gets into a mailbox.
//!
//! Unobserved, it is a send on the mailbox's channel. Observed, it is first an event: the driver lets
//! it take effect when it likes, and until then the envelope is on its way and the sender waits.

use std::sync::Arc;
use std::task::{Poll, Waker};

use greenroom_core::channel::{SendFromError, Sender, TrySendError};
use greenroom_core::driver::{self, Driver, EventKind};
use greenroom_core::error::Cause;
use greenroom_core::task::WaitKind;
use greenroom_core::wait::Wait;
use greenroom_core::{Id, current, unwind};

use super::{BoxedEnvelope, Overflow, room};
use crate::actor::Actor;
use crate::dead_letter::Undelivered;
use crate::station::Station;
use crate::sync::Mutex;

/// Why an envelope did not get in.
pub(crate) enum PutError {
    Closed,
    Full,
    Cancelled(Cause),
    Deadline,
    /// The sender would wait for itself to make room, by this path.
    Cycle(Vec<Id>),
}

/// Puts an envelope into a mailbox, waiting for room if that is its policy. On error it is back in the
/// slot.
pub(crate) async fn put<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    station: &Arc<Station<A>>,
) -> Result<(), PutError> {
    if let Some(ended) = Wait::ended() {
        return Err(match ended {
            greenroom_core::error::ContextError::Cancelled(cause) => PutError::Cancelled(cause),
            greenroom_core::error::ContextError::Deadline(_) => PutError::Deadline,
        });
    }
    let first = match station.root().driver().observer() {
        None => attempt(mailbox, slot, station),
        Some(observer) => on_its_way(&**observer, mailbox, slot, station).await?,
    };
    match first {
        Tried::Accepted => Ok(()),
        Tried::Closed => Err(PutError::Closed),
        Tried::Full => match station.overflow {
            // In a box: few wait for room, and the future of all others stays small.
            Overflow::Wait => Box::pin(room::wait(mailbox, slot, station)).await,
            Overflow::Fail => Err(PutError::Full),
            Overflow::DropNewest | Overflow::DropOldest | Overflow::KeepLatest => {
                turn_away(slot, station);
                Ok(())
            }
        },
    }
}

impl From<SendFromError> for PutError {
    fn from(error: SendFromError) -> Self {
        match error {
            SendFromError::Cancelled(cause) => Self::Cancelled(cause),
            SendFromError::Deadline => Self::Deadline,
            _ => Self::Closed,
        }
    }
}

/// Puts an envelope into a mailbox without waiting. On error it is back in the slot.
#[inline]
pub(crate) fn try_put<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    station: &Station<A>,
) -> Result<(), PutError> {
    let label = label(slot);
    match attempt(mailbox, slot, station) {
        Tried::Accepted => {
            let id = || Some(station.info.id.clone());
            driver::report_at(station.root().driver(), EventKind::Message, id, label);
            Ok(())
        }
        Tried::Full => Err(PutError::Full),
        Tried::Closed => Err(PutError::Closed),
    }
}

#[derive(Clone, Copy)]
enum Tried {
    Accepted,
    Full,
    Closed,
}

#[inline]
fn attempt<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    station: &Station<A>,
) -> Tried {
    let Some(envelope) = slot.take() else {
        return Tried::Accepted;
    };
    if station.overflow == Overflow::KeepLatest {
        return displace(mailbox, slot, envelope, station);
    }
    match mailbox.try_send(envelope) {
        Ok(()) => Tried::Accepted,
        Err(TrySendError::Full(envelope)) if station.overflow == Overflow::DropOldest => {
            displace(mailbox, slot, envelope, station)
        }
        Err(error) => refused(slot, error),
    }
}

/// Puts an envelope in at the cost of others, which are answered and dropped here, with nothing locked.
#[cold]
fn displace<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    envelope: BoxedEnvelope<A>,
    station: &Station<A>,
) -> Tried {
    let sent = if station.overflow == Overflow::KeepLatest {
        mailbox.displace_stale(envelope, |queued, new| queued.kind() == new.kind())
    } else {
        mailbox.displace(envelope)
    };
    match sent {
        Ok(displaced) => {
            for envelope in displaced {
                station.tally.displace();
                station.bury(envelope, Undelivered::Dropped(station.overflow), None);
            }
            Tried::Accepted
        }
        Err(error) => refused(slot, error),
    }
}

#[inline]
fn refused<A: Actor>(
    slot: &mut Option<BoxedEnvelope<A>>,
    error: TrySendError<BoxedEnvelope<A>>,
) -> Tried {
    let (tried, envelope) = match error {
        TrySendError::Full(envelope) => (Tried::Full, envelope),
        TrySendError::Closed(envelope) => (Tried::Closed, envelope),
    };
    *slot = Some(envelope);
    tried
}

/// Drops the new message: it counts as accepted, and as dropped.
#[cold]
fn turn_away<A: Actor>(slot: &mut Option<BoxedEnvelope<A>>, station: &Station<A>) {
    if let Some(envelope) = slot.take() {
        station.tally.turn_away();
        let from = current::task_id();
        station.bury(envelope, Undelivered::Dropped(station.overflow), from);
    }
}

fn label<A: Actor>(slot: &Option<BoxedEnvelope<A>>) -> &'static str {
    slot.as_ref().map_or("", |envelope| envelope.message_type())
}

/// An envelope that the driver holds: taken back by a sender that gives up.
struct Way<A: Actor>(Mutex<OnWay<A>>);

struct OnWay<A: Actor> {
    envelope: Option<BoxedEnvelope<A>>,
    tried: Option<Tried>,
    waker: Option<Waker>,
}

async fn on_its_way<A: Actor>(
    observer: &dyn Driver,
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    station: &Arc<Station<A>>,
) -> Result<Tried, PutError> {
    let target = &station.info.id;
    let label = label(slot);
    let way = Arc::new(Way(Mutex::new(OnWay {
        envelope: slot.take(),
        tried: None,
        waker: None,
    })));
    driver::deliver_to(observer, EventKind::Message, Some(target.clone()), label, {
        let (way, mailbox, station) = (way.clone(), mailbox.clone(), station.clone());
        move || {
            let mut envelope = way.0.lock().envelope.take();
            if envelope.is_none() {
                // The sender gave up while the message was on its way.
                return;
            }
            let tried = attempt(&mailbox, &mut envelope, &station);
            let waker = {
                let mut on_way = way.0.lock();
                on_way.envelope = envelope;
                on_way.tried = Some(tried);
                on_way.waker.take()
            };
            unwind::wake_all(waker);
        }
    });
    let mut wait = Wait::new(WaitKind::Tell);
    let taken_back = TakeBack { way: &way, slot };
    let result = std::future::poll_fn(|cx| {
        {
            let mut on_way = way.0.lock();
            if let Some(tried) = on_way.tried {
                return Poll::Ready(Ok(tried));
            }
            on_way.waker = Some(cx.waker().clone());
        }
        wait.poll(cx, || Some(target.clone()), None)
            .map(|ended| match ended {
                greenroom_core::error::ContextError::Cancelled(cause) => {
                    Err(PutError::Cancelled(cause))
                }
                greenroom_core::error::ContextError::Deadline(_) => Err(PutError::Deadline),
            })
    })
    .await;
    drop(taken_back);
    result
}

struct TakeBack<'a, A: Actor> {
    way: &'a Way<A>,
    slot: &'a mut Option<BoxedEnvelope<A>>,
}

impl<A: Actor> Drop for TakeBack<'_, A> {
    fn drop(&mut self) {
        *self.slot = self.way.0.lock().envelope.take();
    }
}
