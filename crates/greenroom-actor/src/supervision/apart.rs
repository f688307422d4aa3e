//! Code of the user's, polled and dropped each in a catch of its own.

use std::any::Any;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use greenroom_core::{current, unwind};

/// How a drop went: the payload is that of its panic.
pub(super) type Dropped = Result<(), Box<dyn Any + Send>>;

/// A value of the user's that is dropped in a catch of its own, whatever ends the life: of two that
/// panic as they go, the second would end the process.
pub(crate) struct Apart<T> {
    value: Option<T>,
    // What is told of a panic that nobody takes.
    doing: &'static str,
}

impl<T> Apart<T> {
    pub(crate) fn new(value: T, doing: &'static str) -> Self {
        Self {
            value: Some(value),
            doing,
        }
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    pub(super) fn drop(mut self) -> Dropped {
        unwind::drop_caught(self.value.take())
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> DerefMut for Apart<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> Drop for Apart<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            unwind::drop_apart(value, self.doing);
        }
    }
}

/// Polls a future of user code, with its panic, and that of its drop, as a value.
///
/// Of two panics the first is given, and the second is a stray one.
pub(super) async fn catching<F: Future + Unpin>(
    future: F,
    doing: &'static str,
) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = Apart::new(future, doing);
    let polled = std::future::poll_fn(|cx: &mut TaskContext<'_>| {
        match unwind::catch(|| Pin::new(&mut *future).poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await;
    match (polled, future.drop()) {
        (Ok(output), Err(payload)) => {
            unwind::drop_apart(output, doing);
            Err(payload)
        }
        (Err(first), Err(second)) => {
            current::tell_stray(second, doing);
            Err(first)
        }
        (polled, Ok(())) => polled,
    }
}
