//! The owner of the flights.

use std::sync::Arc;

use greenroom_actor::{Actor, ActorContext, Address, Handler, JoinHandle, Kept};
use greenroom_core::{Context, Panic, unwind};

use super::error::FlightError;
use super::message::{Caller, Ended, Forget, Join, Leave, Tell};
use super::state::Flights;
use crate::caught::let_go;
use crate::detached;
use crate::flow::run::Runs;

/// What outlives a restart of the owner.
pub(super) struct Life<K, V> {
    pub(super) flights: Flights<K, Caller<V>, JoinHandle<()>>,
    pub(super) runs: Runs,
    /// In which the end of a run is told, so that no cancel skips it.
    pub(super) detached: Context,
}

/// Starts the runs, and answers their callers.
pub(super) struct Tower<K: Send + 'static, V: Send + 'static>(pub(super) Kept<Life<K, V>>);

impl<K, V> Actor for Tower<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
}

impl<K, V> Handler<Join<K, V>> for Tower<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, join: Join<K, V>, cx: &mut ActorContext<Self>) {
        let Join {
            key,
            call,
            caller,
            launch,
            asker,
        } = join;
        // The caller has it, or does not wait any more.
        let Some(address) = cx.address() else {
            return let_go(launch);
        };
        let life = &mut *self.0;
        // Its comparisons are a user's code: a panic in one is its caller's error.
        let (flight, is_new) = match unwind::catch(|| life.flights.join(key)) {
            Ok(joined) => joined,
            Err(payload) => {
                let spawned_at = life.runs.spawned_at();
                let panic =
                    Panic::new(payload, cx.id().clone(), Some("comparing keys"), spawned_at);
                caller.answer(Err(FlightError::Panicked(panic)));
                return let_go(launch);
            }
        };
        let run = life.flights.run(flight).and_then(JoinHandle::id);
        if run.is_some_and(|run| asker.is_some_and(|asker| asker.is_same(run))) {
            caller.answer(Err(FlightError::Recursive));
            return let_go(launch);
        }
        life.flights.enter(flight, call, caller);
        if is_new {
            let tell = tell(address, life.detached.clone(), flight);
            let run = launch(&life.runs, tell);
            life.flights.begin(flight, run);
        } else {
            let_go(launch);
        }
    }
}

impl<K, V> Handler<Leave> for Tower<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, Leave { call, how }: Leave, _cx: &mut ActorContext<Self>) {
        // Invariant 4.
        if let Some(run) = self.0.flights.leave(call, how) {
            run.cancel("nobody waits for the shared run any more");
        }
    }
}

impl<K, V> Handler<Forget<K>> for Tower<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, Forget(key): Forget<K>, _cx: &mut ActorContext<Self>) {
        self.0.flights.forget(&key);
    }
}

impl<K, V> Handler<Ended<V>> for Tower<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    type Reply = ();

    async fn handle(&mut self, ended: Ended<V>, _cx: &mut ActorContext<Self>) {
        let Ended { flight, outcome } = ended;
        // One that was cancelled is gone already.
        if let Some((callers, is_shared)) = self.0.flights.end(flight) {
            for caller in callers {
                caller.answer(outcome.clone().map(|value| (value, is_shared)));
            }
        }
        let_go(outcome);
    }
}

fn tell<K, V>(address: Address<Tower<K, V>>, detached: Context, flight: u64) -> Tell<V>
where
    K: Ord + Clone + Send + 'static,
    V: Send + Sync + 'static,
{
    Box::new(move |ended| {
        let outcome = ended.map(Arc::new).map_err(FlightError::from);
        let _gone = detached::tell(&address, &detached, Ended { flight, outcome });
    })
}
