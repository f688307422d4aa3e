//! What an actor shares with other threads, under a checker that owns the schedule of its threads.
//!
//! Built by `--cfg greenroom_model` only; TESTING.md says how. The kernel below is the real one: a step
//! on it is one step here, and its own checks are beside it.

mod ask;
#[path = "../../greenroom-core/src/model/check.rs"]
mod check;
mod hub;
mod lanes;
#[path = "../../greenroom-core/src/model/sync.rs"]
pub(crate) mod sync;

use std::future::Future;

use shuttle::thread::JoinHandle;

pub(crate) use check::check;

fn block_on<F: Future>(future: F) -> F::Output {
    shuttle::future::block_on(future)
}

fn spawn<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    shuttle::thread::spawn(f)
}

/// Waits for a thread. One that panics ends the execution, so there is always a result.
fn join<R>(thread: JoinHandle<R>) -> R {
    match thread.join() {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}
