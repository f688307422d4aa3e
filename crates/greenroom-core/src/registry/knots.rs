//! What is said of tasks that wait for each other.

use std::fmt;

use super::graph::{WaitEdge, noun};
use crate::id::Id;
use crate::task::WaitKind;

/// Some who wait, each for others of them only. Found by [`Registry::wait_graph`](super::Registry::wait_graph)
/// and [`Registry::stuck`](super::Registry::stuck).
///
/// One that is certain does not go on by itself: only a cancel, a stop or the end of the runtime ends a
/// wait of it, or the error of a sibling, which cancels too. It is reported of tasks that were started
/// with the ends of the channels that they use (`Scope::go_with`), and of actors whose handlers wait for
/// such; see [`certain`](crate::certain).
///
/// One that is not certain is a hint: the ends of its channels may be elsewhere, and each of its tasks
/// may wait for something else as well. A system at rest, whose input comes from a thread, looks like
/// that. `why` says what is missing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Knot {
    /// Who waits, sorted.
    pub tasks: Vec<KnotTask>,
    /// Their waits, sorted by who waits and on what. Of a select it is the first of its channels.
    pub waits: Vec<WaitEdge>,
    /// Whether it is certain that none of them goes on by itself.
    pub is_certain: bool,
    /// Why it is not certain; empty if it is.
    pub why: Vec<Why>,
}

/// A task or an actor of a knot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct KnotTask {
    /// Its path.
    pub id: Id,
    /// Where it was spawned, as `file:line:column`.
    pub spawned_at: String,
}

/// Whether a runtime goes on by itself. Made by [`Registry::stuck`](super::Registry::stuck).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// These do not, for certain. Others may.
    Stuck(Vec<Knot>),
    /// Each task that waits, waits for one that is at work, for certain.
    Moving,
    /// That cannot be told, for these reasons.
    Unknown(Vec<Why>),
}

/// Why it cannot be told whether a task goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// It waits for a channel of which somebody unknown may hold an end.
    HeldOutside {
        /// Who waits.
        task: Id,
        /// The channel, or `None` if it was made outside the runtime.
        channel: Option<Id>,
    },
    /// It waits for a time.
    Timer {
        /// Who waits.
        task: Id,
    },
    /// Its wait ends by a deadline.
    Deadline {
        /// Who waits.
        task: Id,
    },
    /// It waits for something that is not the kernel's, at least as well.
    Foreign {
        /// Who waits.
        task: Id,
    },
    /// It is code that blocks a thread.
    Blocking {
        /// The job.
        task: Id,
    },
    /// It waits for an actor that is at rest: somebody else has the reply, or a message is under way.
    AtRest {
        /// Who waits.
        task: Id,
        /// The actor.
        actor: Id,
    },
    /// It waits for what anybody may bring about: a change, a turn, a lease that may be given on.
    Anybody {
        /// Who waits.
        task: Id,
        /// For what.
        kind: WaitKind,
    },
    /// It was started without its ends, so that it may wait for something else as well.
    Unwatched {
        /// Who waits.
        task: Id,
    },
    /// An arbiter does not answer: something blocks it.
    Unanswered {
        /// Its name.
        hub: String,
    },
}

impl Knot {
    fn head(&self) -> String {
        let count = self.tasks.len();
        match (self.is_certain, count) {
            (true, 1) => "knot: it waits for itself, and only a cancel ends that".to_owned(),
            (true, _) => format!("knot: {count} wait for each other, and only a cancel ends that"),
            (false, 1) => "possible knot: it may wait for itself".to_owned(),
            (false, _) => format!("possible knot: {count} may wait for each other"),
        }
    }
}

/// A line for the knot, then one for each wait and each reason, with four spaces in front.
impl fmt::Display for Knot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head())?;
        for wait in &self.waits {
            write!(f, "\n    {} waits: {}", wait.waiter, noun(wait.kind))?;
            if let Some(on) = &wait.on {
                write!(f, " ({on})")?;
            }
            let task = self.tasks.iter().find(|task| task.id == wait.waiter);
            if let Some(task) = task {
                write!(f, ", spawned at {}", task.spawned_at)?;
            }
        }
        for why in &self.why {
            write!(f, "\n    not certain: {why}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stuck(knots) => {
                f.write_str("stuck")?;
                knots.iter().try_for_each(|knot| write!(f, "\n{knot}"))
            }
            Self::Moving => f.write_str("moving"),
            Self::Unknown(why) => {
                f.write_str("unknown whether it moves")?;
                why.iter().try_for_each(|why| write!(f, "\n    {why}"))
            }
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldOutside { task, channel } => {
                write!(f, "{task} waits for ")?;
                match channel {
                    Some(channel) => write!(f, "{channel}, of which")?,
                    None => f.write_str("a channel that was made outside, of which")?,
                }
                f.write_str(" somebody unknown may hold an end; ")?;
                f.write_str("start the tasks that hold one with `go_with`, and drop all others")
            }
            Self::Timer { task } => write!(f, "{task} waits for a time"),
            Self::Deadline { task } => write!(f, "{task} has a deadline"),
            Self::Foreign { task } => write!(f, "{task} waits for something foreign"),
            Self::Blocking { task } => write!(f, "{task} blocks a thread"),
            Self::AtRest { task, actor } => {
                write!(f, "{task} waits for {actor}, which is at rest")
            }
            Self::Anybody { task, kind } => {
                write!(
                    f,
                    "{task} waits: {}, which anybody may bring about",
                    noun(*kind)
                )
            }
            Self::Unwatched { task } => write!(
                f,
                "{task} may wait for something foreign besides; start it with `go_with`"
            ),
            Self::Unanswered { hub } => {
                write!(f, "{hub} does not answer: something blocks it")
            }
        }
    }
}
