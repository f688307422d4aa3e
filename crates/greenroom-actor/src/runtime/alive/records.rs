//! What is known of each thing that lives, is set, or is held.

use std::time::Duration;

use greenroom_core::Id;
use greenroom_core::driver::AlarmKind;
use greenroom_core::registry::{AddressRecord, TaskRecord};

/// A task or an actor that lives.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Living {
    /// Its id and kind, where it was spawned, for how long it has lived, and what it waits for.
    #[serde(flatten)]
    pub task: TaskRecord,
    /// The name of its type, if it is an actor.
    pub actor_type: Option<&'static str>,
    /// How many strong addresses keep it alive, if it is an actor.
    pub addresses: Option<usize>,
    /// Who has them, if [addresses are tracked](crate::Builder::track_addresses).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub address_records: Vec<AddressRecord>,
    /// Whether nobody waits for its end; see [`Alive`](super::Alive).
    pub is_leak: bool,
}

/// What has become of the task that set a timer, or took a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Taker {
    /// It lives.
    Lives,
    /// It has ended. What it took was handed on, or forgotten; nobody can tell which.
    Ended,
    /// It was none of our tasks.
    Outside,
    /// An arbiter did not answer, so that it may live there.
    Unknown,
}

/// A timer that is set.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct ArmedTimer {
    /// What it is for, or `None` for one that does not tell.
    pub kind: Option<AlarmKind>,
    /// The task or the actor that set it, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it was set, as `file:line:column`.
    pub place: Option<String>,
    /// How long ago that was, in the runtime's time; serialized as seconds. One that repeats counts from
    /// its first time.
    #[serde(serialize_with = "optional_seconds")]
    pub age: Option<Duration>,
    /// The time until it fires; serialized as seconds.
    #[serde(serialize_with = "seconds")]
    pub remaining: Duration,
    /// What has become of who set it.
    pub taker: Taker,
    /// Whether it is that of a leak; see [`Alive`](super::Alive).
    pub is_leak: bool,
}

/// What can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HeldKind {
    /// The lease of a mutex, or of a writer.
    Lease,
    /// The lease of a reader.
    SharedLease,
    /// Permits of a semaphore.
    Permit,
    /// An item of a pool.
    Item,
}

/// Something that is held, or waited for.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Held {
    /// Whose it is: a mutex, a semaphore, a pool.
    pub owner: Id,
    /// The name of the owner, if it has one.
    pub name: Option<&'static str>,
    /// What it is.
    pub kind: HeldKind,
    /// Tells it from the others of this owner.
    pub number: u64,
    /// How many permits it is.
    pub weight: usize,
    /// The task that asked for it, or `None` outside our tasks.
    pub task: Option<Id>,
    /// Where it was asked for, as `file:line:column`.
    pub place: String,
    /// For how long it has been held or waited for, in the runtime's time; serialized as seconds.
    #[serde(serialize_with = "seconds")]
    pub lasts: Duration,
    /// What has become of who took it.
    pub taker: Taker,
    /// Whether it is that of a leak; see [`Alive`](super::Alive).
    pub is_leak: bool,
}

impl Held {
    /// Returns whether the two are the same thing, at different times.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.number, self.kind) == (other.number, other.kind) && self.owner.is_same(&other.owner)
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[allow(
    clippy::ref_option,
    reason = "serde calls it with a reference to the field"
)]
fn optional_seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}
