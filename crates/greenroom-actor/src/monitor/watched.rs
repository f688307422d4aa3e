//! What can be watched, and linked to.

use std::sync::{Arc, Weak};

use greenroom_core::bond::Ending;
use greenroom_core::current::Handle;
use greenroom_core::driver::{self, EventKind};
use greenroom_core::task::{TaskInfo, TaskKind};
use greenroom_core::{ExitReason, Id};

use crate::actor::Actor;
use crate::address::{Address, Recipient, WeakAddress};
use crate::mailbox::Control;
use crate::runtime::Core;
use crate::scope::JoinHandle;
use crate::station::Station;

/// What can be monitored, and linked to: an [`Address`], a [`WeakAddress`], a [`Recipient`], a
/// [`JoinHandle`], or the [`Id`] of an actor or a task.
///
/// None of these is kept alive by being watched. An id is looked up when the watch begins; a task that a
/// limit holds back is not found by its id.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be monitored or linked to",
    note = "an address, a recipient, the handle of a task and an id can"
)]
pub trait Watched: sealed::Sealed {}

pub(crate) mod sealed {
    use greenroom_core::ExitReason;

    pub trait Sealed {
        fn target(&self) -> super::Target;

        /// Why it ended, if it has and that is known.
        fn known(&self) -> Option<ExitReason>;
    }
}

/// What a watch is to be set on.
#[expect(
    missing_debug_implementations,
    reason = "it cannot be named outside the crate"
)]
pub struct Target {
    pub(crate) id: Id,
    pub(crate) found: Found,
}

pub(crate) enum Found {
    Here(Party),
    /// To be looked up by its id.
    Somewhere,
    Nobody,
}

/// An actor or a task that can be watched and taken down.
#[derive(Clone)]
pub(crate) struct Party {
    pub(crate) info: Arc<TaskInfo>,
    /// Of an actor.
    pub(crate) control: Option<Arc<Control>>,
    pub(crate) home: Option<Handle>,
}

/// The same, without keeping anything of it.
#[derive(Clone)]
pub(crate) struct WeakParty {
    pub(crate) info: Weak<TaskInfo>,
    pub(crate) control: Option<Weak<Control>>,
    pub(crate) home: Option<Handle>,
}

impl Party {
    pub(crate) fn downgrade(&self) -> WeakParty {
        WeakParty {
            info: Arc::downgrade(&self.info),
            control: self.control.as_ref().map(Arc::downgrade),
            home: self.home.clone(),
        }
    }
}

impl<A: Actor> Station<A> {
    pub(crate) fn party(&self) -> Party {
        Party {
            info: self.info.clone(),
            control: Some(self.control.clone()),
            home: Some(self.root().driver().clone()),
        }
    }
}

/// Delivers what comes of an end to `owner`, as an event.
pub(crate) fn deliver_down(
    home: Option<&Handle>,
    owner: impl FnOnce() -> Option<Id>,
    label: &'static str,
    effect: impl FnOnce() + Send + 'static,
) {
    match home {
        Some(home) => driver::deliver_at(home, EventKind::Down, owner, label, effect),
        None => driver::deliver(EventKind::Down, owner, label, effect),
    }
}

/// Says how one ended that is not there any more.
pub(crate) fn ending_of_gone(id: Id, known: Option<ExitReason>) -> Ending {
    Ending {
        id,
        reason: known.unwrap_or(ExitReason::Gone),
        incarnation: 0,
        is_final: true,
    }
}

/// Looks for what a watch is to be set on, and calls `then` with it; with nothing if it is not there. A
/// task is asked for at its hub, which calls later.
pub(crate) fn resolve(
    target: Target,
    core: Option<&Core>,
    takes: fn(TaskKind) -> bool,
    then: impl FnOnce(Option<Party>) + Send + 'static,
) {
    let core = match (target.found, core) {
        (Found::Here(party), _) => return then(Some(party)),
        (Found::Somewhere, Some(core)) => core,
        _ => return then(None),
    };
    if let Some(actor) = core.registry().actor(&target.id) {
        let party = actor.bond().and_then(|bond| bond.downcast().ok());
        return then(party.map(|party| *party));
    }
    let home = core.context().driver().clone();
    core.registry().find_task(&target.id, move |found| {
        let found = found.filter(|info| takes(info.kind));
        then(found.map(|info| Party {
            info,
            control: None,
            home: Some(home),
        }));
    });
}

impl<A: Actor> Watched for Address<A> {}

impl<A: Actor> sealed::Sealed for Address<A> {
    fn target(&self) -> Target {
        self.station().target()
    }

    fn known(&self) -> Option<ExitReason> {
        self.station().exit.reason()
    }
}

impl<A: Actor> Watched for WeakAddress<A> {}

impl<A: Actor> sealed::Sealed for WeakAddress<A> {
    fn target(&self) -> Target {
        self.station().target()
    }

    fn known(&self) -> Option<ExitReason> {
        self.station().exit.reason()
    }
}

impl<A: Actor> Station<A> {
    fn target(&self) -> Target {
        Target {
            id: self.info.id.clone(),
            found: Found::Here(self.party()),
        }
    }
}

impl<M: Send + 'static, R: Send + 'static> Watched for Recipient<M, R> {}

impl<M: Send + 'static, R: Send + 'static> sealed::Sealed for Recipient<M, R> {
    fn target(&self) -> Target {
        self.watched().target()
    }

    fn known(&self) -> Option<ExitReason> {
        self.watched().known()
    }
}

impl<T: Send + 'static> Watched for JoinHandle<T> {}

impl<T: Send + 'static> sealed::Sealed for JoinHandle<T> {
    fn target(&self) -> Target {
        let found = match self.info() {
            Ok(info) => Found::Here(Party {
                info: info.clone(),
                control: None,
                home: greenroom_core::Context::current().map(|here| here.driver().clone()),
            }),
            Err(_never) => Found::Nobody,
        };
        let id = match self.info() {
            Ok(info) => info.id.clone(),
            Err(never) => never.clone(),
        };
        Target { id, found }
    }

    fn known(&self) -> Option<ExitReason> {
        self.reason()
    }
}

impl Watched for Id {}

impl sealed::Sealed for Id {
    fn target(&self) -> Target {
        Target {
            id: self.clone(),
            found: Found::Somewhere,
        }
    }

    fn known(&self) -> Option<ExitReason> {
        None
    }
}
