//! What a shutdown found.

use std::fmt;
use std::time::Duration;

use greenroom_core::Panic;
use greenroom_core::registry::TaskRecord;
use serde::Serializer;

use super::alive::{kind, waits};

/// What a shutdown found. Made by [`Runtime::shutdown`](crate::Runtime::shutdown).
///
/// [`Display`](fmt::Display) gives a line of counts, and a line for each that was cut. The runtime's own
/// housekeeping is in none of the lists, and each is sorted by id.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// What lived when the shutdown began, as it was then, and ended before the deadline.
    pub finished: Vec<Ending>,
    /// What lived at the deadline, as it was then, and what the cancel itself had started and did not
    /// see ended: scopes, tasks, actors, functions after a context, and blocking code.
    pub cut: Vec<Ending>,
    /// The arbiters that were left behind, since something on them does not await. They end with the
    /// process.
    pub stuck: Vec<Stuck>,
    /// Panics that no scope, supervisor or handle was there to take, in the order of the arbiters: the
    /// first 1024 of each. See [`supervision`](crate::supervision#panics) for what is among them.
    #[serde(serialize_with = "texts")]
    pub panics: Vec<Panic>,
}

/// An arbiter that something holds up.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Stuck {
    /// The name of the arbiter.
    pub arbiter: String,
    /// What holds it up, as it was when the shutdown returned, unless that is code outside of all scopes.
    pub by: Option<Ending>,
}

/// What became of a task, an actor, a scope or blocking code in a shutdown.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Ending {
    /// Its id and kind, where it was spawned, for how long it had lived, and what it waited for.
    #[serde(flatten)]
    pub task: TaskRecord,
    /// The name of its type, if it is an actor.
    pub actor_type: Option<&'static str>,
    /// Of an actor: the type of the message that it was handling, or the part of its life that was
    /// running, such as `started`. Of others, `blocking` if a closure of theirs was running on a thread
    /// for that.
    pub doing: Option<&'static str>,
    /// For how long it had been at that, in the runtime's time; serialized as seconds.
    ///
    /// Of a handler: since it came to an await. Of what holds its arbiter up: since the arbiter came round
    /// the last time, which is just before.
    #[serde(serialize_with = "seconds")]
    pub busy: Option<Duration>,
    /// Of an actor: how many messages were in its mailbox, without the one that it was handling.
    pub queued: usize,
    /// How it ended.
    pub how: HowEnded,
}

/// How something ended in a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HowEnded {
    /// By itself, before the deadline.
    Finished,
    /// After the cancel: it came to an await, or returned.
    Cancelled,
    /// With its arbiter, at an await: it ran without cancel, and the time for that was over.
    Dropped,
    /// Not at all. It goes on, or waits for its turn, on a thread that cannot be ended from outside.
    LeftBehind,
}

impl ShutdownReport {
    /// Returns whether everything had ended by itself before the deadline.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cut.is_empty() && self.stuck.is_empty() && self.panics.is_empty()
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (finished, cut) = (self.finished.len(), self.cut.len());
        write!(f, "shutdown: {finished} finished, {cut} cut")?;
        for ending in &self.cut {
            write!(f, "\n    {ending}")?;
        }
        for stuck in &self.stuck {
            match &stuck.by {
                Some(by) => write!(f, "\n    {} is held up by {by}", stuck.arbiter)?,
                None => write!(f, "\n    {} is held up", stuck.arbiter)?,
            }
        }
        for panic in &self.panics {
            write!(f, "\n    {panic}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = &self.task;
        write!(f, "{} ", task.id)?;
        match self.actor_type {
            Some(actor) => write!(f, "(actor {actor})")?,
            None => f.write_str(kind(task.kind))?,
        }
        write!(f, " spawned at {}", task.spawned_at)?;
        if let Some(doing) = self.doing {
            write!(f, ", busy with {doing}")?;
        }
        match (self.doing, self.busy) {
            (Some(_), Some(busy)) => write!(f, " for {busy:?}")?,
            (None, Some(busy)) => write!(f, ", busy for {busy:?}")?,
            (_, None) => {}
        }
        if let Some(waiting) = &task.waiting {
            write!(f, ", {}", waits(waiting.kind))?;
            if let Some(on) = &waiting.on {
                write!(f, " ({on})")?;
            }
        }
        if self.actor_type.is_some() {
            write!(f, ", {} queued", self.queued)?;
        }
        f.write_str(match self.how {
            HowEnded::Finished => ": finished",
            HowEnded::Cancelled => ": ended after the cancel",
            HowEnded::Dropped => ": was dropped",
            HowEnded::LeftBehind => ": left behind",
        })
    }
}

fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_some(&duration.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}

fn texts<S: Serializer>(panics: &[Panic], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(panics.iter().map(ToString::to_string))
}
