//! Links: two actors or tasks that do not go on without each other.
//!
//! [`ActorContext::link`](crate::ActorContext::link) links an actor with another or a task,
//! [`Scope::link`] any two. When one of them ends other than normally, the other is taken down, with
//! [`ExitReason::Linked`], which holds the reason and the chain of links that led there.
//!
//! # Guarantees
//! - A link takes effect once, and in one direction: the end of the one on the other. A circle of links
//!   takes all down, and ends there.
//! - A normal end takes nobody down. Any other does, [`Shutdown`](ExitReason::Shutdown) too; one that was
//!   taken down by that counts as shut down for its supervisor.
//! - An actor that is taken down ends its present incarnation: the running handler, or the `started` hook, is
//!   dropped at its next await, as by a cancel, except where that would be put off; its messages stay,
//!   and its supervisor decides as about any failure. A task is cancelled: its handle gives
//!   `JoinError::Linked`, and its scope goes on, as after [`JoinHandle::cancel`](crate::JoinHandle::cancel).
//! - An actor that [traps exits](crate::ActorContext::trap_exits) is not taken down: it gets an [`Exit`], as
//!   a message, also of a normal end. It comes as a [`Down`](crate::monitor::Down) does: after what the
//!   ended one had sent.
//! - Linking to what has ended is answered with [`ExitReason::Gone`], as a link that takes effect at once.
//! - After [`Link::unlink`] neither hears of the other, also if an exit waits already.
//!
//! # Restarts
//! A link is between two incarnations. It takes effect at the end of one, whether that is restarted or not,
//! and it is gone then. An actor that wants it again links in its `started` hook. One that is linked to
//! while it is being restarted is linked with its next incarnation.
//!
//! # Differences from OTP
//! Two links between the same two are two, and each is undone by itself. `unlink` undoes an exit that waits
//! to be handled. A task cannot trap; it uses a [monitor](crate::monitor) instead. What was taken down ends
//! with a reason of its own, in which the first one is found.

mod tie;

use std::fmt;
use std::sync::Arc;

use greenroom_core::bond::Ending;
use greenroom_core::{ExitReason, Id};

use crate::monitor::{Found, Party, Watched, resolve};
use crate::runtime::Core;
use crate::scope::Scope;
use tie::Tie;

/// Tells an actor that traps exits that what it was linked to has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exit {
    /// Who ended.
    pub id: Id,
    /// Why.
    pub reason: ExitReason,
    /// Which incarnation of an actor ended, counted from 1; 0 for a task, and for what was gone.
    pub incarnation: u64,
    /// Whether it ended for good, as far as was known.
    pub is_final: bool,
}

impl Exit {
    pub(crate) fn new(end: Ending) -> Self {
        Self {
            id: end.id,
            reason: end.reason,
            incarnation: end.incarnation,
            is_final: end.is_final,
        }
    }
}

/// A link between two. Dropping it changes nothing: the link stays.
#[derive(Clone)]
pub struct Link(Arc<Tie>);

impl Link {
    /// Undoes the link, for both. Returns whether that changed anything: false if it has taken effect and
    /// that was handled, or if it was undone before.
    pub fn unlink(&self) -> bool {
        self.0.undo()
    }

    pub(crate) fn between<W: Watched + ?Sized>(one: Party, other: &W, core: &Core) -> Self {
        let target = other.target();
        let tie = Tie::new(one.info.id.clone(), target.id.clone());
        if one.info.id.is_same(&target.id) {
            // To itself: no link at all, as in OTP.
            tie.undo();
            return Self(tie);
        }
        let both = tie.clone();
        let fasten = move |other: Option<Party>| both.fasten([Some(one), other]);
        match target.found {
            Found::Here(party) => fasten(Some(party)),
            _ => resolve(target, Some(core), can_be_ended, fasten),
        }
        Self(tie)
    }
}

/// Whether a task of this kind has a context of its own that can be cancelled.
fn can_be_ended(kind: greenroom_core::task::TaskKind) -> bool {
    use greenroom_core::task::TaskKind;
    matches!(kind, TaskKind::Task | TaskKind::Blocking | TaskKind::Actor)
}

impl Scope {
    /// Links two actors or tasks: if one of them fails, the other is taken down. See
    /// [`link`](crate::link).
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::{JoinError, Runtime};
    /// use greenroom_core::{ExitReason, Failure, time::{Durations, sleep}};
    /// # Runtime::new()?.block_on(|scope| async move {
    /// scope.set_on_error(greenroom_actor::OnError::KeepFirst);
    /// let feed = scope.go(async { sleep(1.millis()).await?; Err::<(), _>(Failure::message("no route")) });
    /// let store = scope.go(async { Ok(sleep(3600.secs()).await?) });
    /// scope.link(&feed, &store);
    /// match store.await {
    ///     Err(JoinError::Linked(linked)) => assert!(matches!(linked.reason(), ExitReason::Failed(_))),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }).unwrap_err(); Ok::<(), Failure>(())
    /// ```
    pub fn link<V, W>(&self, one: &V, other: &W) -> Link
    where
        V: Watched + ?Sized,
        W: Watched + ?Sized,
    {
        let core = self.inner().core.clone();
        let (first, second) = (one.target(), other.target());
        let tie = Tie::new(first.id.clone(), second.id.clone());
        if first.id.is_same(&second.id) {
            tie.undo();
            return Link(tie);
        }
        let both = tie.clone();
        resolve(first, Some(&core.clone()), can_be_ended, move |one| {
            resolve(second, Some(&core), can_be_ended, move |other| {
                both.fasten([one, other]);
            });
        });
        Link(tie)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = self.0.ids();
        write!(f, "Link({one}, {other})")
    }
}
