//! Who lives in a runtime, and who of them is a leak.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::Id;
use greenroom_core::registry::{Snapshot, TaskRecord};
use greenroom_core::task::{TaskKind, WaitKind};
use greenroom_core::time::sleep_on;

use super::Core;
use super::shutdown::GRACE;

/// How long an arbiter gets to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait before those that are about to end are looked at again.
const STEP: Duration = Duration::from_millis(10);

/// What lives in a runtime. Made by [`Runtime::alive`](crate::Runtime::alive).
///
/// It lists the tasks, the bodies of scopes and the actors, including the one that asks. Each record is
/// right for some moment while it was made, not all for the same one.
///
/// # What a leak is
/// What lives although nobody waits for its end:
/// - whatever is in a scope whose future was dropped before its end, such as one that lost a race
///   against a time-out, and that body itself. Dropping cancels it, so it stays only if it runs
///   without cancel, or in code that does not come to an await;
/// - a function that runs [after a context](greenroom_core::Context::after_func), once it has started;
/// - whatever is in no open scope. There should be no such thing.
///
/// No leak is: what is in a scope whose future was not dropped, however long it lives, and what is in a
/// scope inside such a one, since the outer scope waits for that too; the runtime's own housekeeping.
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
    /// The arbiters whose tasks are missing here, since they are held up by code that does not await.
    /// One that has ended holds nothing and is not among them.
    pub unanswered: Vec<String>,
}

/// A task or an actor that lives.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Living {
    /// Its id and kind, where it was spawned, for how long it has lived, and what it waits for.
    #[serde(flatten)]
    pub task: TaskRecord,
    /// The name of its type, if it is an actor.
    pub actor_type: Option<&'static str>,
    /// Whether nobody waits for its end; see [`Alive`].
    pub is_leak: bool,
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
        let leaks = Self {
            living: self.leaks().cloned().collect(),
            unanswered: self.unanswered.clone(),
        };
        assert!(
            leaks.living.is_empty() && leaks.unanswered.is_empty(),
            "{} leaked, which nobody waits for\n{leaks}",
            leaks.living.len()
        );
    }

    fn is_clean(&self) -> bool {
        self.unanswered.is_empty() && self.leaks().next().is_none()
    }
}

/// One line for each, with four spaces in front.
impl fmt::Display for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for living in &self.living {
            writeln!(f, "    {living}")?;
        }
        for arbiter in &self.unanswered {
            writeln!(f, "    {arbiter} does not answer: something blocks it")?;
        }
        Ok(())
    }
}

impl fmt::Display for Living {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = &self.task;
        write!(f, "{} ", task.id)?;
        match self.actor_type {
            Some(actor) => write!(f, "(actor {actor})")?,
            None => f.write_str(kind(task.kind))?,
        }
        write!(
            f,
            " spawned at {}, alive for {:?}",
            task.spawned_at, task.alive
        )?;
        if let Some(waiting) = &task.waiting {
            write!(f, ", {}", waits(waiting.kind))?;
            if let Some(on) = &waiting.on {
                write!(f, " ({on})")?;
            }
        }
        Ok(())
    }
}

pub(super) fn kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Actor => "(actor)",
        TaskKind::Scope => "(scope)",
        TaskKind::Blocking => "(blocking code)",
        TaskKind::AfterFunc => "(after a context)",
        TaskKind::Kernel => "(kernel)",
        _ => "(task)",
    }
}

pub(super) fn waits(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::Ask => "waits for a reply",
        WaitKind::Tell => "waits for room in a mailbox",
        WaitKind::Send => "waits to send",
        WaitKind::Receive => "waits to receive",
        WaitKind::Select => "waits in a select",
        WaitKind::Join => "waits for the end of another",
        WaitKind::ScopeEnd => "waits for what is in a scope",
        WaitKind::Watch => "waits for a change",
        WaitKind::Sleep => "waits for a time",
        WaitKind::Limit => "waits for its turn",
        _ => "waits",
    }
}

/// Looks who lives now.
///
/// What is a leak at one look may be an end that was under way between its parts: the arbiters answer
/// one after the other, and a scope that ended in between seems to be missing. Something that is a leak
/// at two looks was one at the end of the first.
pub(super) async fn look(core: &Arc<Core>) -> Alive {
    let first = look_once(core).await;
    if first.leaks().next().is_none() {
        return first;
    }
    let mut second = look_once(core).await;
    for living in &mut second.living {
        let was = |other: &Living| other.task.id.is_same(&living.task.id);
        living.is_leak &= first.leaks().any(was);
    }
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
    };
    let actors = (snapshot.actors.into_iter())
        .map(|actor| living(actor.task, Some(actor.actor_type)))
        .collect::<Vec<_>>();
    let tasks = snapshot.tasks.into_iter().map(|task| living(task, None));
    let mut all: Vec<Living> = tasks.chain(actors).collect();
    all.sort_unstable_by(|a, b| a.task.id.cmp(&b.task.id));
    Alive {
        living: all,
        unanswered: (snapshot.unanswered.into_iter())
            .filter(|name| !core.has_ended(name))
            .collect(),
    }
}

/// The ancestor that is a child of the root, or the id itself.
pub(super) fn outermost<'a>(id: &'a Id, root: &Id) -> &'a Id {
    let mut top = id;
    while let Some(parent) = top.parent().filter(|parent| !parent.is_same(root)) {
        top = parent;
    }
    top
}
