//! Channels: Go's, as the one queue of the system.
//!
//! [`rendezvous`] is `make(chan T)`, [`bounded`] is `make(chan T, n)`, [`never()`] is a nil channel to
//! receive from, and [`unbounded`] has no counterpart. Many senders, many receivers; each value goes to
//! one receiver. They work in and outside a runtime, from any thread and under any executor; inside
//! a task an operation ends with the task's context, and an operation in a context that has ended
//! fails before it does anything.
//!
//! # Invariants
//! 1. A value that was accepted is received once, or stored, or dropped with the last receiver.
//! 2. A send that failed or was dropped before has put nothing in.
//! 3. Waiting senders and receivers are served in the order in which they began to wait, and no
//!    newcomer overtakes them.
//! 4. A close reaches every waiting sender and receiver. What is stored stays receivable.
//! 5. What a task wrote before a send, or before a close, is seen by who received the value, or learned
//!    of the close. On a channel of capacity C the k-th receive is seen by the send k + C.
//!
//! # Ordering
//! Values come out in the order in which they were accepted. The values of one sender keep their order;
//! between senders there is none. With several receivers each value is taken in order, but what the
//! receivers do with theirs is not ordered.
//!
//! # A receive that is dropped
//! A waiting receive is handed its value directly. If it is dropped before it is polled again, the
//! value goes to the next waiting receiver, else back to the front. On a rendezvous channel there is no
//! place to store it: it counts as taken since the hand-over, its sender has completed, and it waits
//! aside. It goes to the next receiver, before any waiting sender; [`len`](Receiver::len) does not
//! count it; no new send completes while it is there; a close still delivers it; with the last receiver
//! it is dropped. On a bounded channel it counts, so that for a while the length may exceed the
//! capacity.
//!
//! # Differences from Go
//! - An operation on a closed channel is an error, not a panic or a zero value.
//! - Dropping the last sender closes, and so does dropping the last receiver: nobody waits for a peer
//!   that cannot come.
//! - Go's nil channel to send into has no counterpart; a disabled case of a select serves.
//!
//! As in Go, the compiler keeps the two ends apart: a receiver neither sends nor closes, a sender does
//! not receive, and neither becomes the other.
//! ```compile_fail,E0599
//! # let (tx, rx) = greenroom_core::channel::rendezvous::<u8>();
//! rx.send(1);
//! ```
//! ```compile_fail,E0599
//! # let (tx, rx) = greenroom_core::channel::rendezvous::<u8>();
//! rx.close();
//! ```
//! ```compile_fail,E0599
//! # let (tx, rx) = greenroom_core::channel::rendezvous::<u8>();
//! tx.recv();
//! ```
//! ```compile_fail,E0599
//! # let (tx, rx) = greenroom_core::channel::rendezvous::<u8>();
//! tx.stream();
//! ```
//! ```compile_fail,E0308
//! # use greenroom_core::channel::{self, Receiver, Sender};
//! # let (tx, rx) = channel::rendezvous::<u8>();
//! let both: Sender<u8> = rx;
//! ```

mod again;
mod chan;
mod closed;
mod error;
mod held;
mod kernel;
mod line;
mod party;
mod receiver;
mod recv;
mod send;
mod sender;
mod sink;
mod state;
mod stream;

pub use closed::Closed;
pub use error::{
    RecvBlockingError, RecvError, SendBlockingError, SendError, SendFromError, TryRecvError,
    TrySendError,
};
pub use held::Ends;
pub use receiver::Receiver;
pub use recv::{Recv, RecvMany};
pub use send::{Send, SendFrom};
pub use sender::{Sender, WeakSender};
pub use sink::SenderSink;
pub use stream::ReceiverStream;

pub(crate) use again::{ReceiveAgain, SendAgain};
use chan::Chan;
pub(crate) use held::{Account, Counts, accounts};
pub(crate) use line::Line;
pub(crate) use party::{Claim, Party, Taken};

/// Makes a channel without room: a send completes when a receiver takes its value.
///
/// # Examples
/// ```
/// # use greenroom_core::{channel, doc_support::block_on};
/// let (tx, rx) = channel::rendezvous();
/// let sender = std::thread::spawn(move || block_on(tx.send("hello")).is_ok());
/// assert_eq!(block_on(rx.recv()).ok(), Some("hello"));
/// assert!(sender.join().unwrap());
/// ```
#[must_use]
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    ends(Some(0))
}

/// Makes a channel that stores up to `capacity` values; a send waits while it is full.
///
/// A capacity of 0 makes a [`rendezvous`] channel, exactly as Go's `make(chan T, 0)` does. Memory for
/// the values is taken as they come, not in advance.
///
/// # Examples
/// ```
/// # use greenroom_core::channel;
/// let (tx, rx) = channel::bounded(2);
/// assert!(tx.try_send(1).is_ok() && tx.try_send(2).is_ok());
/// assert!(tx.try_send(3).unwrap_err().is_full());
/// assert_eq!((rx.len(), rx.capacity()), (2, Some(2)));
/// ```
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    ends(Some(capacity))
}

/// Makes a channel that stores any number of values; a send never waits.
///
/// It gives no back-pressure: whoever sends faster than the receivers receive fills the memory. Prefer
/// [`bounded`].
///
/// # Examples
/// ```
/// # use greenroom_core::channel;
/// let (tx, rx) = channel::unbounded();
/// assert!((0..1000).all(|n| tx.try_send(n).is_ok()));
/// assert_eq!((rx.len(), rx.capacity()), (1000, None));
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    ends(None)
}

/// Makes a receiver that is never ready and never closed: Go's nil channel.
///
/// A receive from it waits until the current context ends.
///
/// # Examples
/// ```
/// # use greenroom_core::channel::{self, TryRecvError};
/// let rx = channel::never::<u8>();
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
/// assert!(!rx.is_closed());
/// ```
#[must_use]
pub fn never<T>() -> Receiver<T> {
    // Its count of senders stays at one without a sender, so nothing can send or close.
    Receiver {
        chan: Chan::new(Some(0)),
    }
}

fn ends<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
    let chan = Chan::new(capacity);
    (Sender { chan: chan.clone() }, Receiver { chan })
}
