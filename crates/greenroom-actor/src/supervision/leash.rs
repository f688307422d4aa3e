//! What a supervisor and the life of its child share: who is to begin, and who has ended.
//!
//! # Invariants
//! 1. The supervisor alone begins an incarnation, by its number; the life alone says that it is up or down.
//! 2. A halt is for one incarnation: one that comes late does not end the next.
//! 3. After `Gone` nothing changes any more.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use greenroom_core::channel::Sender;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::registry::Registered;
use greenroom_core::{ExitReason, Id, unwind};
use parking_lot::Mutex;

use crate::actor::Actor;
use crate::mailbox::{Order, Signal};
use crate::reply::NoReply;
use crate::station::Station;

/// Tells a supervisor that an incarnation of a child has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChildExited {
    pub(crate) key: u64,
    pub(crate) incarnation: u64,
}

pub(crate) struct Leash {
    key: u64,
    exits: Sender<ChildExited>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    incarnation: u64,
    phase: Phase,
    go: Option<Go>,
    // Of the life, and of the supervisor.
    life: Option<Waker>,
    holder: Option<Waker>,
}

#[derive(Default)]
enum Phase {
    #[default]
    Starting,
    Running,
    Down {
        reason: ExitReason,
        has_run: bool,
    },
    Gone(ExitReason),
}

/// What a life is to do next.
pub(crate) enum Go {
    Begin(u64),
    Retire(Option<ExitReason>, NoReply),
}

/// How an incarnation ended.
pub(crate) struct Down {
    pub(crate) reason: ExitReason,
    pub(crate) has_run: bool,
    pub(crate) is_gone: bool,
}

impl Leash {
    pub(crate) fn new(key: u64, exits: Sender<ChildExited>) -> Self {
        Self {
            key,
            exits,
            state: Mutex::default(),
        }
    }

    fn go(&self, go: Go) {
        let waker = {
            let mut state = self.state.lock();
            state.go = Some(go);
            state.life.take()
        };
        unwind::wake_all(waker);
    }

