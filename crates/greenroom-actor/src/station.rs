//! What an actor's addresses, its scope, the registry and the actor itself share.

use std::any::Any;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use greenroom_core::channel::WeakSender;
use greenroom_core::context::CancelCauseHandle;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::error::Cause;
use greenroom_core::registry::{ActorState, AddressRecord, Doing, MessageCounts, Registered};
use greenroom_core::task::TaskInfo;
use greenroom_core::{Context, ExitReason, Id, unwind};
use parking_lot::Mutex;
use slab::Slab;

use crate::actor::Actor;
use crate::address::{Address, Tickets, WeakAddress};
use crate::dead_letter::{Letter, Undelivered};
use crate::engine::HostedAddress;
use crate::mailbox::{BoxedEnvelope, Control, Order, Overflow, Signal};
use crate::scope::{self, Child};
use crate::supervision::Leash;
use crate::tally::Tally;
use crate::work::Work;

/// The cell beside one actor, which lives over its restarts and does not keep it alive.
pub(crate) struct Station<A: Actor> {
    pub(crate) info: Arc<TaskInfo>,
    pub(crate) scope: Arc<scope::Inner>,
    /// The actor's own context.
    pub(crate) context: Context,
    pub(crate) cancel: CancelCauseHandle,
    pub(crate) mailbox: WeakSender<BoxedEnvelope<A>>,
    pub(crate) overflow: Overflow,
    pub(crate) shutdown: Duration,
    pub(crate) control: Arc<Control>,
    pub(crate) exit: Exit,
    pub(crate) hosted: OnceLock<HostedAddress>,
    pub(crate) me: Weak<Station<A>>,
    /// What its supervisor holds it by, if it has one.
    pub(crate) leash: Option<Arc<Leash>>,
    /// What it does about its children, if it is a supervisor.
    pub(crate) supervises: Option<&'static str>,
    pub(crate) work: Work,
    /// Who has its addresses, if the runtime is to know that.
    pub(crate) tickets: Option<Arc<Tickets>>,
    pub(crate) tally: Tally,
    restarts: AtomicU64,
    state: AtomicU8,
}

/// What a station is made from.
pub(crate) struct Parts<A: Actor> {
    pub(crate) info: TaskInfo,
    pub(crate) scope: Arc<scope::Inner>,
    pub(crate) context: Context,
    pub(crate) cancel: CancelCauseHandle,
    pub(crate) mailbox: WeakSender<BoxedEnvelope<A>>,
    pub(crate) overflow: Overflow,
    pub(crate) shutdown: Duration,
    pub(crate) leash: Option<Arc<Leash>>,
    pub(crate) supervises: Option<&'static str>,
}

impl<A: Actor> Station<A> {
    pub(crate) fn new(parts: Parts<A>) -> Arc<Self> {
        let work = Work::new(parts.info.since);
        let tickets = parts.scope.core.tracks_addresses().then(Arc::default);
        Arc::new_cyclic(|me| Self {
            info: Arc::new(parts.info.with_cancel(parts.cancel.clone())),
            scope: parts.scope,
            context: parts.context,
            cancel: parts.cancel,
            mailbox: parts.mailbox,
            overflow: parts.overflow,
            shutdown: parts.shutdown,
            control: Arc::default(),
            exit: Exit::default(),
            hosted: OnceLock::new(),
            me: me.clone(),
            leash: parts.leash,
            supervises: parts.supervises,
            work,
            tickets,
            tally: Tally::default(),
            restarts: AtomicU64::new(0),
            state: AtomicU8::new(0),
        })
    }

    /// Returns the root context of the actor's runtime.
    pub(crate) fn root(&self) -> &Context {
        self.scope.core.context()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let control = self.control.clone();
        driver::deliver_at(
            self.root().driver(),
            EventKind::Message,
            || Some(self.info.id.clone()),
            match signal {
                Signal::Order(Order::Stop) => "stop",
                Signal::Order(Order::Drain) => "drain",
                Signal::Halt(_) => "halt",
                Signal::Timer(_) => "timer",
            },
            move || control.push(signal),
        );
    }

    /// Gives a message up: answers its asker, and makes it a dead letter, or drops it. `from` is who sent
    /// it, if nobody asks.
    pub(crate) fn bury(&self, envelope: BoxedEnvelope<A>, why: Undelivered, from: Option<Id>) {
        let no_reply = why.no_reply();
        if !self.scope.core.letters().is_watched() {
            return envelope.refuse(no_reply);
        }
        let (message_type, from) = (envelope.message_type(), envelope.asker().or(from));
        let message = envelope.give_up(no_reply);
        self.post(message_type, why, from, Some(message));
    }

    /// Makes a dead letter of a message whose asker knows.
    pub(crate) fn post(
        &self,
        message_type: &'static str,
        why: Undelivered,
        from: Option<Id>,
        message: Option<Box<dyn Any + Send>>,
    ) {
        let letter = Letter {
            to: self.info.id.clone(),
            message_type,
            why,
            from,
            message,
        };
        self.scope.core.letters().post(self.root().driver(), letter);
    }

