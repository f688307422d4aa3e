//! Messages that were accepted and will not be handled.
//!
//! # Invariants
//! 1. Without a subscriber no letter is made: the message is dropped where it was given up.
//! 2. A subscriber's stream is bounded, and nobody waits for it. A letter that finds no place there is
//!    counted, and the next that finds one tells how many were missed before it.
//! 3. A message is in one place. Of several subscribers the first that takes it has it; what nobody takes
//!    is dropped with the last copy of its letter, in a catch.
//! 4. No lock is held while a letter is delivered or dropped.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_core::Stream;
use greenroom_core::channel::{
    self, Receiver, ReceiverStream, Recv, Sender, TryRecvError, TrySendError,
};
use greenroom_core::current::Handle;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::{Id, Panic, unwind};
use parking_lot::Mutex;

use crate::mailbox::Overflow;
use crate::reply::NoReply;

/// A message that an actor had accepted, and that will not be handled, or not to the end.
///
/// A copy goes to each subscriber; see [`Runtime::dead_letters`](crate::Runtime::dead_letters).
#[derive(Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The actor that it was sent to.
    pub to: Id,
    /// The name of the message's type.
    pub message_type: &'static str,
    /// Why it will not be handled.
    pub why: Undelivered,
    /// Who sent it, if that is known: the one who waits for its answer, or whose send a full mailbox turned
    /// away.
    pub from: Option<Id>,
    /// How many letters this subscriber missed just before this one, since it was slow.
    pub missed: u64,
    // None if the message went into its handler.
    message: Option<Arc<Message>>,
}

/// Why a message will not be handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Undelivered {
    /// It was queued when its actor ended.
    Ended,
    /// It was queued when its actor, which had failed, was given up.
    GivenUp,
    /// The mailbox was full and dropped it, by this policy.
    Dropped(Overflow),
    /// Its deadline passed while it was queued.
    Expired,
    /// Its asker had gone when its turn came.
    Abandoned,
    /// The context that it was sent in was cancelled before its turn came.
    Cancelled,
    /// Its handler was dropped before it returned: its context or its actor had ended.
    Cut,
    /// Its handler panicked.
    Panicked(Panic),
    /// Its handler panicked at each try; see [`Address::redelivered`](crate::Address::redelivered).
    Poisoned {
        /// How often it was tried.
        tries: u32,
        /// The last panic.
        panic: Panic,
    },
}

impl Undelivered {
    /// What its asker is told.
    pub(crate) fn no_reply(&self) -> NoReply {
        match self {
            Self::GivenUp => NoReply::Restarting,
            Self::Dropped(_) => NoReply::Overflow,
            Self::Expired => NoReply::Expired,
            Self::Panicked(panic) | Self::Poisoned { panic, .. } => {
                NoReply::Panicked(panic.clone())
            }
            Self::Ended | Self::Abandoned | Self::Cancelled | Self::Cut => NoReply::Closed,
        }
    }
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the actor ended before it was handled"),
            Self::GivenUp => f.write_str("the actor failed and was given up before it was handled"),
            Self::Dropped(policy) => write!(f, "the mailbox was full and dropped it ({policy:?})"),
            Self::Expired => f.write_str("its deadline passed in the mailbox"),
            Self::Abandoned => f.write_str("nobody waited for the answer any more"),
            Self::Cancelled => f.write_str("its context was cancelled before it was handled"),
            Self::Cut => f.write_str("its handler was dropped before it returned"),
            Self::Panicked(panic) => fmt::Display::fmt(panic, f),
            Self::Poisoned { tries, panic } => write!(f, "set aside after {tries} tries: {panic}"),
        }
    }
}

impl DeadLetter {
    /// Takes the message out, if it is still there and of this type.
    ///
    /// It is there unless its handler had it, or another subscriber has taken it: of several subscribers
    /// one gets it.
    #[must_use]
    pub fn take<M: 'static>(&self) -> Option<M> {
        let message = {
            let mut place = self.message.as_ref()?.0.lock();
            if !place.as_ref()?.is::<M>() {
                return None;
            }
            place.take()?
        };
        message.downcast().ok().map(|message| *message)
    }

    /// Returns whether the message is there to be taken.
    #[must_use]
    pub fn has_message(&self) -> bool {
        (self.message.as_ref()).is_some_and(|message| message.0.lock().is_some())
    }
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.message_type, self.to)?;
        if let Some(from) = &self.from {
            write!(f, " from {from}")?;
        }
        write!(f, ": {}", self.why)
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("to", &self.to)
            .field("message_type", &self.message_type)
            .field("why", &self.why)
            .field("from", &self.from)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

struct Message(Mutex<Option<Box<dyn Any + Send>>>);

// Invariant 3.
impl Drop for Message {
    fn drop(&mut self) {
        unwind::drop_apart(self.0.get_mut().take(), "drop of a dead letter");
    }
}

/// The dead letters of a runtime, as one subscriber gets them: a stream, which ends with the runtime.
///
/// Made by [`Runtime::dead_letters`](crate::Runtime::dead_letters). Dropping it ends the subscription.
/// As a stream it may hold a letter between two polls, which [`recv`](Self::recv) does not see: use one or
/// the other.
#[must_use = "letters are kept for it until it is dropped"]
pub struct DeadLetters {
    letters: Receiver<DeadLetter>,
    stream: ReceiverStream<DeadLetter>,
    subscriber: Arc<Subscriber>,
    list: Weak<List>,
}

