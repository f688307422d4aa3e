//! Who has the strong addresses of an actor, if the runtime is to know it.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use greenroom_core::registry::AddressRecord;
use greenroom_core::{Id, current};
use parking_lot::Mutex;

/// The strong addresses of one actor, by their numbers.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    holders: BTreeMap<u64, Holder>,
}

struct Holder {
    task: Option<Id>,
    place: &'static Location<'static>,
    since: Instant,
}

/// What one strong address is known by.
pub(super) struct Ticket {
    tickets: Arc<Tickets>,
    number: u64,
}

impl Tickets {
    /// Enters an address that the current task makes.
    pub(super) fn enter(self: &Arc<Self>, place: &'static Location<'static>) -> Ticket {
        let holder = Holder {
            task: current::task_id(),
            place,
            since: current::turn(),
        };
        let mut table = self.0.lock();
        let number = table.next;
        table.next += 1;
        table.holders.insert(number, holder);
        drop(table);
        Ticket {
            tickets: self.clone(),
            number,
        }
    }

    /// Lists the addresses that live, the oldest first.
    pub(crate) fn records(&self, now: Instant) -> Vec<AddressRecord> {
        let table = self.0.lock();
        let record = |holder: &Holder| {
            let lasts = now.saturating_duration_since(holder.since);
            AddressRecord::new(holder.task.clone(), holder.place.to_string(), lasts)
        };
        table.holders.values().map(record).collect()
    }
}

impl Ticket {
    /// Enters a clone of the address.
    pub(super) fn fork(&self, place: &'static Location<'static>) -> Self {
        self.tickets.enter(place)
    }

    /// Says that the current task sends through the address, and so has it.
    pub(super) fn touch(&self) {
        let task = current::task_id();
        let before = {
            let mut table = self.tickets.0.lock();
            let holder = table.holders.get_mut(&self.number);
            holder.map(|holder| std::mem::replace(&mut holder.task, task))
        };
        drop(before);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let gone = self.tickets.0.lock().holders.remove(&self.number);
        drop(gone);
    }
}
