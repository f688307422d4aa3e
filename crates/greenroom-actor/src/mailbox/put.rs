//! How an envelope gets into a mailbox.
//!
//! Unobserved, it is a send on the mailbox's channel. Observed, it is first an event: the driver lets
//! it take effect when it likes, and until then the envelope is on its way and the sender waits.

use std::sync::Arc;
use std::task::{Poll, Waker};

use greenroom_core::Id;
use greenroom_core::channel::{SendFromError, Sender, TrySendError};
use greenroom_core::current::Handle;
use greenroom_core::driver::{self, Driver, EventKind};
use greenroom_core::error::Cause;
use greenroom_core::task::{TaskInfo, WaitKind};
use greenroom_core::unwind;
use greenroom_core::wait::Wait;

use super::{BoxedEnvelope, Overflow, room};
use crate::actor::Actor;
use crate::runtime::Core;
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

/// Whose mailbox it is, and what that runtime shares.
pub(crate) struct Target<'a> {
    pub(crate) info: &'a Arc<TaskInfo>,
    pub(crate) core: &'a Core,
}

impl<'a> Target<'a> {
    fn id(&self) -> &'a Id {
        &self.info.id
    }

    fn home(&self) -> &'a Handle {
        self.core.context().driver()
    }
}

/// Puts an envelope into a mailbox, waiting for room. On error it is back in the slot.
pub(crate) async fn put<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    overflow: Overflow,
    target: &Target<'_>,
) -> Result<(), PutError> {
    if let Some(ended) = Wait::ended() {
        return Err(match ended {
            greenroom_core::error::ContextError::Cancelled(cause) => PutError::Cancelled(cause),
            greenroom_core::error::ContextError::Deadline(_) => PutError::Deadline,
        });
    }
    let first = match target.home().observer() {
        None => attempt(mailbox, slot),
        Some(observer) => on_its_way(&**observer, mailbox, slot, target.id()).await?,
    };
    match first {
        Tried::Accepted => Ok(()),
        Tried::Closed => Err(PutError::Closed),
        Tried::Full if overflow == Overflow::Fail => Err(PutError::Full),
        // In a box: few wait for room, and the future of all others stays small.
        Tried::Full => Box::pin(room::wait(mailbox, slot, target)).await,
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
pub(crate) fn try_put<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    target: &Target<'_>,
) -> Result<(), PutError> {
    let label = label(slot);
    match attempt(mailbox, slot) {
        Tried::Accepted => {
            let id = || Some(target.id().clone());
            driver::report_at(target.home(), EventKind::Message, id, label);
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

fn attempt<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
) -> Tried {
    let Some(envelope) = slot.take() else {
        return Tried::Accepted;
    };
    match mailbox.try_send(envelope) {
        Ok(()) => Tried::Accepted,
        Err(TrySendError::Full(envelope)) => {
            *slot = Some(envelope);
            Tried::Full
        }
        Err(TrySendError::Closed(envelope)) => {
            *slot = Some(envelope);
            Tried::Closed
        }
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
    target: &Id,
) -> Result<Tried, PutError> {
    let label = label(slot);
    let way = Arc::new(Way(Mutex::new(OnWay {
        envelope: slot.take(),
        tried: None,
        waker: None,
    })));
    driver::deliver_to(observer, EventKind::Message, Some(target.clone()), label, {
        let (way, mailbox) = (way.clone(), mailbox.clone());
        move || {
            let mut envelope = way.0.lock().envelope.take();
            if envelope.is_none() {
                // The sender gave up while the message was on its way.
                return;
            }
            let tried = attempt(&mailbox, &mut envelope);
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
