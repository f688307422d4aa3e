//! The end of a runtime.
//!
//! # Invariants
//! 1. There is one report. Who composes it first keeps it for all; each wait of the others ends with it.
//! 2. What lives at the deadline is looked at once, by the first who comes to its deadline, before the
//!    cancel.
//! 3. After the cancel the end goes on, also if the future that began it is dropped: see [`Rest`].

use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use greenroom_core::error::Cause;
use greenroom_core::task::{Task, TaskInfo, TaskKind};
use greenroom_core::time::after;
use greenroom_core::{Driver, Id, current, unwind};

use super::Core;
use super::census::{self, Seen};
use super::report::{Ending, HowEnded, ShutdownReport, Stuck};

/// How long something that was cancelled gets to come to an await, and a thread to end.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// How long to wait before functions after a context are looked at again.
const STEP: Duration = Duration::from_millis(10);

/// What the calls of a shutdown share.
#[derive(Default)]
pub(super) struct Account {
    // What lived at the begin, and at the deadline.
    lived: Option<Vec<Seen>>,
    cut: Option<Vec<Seen>>,
    report: Option<ShutdownReport>,
    waiters: Vec<Waker>,
}

pub(super) async fn run(core: &Arc<Core>, deadline: Duration) -> ShutdownReport {
    if let Some(report) = begin(core) {
        return report;
    }
    if core.keeper.is_closed() {
        // There is no time any more, and nobody to wait for.
        return compose(core, Vec::new());
    }
    drain(core, deadline).await;
    if let Some(report) = core.report() {
        return report;
    }
    cut(core);
    let rest = Rest(Some(core.clone()));
    let report = finish(core).await;
    rest.done();
    // It waits for the others, except for the stuck ones, and for blocking code that goes on.
    let is_left = !core.jobs.running().is_empty();
    if !is_left && core.ended.wait_blocking_for(core.keeper.name(), GRACE) {
        join(core);
    }
    report
}

/// Refuses new scopes, and notes who lives. Returns the report if there is one already.
fn begin(core: &Core) -> Option<ShutdownReport> {
    core.refuse_new();
    let (is_noted, report) = {
        let account = core.account.lock();
        (account.lived.is_some(), account.report.clone())
    };
    if !is_noted && report.is_none() {
        let lived = census::look(core);
        let mut account = core.account.lock();
        account.lived.get_or_insert(lived);
    }
    // After the look: what ends at once since it was told has lived all the same.
    core.tell_closing();
    report
}

/// Waits until nothing is left, at most until the deadline. Halfway through the actors are drained.
async fn drain(core: &Arc<Core>, deadline: Duration) {
    let until = core.keeper.now().checked_add(deadline);
    within(core, deadline / 2, |cx| poll_quiet(core, cx)).await;
    let rest = left(core, until);
    if !rest.is_zero() {
        let mut actors = pin!(drain_actors(core));
        let mut is_drained = false;
        within(core, rest, |cx| {
            let is_quiet = poll_quiet(core, cx);
            if is_quiet.is_pending() && !is_drained {
                is_drained = actors.as_mut().poll(cx).is_ready();
            }
            is_quiet
        })
        .await;
    }
    wait_after_functions(core, until).await;
}

/// Drains the actors of all open scopes one by one, the last started first.
async fn drain_actors(core: &Core) {
    loop {
        let mut is_any = false;
        for scope in core.open_scopes().into_iter().rev() {
            for (scope, actor) in scope.actors() {
                is_any = true;
                actor.drain();
                std::future::poll_fn(|cx| scope.poll_gone(actor.id(), cx)).await;
            }
        }
        // Their messages and the tasks may have started others.
        if !is_any {
            return;
        }
    }
}

