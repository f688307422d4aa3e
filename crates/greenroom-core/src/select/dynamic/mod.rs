//! A select whose cases are made while the program runs.
//!
//! # Invariants
//! 1. Between two waits no case is in a queue: what a case has, its value to send above all, is its
//!    own again.
//! 2. The closure of a case runs when the select is over, outside any step of the kernel.

mod case;
mod entries;

use std::fmt;
use std::future::Future;
use std::task::{Context as TaskContext, Waker};
use std::time::{Duration, Instant};

use self::case::{Mapped, Operation, Other};
use self::entries::{Entry, Selected};
use super::Selecting;
use crate::Context;
use crate::channel::{
    ReceiveAgain, Receiver, RecvError, SendAgain, SendError, SendFromError, Sender,
};
use crate::error::ContextError;
use crate::time::{self, TickError, Ticker, Timer};
use crate::unwind;

/// A select over a set of cases that is made at run time: Go's `reflect.Select`, and loops over n
/// channels.
///
/// Each case maps its result into one type `O`, and [`wait`](Self::wait) gives the case that fired with
/// it. The cases stay for the next wait, until they are [removed](Self::remove); those that can fire
/// once only, such as a send, go by themselves when they have. Use [`select!`](crate::select!) where
/// the cases are known: it needs no closures.
///
/// It has the guarantees of that: one atomic step, equal chances or the order in which the cases were
/// added, and a case that loses takes nothing and keeps what it has. There may be any number of cases,
/// several of one channel too; a wait costs time in proportion to it.
///
/// A case holds a handle of its channel until it goes: the channel is not closed for want of that end.
///
/// # Differences from Go
/// - A receive from a closed channel is ready each time, as in Go; remove the case, where Go sets the
///   channel to nil.
/// - No case at all waits until the current context ends, where Go's waits for ever.
/// - The end of the current context is an error of [`wait`](Self::wait), not of a case.
///
/// # Examples
/// ```
/// # use greenroom_core::{channel, doc_support::block_on, select::Select};
/// # block_on(async {
/// let inputs: Vec<_> = (0..3).map(|n| {
///     let (tx, rx) = channel::bounded(1);
///     assert!(tx.try_send(n).is_ok());
///     rx // its sender is gone: it closes behind the value
/// }).collect();
///
/// let mut select = Select::new();
/// for rx in &inputs {
///     select.recv(rx, |got| got);
/// }
/// let mut sum = 0;
/// while !select.is_empty() {
///     match select.wait().await? {
///         (_, Ok(value)) => sum += value,
///         (case, Err(_closed)) => assert!(select.remove(case)),
///     }
/// }
/// assert_eq!(sum, 3);
/// assert!(select.try_wait().is_none());
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
///
/// Cases of several types give one of an enum:
/// ```
/// # use greenroom_core::{channel::{self, RecvError, SendError}, doc_support::{block_on, root}};
/// # use greenroom_core::select::Select;
/// # block_on(async {
/// enum Event {
///     Job(Result<u32, RecvError>),
///     Sent(Result<(), SendError<&'static str>>),
///     Stop,
/// }
/// let (_jobs, rx) = channel::bounded::<u32>(1);
/// let (tx, _results) = channel::bounded(1);
/// # let context = root();
/// let mut select = Select::biased();
/// select.done(&context, |_| Event::Stop);
/// select.recv(&rx, Event::Job);
/// let sent = select.send(&tx, "hello", Event::Sent);
/// match select.wait().await? {
///     (case, Event::Sent(Ok(()))) => assert_eq!(case, sent),
///     (_, Event::Sent(Err(_)) | Event::Job(_) | Event::Stop) => unreachable!("only a send is ready"),
/// }
/// assert!(!select.remove(sent), "it went when it fired");
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
pub struct Select<'a, O> {
    // In the order of their numbers, which is that in which they were added.
    entries: Vec<Entry<'a, O>>,
    next: u64,
    fair: bool,
}

/// Names a case of one [`Select`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseId(u64);

