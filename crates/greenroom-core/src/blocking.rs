//! Waiting on a thread instead of in a task.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::current;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, Thread};

/// The wait would block a thread that runs tasks: await the future instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a blocking wait on an arbiter would hold up its tasks: await the future instead")]
pub struct OnArbiter;

/// Polls a future on this thread, which sleeps in between, until it is done.
///
/// For synchronous callers: a plain thread, or code on the blocking pool, where the wait still ends with
/// the caller's context. A future that needs a tokio runtime to be polled in is not for this.
///
/// # Errors
/// [`OnArbiter`]: this thread runs tasks, which the wait would hold up, perhaps for ever. The future has
/// not been polled.
///
/// # Examples
/// ```
/// use greenroom_core::blocking::wait;
/// assert_eq!(wait(async { 7 }), Ok(7));
/// ```
pub fn wait<F: Future>(future: F) -> Result<F::Output, OnArbiter> {
    if current::is_arbiter() {
        return Err(OnArbiter);
    }
    Ok(wait_anywhere(future))
}

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

pub(crate) fn wait_anywhere<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = Arc::new(Parker {
        thread: thread::current(),
        woken: AtomicBool::new(false),
    });
    let waker = Waker::from(parker.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        // Someone else may unpark this thread for reasons of their own.
        while !parker.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}
