//! User code, run and dropped with its panics as values.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use greenroom_core::{current, unwind};

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Polls a future of a user, with its panic, and that of its drop, as a value. Of two the first is given,
/// and the runtime is told of the second.
pub(crate) async fn caught<F: Future + Unpin>(future: F) -> Result<F::Output, Payload> {
    let mut future = Apart(Some(future));
    let polled = std::future::poll_fn(|cx| {
        let Some(running) = &mut future.0 else {
            return Poll::Pending;
        };
        match unwind::catch(|| Pin::new(running).poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await;
    match (polled, unwind::drop_caught(future.0.take())) {
        (Ok(output), Err(payload)) => {
            let_go(output);
            Err(payload)
        }
        (Err(first), Err(second)) => {
            current::tell_stray(second, "drop of a future");
            Err(first)
        }
        (polled, Ok(())) => polled,
    }
}

/// Whoever polls it may be dropped at an await.
struct Apart<F>(Option<F>);

impl<F> Drop for Apart<F> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            unwind::drop_apart(future, "drop of a future");
        }
    }
}

/// Drops what is a user's, in a place that has to survive a panic of its destructor. The runtime is told
/// of that one.
pub(crate) fn let_go<T>(value: T) {
    unwind::drop_apart(value, std::any::type_name::<T>());
}
