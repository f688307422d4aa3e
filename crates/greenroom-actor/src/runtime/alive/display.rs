//! How it reads: a line for each, and one for many that are alike.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use greenroom_core::Id;
use greenroom_core::driver::AlarmKind;
use greenroom_core::registry::AddressRecord;
use greenroom_core::task::{TaskKind, WaitKind};

use super::Alive;
use super::records::{ArmedTimer, Held, HeldKind, Living, Taker};

/// From how many on those that are alike share a line.
const MANY: usize = 4;

/// How many lines a list gets.
const LINES: usize = 40;

/// How many addresses of an actor are told.
const ADDRESSES: usize = 3;

/// A line for each, with four spaces in front. Those that are alike share one, and a list that is longer
/// than a screen ends with the number of those that are left out.
impl fmt::Display for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.living, "")?;
        list(f, &self.timers, "")?;
        list(f, &self.held, "held: ")?;
        list(f, &self.awaited, "waited for: ")?;
        for circle in &self.address_circles {
            f.write_str("    kept alive only by each other's addresses, as far as is known: ")?;
            for id in circle {
                write!(f, "{id} -> ")?;
            }
            writeln!(
                f,
                "{}; a `WeakAddress` in one of them, or a stop, ends it",
                circle[0]
            )?;
        }
        for arbiter in &self.unanswered {
            writeln!(f, "    {arbiter} does not answer: something blocks it")?;
        }
        Ok(())
    }
}

/// One of a list that may be long.
trait Entry: fmt::Display {
    /// What those that are alike have in common.
    fn key(&self) -> (&str, &str, Option<WaitKind>, bool);
    fn id(&self) -> Option<&Id>;
    fn age(&self) -> Duration;
    /// What is said of many.
    fn fmt_kind(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

fn list<E: Entry>(f: &mut fmt::Formatter<'_>, entries: &[E], what: &str) -> fmt::Result {
    let mut groups: BTreeMap<_, (usize, Vec<&E>)> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        let alike = groups.entry(entry.key());
        alike.or_insert((place, Vec::new())).1.push(entry);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable_by_key(|(first, _)| *first);
    let mut lines = 0;
    let mut left = 0;
    for (_, group) in groups {
        if lines >= LINES {
            left += group.len();
        } else if group.len() < MANY {
            for entry in &group {
                writeln!(f, "    {what}{entry}")?;
            }
            lines += group.len();
        } else if let Some(oldest) = group.iter().max_by_key(|entry| entry.age()) {
            write!(f, "    {what}{} x ", Grouped(group.len()))?;
            oldest.fmt_kind(f)?;
            write!(f, "; the oldest for {:?}", oldest.age())?;
            if let Some(id) = oldest.id() {
                write!(f, ": {id}")?;
            }
            writeln!(f)?;
            lines += 1;
        }
    }
    if left > 0 {
        writeln!(f, "    {what}{} more", Grouped(left))?;
    }
    Ok(())
}

/// A number with a comma between thousands.
struct Grouped(usize);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl Entry for Living {
    fn key(&self) -> (&str, &str, Option<WaitKind>, bool) {
        let kind = self.actor_type.unwrap_or_else(|| kind(self.task.kind));
        let waits = self.task.waiting.as_ref().map(|waiting| waiting.kind);
        (kind, &self.task.spawned_at, waits, self.is_leak)
    }

    fn id(&self) -> Option<&Id> {
        Some(&self.task.id)
    }

    fn age(&self) -> Duration {
        self.task.alive
    }

    fn fmt_kind(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_type(f)?;
        write!(f, " spawned at {}", self.task.spawned_at)?;
        match &self.task.waiting {
            Some(waiting) => write!(f, ", {}", waits(waiting.kind)),
            None => Ok(()),
        }
    }
}

impl Living {
    fn fmt_type(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.actor_type {
            Some(actor) => write!(f, "(actor {actor})"),
            None => f.write_str(kind(self.task.kind)),
        }
    }
}

impl fmt::Display for Living {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = &self.task;
        write!(f, "{} ", task.id)?;
        self.fmt_type(f)?;
        write!(
            f,
            " spawned at {}, alive for {:?}",
            task.spawned_at, task.alive
        )?;
        for wait in &task.waits {
            write!(f, ", {}", waits(wait.waiting.kind))?;
            if let Some(message) = wait.message {
                write!(f, " to {message}")?;
            }
            if let Some(on) = &wait.waiting.on {
                write!(f, " ({on})")?;
            }
            write!(f, " for {:?}", wait.lasts)?;
        }
        if let Some(addresses) = self.addresses {
            fmt_addresses(f, addresses, &self.address_records)?;
        }
        Ok(())
    }
}

fn fmt_addresses(
    f: &mut fmt::Formatter<'_>,
    count: usize,
    records: &[AddressRecord],
) -> fmt::Result {
    let plural = if count == 1 { "" } else { "es" };
    write!(f, ", kept alive by {} address{plural}", Grouped(count))?;
    for (at, record) in records.iter().take(ADDRESSES).enumerate() {
        f.write_str(if at == 0 { ": held by " } else { "; by " })?;
        match &record.task {
            Some(task) => write!(f, "{task}")?,
            None => f.write_str("something outside the runtime")?,
        }
        write!(f, " since {}, {:?} ago", record.place, record.lasts)?;
    }
    if records.len() > ADDRESSES {
        write!(f, "; and {} more", Grouped(records.len() - ADDRESSES))?;
    }
    Ok(())
}

impl Entry for ArmedTimer {
    fn key(&self) -> (&str, &str, Option<WaitKind>, bool) {
        let place = self.place.as_deref().unwrap_or_default();
        (alarm(self.kind), place, None, self.is_leak)
    }