impl<'a, O: 'a> Select<'a, O> {
    /// Makes a select without a case, which chooses among those that are ready with equal chances.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            next: 0,
            fair: true,
        }
    }

    /// Makes a select without a case, which chooses the first that is ready, in the order in which they
    /// were added.
    #[must_use]
    pub fn biased() -> Self {
        let mut select = Self::new();
        select.fair = false;
        select
    }

    /// Adds a receive.
    ///
    /// The result is a value, or [`RecvError::Closed`]. It stays for the next wait, also when it is
    /// closed.
    pub fn recv<T, F>(&mut self, rx: &Receiver<T>, map: F) -> CaseId
    where
        T: Send + 'a,
        F: FnMut(Result<T, RecvError>) -> O + Send + 'a,
    {
        self.add(false, Operation::new(ReceiveAgain::new(rx), map))
    }

    /// Adds a send of a value.
    ///
    /// It goes when it has fired: with the value sent, or with [`SendError::Closed`] and the value. Until
    /// then the select keeps the value, over all waits in which another case fires; it is dropped with
    /// the case. To get it back use [`send_from`](Self::send_from).
    pub fn send<T, F>(&mut self, tx: &Sender<T>, value: T, map: F) -> CaseId
    where
        T: Send + 'a,
        F: FnOnce(Result<(), SendError<T>>) -> O + Send + 'a,
    {
        let send = SendAgain::new(tx, Some(value));
        self.add(true, Operation::new(send, once(map)))
    }

    /// Adds a send of the value in a slot.
    ///
    /// It goes when it has fired: with the value sent and the slot empty, or with
    /// [`SendFromError::Closed`], or [`SendFromError::Empty`] if there was no value. While nobody waits,
    /// and when the case goes without that, the value is in its slot.
    pub fn send_from<T, F>(&mut self, tx: &Sender<T>, slot: &'a mut Option<T>, map: F) -> CaseId
    where
        T: Send + 'a,
        F: FnOnce(Result<(), SendFromError>) -> O + Send + 'a,
    {
        let send = SendAgain::new(tx, slot);
        self.add(true, Operation::new(send, once(map)))
    }

    /// Adds a time-out, which counts from this call and not from the wait. It goes when it has fired.
    ///
    /// # Panics
    /// If it is called outside a runtime, where there is no clock.
    pub fn after<F>(&mut self, duration: Duration, map: F) -> CaseId
    where
        F: FnOnce(Instant) -> O + Send + 'a,
    {
        self.add(true, Operation::new(time::after(duration), once(map)))
    }

    /// Adds the ticks of a ticker. They never fail. It stays for the next wait.
    pub fn tick<F>(&mut self, ticker: &Ticker, map: F) -> CaseId
    where
        F: FnMut(Result<Instant, TickError>) -> O + Send + 'a,
    {
        self.add(false, Operation::new(ticker.tick(), map))
    }

    /// Adds the firing of a timer. It never fails. It stays for the next wait: the timer may be set anew.
    pub fn fired<F>(&mut self, timer: &Timer, map: F) -> CaseId
    where
        F: FnMut(Result<Instant, TickError>) -> O + Send + 'a,
    {
        self.add(false, Operation::new(timer.fired(), map))
    }

    /// Adds the end of a context. It stays for the next wait, and is ready ever after.
    pub fn done<F>(&mut self, context: &Context, map: F) -> CaseId
    where
        F: FnMut(ContextError) -> O + Send + 'a,
    {
        self.add(false, Operation::new(context.done(), map))
    }

    /// Adds any other future, which is polled, without the guarantees of the kernel's cases. It goes
    /// when it has fired.
    pub fn future<T, F>(&mut self, future: T, map: F) -> CaseId
    where
        T: Future + Send + 'a,
        T::Output: Send,
        F: FnOnce(T::Output) -> O + Send + 'a,
    {
        self.add(true, Other::new(future, once(map)))
    }

    /// Removes a case. Returns whether it was there.
    pub fn remove(&mut self, case: CaseId) -> bool {
        let place = self
            .entries
            .binary_search_by_key(&case.0, |entry| entry.number);
        place.map(|place| self.entries.remove(place)).is_ok()
    }

    /// Returns how many cases there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there is no case.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Waits until one case can fire, fires exactly that one, and gives it with its result.
    ///
    /// # Errors
    /// How the current context ended, if it did first; no case has fired. If a case waits for the end of
    /// a context that has ended ([`done`](Self::done)), that one is simply ready, beside others that are.
    ///
    /// # Cancel safety
    /// Cancel safe: a value that was handed to the dropped wait goes to the next receiver, a value to
    /// send stays with its case, unless it was accepted before: then it is as if the case had fired,
    /// and a later wait gives that first. The cases stay.
    pub async fn wait(&mut self) -> Result<(CaseId, O), ContextError> {
        let fair = self.fair;
        let place = Selecting::new(self.selected(true), fair).await?;
        Ok(self.finish(place))
    }

    /// Fires a case that is ready, or gives `None` if at one instant none was. It does not ask the
    /// current context.
    pub fn try_wait(&mut self) -> Option<(CaseId, O)> {
        let fair = self.fair;
        let mut selecting = Selecting::new(self.selected(false), fair);
        let fired = selecting.at_once(&mut TaskContext::from_waker(Waker::noop()));
        drop(selecting);
        let place = fired?.ok()?;
        Some(self.finish(place))
    }

    fn selected(&mut self, ends: bool) -> Selected<'_, 'a, O> {
        Selected {
            entries: &mut self.entries,
            ends,
        }
    }

    fn add(&mut self, once: bool, case: impl Mapped<O> + Send + 'a) -> CaseId {
        let number = self.next;
        self.next += 1;
        self.entries.push(Entry {
            number,
            once,
            case: Box::new(case),
        });
        CaseId(number)
    }

    fn finish(&mut self, place: usize) -> (CaseId, O) {
        let case = CaseId(self.entries[place].number);
        if !self.entries[place].once {
            return (case, self.entries[place].case.finish());
        }
        let mut entry = self.entries.remove(place);
        // A closure that panics must not drop what else the case has in that unwinding.
        let output = unwind::catch(|| entry.case.finish());
        unwind::drop_apart(entry.case, DROP);
        match output {
            Ok(output) => (case, output),
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }
}

const DROP: &str = "drop of a select's case";

// Each apart: it may go in an unwinding.
impl<O> Drop for Select<'_, O> {
    fn drop(&mut self) {
        for entry in self.entries.drain(..) {
            unwind::drop_apart(entry.case, DROP);
        }
    }
}

/// For a case that goes when it has fired.
fn once<T, O>(map: impl FnOnce(T) -> O) -> impl FnMut(T) -> O {
    let mut map = Some(map);
    move |output| match map.take() {
        Some(map) => map(output),
        None => unreachable!("the case went when it fired"),
    }
}

impl<'a, O: 'a> Default for Select<'a, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O> fmt::Debug for Select<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("len", &self.entries.len())
            .field("fair", &self.fair)
            .finish_non_exhaustive()
    }
}
