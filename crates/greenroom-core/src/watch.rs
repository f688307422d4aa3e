//! One value that its owner publishes and anyone reads: the last one, as a snapshot.
//!
//! It is the one cell of the kernel. What must not be missed goes through a
//! [`channel`](crate::channel); here a reader sees the newest value and may miss those between.
//!
//! # Invariants
//! 1. The version goes up by one with each publish, under the lock under which the value changes.
//! 2. A waiter is entered under the lock under which it saw nothing newer, so no publish is missed.
//! 3. No waker and no value of a user is woken or dropped under the lock.
//!
//! # Ordering
//! What the publisher wrote before a publish is seen by whoever reads that value or a newer one. A
//! handle never goes back: each read gives the same version as the one before, or a newer one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use slab::Slab;

use crate::current;
use crate::driver::{self, EventKind, Operation};
use crate::error::{Cause, ContextError};
use crate::id::Id;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::task::WaitKind;
use crate::unwind;
use crate::wait::Wait;

/// Makes a watched value: the one handle that writes it, and a first handle that reads it.
///
/// The value given here has version 0 and counts as seen.
///
/// # Examples
/// ```
/// # use greenroom_core::{watch, doc_support::block_on};
/// # block_on(async {
/// let (publisher, watch) = watch::channel(1);
/// assert_eq!(*watch.get(), 1);
/// publisher.publish(2);
/// publisher.publish(3);
/// assert_eq!(*watch.changed().await?, 3);
/// drop(publisher);
/// assert!(matches!(watch.changed().await, Err(watch::WatchError::Closed)));
/// assert_eq!(*watch.get(), 3);
/// # Ok::<(), greenroom_core::Failure>(())
/// # }).unwrap();
/// ```
#[must_use]
pub fn channel<T>(value: T) -> (Publisher<T>, Watch<T>) {
    let cell = Arc::new(Cell {
        id: current::object_id("watch"),
        state: Mutex::new(State {
            value: Some(Arc::new(value)),
            version: 0,
            closed: false,
            waiters: Slab::new(),
        }),
    });
    let watch = Watch {
        cell: cell.clone(),
        seen: AtomicU64::new(0),
    };
    (Publisher { cell }, watch)
}

/// Writes a watched value. There is one for each value, held by its owner; dropping it closes.
pub struct Publisher<T> {
    cell: Arc<Cell<T>>,
}

/// Reads a watched value. Cloning gives another handle, which has seen what this one has.
pub struct Watch<T> {
    cell: Arc<Cell<T>>,
    // Only ever grows; a handle that is shared between threads has seen what any of them has.
    seen: AtomicU64,
}

/// Why [`Watch::changed`] gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The publisher is gone, and its last value has been seen.
    #[error("watch on a value whose publisher is gone")]
    Closed,
    /// The current context was cancelled before the value changed.
    #[error("watch cancelled: {0}")]
    Cancelled(Cause),
    /// The deadline of the current context passed before the value changed.
    #[error("deadline exceeded while watching")]
    Deadline,
}

impl<T> Publisher<T> {
    /// Publishes a value: readers get it from now on, waiters are woken.
    pub fn publish(&self, value: T) {
        self.publish_arc(Arc::new(value));
    }

    /// Publishes a value that is shared already.
    pub fn publish_arc(&self, value: Arc<T>) {
        let (old, woken) = {
            let mut state = self.cell.state.lock();
            state.version += 1;
            let old = state.value.replace(value);
            (old, state.take_waiters())
        };
        self.cell.report(Operation::WatchPublish);
        unwind::wake_all(woken);
        // The end of an old value is not the failure of who has a new one.
        drop_value(old);
    }

    /// Returns the last value.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        let value = self.cell.state.lock().value();
        self.cell.report(Operation::WatchRead);
        value
    }
}

impl<T> Watch<T> {
    /// Returns the last value, which counts as seen from now on.
    ///
    /// It works after the publisher is gone, too.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        let (value, version) = {
            let state = self.cell.state.lock();
            (state.value(), state.version)
        };
        self.see(version);
        value
    }

    /// Returns the version of the last value: how often one was published.
    #[must_use]
    pub fn version(&self) -> u64 {
        let version = self.cell.state.lock().version;
        self.cell.report(Operation::WatchRead);
        version
    }

    /// Returns whether the last value is newer than the one this handle saw last.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.version() > self.seen.load(Ordering::Acquire)
    }

    /// Waits for a value newer than the one this handle saw last, and returns the newest.
    ///
    /// Values published in between are not given: it tells the state, not each change.
    ///
    /// # Errors
    /// - [`WatchError::Closed`]: the publisher is gone, and its last value was seen.
    /// - [`WatchError::Cancelled`], [`WatchError::Deadline`]: the current context ended first.
    ///
    /// # Cancel safety
    /// Cancel safe: a value counts as seen only when it was returned.
    pub fn changed(&self) -> Changed<'_, T> {
        Changed {
            watch: self,
            entry: None,
            wait: Wait::new(WaitKind::Watch),
        }
    }

    fn see(&self, version: u64) {
        self.seen.fetch_max(version, Ordering::AcqRel);
        self.cell.report(Operation::WatchRead);
    }
}

