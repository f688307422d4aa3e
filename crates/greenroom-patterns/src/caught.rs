//! User code, run and dropped with its panics as values.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use greenroom_core::unwind;

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Polls a future of a user, with its panic, and that of its drop, as a value.
pub(crate) async fn caught<F: Future + Unpin>(future: F) -> Result<F::Output, Payload> {
    let mut future = Some(future);
    let polled = std::future::poll_fn(|cx| {
        let Some(running) = &mut future else {
            return Poll::Pending;
        };
        match unwind::catch(|| Pin::new(running).poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await;
    match (polled, unwind::drop_caught(future.take())) {
        (Ok(_), Err(payload)) => Err(payload),
        (polled, _) => polled,
    }
}

/// Lets the payload of a panic go that there is nobody to tell of. The panic hook has told it.
pub(crate) fn forget(payload: Payload) {
    if let Err(second) = unwind::drop_caught(payload) {
        std::mem::forget(second);
    }
}

/// Drops what is a user's, in a place that has to survive a panic of its destructor.
pub(crate) fn let_go<T>(value: T) {
    if let Err(payload) = unwind::drop_caught(value) {
        forget(payload);
    }
}
