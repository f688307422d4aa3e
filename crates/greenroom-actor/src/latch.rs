//! Waiting, by a thread or a future, until named parties have ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use greenroom_core::unwind;
use parking_lot::{Condvar, Mutex};

/// Opens when each of its parties has ended. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Latch(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    opened: Condvar,
}

struct State {
    running: BTreeSet<String>,
    waiters: Vec<Waker>,
}

impl Latch {
    pub(crate) fn new(parties: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                running: parties.into_iter().collect(),
                waiters: Vec::new(),
            }),
            opened: Condvar::new(),
        }))
    }

    /// Returns a guard whose drop ends the party.
    pub(crate) fn guard(&self, party: &str) -> LatchGuard {
        LatchGuard {
            latch: self.clone(),
            party: party.to_owned(),
        }
    }

    /// Returns the parties that have not ended.
    pub(crate) fn running(&self) -> Vec<String> {
        self.0.state.lock().running.iter().cloned().collect()
    }

    /// Waits on this thread for one party, and returns whether it ended in time.
    pub(crate) fn wait_blocking_for(&self, party: &str, patience: Duration) -> bool {
        self.wait_blocking_while(|state| state.running.contains(party), patience)
    }

    /// Waits on this thread, and returns whether the latch opened in time.
    pub(crate) fn wait_blocking(&self, patience: Duration) -> bool {
        self.wait_blocking_while(|state| !state.running.is_empty(), patience)
    }

    fn wait_blocking_while(
        &self,
        mut is_running: impl FnMut(&State) -> bool,
        patience: Duration,
    ) -> bool {
        let mut state = self.0.state.lock();
        !self
            .0
            .opened
            .wait_while_for(&mut state, |state| is_running(state), patience)
            .timed_out()
    }

    /// Ready when these parties have ended.
    pub(crate) fn poll_parties(&self, parties: &[String], cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state.lock();
        if !parties.iter().any(|party| state.running.contains(party)) {
            return Poll::Ready(());
        }
        if !state.waiters.iter().any(|w| w.will_wake(cx.waker())) {
            state.waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

pub(crate) struct LatchGuard {
    latch: Latch,
    party: String,
}

impl Drop for LatchGuard {
    fn drop(&mut self) {
        let waiters = {
            let mut state = self.latch.0.state.lock();
            state.running.remove(&self.party);
            std::mem::take(&mut state.waiters)
        };
        self.latch.0.opened.notify_all();
        unwind::wake_all(waiters);
    }
}
