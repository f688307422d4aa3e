//! Who lives in a runtime, and who of them is a leak.

mod circles;
mod display;
mod records;
mod shares;
mod timers;

pub(super) use display::{kind, waits};

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::Id;
use greenroom_core::registry::{Snapshot, TaskRecord};
use greenroom_core::task::{TaskKind, WaitKind, WaitRecord};
use greenroom_core::time::sleep_on;

pub use records::{ArmedTimer, Held, HeldKind, Living, Taker};

use super::Core;
use super::shutdown::GRACE;

/// How long an arbiter gets to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait before those that are about to end are looked at again.
const STEP: Duration = Duration::from_millis(10);

/// What lives in a runtime. Made by [`Runtime::alive`](crate::Runtime::alive).
///
/// It lists the tasks, the bodies of scopes and the actors, including the one that asks, with all that
/// each waits for; the timers that are set; and the leases, permits and items that are held or waited
/// for. Each record is right for some moment while it was made, not all for the same one.
///
/// # What a leak is
/// What lives although nobody waits for its end:
/// - whatever is in a scope whose future was dropped before its end, such as one that lost a race
///   against a time-out, and that body itself. Dropping cancels it, so it stays only if it runs
///   without cancel, or in code that does not come to an await;
/// - a function that runs [after a context](greenroom_core::Context::after_func), once it has started;
/// - whatever is in no open scope. There should be no such thing;
/// - a timer, an ask, a wait for a channel, a lease, a permit or an item of one of these.
///
/// No leak is: what is in a scope whose future was not dropped, however long it lives, and what is in a
/// scope inside such a one, since the outer scope waits for that too; the runtime's own housekeeping; a
/// function that is registered to run after a context, until it runs.
///
/// A lease, a permit, an item or a timer may be handed on, and then outlives the task that took it. So one
/// whose taker has ended may be forgotten, or in good hands, and nobody can tell: it is no leak, but
/// listed with [`Taker::Ended`]; see [`orphans`](Self::orphans). All of them go with their owner, at the end
/// of its scope.
///
/// # What keeps an actor alive
/// Its strong addresses, until its scope ends; each actor is listed with their number. Two actors that
/// have each other's address go with the scope only; see [`Address`](crate::Address). Which they are is
/// known if [addresses are tracked](crate::Builder::track_addresses): then each actor is "kept alive by 1
/// address: held by root/scope#1/b#1", and a circle is listed as one.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_core::Result;
/// let runtime = Runtime::builder().arbiters(1).build()?;
/// let inside = runtime.clone();
/// runtime.block_on(|scope| async move {
///     let stuck = scope.go(std::future::pending::<Result<()>>());
///     let alive = inside.alive().await;
///     assert_eq!(alive.living.len(), 2, "the body and the task: {alive}");
///     assert_eq!(alive.leaks().count(), 0, "the scope waits for both");
///     stuck.cancel("enough");
///     Ok(())
/// })?;
/// runtime.assert_no_leaks();
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Alive {
    /// Those that live, sorted by id.
    pub living: Vec<Living>,
    /// The timers that are set, also those of deadlines; those of one arbiter in the order in which they
    /// fire.
    pub timers: Vec<ArmedTimer>,
    /// The leases, permits and items that are out, by their owners.
    pub held: Vec<Held>,
    /// Those that are waited for, by their owners.
    pub awaited: Vec<Held>,
    /// Actors whose strong addresses are all with each other, as far as is known; each circle is given
    /// once. Only if [addresses are tracked](crate::Builder::track_addresses).
    pub address_circles: Vec<Vec<Id>>,
    /// The arbiters whose tasks are missing here, since they are held up by code that does not await.
    /// One that has ended holds nothing and is not among them.
    pub unanswered: Vec<String>,
}

impl Alive {
    /// Returns those that are leaks.
    pub fn leaks(&self) -> impl Iterator<Item = &Living> {
        self.living.iter().filter(|living| living.is_leak)
    }

