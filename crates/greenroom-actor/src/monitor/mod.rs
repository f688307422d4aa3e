//! Monitors: any actor or task can watch any other, and gets the reason of its end as a message.
//!
//! An actor watches with [`ActorContext::monitor`](crate::ActorContext::monitor), and handles [`Down`]
//! as any message. A task watches with [`Scope::monitor`](crate::Scope::monitor) or
//! [`Address::monitor`](crate::Address::monitor), and awaits [`Monitor::down`].
//!
//! # Guarantees
//! - A monitor tells the end of what it watches once, for good or bad, and whatever the end was. One that
//!   is set after the end tells it at once: with the reason, if what it was set by knows that (an
//!   address, or the handle of a task), else with [`ExitReason::Gone`].
//! - It goes one way, and keeps nobody alive. Two monitors of one actor tell twice.
//! - Messages that the ended one had sent to the watcher come before its `Down`. The `Down` takes its turn
//!   behind the messages that wait in the mailbox when it comes; it needs no room there, is never lost,
//!   and holds up nobody's end.
//! - After [`demonitor`](crate::ActorContext::demonitor), or the drop of a [`Monitor`], none comes: one that
//!   waits to be handled is taken back.
//! - A monitor belongs to the incarnation that set it. A restart forgets it, as it does timers; the hook
//!   `started` may set it again.
//!
//! # Restarts of what is watched
//! An address and its mailbox outlive a restart, and so does a monitor: [`Down`] comes at the end for
//! good. Who wants to see each failure uses
//! [`monitor_each`](crate::ActorContext::monitor_each), which also tells the end of each incarnation after
//! which another may follow, with `is_final` false. Under a supervisor that is told before it has
//! decided: the last incarnation then tells twice, its own end and the final one.
//!
//! # Differences from OTP
//! In OTP a restarted process is another one, so that a monitor ends at the first failure: that is what
//! [`monitor_each`](crate::ActorContext::monitor_each) tells first. `demonitor` always flushes. The reason of
//! a process that had ended before is told where it is known, and not always `noproc`.

mod own;
mod task;
mod vigil;
mod watched;

use greenroom_core::{ExitReason, Id};

pub(crate) use own::Own;
pub use task::{DownError, Monitor};
pub use watched::Watched;
pub(crate) use watched::{Found, Party, WeakParty, deliver_down, resolve};

/// Tells a watcher that what it watches has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Down {
    /// Which monitor of the watching actor tells it. A [`Monitor`] of a task has none of its own.
    pub monitor: MonitorId,
    /// Who ended.
    pub id: Id,
    /// Why.
    pub reason: ExitReason,
    /// Which incarnation of an actor ended, counted from 1; 0 for a task, and for what was gone.
    pub incarnation: u64,
    /// Whether it ended for good. False only for a monitor of each end, and when another incarnation may
    /// follow.
    pub is_final: bool,
    /// How many ends of incarnations before this one were passed over, since 64 of them waited to be
    /// handled.
    pub missed: u64,
}

/// Names one monitor of one actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(u64);
