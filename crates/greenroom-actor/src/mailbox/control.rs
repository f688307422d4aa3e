//! The lane for what must not wait behind messages.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;
use greenroom_core::bond::Ending;
use greenroom_core::{Id, Linked, unwind};

use super::news::{News, Tidings};

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
    // Of the ends of others. Nothing, until the first monitor or link.
    news: Option<Box<News>>,
    waker: Option<Waker>,
}

/// What overtakes messages, or has waited for its turn among them.
pub(crate) enum Urgent {
    Order(Order),
    /// A link ends the actor.
    Exit(Linked),
    /// Another has ended, which is told as a message.
    Told(Tidings),
    /// There are tidings whose turn is to be set; see [`Control::set_turn`].
    Unset,
}

/// What interrupts a handler.
pub(crate) enum Interrupt {
    Exit(Linked),
    Stop,
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

    /// Ready with what comes next, which it takes. `taken` is how many messages were taken so far.
    pub(crate) fn poll_urgent(&self, taken: u64, cx: &mut Context<'_>) -> Poll<Urgent> {
        let mut state = self.0.lock();
        if let Some(news) = &mut state.news {
            if let Some(linked) = news.take_exit() {
                return Poll::Ready(Urgent::Exit(linked));
            }
            if let Some(tidings) = news.take_due(taken) {
                return Poll::Ready(Urgent::Told(tidings));
            }
            if news.has_unset() {
                return Poll::Ready(Urgent::Unset);
            }
        }
        if state.is_halted() || std::mem::take(&mut state.stop) {
            return Poll::Ready(Urgent::Order(Order::Stop));
        }
        if std::mem::take(&mut state.drain) {
            return Poll::Ready(Urgent::Order(Order::Drain));
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

    /// Ready with an exit, which it takes, or with a stop, which it leaves there.
    pub(crate) fn poll_interrupt(&self, takes_exit: bool, cx: &mut Context<'_>) -> Poll<Interrupt> {
        let mut state = self.0.lock();
        // A stop that was seen goes on, and an exit may follow.
        register(&mut state.waker, cx);
        if takes_exit
            && let Some(news) = &mut state.news
            && let Some(linked) = news.take_exit()
        {
            return Poll::Ready(Interrupt::Exit(linked));
        }
        if state.stop || state.is_halted() {
            return Poll::Ready(Interrupt::Stop);
        }
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

    /// Begins a monitor or a link of this actor, under a number of its own.
    pub(crate) fn bind(&self) -> u64 {
        self.0.lock().news.get_or_insert_default().bind()
    }

    /// Ends it: what it has told and was not taken is forgotten. Returns whether it was there.
    pub(crate) fn unbind(&self, number: u64) -> bool {
        let (was_bound, gone) = {
            let mut state = self.0.lock();
            match &mut state.news {
                Some(news) => news.unbind(number),
                None => return false,
            }
        };
        unwind::drop_apart(gone, "drop of an exit reason");
        was_bound
    }

    /// Ends all monitors and links: an incarnation has ended, and they were its own.
    pub(crate) fn unbind_all(&self) {
        let gone = match &mut self.0.lock().news {
            Some(news) => news.unbind_all(),
            None => return,
        };
        unwind::drop_apart(gone, "drop of an exit reason");
    }

    /// Says that links tell as messages from now on, or take the actor down again.
    pub(crate) fn set_traps(&self, traps: bool) {
        self.0.lock().news.get_or_insert_default().traps = traps;
    }

    /// Sets the turn of what was told: when this many messages have been taken.
    pub(crate) fn set_turn(&self, turn: u64) {
        if let Some(news) = &mut self.0.lock().news {
            news.set_turn(turn);
        }
    }

    /// Brings word of a monitor.
    pub(crate) fn told(&self, number: u64, end: Ending, missed: u64) {
        self.bring(|news| news.told(number, end, missed));
    }

    /// Brings word of a link of `of`.
    pub(crate) fn exited(&self, number: u64, of: &Id, end: Ending) {
        self.bring(|news| news.exited(number, of, end));
    }

    fn bring(&self, into: impl FnOnce(&mut News) -> Option<Tidings>) {
        let (waker, unheard) = {
            let mut state = self.0.lock();
            let Some(news) = &mut state.news else {
                return;
            };
            let unheard = into(news);
            (state.waker.take(), unheard)
        };
        // An error of a user is in there, whose drop may panic.
        unwind::drop_apart(unheard, "drop of an exit reason");
        unwind::wake_all(waker);
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
