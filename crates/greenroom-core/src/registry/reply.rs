//! The answer to one query.

use std::fmt;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::driver::{self, EventKind};
use crate::id::Id;
use crate::sync::Mutex;
use crate::unwind;

/// Answers one query of the registry, once. Dropping it says that there will be no answer.
pub struct Reply<T: Send + 'static> {
    // None once the answer is on its way.
    slot: Option<Arc<Slot<T>>>,
}

impl<T: Send + 'static> Reply<T> {
    pub(super) fn new(asker: Option<Id>) -> (Self, Answer<T>) {
        let slot = Arc::new(Slot {
            asker,
            state: Mutex::new(State::Open(None)),
        });
        (
            Self {
                slot: Some(slot.clone()),
            },
            Answer(slot),
        )
    }

    /// Sends the answer. It is lost if nobody waits for it any more.
    pub fn send(mut self, answer: T) {
        self.deliver(State::Answered(answer));
    }

    fn deliver(&mut self, state: State<T>) {
        if let Some(slot) = self.slot.take() {
            let asker = slot.asker.clone();
            driver::deliver(
                EventKind::Reply,
                || asker,
                "registry",
                move || slot.set(state),
            );
        }
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        self.deliver(State::Closed);
    }
}

impl<T: Send + 'static> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// The asker's side: an answer, or the news that there will be none.
pub(super) struct Answer<T>(Arc<Slot<T>>);

impl<T> Answer<T> {
    /// Ready with the answer, or with `None` if there will be none. Not to be polled after that.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Option<T>> {
        // Cloned before the lock is taken, and dropped after: a foreign waker's code runs there.
        let fresh = waker.clone();
        let mut state = self.0.state.lock();
        match std::mem::replace(&mut *state, State::Closed) {
            State::Open(before) => {
                *state = State::Open(Some(fresh));
                drop(state);
                drop(before);
                Poll::Pending
            }
            State::Answered(answer) => Poll::Ready(Some(answer)),
            State::Closed => Poll::Ready(None),
        }
    }
}

struct Slot<T> {
    asker: Option<Id>,
    state: Mutex<State<T>>,
}

enum State<T> {
    Open(Option<Waker>),
    Answered(T),
    Closed,
}

impl<T> Slot<T> {
    fn set(&self, state: State<T>) {
        let before = std::mem::replace(&mut *self.state.lock(), state);
        if let State::Open(waker) = before {
            unwind::wake_all(waker);
        }
    }
}