impl DeadLetters {
    /// How many letters wait for a subscriber at most, unless told otherwise.
    pub const CAPACITY: usize = 1024;

    /// Waits for the next letter.
    ///
    /// # Errors
    /// [`RecvError::Closed`](channel::RecvError::Closed) when the runtime has ended and all were received;
    /// else how the current context ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a future that is dropped takes no letter.
    pub fn recv(&self) -> Recv<'_, DeadLetter> {
        self.letters.recv()
    }

    /// Takes the next letter if there is one now.
    ///
    /// # Errors
    /// [`TryRecvError`]: there is none, or there will be none any more.
    pub fn try_recv(&self) -> Result<DeadLetter, TryRecvError> {
        self.letters.try_recv()
    }

    /// Returns how many letters this subscriber has missed in all, since it was slow. Each letter tells in
    /// [`missed`](DeadLetter::missed) how many were missed just before it.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscriber.all_missed.load(Acquire)
    }
}

impl Stream for DeadLetters {
    type Item = DeadLetter;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<DeadLetter>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl Drop for DeadLetters {
    fn drop(&mut self) {
        if let Some(list) = self.list.upgrade() {
            list.remove(&self.subscriber);
        }
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("waiting", &self.letters.len())
            .field("missed", &self.missed())
            .finish_non_exhaustive()
    }
}

/// Where the dead letters of a runtime go to.
pub(crate) struct LetterBox(Arc<List>);

struct List {
    // Whether there is a subscriber. Changed under the lock, read without it.
    is_watched: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_closed: bool,
    subscribers: Vec<Arc<Subscriber>>,
}

struct Subscriber {
    sender: Sender<DeadLetter>,
    // Since the last letter that found a place.
    missed: AtomicU64,
    all_missed: AtomicU64,
}

impl LetterBox {
    pub(crate) fn new() -> Self {
        Self(Arc::new(List {
            is_watched: AtomicBool::new(false),
            state: Mutex::default(),
        }))
    }

    /// Returns whether anybody wants letters. Invariant 1.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.0.is_watched.load(Relaxed)
    }

    pub(crate) fn subscribe(&self, capacity: usize) -> DeadLetters {
        let (sender, letters) = channel::bounded(capacity);
        let subscriber = Arc::new(Subscriber {
            sender,
            missed: AtomicU64::new(0),
            all_missed: AtomicU64::new(0),
        });
        let is_closed = {
            let mut state = self.0.state.lock();
            if !state.is_closed {
                state.subscribers.push(subscriber.clone());
                self.0.is_watched.store(true, Release);
            }
            state.is_closed
        };
        if is_closed {
            subscriber.sender.close();
        }
        DeadLetters {
            stream: letters.clone().stream(),
            letters,
            subscriber,
            list: Arc::downgrade(&self.0),
        }
    }

    /// Sends a letter to all subscribers, each by an event of the runtime's driver.
    pub(crate) fn post(&self, home: &Handle, letter: Letter) {
        let Letter {
            to,
            message_type,
            why,
            from,
            message,
        } = letter;
        let letter = DeadLetter {
            to,
            message_type,
            why,
            from,
            missed: 0,
            message: message.map(|message| Arc::new(Message(Mutex::new(Some(message))))),
        };
        // Invariant 4.
        let subscribers = self.0.state.lock().subscribers.clone();
        for subscriber in subscribers {
            let letter = letter.clone();
            let stream = subscriber.sender.id().cloned();
            driver::deliver_at(
                home,
                EventKind::Message,
                || stream,
                "dead letter",
                move || subscriber.put(letter),
            );
        }
    }

    /// Ends all streams, when what is in them was received.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

/// What a dead letter is made of.
pub(crate) struct Letter {
    pub(crate) to: Id,
    pub(crate) message_type: &'static str,
    pub(crate) why: Undelivered,
    pub(crate) from: Option<Id>,
    pub(crate) message: Option<Box<dyn Any + Send>>,
}

impl List {
    fn remove(&self, subscriber: &Arc<Subscriber>) {
        let gone = {
            let mut state = self.state.lock();
            let (gone, left) = (std::mem::take(&mut state.subscribers).into_iter())
                .partition::<Vec<_>, _>(|other| Arc::ptr_eq(other, subscriber));
            state.subscribers = left;
            self.is_watched
                .store(!state.subscribers.is_empty(), Release);
            gone
        };
        drop(gone);
    }

    fn close(&self) {
        let gone = {
            let mut state = self.state.lock();
            state.is_closed = true;
            self.is_watched.store(false, Release);
            std::mem::take(&mut state.subscribers)
        };
        for subscriber in gone {
            subscriber.sender.close();
        }
    }
}

impl Subscriber {
    /// Puts a letter into the stream. Invariant 2.
    fn put(&self, mut letter: DeadLetter) {
        letter.missed = self.missed.swap(0, AcqRel);
        if let Err(TrySendError::Full(letter)) = self.sender.try_send(letter) {
            self.missed.fetch_add(letter.missed + 1, AcqRel);
            self.all_missed.fetch_add(1, AcqRel);
        }
    }
}

impl Drop for LetterBox {
    fn drop(&mut self) {
        self.close();
    }
}