    /// Checks that there is no leak.
    ///
    /// # Panics
    /// There is one, or an arbiter did not answer, so that nobody can tell. The message lists the leaks
    /// with their kind, the place where each was spawned, its age, and what it waits for.
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        let leaks = self.leaking();
        assert!(
            leaks.living.is_empty() && leaks.unanswered.is_empty(),
            "{} leaked, which nobody waits for\n{leaks}",
            leaks.living.len()
        );
    }

    /// Returns those that are held although the task that took them has ended, timers not among them.
    ///
    /// They were handed on, or forgotten (`mem::forget`, or a value that nobody drops): nobody can tell
    /// which, so that they are no leaks. Where a test hands nothing on, there should be none.
    pub fn orphans(&self) -> impl Iterator<Item = &Held> {
        let held = self.held.iter();
        held.filter(|held| held.taker == Taker::Ended)
    }

    /// Checks that nothing is held whose taker has ended; see [`orphans`](Self::orphans).
    ///
    /// # Panics
    /// There is such a thing. The message lists them, each with the place where it was asked for and for
    /// how long it has been held.
    #[track_caller]
    pub fn assert_no_orphans(&self) {
        let orphans = Self {
            held: self.orphans().cloned().collect(),
            ..Self::default()
        };
        assert!(
            orphans.held.is_empty(),
            "{} held, whose takers have ended\n{orphans}",
            orphans.held.len()
        );
    }

    /// Returns the asks that wait for their replies: who asked, and of which type the message is, whom it
    /// was sent to, and for how long. One whose asker has gone waits no more.
    ///
    /// Asks from outside our tasks are not among them.
    pub fn asks(&self) -> impl Iterator<Item = (&Living, &WaitRecord)> {
        self.waits(|kind| kind == WaitKind::Ask)
    }

    /// Returns who waits to send to a channel or to receive from one, also in a select, and for how long.
    ///
    /// Those outside our tasks are not among them.
    pub fn channel_waits(&self) -> impl Iterator<Item = (&Living, &WaitRecord)> {
        self.waits(|kind| matches!(kind, WaitKind::Send | WaitKind::Receive | WaitKind::Select))
    }

    fn waits(&self, of: impl Fn(WaitKind) -> bool) -> impl Iterator<Item = (&Living, &WaitRecord)> {
        let waits = self.living.iter().flat_map(|living| {
            let waits = living.task.waits.iter();
            waits.map(move |wait| (living, wait))
        });
        waits.filter(move |(_, wait)| of(wait.waiting.kind))
    }

    /// Returns whether nothing lives, nothing is set, and nothing is held or waited for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_quiet = self.timers.is_empty() && self.held.is_empty() && self.awaited.is_empty();
        self.living.is_empty() && is_quiet && self.unanswered.is_empty()
    }

    /// Returns what is a leak, and who did not answer.
    fn leaking(&self) -> Self {
        let timers = self.timers.iter().filter(|timer| timer.is_leak);
        let leaks = |held: &Vec<Held>| held.iter().filter(|held| held.is_leak).cloned().collect();
        Self {
            living: self.leaks().cloned().collect(),
            timers: timers.cloned().collect(),
            held: leaks(&self.held),
            awaited: leaks(&self.awaited),
            address_circles: Vec::new(),
            unanswered: self.unanswered.clone(),
        }
    }

    fn is_clean(&self) -> bool {
        // Whatever else is a leak is that of one of these.
        self.unanswered.is_empty() && self.leaks().next().is_none()
    }

    fn is_certain(&self) -> bool {
        self.leaks().next().is_none() && self.orphans().next().is_none()
    }

    fn of(&self, id: &Id) -> Option<&Living> {
        let found = self
            .living
            .binary_search_by(|living| living.task.id.cmp(id));
        found.ok().map(|at| &self.living[at])
    }

    /// What has become of a task, and whether it is a leak.
    fn fate(&self, task: Option<&Id>) -> (Taker, bool) {
        let Some(task) = task else {
            return (Taker::Outside, false);
        };
        match self.of(task) {
            Some(living) => (Taker::Lives, living.is_leak),
            None if self.unanswered.is_empty() => (Taker::Ended, false),
            None => (Taker::Unknown, false),
        }
    }

    /// Tells for each thing what has become of who took it.
    fn judge(&mut self) {
        let mut timers = std::mem::take(&mut self.timers);
        for timer in &mut timers {
            (timer.taker, timer.is_leak) = self.fate(timer.task.as_ref());
        }
        self.timers = timers;
        let (mut held, mut awaited) = (
            std::mem::take(&mut self.held),
            std::mem::take(&mut self.awaited),
        );
        for held in held.iter_mut().chain(&mut awaited) {
            (held.taker, held.is_leak) = self.fate(held.task.as_ref());
        }
        (self.held, self.awaited) = (held, awaited);
    }
}

