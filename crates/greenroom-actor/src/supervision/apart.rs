//! Code of the user's, polled and dropped each in a catch of its own.

use std::any::Any;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use greenroom_core::unwind;

/// How a drop went: the payload is that of its panic.
pub(super) type Dropped = Result<(), Box<dyn Any + Send>>;

/// A value of the user's that is dropped in a catch of its own, whatever ends the life: of two that
/// panic as they go, the second would end the process.
pub(super) struct Apart<T>(Option<T>);

impl<T> Apart<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(super) fn drop(mut self) -> Dropped {
        unwind::drop_caught(self.0.take())
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> DerefMut for Apart<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> Drop for Apart<T> {
    fn drop(&mut self) {
        if let Err(payload) = unwind::drop_caught(self.0.take()) {
            forget(payload);
        }
    }
}

/// Lets the payload of a panic go that there is nobody to tell of.
pub(crate) fn forget(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = unwind::drop_caught(payload) {
        std::mem::forget(second);
    }
}

/// Polls a future of user code, with its panic, and that of its drop, as a value.
pub(super) async fn catching<F: Future + Unpin>(
    future: F,
) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = Some(future);
    let polled = std::future::poll_fn(|cx: &mut TaskContext<'_>| {
        let Some(running) = &mut future else {
            return Poll::Pending;
        };
        match unwind::catch(|| Pin::new(running).poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await;
    match unwind::drop_caught(future.take()) {
        Err(payload) if polled.is_ok() => Err(payload),
        _ => polled,
    }
}