    /// Returns what became of the actor's messages.
    pub(crate) fn messages(&self) -> MessageCounts {
        self.tally.counts(|| self.mailbox.accepted())
    }

    pub(crate) fn set_state(&self, state: ActorState) {
        self.state.store(state as u8, Relaxed);
    }

    /// Returns the number of the present incarnation, counted from 1.
    pub(crate) fn incarnation(&self) -> u64 {
        self.restarts.load(Relaxed) + 1
    }

    /// Says that an incarnation has ended, after which another may come. Its monitors and links end.
    pub(crate) fn tell_incarnation_end(&self, reason: &ExitReason) {
        self.control.unbind_all();
        let incarnation = self.incarnation();
        self.info
            .tell_incarnation_end(incarnation, || reason.clone());
    }

    pub(crate) fn count_restart(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }
}

impl<A: Actor> Registered for Station<A> {
    fn info(&self) -> &Arc<TaskInfo> {
        &self.info
    }

    fn state(&self) -> ActorState {
        const STATES: [ActorState; 5] = [
            ActorState::Starting,
            ActorState::Running,
            ActorState::Restarting,
            ActorState::Stopping,
            ActorState::Stopped,
        ];
        STATES[usize::from(self.state.load(Relaxed)).min(4)]
    }

    fn mailbox(&self) -> (usize, Option<usize>) {
        (self.mailbox.len(), self.mailbox.capacity())
    }

    fn actor_type(&self) -> &'static str {
        std::any::type_name::<A>()
    }

    fn restarts(&self) -> u64 {
        self.restarts.load(Relaxed)
    }

    fn messages(&self) -> MessageCounts {
        Station::messages(self)
    }

    fn strategy(&self) -> Option<&'static str> {
        self.supervises
    }

    fn bond(&self) -> Option<Box<dyn Any + Send + Sync>> {
        Some(Box::new(self.party()))
    }

    fn doing(&self) -> Option<Doing> {
        self.work.doing()
    }

    fn addresses(&self) -> Option<usize> {
        Some(self.mailbox.senders())
    }

    fn address_records(&self, now: Instant) -> Vec<AddressRecord> {
        let tickets = self.tickets.as_ref();
        tickets.map_or_else(Vec::new, |tickets| tickets.records(now))
    }

    fn cancel(&self, cause: Cause) {
        self.cancel.cancel(cause);
    }

    fn address(&self) -> Option<Box<dyn Any + Send + Sync>> {
        let address: Address<A> =
            WeakAddress::new(self.me.upgrade()?, self.mailbox.clone()).upgrade()?;
        Some(Box::new(address))
    }
}

impl<A: Actor> Child for Station<A> {
    fn id(&self) -> &Id {
        &self.info.id
    }

    fn drain(&self) {
        self.signal(Signal::Order(Order::Drain));
    }

    fn cancel(&self, cause: Cause) {
        self.cancel.cancel(cause);
    }
}

/// The exit reason, once there is one, and who waits for it.
#[derive(Default)]
pub(crate) struct Exit(Mutex<ExitState>);

#[derive(Default)]
struct ExitState {
    reason: Option<ExitReason>,
    waiters: Slab<Waker>,
}

impl Exit {
    /// Sets the reason and wakes who waits. Only the first one counts.
    pub(crate) fn set(&self, reason: ExitReason) {
        let waiters = {
            let mut state = self.0.lock();
            if state.reason.is_some() {
                return;
            }
            state.reason = Some(reason);
            std::mem::take(&mut state.waiters)
        };
        unwind::wake_all(waiters.into_iter().map(|(_, waker)| waker));
    }

    /// Returns the reason, if there is one.
    pub(crate) fn reason(&self) -> Option<ExitReason> {
        self.0.lock().reason.clone()
    }

    /// Ready with the reason. `place` is where the waiter's waker is kept meanwhile.
    pub(crate) fn poll(
        &self,
        place: &mut Option<usize>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<ExitReason> {
        // Cloned before the lock is taken, and dropped after: a foreign waker's code runs there.
        let fresh = cx.waker().clone();
        let mut state = self.0.lock();
        if let Some(reason) = &state.reason {
            return Poll::Ready(reason.clone());
        }
        let before = match place.and_then(|place| state.waiters.get_mut(place)) {
            Some(there) => Some(std::mem::replace(there, fresh)),
            None => {
                *place = Some(state.waiters.insert(fresh));
                None
            }
        };
        drop(state);
        drop(before);
        Poll::Pending
    }

    /// Takes a waiter out that has given up.
    pub(crate) fn leave(&self, place: &mut Option<usize>) {
        let Some(place) = place.take() else {
            return;
        };
        let gone = {
            let mut state = self.0.lock();
            match state.reason {
                // The list was emptied then, and stays so.
                Some(_) => None,
                None => state.waiters.try_remove(place),
            }
        };
        unwind::drop_apart(gone, "drop of a waker");
    }
}