/// Ready when no scope is open and no blocking code runs.
fn poll_quiet(core: &Core, cx: &mut TaskContext<'_>) -> Poll<()> {
    match (core.poll_no_scopes(cx), core.jobs.poll_none(cx)) {
        (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(()),
        _ => Poll::Pending,
    }
}

/// Waits for the functions after a context that have begun, which no scope waits for.
async fn wait_after_functions(core: &Arc<Core>, until: Option<Instant>) {
    loop {
        let rest = left(core, until);
        if rest.is_zero() || core.report().is_some() {
            return;
        }
        let living = core.registry().snapshot(core.context(), rest).await;
        let mut tasks = living.tasks.iter();
        if !tasks.any(|task| task.kind == TaskKind::AfterFunc) {
            return;
        }
        within(core, STEP.min(left(core, until)), |_cx| Poll::Pending).await;
    }
}

/// Cancels everything, and refuses whatever is new. Invariant 2.
fn cut(core: &Core) {
    let seen = census::look(core);
    let _again = {
        let mut account = core.account.lock();
        match account.cut {
            None => account.cut.replace(seen),
            Some(_) => Some(seen),
        }
    };
    core.refuse_all();
    core.cancel(Cause::Shutdown);
}

/// Ends the arbiters, after a grace, and tells what was found.
async fn finish(core: &Arc<Core>) -> ShutdownReport {
    let until = core.keeper.now().checked_add(GRACE);
    within(core, GRACE, |cx| poll_quiet(core, cx)).await;
    wait_after_functions(core, until).await;
    let left = census::look(core);
    core.close_hubs();
    if core.is_single() {
        // It drops its tasks at its next turn, on this thread.
        while !core.keeper.is_cleared() {
            tokio::task::yield_now().await;
        }
    }
    let arbiters: Vec<_> = core.hubs.iter().map(|hub| hub.name().to_owned()).collect();
    within(core, GRACE, |cx| core.ended.poll_parties(&arbiters, cx)).await;
    let report = compose(core, left);
    core.keeper.close();
    report
}

/// Composes the report from what is left, unless there is one. Invariant 1.
fn compose(core: &Core, left: Vec<Seen>) -> ShutdownReport {
    let running = core.ended.running();
    let is_running = |hub: usize| running.iter().any(|name| name == core.hubs[hub].name());
    let stuck: Vec<Stuck> = (0..core.hubs.len())
        .filter(|hub| is_running(*hub))
        .map(|hub| Stuck {
            arbiter: core.hubs[hub].name().to_owned(),
            by: census::polled(core, hub),
        })
        .collect();
    let jobs = core.jobs.running();
    let is_blocking = |id: &Id| jobs.iter().any(|(info, _)| info.id.is_same(id));
    let is_registered = |id: &Id| core.registry().actor(id).is_some();
    let left: Vec<Ending> = (left.into_iter())
        .map(|Seen { mut ending, hub }| {
            let id = &ending.task.id;
            let goes_on = hub.map_or_else(|| is_registered(id), is_running) || is_blocking(id);
            ending.how = match goes_on {
                true => HowEnded::LeftBehind,
                false => HowEnded::Dropped,
            };
            ending
        })
        .collect();
    core.letters().close();
    let panics = core.hubs.iter().flat_map(|hub| hub.take_strays()).collect();

    let (report, waiters) = {
        let mut account = core.account.lock();
        if let Some(report) = &account.report {
            return report.clone();
        }
        let lived = account.lived.take().unwrap_or_default();
        let cut = account.cut.take().unwrap_or_default();
        let report = ShutdownReport {
            finished: finished(lived, &cut),
            cut: ended(cut, left),
            stuck,
            panics,
        };
        account.report = Some(report.clone());
        (report, std::mem::take(&mut account.waiters))
    };
    unwind::wake_all(waiters);
    report
}

/// Those who lived at the begin, and not at the deadline.
fn finished(lived: Vec<Seen>, cut: &[Seen]) -> Vec<Ending> {
    let is_cut = |id: &Id| {
        cut.binary_search_by(|seen| seen.ending.task.id.cmp(id))
            .is_ok()
    };
    (lived.into_iter())
        .map(|seen| seen.ending)
        .filter(|ending| !is_cut(&ending.task.id))
        .collect()
}

/// Those who lived at the deadline, as they were then, and those who came later and are left.
fn ended(cut: Vec<Seen>, mut left: Vec<Ending>) -> Vec<Ending> {
    let mut cut: Vec<Ending> = cut.into_iter().map(|seen| seen.ending).collect();
    for ending in &mut cut {
        let place = left.binary_search_by(|left| left.task.id.cmp(&ending.task.id));
        ending.how = match place {
            Ok(place) => left[place].how,
            Err(_) => HowEnded::Cancelled,
        };
    }
    let is_cut = |id: &Id| {
        cut.binary_search_by(|ending| ending.task.id.cmp(id))
            .is_ok()
    };
    left.retain(|ending| !is_cut(&ending.task.id));
    cut.append(&mut left);
    cut.sort_by(|a, b| a.task.id.cmp(&b.task.id));
    cut
}

/// What is left to do after the cancel. Dropped half-way, by a task that was cut with the others, it goes
/// on beside the clock, where no code of a user runs.
struct Rest(Option<Arc<Core>>);

impl Rest {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        let Some(core) = self.0.take() else {
            return;
        };
        let info = TaskInfo::new(
            core.id().child("shutdown"),
            TaskKind::Kernel,
            Location::caller(),
            core.keeper.now(),
        );
        let keeper = core.keeper.handle();
        let context = core.context().without_cancel();
        let rest = async move {
            let _report = finish(&core).await;
        };
        (keeper.driver()).spawn(Task::new(Arc::new(info), context, rest));
    }
}

