//! The future that completes with a context.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use super::{Context, Registration};
use crate::error::ContextError;

/// Completes when its context ends, with the way it ended. Made by [`Context::done`].
///
/// # Cancel safety
/// Cancel safe: dropping it leaves nothing behind.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Done {
    context: Context,
    registration: Option<Registration>,
}

impl Done {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            registration: None,
        }
    }

    /// Returns whether its context has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.context.ended_quietly().is_some()
    }
}

impl Future for Done {
    type Output = ContextError;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<ContextError> {
        let this = self.get_mut();
        match Registration::update(&mut this.registration, &this.context, cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }
}
