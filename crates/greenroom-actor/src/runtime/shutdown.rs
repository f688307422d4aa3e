//! The end of a runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use greenroom_core::error::Cause;
use greenroom_core::registry::TaskRecord;
use greenroom_core::time::sleep_on;
use greenroom_core::{Driver, Id, Panic, current};

use super::Core;

/// How long something that was cancelled gets to come to an await, and a thread to end.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// What a shutdown found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Scopes that were still open at the deadline, and were cancelled.
    pub cut: Vec<Id>,
    /// What holds an arbiter up in code that does not await, and was left behind; it ends with the
    /// process. The name is that of the arbiter.
    pub stuck: Vec<(String, Option<TaskRecord>)>,
    /// Panics that no scope, supervisor or handle was there to take, in the order of the arbiters.
    pub panics: Vec<Panic>,
}

impl ShutdownReport {
    /// Returns whether everything had ended by itself before the deadline.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cut.is_empty() && self.stuck.is_empty() && self.panics.is_empty()
    }
}

pub(super) async fn run(core: &Arc<Core>, deadline: Duration) -> ShutdownReport {
    core.refuse_new();
    within(core, deadline, |cx| core.poll_no_scopes(cx)).await;
    let cut = core.open_scopes();
    core.cancel(Cause::Shutdown);
    within(core, GRACE, |cx| core.poll_no_scopes(cx)).await;
    core.close_hubs();
    let arbiters: Vec<_> = core.hubs.iter().map(|hub| hub.name().to_owned()).collect();
    within(core, GRACE, |cx| core.ended.poll_parties(&arbiters, cx)).await;
    let now = core.keeper.now();
    let running = core.ended.running();
    let stuck = core
        .hubs
        .iter()
        .filter(|hub| running.iter().any(|name| name == hub.name()))
        .map(|hub| {
            let task = hub.polling().map(|info| TaskRecord::new(&info, now));
            (hub.name().to_owned(), task)
        })
        .collect();
    core.keeper.close();
    // It waits for the others, except for the stuck ones and for blocking code that goes on.
    if core.ended.wait_blocking_for(core.keeper.name(), GRACE) {
        join(core);
    }
    core.letters().close();
    let panics = core.hubs.iter().flat_map(|hub| hub.take_strays()).collect();
    ShutdownReport { cut, stuck, panics }
}

/// Waits for something, at most for a while of the runtime's time.
async fn within(
    core: &Core,
    patience: Duration,
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<()>,
) {
    let context = core.context().without_cancel();
    let mut sleep = pin!(sleep_on(&context, patience));
    std::future::poll_fn(|cx| {
        if poll(cx).is_ready() {
            return Poll::Ready(());
        }
        sleep.as_mut().poll(cx).map(|_slept| ())
    })
    .await;
}

/// Waits for the keeper's thread, which is at its end.
fn join(core: &Core) {
    let system = core.system.lock().take();
    if let Some(system) = system {
        let _ended = system.join();
    }
}

/// Cancels everything, without waiting.
pub(super) fn at_once(core: &Core) -> ShutdownReport {
    core.refuse_new();
    let cut = core.open_scopes();
    core.cancel(Cause::Shutdown);
    core.close_hubs();
    core.keeper.close();
    ShutdownReport {
        cut,
        stuck: Vec::new(),
        panics: Vec::new(),
    }
}

/// Cancels everything, without waiting, except for a second on a plain thread.
pub(super) fn on_drop(core: &Arc<Core>) {
    at_once(core);
    let is_plain = current::driver().is_none() && tokio::runtime::Handle::try_current().is_err();
    if is_plain && !core.is_single() && core.ended.wait_blocking(Duration::from_secs(1)) {
        join(core);
    }
    core.letters().close();
}
