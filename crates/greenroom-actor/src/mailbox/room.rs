//! The wait for room in a mailbox, which may be one that the waiter waits for itself to make.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use greenroom_core::channel::{SendFromError, Sender};
use greenroom_core::cycle::{DeskKey, FarEnd};
use greenroom_core::error::ContextError;
use greenroom_core::task::{TaskInfo, TaskKind, WaitKind};
use greenroom_core::wait::Wait;
use greenroom_core::{Id, current};

use super::BoxedEnvelope;
use super::put::PutError;
use crate::actor::Actor;
use crate::station::Station;
use crate::sync::Mutex;

/// Waits for room and puts the envelope there. On error it is back in the slot.
pub(super) async fn wait<A: Actor>(
    mailbox: &Sender<BoxedEnvelope<A>>,
    slot: &mut Option<BoxedEnvelope<A>>,
    station: &Station<A>,
) -> Result<(), PutError> {
    if current::with_task(|task| task.kind == TaskKind::Actor) != Some(true) {
        return mailbox.send_from(slot).await.map_err(PutError::from);
    }
    let room = Arc::new(Room {
        order: station.scope.core.number_wait(),
        owner: station.info.clone(),
        state: Mutex::default(),
    });
    let mut wait = Wait::new(WaitKind::Tell);
    let ended = {
        let mut send = pin!(mailbox.send_from(slot));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(sent) = send.as_mut().poll(cx) {
                return Poll::Ready(Ok(sent));
            }
            if let Some(path) = room.poll(cx.waker()) {
                return Poll::Ready(Err(PutError::Cycle(path)));
            }
            let (on, end) = (station.info.id.clone(), room.clone());
            wait.poll_for(cx, || Some(on), None, || Some(end))
                .map(|ended| {
                    Err(match ended {
                        ContextError::Cancelled(cause) => PutError::Cancelled(cause),
                        ContextError::Deadline(_) => PutError::Deadline,
                    })
                })
        })
        .await
    };
    match ended {
        Ok(sent) => sent.map_err(|error: SendFromError| error.into()),
        // There was room at the same moment, and the envelope is in.
        Err(_) if slot.is_none() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The wait of one actor for room, as the far end of it.
struct Room {
    order: u64,
    // Whose mailbox it is: it alone takes messages out.
    owner: Arc<TaskInfo>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    refused: Option<Vec<Id>>,
    is_refused: bool,
}

impl Room {
    fn poll(&self, waker: &Waker) -> Option<Vec<Id>> {
        let mut state = self.state.lock();
        if let Some(path) = state.refused.take() {
            return Some(path);
        }
        let before = match &state.waker {
            Some(there) if there.will_wake(waker) => None,
            _ => state.waker.replace(waker.clone()),
        };
        drop(state);
        drop(before);
        None
    }
}

/// The clones that an open wait keeps: its own, and that in the mailbox's queue of senders.
const CLONES: usize = 2;

impl FarEnd for Room {
    // A wait that got its room has rung the waiter, before the owner of the mailbox goes on.
    fn holder(&self) -> Option<Arc<TaskInfo>> {
        (!self.state.lock().is_refused).then(|| self.owner.clone())
    }

    fn clones_of(&self, desk: DeskKey) -> Option<usize> {
        let state = self.state.lock();
        let is_here = (state.waker.as_ref()).is_some_and(|w| desk.is_of(w));
        is_here.then_some(CLONES)
    }

    fn order(&self) -> u64 {
        self.order
    }

    fn refuse(self: Arc<Self>, path: Vec<Id>) {
        let waker = {
            let mut state = self.state.lock();
            if std::mem::replace(&mut state.is_refused, true) {
                return;
            }
            state.refused = Some(path);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("owner", &self.owner.id)
            .finish_non_exhaustive()
    }
}
