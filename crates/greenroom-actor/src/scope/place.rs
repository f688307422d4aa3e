//! A place under the limit of a scope, taken before its task is there.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use greenroom_core::error::ContextError;
use greenroom_core::task::WaitKind;
use greenroom_core::wait::Wait;

use super::{Inner, Scope};

/// The right to run one task under the limit of a [`Branch`](super::Branch). Dropped, it goes to the
/// next one that waits; until then it counts as a task that runs.
#[must_use = "a place that is dropped goes to the next one that waits"]
pub struct Place {
    // None when a task has it.
    scope: Option<Arc<Inner>>,
}

impl Place {
    pub(super) fn new(scope: &Arc<Inner>) -> Self {
        let scope = Some(scope.clone());
        Self { scope }
    }

    pub(super) fn is_of(&self, scope: &Scope) -> bool {
        let is_same = |own| Arc::ptr_eq(own, scope.inner());
        self.scope.as_ref().is_some_and(is_same)
    }

    /// Leaves it to the task that runs in it.
    pub(super) fn hand_over(mut self) {
        self.scope = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(scope) = self.scope.take() {
            scope.give_place_back();
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

/// Waits for a place. Its task ends with its context, so this need not.
pub(super) async fn wait(scope: &Arc<Inner>) -> Place {
    let mut turn = Turn::new(scope);
    let mut wait = Wait::new(WaitKind::Limit);
    std::future::poll_fn(|cx| {
        let polled = turn.poll(cx);
        if polled.is_pending() {
            wait.tell(|| Some(scope.id.clone()));
        }
        polled
    })
    .await
}

/// Waits for a place, or for the end of the current context.
pub(super) async fn reserve(scope: &Arc<Inner>) -> Result<Place, ContextError> {
    if let Some(ended) = Wait::ended() {
        return Err(ended);
    }
    let mut turn = Turn::new(scope);
    let mut wait = Wait::new(WaitKind::Limit);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(place) = turn.poll(cx) {
            return Poll::Ready(Ok(place));
        }
        wait.poll(cx, || Some(scope.id.clone()), None).map(Err)
    })
    .await
}

/// A turn in the queue for a place. Dropped, it leaves the queue, or hands on what it was granted.
struct Turn<'a> {
    scope: &'a Arc<Inner>,
    number: Option<u64>,
}

impl<'a> Turn<'a> {
    fn new(scope: &'a Arc<Inner>) -> Self {
        let number = None;
        Self { scope, number }
    }

    fn poll(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Place> {
        let polled = self.scope.poll_place(&mut self.number, cx);
        polled.map(|()| Place::new(self.scope))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.scope.leave_turn(number);
        }
    }
}
