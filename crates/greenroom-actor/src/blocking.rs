//! Code that blocks, away from the arbiters.

use greenroom_core::task::Shield;
use greenroom_core::{Context, Failure, Result, current, unwind};

use crate::engine;
use crate::runtime;

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
    let work = move || {
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
