//! Waiting for the end of an actor.

use std::sync::Arc;
use std::task::Poll;

use greenroom_core::ExitReason;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::task::WaitKind;
use greenroom_core::wait::Wait;

use crate::actor::Actor;
use crate::station::Station;

/// Why a wait for the end of an actor was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClosedError {
    /// The waiter's context was cancelled.
    #[error("gave up waiting for the actor's end: {0}")]
    Cancelled(Cause),
    /// The deadline of the waiter's context passed.
    #[error("deadline exceeded while waiting for the actor's end")]
    Deadline,
}

struct Waiter<A: Actor> {
    station: Arc<Station<A>>,
    place: Option<usize>,
}

impl<A: Actor> Drop for Waiter<A> {
    fn drop(&mut self) {
        self.station.exit.leave(&mut self.place);
    }
}

pub(super) async fn closed<A: Actor>(station: Arc<Station<A>>) -> Result<ExitReason, ClosedError> {
    let mut waiter = Waiter {
        station,
        place: None,
    };
    let mut wait = Wait::new(WaitKind::Join);
    std::future::poll_fn(|cx| {
        let Waiter { station, place } = &mut waiter;
        if let Poll::Ready(reason) = station.exit.poll(place, cx) {
            wait.end();
            return Poll::Ready(Ok(reason));
        }
        wait.poll(cx, || Some(station.info.id.clone()), None)
            .map(|ended| {
                Err(match ended {
                    ContextError::Cancelled(cause) => ClosedError::Cancelled(cause),
                    ContextError::Deadline(_) => ClosedError::Deadline,
                })
            })
    })
    .await
}
