//! What the parts of a runtime share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread::JoinHandle;

use greenroom_core::context::CancelCauseHandle;
use greenroom_core::current::{self, Handle};
use greenroom_core::error::Cause;
use greenroom_core::registry::{Registry, TaskSource};
use greenroom_core::{Context, Driver, Id, unwind};
use parking_lot::Mutex;

use super::shutdown::Account;
use super::{Home, Placement};
use crate::blocking::Jobs;
use crate::dead_letter::LetterBox;
use crate::hub::Hub;
use crate::latch::Latch;
use crate::scope::{Inner, ScopeError};

/// The shared part of a runtime. It does not keep the runtime open: its handles do.
pub(crate) struct Core {
    id: Id,
    context: Context,
    cancel: CancelCauseHandle,
    // Ends when a shutdown begins.
    closing: Context,
    close: CancelCauseHandle,
    registry: Registry,
    pub(super) keeper: Arc<Hub>,
    pub(super) hubs: Vec<Arc<Hub>>,
    drivers: Vec<Handle>,
    next: AtomicUsize,
    // How many waits for another's user code the actors have begun.
    waits: AtomicU64,
    letters: LetterBox,
    is_single: bool,
    // Whether nothing is to be started any more, in no scope.
    is_over: AtomicBool,
    pub(super) jobs: Arc<Jobs>,
    pub(super) account: Mutex<Account>,
    tracks_addresses: bool,
    pub(super) ended: Latch,
    pub(super) system: Mutex<Option<JoinHandle<()>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closing: bool,
    // Scopes without an outer one, by their number: the order in which they were opened.
    scopes: BTreeMap<u64, Weak<Inner>>,
    waiters: Vec<Waker>,
}