/// Looks who lives now.
///
/// What is a leak at one look may be an end that was under way between its parts: the arbiters answer
/// one after the other, and a scope that ended in between seems to be missing. Something that is a leak
/// at two looks was one at the end of the first.
pub(super) async fn look(core: &Arc<Core>) -> Alive {
    let first = look_once(core).await;
    if first.is_certain() {
        return first;
    }
    let mut second = look_once(core).await;
    for living in &mut second.living {
        living.is_leak &= first.of(&living.task.id).is_some_and(|was| was.is_leak);
    }
    second.judge();
    // A task that began after the tasks were listed may have taken something before that was.
    let mut held = std::mem::take(&mut second.held);
    for held in &mut held {
        let was = |other: &Held| other.taker == Taker::Ended && other.is_same(held);
        if held.taker == Taker::Ended && !first.held.iter().any(was) {
            held.taker = Taker::Unknown;
        }
    }
    second.held = held;
    second
}

/// Looks again until there is no leak, for as long as something that was cancelled may take.
pub(super) async fn settled(core: &Arc<Core>) -> Alive {
    let context = core.context().without_cancel();
    let until = context.now() + GRACE;
    loop {
        let alive = look(core).await;
        // A keeper that has closed keeps no time any more.
        if alive.is_clean() || core.keeper.is_closed() || context.now() >= until {
            return alive;
        }
        let _slept = sleep_on(&context, STEP).await;
    }
}

async fn look_once(core: &Arc<Core>) -> Alive {
    let mut waited_for = core.scopes_waited_for();
    let snapshot = core.registry().snapshot(core.context(), PATIENCE).await;
    waited_for.extend(core.scopes_waited_for());
    compose(core, snapshot, &waited_for)
}

fn compose(core: &Core, snapshot: Snapshot, waited_for: &[Id]) -> Alive {
    let is_leak = |task: &TaskRecord| {
        let top = outermost(&task.id, core.id());
        let is_housekeeping = task.kind == TaskKind::Kernel && top.is_same(&task.id);
        let is_waited_for = waited_for.iter().any(|scope| scope.is_same(top));
        !is_housekeeping && !is_waited_for
    };
    let living = |task: TaskRecord, actor_type| Living {
        is_leak: task.kind == TaskKind::AfterFunc || is_leak(&task),
        task,
        actor_type,
        addresses: None,
        address_records: Vec::new(),
    };
    let actors = snapshot.actors.into_iter().map(|actor| Living {
        addresses: actor.addresses,
        address_records: actor.address_records,
        ..living(actor.task, Some(actor.actor_type))
    });
    let actors = actors.collect::<Vec<_>>();
    let tasks = snapshot.tasks.into_iter().map(|task| living(task, None));
    let mut all: Vec<Living> = tasks.chain(actors).collect();
    all.sort_unstable_by(|a, b| a.task.id.cmp(&b.task.id));
    let leases = shares::of_leases(snapshot.leases);
    let permits = shares::of_permits(snapshot.permits);
    let mut alive = Alive {
        address_circles: circles::find(&all),
        living: all,
        timers: timers::list(core),
        held: [leases.0, permits.0].concat(),
        awaited: [leases.1, permits.1].concat(),
        unanswered: (snapshot.unanswered.into_iter())
            .filter(|name| !core.has_ended(name))
            .collect(),
    };
    alive.judge();
    alive
}

/// The ancestor that is a child of the root, or the id itself.
pub(super) fn outermost<'a>(id: &'a Id, root: &Id) -> &'a Id {
    let mut top = id;
    while let Some(parent) = top.parent().filter(|parent| !parent.is_same(root)) {
        top = parent;
    }
    top
}
