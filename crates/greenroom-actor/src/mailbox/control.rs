//! The lane for what must not wait behind messages.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use greenroom_core::unwind;

use crate::sync::Mutex;

/// What comes beside the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// An order overtakes messages.
    Order(Order),
    /// The incarnation of this number is to end, after the running handler; the queue stays.
    Halt(u64),
    /// A timer of the actor has fired: takes turns with messages.
    Timer(u64),
}

/// How an actor is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// End after the running handler; queued messages are refused.
    Stop,
    /// Take no new messages, handle the queued ones, end.
    Drain,
}

/// The signals of one actor. Cancels come through its context.
#[derive(Default)]
pub(crate) struct Control(Mutex<State>);

#[derive(Default)]
struct State {
    // Asking twice to stop is asking once.
    stop: bool,
    drain: bool,
    // The incarnation that works, and the last one that is to end.
    incarnation: u64,
    halted: Option<u64>,
    // Each is set again only after it was taken, so none is here twice.
    timers: VecDeque<u64>,
    waker: Option<Waker>,
}

impl Control {
    pub(crate) fn push(&self, signal: Signal) {
        let waker = {
            let mut state = self.0.lock();
            match signal {
                Signal::Order(Order::Stop) => state.stop = true,
                Signal::Order(Order::Drain) => state.drain = true,
                Signal::Halt(number) => state.halted = state.halted.max(Some(number)),
                Signal::Timer(number) => state.timers.push_back(number),
            }
            state.waker.take()
        };
        unwind::wake_all(waker);
    }

    /// Notes the incarnation that works from now on. A halt of an earlier one is over.
    pub(crate) fn begin(&self, incarnation: u64) {
        self.0.lock().incarnation = incarnation;
    }

    /// Ready with a stop or a drain, which it takes.
    pub(crate) fn poll_order(&self, cx: &mut Context<'_>) -> Poll<Order> {
        let mut state = self.0.lock();
        if state.is_halted() || std::mem::take(&mut state.stop) {
            return Poll::Ready(Order::Stop);
        }
        if std::mem::take(&mut state.drain) {
            return Poll::Ready(Order::Drain);
        }
        register(&mut state.waker, cx);
        Poll::Pending
    }

    /// Ready with a timer that has fired, which it takes.
    pub(crate) fn poll_timer(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let mut state = self.0.lock();
        if let Some(number) = state.timers.pop_front() {
            return Poll::Ready(number);
        }
        register(&mut state.waker, cx);
        Poll::Pending
    }

    /// Returns the order that waits to be taken, if there is one, and leaves it there.
    pub(crate) fn order(&self) -> Option<Order> {
        let state = self.0.lock();
        match (state.stop || state.is_halted(), state.drain) {
            (true, _) => Some(Order::Stop),
            (false, true) => Some(Order::Drain),
            (false, false) => None,
        }
    }

    /// Ready when a stop is among the signals, and leaves it there.
    pub(crate) fn poll_stop(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.stop || state.is_halted() {
            return Poll::Ready(());
        }
        register(&mut state.waker, cx);
        Poll::Pending
    }

    /// Ready when a stop or a drain is among the signals, and leaves it there.
    pub(crate) fn poll_any_order(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.stop || state.drain || state.is_halted() {
            return Poll::Ready(());
        }
        register(&mut state.waker, cx);
        Poll::Pending
    }
}

impl State {
    fn is_halted(&self) -> bool {
        self.halted == Some(self.incarnation)
    }
}

fn register(waker: &mut Option<Waker>, cx: &Context<'_>) {
    if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
        *waker = Some(cx.waker().clone());
    }
}
