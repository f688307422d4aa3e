//! What the tests of a runtime's beginning and end share.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use greenroom_actor::{Runtime, SingleThread};

pub(crate) fn threads() -> Runtime {
    Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start")
}

pub(crate) fn single() -> SingleThread {
    Runtime::builder()
        .single_thread()
        .build()
        .expect("a single-threaded runtime starts")
}

/// Runs something on a thread of its own, and fails if it has not returned after a while.
pub(crate) fn within_time<T: Send + 'static>(
    what: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = f();
        let _unheard = done.send(());
        result
    });
    match is_done.recv_timeout(Duration::from_secs(10)) {
        Err(mpsc::RecvTimeoutError::Timeout) => unreachable!("{what} hangs"),
        _ => thread
            .join()
            .unwrap_or_else(|_| unreachable!("{what} panicked")),
    }
}

pub(crate) fn tokio_block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("tokio starts")
        .block_on(future)
}
