//! Code that blocks, away from the arbiters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use greenroom_core::task::{Shield, TaskInfo};
use greenroom_core::{Context, Failure, Result, current, unwind};
use parking_lot::Mutex;

use crate::engine;
use crate::runtime::{self, Home};

/// Runs a closure that blocks on a thread where it may, and waits for it.
///
/// For a read from a file or a long computation in the middle of a task: the arbiter's other work goes
/// on. Inside, [`Context::current`](greenroom_core::Context::current) is that of the caller. The
/// closure cannot be interrupted; a long one asks its context whether it is to stop. On a
/// [single-threaded](crate::Builder::single_thread) runtime it runs in place. A panic in it is a panic
/// of the caller's.
///
/// # Errors
/// Those of the closure; a `Failure` if the runtime's threads are going away.
///
/// # Cancel safety
/// When the caller's context ends, the wait goes on until the closure has returned, so that nothing it
/// works on outlives the scope. Dropping the future, as a lost case of a select does, leaves the closure
/// running.
pub async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    run(f).await
}

pub(crate) async fn run<T: Send + 'static>(
    f: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (Some(task), Some(context), Some(driver)) =
        (current::task(), Context::current(), current::driver())
    else {
        return f();
    };
    if runtime::runs_in_place(&*driver) {
        return f();
    }
    let _shield = Shield::over(task.clone());
    let handle = context.driver().clone().off_arbiter();
    let jobs = context.value::<Home>().map(|home| home.jobs.clone());
    let work = move || {
        let _job = jobs.map(|jobs| Job::begin(&jobs, &task, context.now()));
        let _driver = current::enter_driver(handle);
        let _task = current::enter_task(task, context);
        unwind::catch(f)
    };
    match engine::arbiter::on_blocking_pool(work).await {
        Some(Ok(result)) => result,
        Some(Err(payload)) => std::panic::resume_unwind(payload),
        None => Err(Failure::message("the runtime's threads are going away")),
    }
}

/// The closures of a runtime that run on its blocking threads now. Nothing ends them from outside.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<Running>);

#[derive(Default)]
struct Running {
    begun: u64,
    // Whose they are, and since when each runs.
    jobs: BTreeMap<u64, (Arc<TaskInfo>, Instant)>,
    waiters: Vec<Waker>,
}

impl Jobs {
    /// Returns whose closures run, and since when.
    pub(crate) fn running(&self) -> Vec<(Arc<TaskInfo>, Instant)> {
        self.0.lock().jobs.values().cloned().collect()
    }

    /// Ready when none runs.
    pub(crate) fn poll_none(&self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        let mut running = self.0.lock();
        if running.jobs.is_empty() {
            return Poll::Ready(());
        }
        if !running.waiters.iter().any(|w| w.will_wake(cx.waker())) {
            running.waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// A closure that runs. Dropped when it has returned.
struct Job {
    jobs: Arc<Jobs>,
    number: u64,
}

impl Job {
    fn begin(jobs: &Arc<Jobs>, task: &Arc<TaskInfo>, now: Instant) -> Self {
        let mut running = jobs.0.lock();
        running.begun += 1;
        let number = running.begun;
        running.jobs.insert(number, (task.clone(), now));
        drop(running);
        Self {
            jobs: jobs.clone(),
            number,
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let (gone, waiters) = {
            let mut running = self.jobs.0.lock();
            let gone = running.jobs.remove(&self.number);
            let waiters = match running.jobs.is_empty() {
                true => std::mem::take(&mut running.waiters),
                false => Vec::new(),
            };
            (gone, waiters)
        };
        drop(gone);
        unwind::wake_all(waiters);
    }
}
