//! Misuse of a runtime: each case gives its own error or has a stated meaning; none panics, none hangs.

mod block_on;
mod cycles;
mod ends;
mod values;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use greenroom_actor::{Actor, ActorContext, Handler, Runtime, SingleThread};
use greenroom_core::Failure;

fn threads() -> Runtime {
    Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start")
}

fn single() -> SingleThread {
    Runtime::builder()
        .single_thread()
        .build()
        .expect("a single-threaded runtime starts")
}

/// Runs something on a thread of its own, and fails if it has not returned after a while.
fn within_time<T: Send + 'static>(what: &str, f: impl FnOnce() -> T + Send + 'static) -> T {
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

fn tokio_block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("tokio starts")
        .block_on(future)
}

fn is<E: std::error::Error + 'static>(failure: &Failure, check: impl FnOnce(&E) -> bool) -> bool {
    failure.downcast_ref::<E>().is_some_and(check)
}

struct Echo;
struct Say(u32);

impl Actor for Echo {}

impl Handler<Say> for Echo {
    type Reply = u32;
    async fn handle(&mut self, Say(n): Say, _cx: &mut ActorContext<Self>) -> u32 {
        n
    }
}