impl Core {
    pub(crate) fn new(
        keeper: Arc<Hub>,
        hubs: Vec<Arc<Hub>>,
        ended: Latch,
        system: Option<JoinHandle<()>>,
        home: Home,
    ) -> Arc<Self> {
        let id = Id::root();
        let registry = Registry::new();
        let (is_single, jobs) = (home.is_single, home.jobs.clone());
        let tracks_addresses = home.tracks_addresses;
        let (context, cancel) = Context::root(id.clone(), keeper.handle(), registry.clone());
        let context = context.with_value(home);
        let (closing, close) = context.with_cancel_cause();
        for hub in &hubs {
            let source: Arc<dyn TaskSource> = hub.clone();
            registry.add_source(&source);
        }
        Arc::new(Self {
            id,
            context,
            cancel,
            closing,
            close,
            registry,
            drivers: hubs.iter().map(Hub::handle).collect(),
            keeper,
            hubs,
            next: AtomicUsize::new(0),
            waits: AtomicU64::new(0),
            letters: LetterBox::new(),
            is_single,
            is_over: AtomicBool::new(false),
            jobs,
            account: Mutex::default(),
            tracks_addresses,
            ended,
            system: Mutex::new(system),
            state: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn closing(&self) -> &Context {
        &self.closing
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns where dead letters go to.
    pub(crate) fn letters(&self) -> &LetterBox {
        &self.letters
    }

    pub(crate) fn arbiters(&self) -> usize {
        self.hubs.len()
    }

    pub(crate) fn is_single(&self) -> bool {
        self.is_single
    }

    pub(crate) fn tracks_addresses(&self) -> bool {
        self.tracks_addresses
    }

    /// Returns the arbiter for something that is placed here from wherever this is called.
    pub(crate) fn home(&self) -> usize {
        self.current().unwrap_or_else(|| self.next_arbiter())
    }

    /// Numbers a wait of an actor. Of two of which one caused the other, the cause has the lower number.
    pub(crate) fn number_wait(&self) -> u64 {
        self.waits.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn driver_at(&self, arbiter: usize) -> Arc<dyn Driver> {
        self.drivers[arbiter % self.drivers.len()].driver().clone()
    }

    /// Returns the driver of the arbiter that a placement means; `home` stands for Here when this is
    /// called from outside.
    pub(crate) fn place(&self, placement: Placement, home: usize) -> Arc<dyn Driver> {
        self.driver_at(match placement {
            Placement::Here => self.current().unwrap_or(home),
            Placement::Spread => self.next_arbiter(),
            Placement::Arbiter(number) => number,
        })
    }

    fn next_arbiter(&self) -> usize {
        self.next.fetch_add(1, Relaxed) % self.hubs.len()
    }

    // The arbiter of this runtime that this thread is.
    fn current(&self) -> Option<usize> {
        let current = current::driver()?;
        let current: *const () = Arc::as_ptr(&current).cast();
        self.drivers
            .iter()
            .position(|handle| std::ptr::eq(Arc::as_ptr(handle.driver()).cast(), current))
    }

    /// Enters a scope that has no outer one, unless the runtime is closing.
    pub(crate) fn open_scope(&self, scope: &Arc<Inner>) -> Result<(), ScopeError> {
        let mut state = self.state.lock();
        if state.closing {
            return Err(ScopeError::ShutDown);
        }
        state
            .scopes
            .insert(scope.id.number(), Arc::downgrade(scope));
        Ok(())
    }

    /// Takes an ended scope out, if it was entered.
    pub(crate) fn close_scope(&self, id: &Id) {
        if !id.parent().is_some_and(|parent| parent.is_same(&self.id)) {
            return;
        }
        let (gone, waiters) = {
            let mut state = self.state.lock();
            let gone = state.scopes.remove(&id.number());
            let waiters = if state.scopes.is_empty() {
                std::mem::take(&mut state.waiters)
            } else {
                Vec::new()
            };
            (gone, waiters)
        };
        drop(gone);
        unwind::wake_all(waiters);
    }

    /// Ready when no scope is open.
    pub(super) fn poll_no_scopes(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.scopes.is_empty() {
            return Poll::Ready(());
        }
        if !state.waiters.iter().any(|w| w.will_wake(cx.waker())) {
            state.waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Refuses new scopes from now on.
    pub(super) fn refuse_new(&self) {
        self.state.lock().closing = true;
    }

    /// Says that a shutdown has begun.
    pub(super) fn tell_closing(&self) {
        self.close.cancel(Cause::Shutdown);
    }

    /// Refuses from now on whatever is new, also in open scopes.
    pub(super) fn refuse_all(&self) {
        self.is_over.store(true, Relaxed);
    }

    /// Returns whether nothing is to be started any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Returns the scopes without an outer one that are open, in the order in which they were opened.
    pub(super) fn open_scopes(&self) -> Vec<Arc<Inner>> {
        let scopes: Vec<_> = self.state.lock().scopes.values().cloned().collect();
        scopes.iter().filter_map(Weak::upgrade).collect()
    }

    /// Returns the open scopes without an outer one whose end somebody waits for.
    pub(super) fn scopes_waited_for(&self) -> Vec<Id> {
        let scopes: Vec<_> = self.state.lock().scopes.values().cloned().collect();
        let open = scopes.iter().filter_map(Weak::upgrade);
        open.filter(|scope| !scope.is_abandoned())
            .map(|scope| scope.id.clone())
            .collect()
    }

    /// Returns whether the arbiter of this name has ended, and with it all that ran there.
    pub(super) fn has_ended(&self, arbiter: &str) -> bool {
        let is_running = self.ended.running().iter().any(|name| name == arbiter);
        let mut hubs = self.hubs.iter().filter(|hub| hub.name() == arbiter);
        !is_running && hubs.all(|hub| hub.is_closed())
    }

    pub(super) fn cancel(&self, cause: Cause) {
        self.cancel.cancel(cause);
    }

    pub(super) fn close_hubs(&self) {
        for hub in &self.hubs {
            hub.close();
        }
        self.context.release_detached();
    }
}