    /// The life's wait for its next incarnation, or its end.
    pub(crate) fn poll_go(&self, cx: &mut TaskContext<'_>) -> Poll<Go> {
        let mut state = self.state.lock();
        match state.go.take() {
            Some(go) => Poll::Ready(go),
            None => {
                let _old = state.life.replace(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn enter(&self, incarnation: u64, phase: Phase) -> Option<Waker> {
        let mut state = self.state.lock();
        let is_due = match (&state.phase, &phase) {
            (Phase::Gone(_), _) => false,
            (_, Phase::Gone(_)) => true,
            (Phase::Starting, Phase::Running) | (_, Phase::Down { .. }) => {
                state.incarnation == incarnation
            }
            _ => false,
        };
        if !is_due {
            return None;
        }
        state.phase = phase;
        state.holder.take()
    }

    /// The supervisor's wait for a start: ready with the end of one that failed.
    pub(crate) fn poll_started(&self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Down>> {
        self.poll(cx, |state| match &state.phase {
            Phase::Starting => None,
            Phase::Running => Some(Ok(())),
            // It was up before anybody looked: its end is an exit, which is told as one.
            Phase::Down { has_run: true, .. } => Some(Ok(())),
            _ => state.down().map(Err),
        })
    }

    /// The supervisor's wait for the end of an incarnation.
    pub(crate) fn poll_down(&self, cx: &mut TaskContext<'_>) -> Poll<Down> {
        self.poll(cx, State::down)
    }

    /// The supervisor's wait for the end of the life.
    pub(crate) fn poll_gone(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        self.poll(cx, |state| {
            matches!(state.phase, Phase::Gone(_)).then_some(())
        })
    }

    pub(crate) fn down(&self) -> Option<Down> {
        self.state.lock().down()
    }

    fn poll<T>(&self, cx: &mut TaskContext<'_>, look: impl FnOnce(&State) -> Option<T>) -> Poll<T> {
        let mut state = self.state.lock();
        match look(&state) {
            Some(seen) => Poll::Ready(seen),
            None => {
                let _old = state.holder.replace(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl State {
    fn down(&self) -> Option<Down> {
        let (reason, has_run, is_gone) = match &self.phase {
            Phase::Starting | Phase::Running => return None,
            Phase::Down { reason, has_run } => (reason, *has_run, false),
            Phase::Gone(reason) => (reason, false, true),
        };
        let reason = reason.clone();
        Some(Down {
            reason,
            has_run,
            is_gone,
        })
    }
}

/// The child of a supervisor, with its type erased.
pub(crate) trait Ward: Send + Sync {
    fn id(&self) -> &Id;
    fn leash(&self) -> &Leash;
    /// How long it may take to stop.
    fn patience(&self) -> Duration;
    fn queued(&self) -> usize;
    /// Starts the next incarnation, whose number it returns.
    fn begin(&self) -> u64;
    /// Ends the present incarnation: the mailbox stays.
    fn halt(&self);
    /// Takes no more messages, and ends the incarnation when the queued ones are handled.
    fn drain(&self);
    /// Ends the life between two incarnations.
    fn retire(&self, reason: Option<ExitReason>, why: NoReply);
    fn address(&self) -> Option<Box<dyn Any + Send + Sync>>;
    fn actor_type(&self) -> &'static str;
}

impl<A: Actor> Station<A> {
    /// Says that the present incarnation has started.
    pub(crate) fn tell_up(&self, incarnation: u64) {
        self.tell(incarnation, Phase::Running, "child started");
    }

    /// Says that the present incarnation has ended.
    pub(crate) fn tell_down(&self, incarnation: u64, reason: ExitReason, has_run: bool) {
        self.tell(incarnation, Phase::Down { reason, has_run }, "child down");
        self.tell_exit(incarnation);
    }

    /// Says that the life has ended.
    pub(crate) fn tell_gone(&self, incarnation: u64, reason: ExitReason) {
        self.tell(incarnation, Phase::Gone(reason), "child gone");
        self.tell_exit(incarnation);
    }

    fn tell_exit(&self, incarnation: u64) {
        if let Some(leash) = &self.leash {
            // Nobody hears it if the supervisor has gone.
            let _unheard = leash.exits.try_send(ChildExited {
                key: leash.key,
                incarnation,
            });
        }
    }

    fn tell(&self, incarnation: u64, phase: Phase, label: &'static str) {
        let Some(leash) = self.leash.clone() else {
            return;
        };
        let id = || Some(self.info.id.clone());
        driver::deliver_at(
            self.root().driver(),
            EventKind::Exit,
            id,
            label,
            move || {
                unwind::wake_all(leash.enter(incarnation, phase));
            },
        );
    }

    fn go(&self, leash: &Arc<Leash>, go: Go, label: &'static str) {
        let leash = leash.clone();
        let id = || Some(self.info.id.clone());
        driver::deliver_at(
            self.root().driver(),
            EventKind::Message,
            id,
            label,
            move || {
                leash.go(go);
            },
        );
    }

    fn held(&self) -> &Arc<Leash> {
        match &self.leash {
            Some(leash) => leash,
            None => unreachable!("a ward has a leash"),
        }
    }
}

impl<A: Actor> Ward for Station<A> {
    fn id(&self) -> &Id {
        &self.info.id
    }

    fn leash(&self) -> &Leash {
        self.held()
    }

    fn patience(&self) -> Duration {
        self.shutdown
    }

    fn queued(&self) -> usize {
        self.mailbox().0
    }

    fn begin(&self) -> u64 {
        let leash = self.held();
        let incarnation = {
            let mut state = leash.state.lock();
            if !matches!(state.phase, Phase::Gone(_)) {
                state.incarnation += 1;
                state.phase = Phase::Starting;
            }
            state.incarnation
        };
        self.go(leash, Go::Begin(incarnation), "begin");
        incarnation
    }

    fn halt(&self) {
        let incarnation = self.held().state.lock().incarnation;
        self.signal(Signal::Halt(incarnation));
    }

    fn drain(&self) {
        self.signal(Signal::Order(Order::Drain));
    }

    fn retire(&self, reason: Option<ExitReason>, why: NoReply) {
        self.go(self.held(), Go::Retire(reason, why), "retire");
    }

    fn address(&self) -> Option<Box<dyn Any + Send + Sync>> {
        Registered::address(self)
    }

    fn actor_type(&self) -> &'static str {
        std::any::type_name::<A>()
    }
}
