//! Streams whose items an actor handles as messages.

use std::any::Any;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use greenroom_core::{Context, unwind};

use super::context::own_message;
use super::{Actor, HandlerLater};
use crate::mailbox::BoxedEnvelope;

type Source<A> = Box<dyn FnMut(&mut TaskContext<'_>) -> Poll<Option<BoxedEnvelope<A>>>>;

pub(crate) struct Sources<A: Actor> {
    all: Vec<Source<A>>,
    // Where the next look begins, so that a busy stream does not starve the others.
    next: usize,
}

impl<A: Actor> Default for Sources<A> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            next: 0,
        }
    }
}

impl<A: Actor> Sources<A> {
    pub(super) fn attach<S, M>(
        &mut self,
        stream: S,
        mut map: impl FnMut(S::Item) -> M + 'static,
        context: Context,
    ) where
        S: Stream + 'static,
        A: HandlerLater<M>,
        M: Send + 'static,
    {
        let mut stream = Box::pin(stream);
        self.all.push(Box::new(move |cx| {
            pin!(stream.as_mut())
                .poll_next(cx)
                .map(|item| item.map(|item| own_message(map(item), context.clone())))
        }));
    }

    /// Drops a stream in a catch; `None` when none is left.
    pub(super) fn drop_one(&mut self) -> Option<Result<(), Box<dyn Any + Send>>> {
        self.all.pop().map(unwind::drop_caught)
    }

    /// Ready with the next item of any stream. Streams that have ended are dropped.
    pub(crate) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<BoxedEnvelope<A>> {
        let mut looked = 0;
        while looked < self.all.len() {
            let at = (self.next + looked) % self.all.len();
            match self.all[at](cx) {
                Poll::Ready(Some(envelope)) => {
                    self.next = at + 1;
                    return Poll::Ready(envelope);
                }
                Poll::Ready(None) => {
                    let ended = self.all.remove(at);
                    drop(ended);
                    self.next = 0;
                    looked = 0;
                }
                Poll::Pending => looked += 1,
            }
        }
        Poll::Pending
    }
}
