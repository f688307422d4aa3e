//! Who waits in a queue: one future by itself, or a select in several queues at once.
//!
//! # Invariants
//! 1. A claim goes to claimed once, for one case: from waiting by a peer, from waiting or busy by a
//!    signal. It does not come back while the select has an entry anywhere.
//! 2. Only the select's owner moves it between busy and waiting. While it is busy no peer may use any
//!    entry of that select: its owner is at work. A signal may, since it hands nothing over.
//! 3. An entry with a claimed claim is dead for every case but the claimed one: whoever meets it in a
//!    queue takes it out of the queue.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

const BUSY: usize = 0;
const WAITING: usize = 1;
const CLAIMED: usize = 2;

/// The one decision that all entries of a parked select share.
pub struct Claim {
    // Its partner everywhere is another access to itself; what an entry holds is guarded by the lock
    // of its channel.
    state: AtomicUsize,
    // Written by the owner when it is polled; taken by the peer that claims. Locked inside the lock of
    // a channel or a signal, and nothing runs or is locked inside it.
    waker: Mutex<Option<Waker>>,
}

impl Claim {
    pub(crate) fn new(waker: &Waker) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicUsize::new(BUSY),
            waker: Mutex::new(Some(waker.clone())),
        })
    }

    /// Says whom to wake; the owner looks at the state after it, never before.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        let known = self.waker.lock();
        if known.as_ref().is_some_and(|w| w.will_wake(waker)) {
            return;
        }
        drop(known);
        let waker = waker.clone();
        let old = self.waker.lock().replace(waker);
        drop(old);
    }

    /// Begins anew and lets peers claim. Only the owner calls it, while it has no entry anywhere.
    pub(crate) fn open(&self) {
        self.state.store(WAITING, Ordering::SeqCst);
    }

    /// Lets peers claim again after [`hold`](Self::hold). It fails with the claimed case if a signal
    /// came first.
    pub(crate) fn reopen(&self) -> Result<(), usize> {
        match self
            .state
            .compare_exchange(BUSY, WAITING, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) | Err(WAITING) => Ok(()),
            Err(claimed) => Err(claimed - CLAIMED),
        }
    }

    /// Claims for a case that hands nothing over, also while the owner is at work. Returns whom to wake.
    pub(crate) fn signal(&self, case: usize) -> Option<Waker> {
        let unclaimed = |state| (state < CLAIMED).then_some(CLAIMED + case);
        match self
            .state
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, unclaimed)
        {
            Ok(_) => self.waker.lock().take(),
            Err(_) => None,
        }
    }

    /// Keeps peers away. It fails with the claimed case if a peer or a signal came first.
    pub(crate) fn hold(&self) -> Result<(), usize> {
        match self
            .state
            .compare_exchange(WAITING, BUSY, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) | Err(BUSY) => Ok(()),
            Err(claimed) => Err(claimed - CLAIMED),
        }
    }

    /// Returns the claimed case.
    pub(crate) fn claimed(&self) -> Option<usize> {
        self.state.load(Ordering::SeqCst).checked_sub(CLAIMED)
    }

    fn is_waiting(&self) -> bool {
        self.state.load(Ordering::SeqCst) == WAITING
    }

    fn take(&self, case: usize) -> Taken {
        match self.state.compare_exchange(
            WAITING,
            CLAIMED + case,
            Ordering::SeqCst,
            Ordering::SeqCst,
        ) {
            Ok(_) => Taken::Yes(self.waker.lock().take()),
            Err(BUSY) => Taken::Busy,
            Err(_) => Taken::Dead,
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim")
    }
}

/// The owner of an entry in a queue.
pub(crate) enum Party {
    /// A send or receive by itself. The waker is taken by whoever completes it.
    Plain(Option<Waker>),
    /// A case of a select.
    Select(Arc<Claim>, usize),
}

/// What became of an attempt to use a waiting party.
pub(crate) enum Taken {
    /// It is ours; wake it after the lock is gone.
    Yes(Option<Waker>),
    /// It is at work just now; it looks at this channel again before it waits.
    Busy,
    /// It is another's.
    Dead,
}

impl Party {
    pub(crate) fn take(&mut self) -> Taken {
        match self {
            Self::Plain(waker) => Taken::Yes(waker.take()),
            Self::Select(claim, case) => claim.take(*case),
        }
    }

    /// Returns whether another party than `me` could use it now.
    pub(super) fn is_open_to(&self, me: Option<&Arc<Claim>>) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Select(claim, _) => {
                me.is_none_or(|me| !Arc::ptr_eq(me, claim)) && claim.is_waiting()
            }
        }
    }
}
