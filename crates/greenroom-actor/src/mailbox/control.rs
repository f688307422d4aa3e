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
    // Asking twice to stop is asking once.
    stop: bool,
    drain: bool,
    // Each is set again only after it was taken, so none is here twice.
    timers: VecDeque<u64>,
    waker: Option<Waker>,
}

impl Control {
    pub(crate) fn push(&self, signal: Signal) {
        let waker = {
            let mut state = self.0.lock();
            match signal {
                Signal::Stop => state.stop = true,
                Signal::Drain => state.drain = true,
                Signal::Timer(number) => state.timers.push_back(number),
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Signal> {
        let mut state = self.0.lock();
        if std::mem::take(&mut state.stop) {
            return Poll::Ready(Signal::Stop);
        }
        if std::mem::take(&mut state.drain) {
            return Poll::Ready(Signal::Drain);
        }
        match state.timers.pop_front() {
            Some(number) => Poll::Ready(Signal::Timer(number)),
            None => {
                register(&mut state.waker, cx);
                Poll::Pending
            }
        }
    }

    /// Ready when a stop is among the signals, and leaves it there.
    pub(crate) fn poll_stop(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.stop {
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
