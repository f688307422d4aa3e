//! What a supervisor is told and asked.

use std::any::Any;

use greenroom_core::{ExitReason, Id, Name};

use super::super::child::Parts;
use super::super::decide::{Restart, Standing};
use super::ChildCount;

/// Adds a child and starts it; answers with its address.
pub(super) struct Start {
    /// Without an id, it gets one.
    pub(super) name: Option<Name>,
    pub(super) parts: Parts,
}

/// Starts a child again that has ended.
pub(super) struct RestartChild(pub(super) Name);

/// Stops a child; its record stays unless it is temporary.
pub(super) struct Terminate(pub(super) Which);

/// Which child is meant.
pub(super) enum Which {
    Child(Name),
    Actor(Id),
}

/// Forgets a child that has ended.
pub(super) struct Delete(pub(super) Name);

/// Stops and forgets a child.
pub(super) struct Remove(pub(super) Name);

pub(super) struct List;
pub(super) struct Count;

/// Asks for the address of a child, as the type that it has.
pub(super) struct Find(pub(super) Name);

pub(super) struct Found {
    pub(super) address: Box<dyn Any + Send + Sync>,
    pub(super) actor_type: &'static str,
}

/// Tries a restart, if it is still wanted.
pub(super) struct Retry {
    pub(super) key: u64,
    pub(super) turn: u64,
}

/// Starts those that wait for a restart whose own child was terminated meanwhile.
pub(super) struct Resume;

/// A child, as its supervisor lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildStatus {
    /// What tells it from the other children.
    pub id: Name,
    /// The actor, unless the child has ended.
    pub actor: Option<Id>,
    /// What it does.
    pub standing: Standing,
    /// When it is started again.
    pub restart: Restart,
    /// Whether its end counts for the supervisor's own.
    pub is_significant: bool,
    /// Whether it is a supervisor.
    pub is_supervisor: bool,
    /// How often it was started again.
    pub restarts: u64,
    /// How it ended the last time; `Shutdown` if its supervisor stopped it.
    pub last_exit: Option<ExitReason>,
}

impl ChildCount {
    pub(super) fn add(&mut self, standing: Standing, is_supervisor: bool) {
        self.specs += 1;
        self.active += usize::from(standing == Standing::Running);
        self.supervisors += usize::from(is_supervisor);
        self.workers += usize::from(!is_supervisor);
    }
}