/// Completes with the next value that is news to its handle. Made by [`Watch::changed`].
///
/// # Cancel safety
/// Cancel safe: dropping it leaves nothing behind.
#[must_use = "futures do nothing unless polled"]
pub struct Changed<'a, T> {
    watch: &'a Watch<T>,
    entry: Option<usize>,
    wait: Wait,
}

impl<T> Changed<'_, T> {
    /// Looks for news; without any, enters the waker.
    fn look(&mut self, waker: &Waker) -> Poll<Result<(Arc<T>, u64), WatchError>> {
        let seen = self.watch.seen.load(Ordering::Acquire);
        // The old waker goes after the lock.
        let _old = {
            let mut state = self.watch.cell.state.lock();
            if state.version > seen {
                return Poll::Ready(Ok((state.value(), state.version)));
            }
            if state.closed {
                return Poll::Ready(Err(WatchError::Closed));
            }
            match self.entry.and_then(|key| state.waiters.get_mut(key)) {
                Some(Some(there)) if there.will_wake(waker) => None,
                Some(there) => there.replace(waker.clone()),
                None => {
                    self.entry = Some(state.waiters.insert(Some(waker.clone())));
                    None
                }
            }
        };
        Poll::Pending
    }

    fn leave(&mut self) {
        self.wait.end();
        if let Some(key) = self.entry.take() {
            let waker = self.watch.cell.state.lock().waiters.remove(key);
            unwind::drop_apart(waker, "drop of a waker");
        }
    }
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<Arc<T>, WatchError>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.entry.is_none()
            && let Some(ended) = Wait::ended()
        {
            return Poll::Ready(Err(ended.into()));
        }
        let mut poll = this.look(cx.waker());
        if poll.is_pending() {
            let id = &this.watch.cell.id;
            let ended = this.wait.poll(cx, || id.clone(), None);
            poll = ended.map(|error| Err(error.into()));
        }
        if poll.is_ready() {
            this.leave();
        }
        poll.map_ok(|(value, version)| {
            this.watch.see(version);
            value
        })
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        let woken = {
            let mut state = self.cell.state.lock();
            state.closed = true;
            state.take_waiters()
        };
        self.cell.report(Operation::Close);
        unwind::wake_all(woken);
    }
}

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        Self {
            cell: self.cell.clone(),
            seen: AtomicU64::new(self.seen.load(Ordering::Acquire)),
        }
    }
}

impl From<ContextError> for WatchError {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled(cause) => Self::Cancelled(cause),
            ContextError::Deadline(_) => Self::Deadline,
        }
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.cell.state.lock().version;
        f.debug_struct("Publisher")
            .field("id", &self.cell.id)
            .field("version", &version)
            .finish()
    }
}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.cell.state.lock().version;
        f.debug_struct("Watch")
            .field("id", &self.cell.id)
            .field("version", &version)
            .field("seen", &self.seen)
            .finish()
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").finish_non_exhaustive()
    }
}

struct Cell<T> {
    id: Option<Id>,
    state: Mutex<State<T>>,
}

struct State<T> {
    // Some until it is dropped.
    value: Option<Arc<T>>,
    version: u64,
    closed: bool,
    /// A waiter's waker is taken when it is woken; its entry is its own until it leaves.
    waiters: Slab<Option<Waker>>,
}

impl<T> Cell<T> {
    fn report(&self, operation: Operation) {
        driver::report(EventKind::Operation(operation), || self.id.clone(), "watch");
    }
}

// The last handle may go in an unwinding.
impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        drop_value(self.state.get_mut().value.take());
    }
}

fn drop_value<T>(value: Option<Arc<T>>) {
    unwind::drop_apart(value, std::any::type_name::<T>());
}

impl<T> State<T> {
    fn value(&self) -> Arc<T> {
        match &self.value {
            Some(value) => value.clone(),
            None => unreachable!("the value is there until the drop"),
        }
    }

    fn take_waiters(&mut self) -> Vec<Waker> {
        self.waiters
            .iter_mut()
            .filter_map(|(_, waker)| waker.take())
            .collect()
    }
}
