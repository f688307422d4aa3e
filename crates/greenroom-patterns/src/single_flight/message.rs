//! What the owner of the flights is sent, and what callers are.

use std::sync::Arc;

use greenroom_actor::JoinHandle;
use greenroom_core::Id;
use greenroom_core::channel::Sender;

use super::error::FlightError;
use crate::caught::let_go;
use crate::flow::run::{NoValue, Runs};

/// The value of a run, and whether it had several callers.
pub(super) type Outcome<V> = Result<(Arc<V>, bool), FlightError>;

/// Tells the owner how a run has ended.
pub(super) type Tell<V> = Box<dyn FnOnce(Result<V, NoValue>) + Send>;

/// Starts a run.
pub(super) type Launch<V> = Box<dyn FnOnce(&Runs, Tell<V>) -> JoinHandle<()> + Send>;

/// Joins the flight of a key, or starts one.
pub(super) struct Join<K, V> {
    pub(super) key: K,
    pub(super) call: u64,
    pub(super) caller: Caller<V>,
    pub(super) launch: Launch<V>,
    /// The task that waits for the outcome, and does nothing else.
    pub(super) asker: Option<Id>,
}

/// A caller has given up, or does not mind how the run ends.
pub(super) struct Leave {
    pub(super) call: u64,
    pub(super) how: Leaving,
}

/// What becomes of a flight that a caller leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It may end, if that was the last one.
    GivesUp,
    /// It goes on.
    Detaches,
}

/// Lets the next call of a key start a flight of its own.
pub(super) struct Forget<K>(pub(super) K);

/// A run has ended.
pub(super) struct Ended<V> {
    pub(super) flight: u64,
    pub(super) outcome: Result<Arc<V>, FlightError>,
}

/// Who waits for an outcome. Answered once: dropped without, it tells that there is none. Invariant 2.
pub(super) struct Caller<V>(Option<Sender<Outcome<V>>>);

impl<V> Caller<V> {
    pub(super) fn new(to: Sender<Outcome<V>>) -> Self {
        Self(Some(to))
    }

    pub(super) fn answer(mut self, outcome: Outcome<V>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome<V>) {
        if let Some(to) = self.0.take() {
            // There is room for it, unless nobody waits for it any more.
            let_go(to.try_send(outcome));
        }
    }
}

impl<V> Drop for Caller<V> {
    fn drop(&mut self) {
        self.send(Err(FlightError::Closed));
    }
}