/// Waits for something, or for the report, at most for a while of the runtime's time.
async fn within(
    core: &Core,
    patience: Duration,
    mut poll: impl FnMut(&mut TaskContext<'_>) -> Poll<()>,
) {
    // A plain timer: a sleep in a context without cancel would shield the task that calls for a shutdown.
    let mut timer = {
        let _keeper = current::enter_driver(core.keeper.handle());
        after(patience)
    };
    std::future::poll_fn(|cx| {
        if poll(cx).is_ready() || core.poll_report(cx).is_ready() {
            return Poll::Ready(());
        }
        Pin::new(&mut timer).poll(cx).map(|_at| ())
    })
    .await;
}

fn left(core: &Core, until: Option<Instant>) -> Duration {
    until.map_or(Duration::MAX, |until| {
        until.saturating_duration_since(core.keeper.now())
    })
}

impl Core {
    fn report(&self) -> Option<ShutdownReport> {
        self.account.lock().report.clone()
    }

    fn poll_report(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut account = self.account.lock();
        // Without its keeper there is no time either.
        if account.report.is_some() || self.keeper.is_closed() {
            return Poll::Ready(());
        }
        if !account.waiters.iter().any(|w| w.will_wake(cx.waker())) {
            account.waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Waits for the keeper's thread, which is at its end.
fn join(core: &Core) {
    let system = core.system.lock().take();
    if let Some(system) = system {
        let _ended = system.join();
    }
}

/// Cancels everything, without waiting, and tells what was open.
pub(super) fn at_once(core: &Core) -> ShutdownReport {
    if let Some(report) = begin(core) {
        return report;
    }
    cut(core);
    let left = census::look(core);
    end(core);
    compose(core, left)
}

/// Cancels everything, without waiting.
pub(super) fn end(core: &Core) {
    core.refuse_new();
    core.tell_closing();
    core.refuse_all();
    core.cancel(Cause::Shutdown);
    core.close_hubs();
    core.keeper.close();
    let waiters = std::mem::take(&mut core.account.lock().waiters);
    unwind::wake_all(waiters);
}

/// Cancels everything, without waiting, except for a second on a plain thread.
pub(super) fn on_drop(core: &Arc<Core>) {
    end(core);
    let is_plain = current::driver().is_none() && tokio::runtime::Handle::try_current().is_err();
    if is_plain && !core.is_single() && core.ended.wait_blocking(Duration::from_secs(1)) {
        join(core);
    }
    core.letters().close();
}