    fn id(&self) -> Option<&Id> {
        self.task.as_ref()
    }

    fn age(&self) -> Duration {
        self.age.unwrap_or_default()
    }

    fn fmt_kind(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(alarm(self.kind))?;
        match &self.place {
            Some(place) => write!(f, " set at {place}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ArmedTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_kind(f)?;
        fmt_taker(f, self.task.as_ref(), self.taker)?;
        if let Some(age) = self.age {
            write!(f, ", {age:?} ago")?;
        }
        write!(f, ", fires in {:?}", self.remaining)
    }
}

impl Entry for Held {
    fn key(&self) -> (&str, &str, Option<WaitKind>, bool) {
        (held(self.kind), &self.place, None, self.is_leak)
    }

    fn id(&self) -> Option<&Id> {
        self.task.as_ref()
    }

    fn age(&self) -> Duration {
        self.lasts
    }

    fn fmt_kind(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of ", held(self.kind))?;
        match self.name {
            Some(name) => write!(f, "{name} ({})", self.owner)?,
            None => write!(f, "{}", self.owner)?,
        }
        write!(f, ", asked for at {}", self.place)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.weight > 1 {
            write!(f, "{} x ", Grouped(self.weight))?;
        }
        self.fmt_kind(f)?;
        fmt_taker(f, self.task.as_ref(), self.taker)?;
        write!(f, ", for {:?}", self.lasts)
    }
}

fn fmt_taker(f: &mut fmt::Formatter<'_>, task: Option<&Id>, taker: Taker) -> fmt::Result {
    match task {
        Some(task) => write!(f, " by {task}")?,
        None => f.write_str(" outside the runtime")?,
    }
    f.write_str(match taker {
        Taker::Ended => ", which has ended: it was handed on, or forgotten",
        _ => "",
    })
}

pub(in crate::runtime) fn kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Actor => "(actor)",
        TaskKind::Scope => "(scope)",
        TaskKind::Blocking => "(blocking code)",
        TaskKind::AfterFunc => "(after a context)",
        TaskKind::Kernel => "(kernel)",
        _ => "(task)",
    }
}

fn alarm(kind: Option<AlarmKind>) -> &'static str {
    match kind {
        Some(AlarmKind::Sleep) => "(sleep)",
        Some(AlarmKind::Ticker) => "(ticker)",
        Some(AlarmKind::Deadline) => "(deadline of a context)",
        Some(AlarmKind::Message) => "(message of an actor to itself)",
        Some(AlarmKind::Interval) => "(interval of an actor)",
        _ => "(timer)",
    }
}

fn held(kind: HeldKind) -> &'static str {
    match kind {
        HeldKind::Lease => "a lease",
        HeldKind::SharedLease => "a shared lease",
        HeldKind::Permit => "a permit",
        HeldKind::Item => "an item",
    }
}

pub(in crate::runtime) fn waits(kind: WaitKind) -> &'static str {
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
        WaitKind::Lease => "waits for a lease",
        WaitKind::Permit => "waits for a permit",
        _ => "waits",
    }
}
