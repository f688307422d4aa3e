//! The lane for what must not wait behind messages.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// What overtakes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// End after the running handler; queued messages are refused.
    Stop,
    /// Take no new messages, handle the queued ones, end.
    Drain,
    /// A timer of the actor has fired.
    Timer(u64),
}

/// The signals of one actor. Cancels come through its context.
#[derive(Default)]
pub(crate) struct Control(Mutex<State>);

#[derive(Default)]
struct State {
    signals: VecDeque<Signal>,
    waker: Option<Waker>,
}

impl Control {
    pub(crate) fn push(&self, signal: Signal) {
        let waker = {
            let mut state = self.0.lock();
            // Asking twice to stop is asking once.
            if !state.signals.contains(&signal) {
                state.signals.push_back(signal);
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Signal> {
        let mut state = self.0.lock();
        match state.signals.pop_front() {
            Some(signal) => Poll::Ready(signal),
            None => {
                register(&mut state.waker, cx);
                Poll::Pending
            }
        }
    }

    /// Ready when a stop is among the signals, and leaves it there.
    pub(crate) fn poll_stop(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.signals.contains(&Signal::Stop) {
            return Poll::Ready(());
        }
        register(&mut state.waker, cx);
        Poll::Pending
    }
}

fn register(waker: &mut Option<Waker>, cx: &Context<'_>) {
    if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
        *waker = Some(cx.waker().clone());
    }
}
