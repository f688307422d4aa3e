//! The future that completes with a context.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::{Context, Registration};
use crate::channel::Claim;
use crate::error::ContextError;
use crate::select::Signal;

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

impl Signal for Done {
    type Output = ContextError;

    fn has_fired(&self) -> bool {
        self.context.has_ended()
    }

    fn enter(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        Registration::enter_case(&mut self.registration, &self.context, claim, case)
    }

    fn leave(&mut self) {
        self.registration = None;
    }

    fn output(&mut self) -> ContextError {
        self.context.0.node.end_that_claimed()
    }

    fn is_context(&self) -> bool {
        true
    }
}
