//! What a channel holds, and its steps. Nothing here locks, wakes, or drops a user's value.
//!
//! # Invariants
//! 1. One lock guards all of it. A [`Step`] collects what is done after the lock: reports, then wakes.
//!    Wakers are cloned under the lock, never woken or dropped there.
//! 2. A value is in one place: its sender's hands, a waiting sender's entry, the queue, the hand-back
//!    place, a waiting receiver's entry, or its receiver's hands.
//! 3. While an open receiver waits, nothing is stored and no open sender waits; while an open sender
//!    waits, there is no room. So a newcomer never overtakes a waiting party. (Open: a plain future,
//!    or a select that is not being polled at this moment.)
//! 4. A send hands its value to the oldest waiting receiver. A receive takes the oldest value, and in
//!    the same step moves the value of the oldest waiting sender to the queue's tail.
//! 5. Values that were handed over and given back are older than all that are queued: a hand-over
//!    happens on an empty queue. They go first, in the order in which they were handed over.
//! 6. A rendezvous channel has no room, ever: what was given back there is not stored by a send, is
//!    not counted, and leaves before any waiting sender is served.
//! 7. After a close nothing moves in: a waiting sender keeps its value in its entry, and takes it back.
//! 8. A step that may make an operation possible moves the version on before the lock is released: it
//!    stores or takes a value, enters a waiting party, or closes. To leave a queue enables nobody.
//! 9. A displacing send takes stored values out, the oldest first, until its own has room. Each room goes
//!    to who waits in line before it goes to that value, which moves in last. What is displaced leaves the
//!    lock with the step. A rendezvous channel stores nothing, so there is nothing to displace.
//! 10. Accepted is counted where a value moves in, in the same step: never later, and never twice for
//!     one that is given back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use slab::Slab;

use super::line::Line;
use super::party::{Claim, Party, Taken};
use crate::driver::{self, EventKind, Operation};
use crate::{current, id::Id, unwind};

pub(super) struct State<T> {
    queue: VecDeque<T>,
    /// Invariant 5, by the number of the hand-over.
    returned: BTreeMap<u64, T>,
    handed: u64,
    /// Invariant 10.
    accepted: u64,
    capacity: Option<usize>,
    closed: bool,
    receivers: Line<Waiter<(u64, T)>>,
    senders: Line<Waiter<T>>,
    /// Who waits for the close; seldom used, so it is kept small.
    closing: Option<Box<Slab<Option<Waker>>>>,
}

/// A waiting party. In a sender's entry the value is there until it is accepted; in a receiver's, from
/// when it was handed over.
pub(super) struct Waiter<V> {
    party: Party,
    value: Option<V>,
}

/// Why a value could not move in.
pub(super) enum Refused {
    Closed,
    Full,
}

/// What a step leaves to be done when the lock is gone.
#[derive(Default)]
#[must_use]
pub(super) struct Step {
    changed: bool,
    sent: usize,
    received: usize,
    returned: bool,
    displaced: bool,
    closed: bool,
    woken: Option<Waker>,
    more_woken: Vec<Waker>,
}

impl<T> State<T> {
    pub(super) const fn new(capacity: Option<usize>) -> Self {
        Self {
            queue: VecDeque::new(),
            returned: BTreeMap::new(),
            handed: 0,
            accepted: 0,
            capacity,
            closed: false,
            receivers: Line::new(),
            senders: Line::new(),
            closing: None,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, value: T, step: &mut Step) -> Result<(), (Refused, T)> {
        if self.closed {
            return Err((Refused::Closed, value));
        }
        if let Some(key) = take_first(&mut self.receivers, step) {
            self.handed += 1;
            self.receivers.get_mut(key).value = Some((self.handed, value));
            step.received += 1;
        } else if self.has_room() {
            self.queue.push_back(value);
        } else {
            return Err((Refused::Full, value));
        }
        self.accepted += 1;
        step.sent += 1;
        step.changed = true;
        Ok(())
    }

    /// Pushes a value, and takes out of the store what is stale beside it, then what is needed for room.
    /// What was taken out is added to `displaced`.
    pub(super) fn displace(
        &mut self,
        value: T,
        is_stale: Option<fn(&T, &T) -> bool>,
        displaced: &mut Vec<T>,
        step: &mut Step,
    ) -> Result<(), (Refused, T)> {
        // Invariants 6 and 9.
        if self.closed || self.capacity == Some(0) {
            return self.push(value, step);
        }
        if let Some(is_stale) = is_stale {
            let numbers: Vec<_> = (self.returned.iter())
                .filter(|(_, stored)| is_stale(stored, &value))
                .map(|(number, _)| *number)
                .collect();
            displaced.extend(numbers.iter().filter_map(|at| self.returned.remove(at)));
            let mut at = 0;
            while let Some(stored) = self.queue.get(at) {
                if is_stale(stored, &value) {
                    displaced.extend(self.queue.remove(at));
                } else {
                    at += 1;
                }
            }
            self.admit(step);
        }
        let mut value = value;
        let pushed = loop {
            value = match self.push(value, step) {
                Err((Refused::Full, value)) => value,
                pushed => break pushed,
            };
            displaced.extend(self.take_oldest());
            self.admit(step);
        };
        step.displaced = !displaced.is_empty();
        pushed
    }

    fn take_oldest(&mut self) -> Option<T> {
        match self.returned.pop_first() {
            Some((_, value)) => Some(value),
            None => self.queue.pop_front(),
        }
    }

    /// Lets who waits in line move in, as far as there is room.
    #[inline]
    fn admit(&mut self, step: &mut Step) {
        while self.has_room() {
            match self.take_sender(step) {
                Some(value) => self.queue.push_back(value),
                None => break,
            }
        }
    }

    #[inline]
    pub(super) fn pull(&mut self, step: &mut Step) -> Option<T> {
        let oldest = if self.returned.is_empty() {
            self.queue.pop_front()
        } else {
            self.returned.pop_first().map(|(_, value)| value)
        };
        let value = match oldest {
            Some(value) => value,
            None => self.take_sender(step)?,
        };
        step.received += 1;
        step.changed = true;
        // More than one moves only where values were given back into a full queue.
        self.admit(step);
        Some(value)
    }

    #[inline]
    fn take_sender(&mut self, step: &mut Step) -> Option<T> {
        if self.closed {
            // Invariant 7.
            return None;
        }
        let key = take_first(&mut self.senders, step)?;
        self.accepted += 1;
        step.sent += 1;
        self.senders.get_mut(key).value.take()
    }

    /// Passes a value on that its receiver did not take up.
    fn give_back(&mut self, number: u64, value: T, step: &mut Step) {
        step.changed = true;
        step.returned = true;
        match take_first(&mut self.receivers, step) {
            Some(key) => self.receivers.get_mut(key).value = Some((number, value)),
            None => {
                self.returned.insert(number, value);
            }
        }
    }

    pub(super) fn wait_to_send(&mut self, party: Party, value: T, step: &mut Step) -> usize {
        step.changed = true;
        self.senders.push_back(Waiter {
            party,
            value: Some(value),
        })
    }

    pub(super) fn wait_to_receive(&mut self, party: Party, step: &mut Step) -> usize {
        step.changed = true;
        self.receivers.push_back(Waiter { party, value: None })
    }

    /// Takes a sender's entry out, with its value unless that was accepted.
    pub(super) fn leave_senders(&mut self, key: usize) -> (Option<T>, Party) {
        let waiter = self.senders.remove(key);
        (waiter.value, waiter.party)
    }

    /// Takes a receiver's entry out, with the value that was handed to it.
    pub(super) fn leave_receivers(&mut self, key: usize) -> (Option<T>, Party) {
        let waiter = self.receivers.remove(key);
        (waiter.value.map(|(_, value)| value), waiter.party)
    }

    /// Takes a receiver's entry out and passes its value on.
    pub(super) fn abandon_receiver(&mut self, key: usize, step: &mut Step) -> Party {
        let waiter = self.receivers.remove(key);
        if let Some((number, value)) = waiter.value {
            self.give_back(number, value, step);
        }
        waiter.party
    }

    /// Returns the waker's slot of a plain sender that still waits.
    pub(super) fn sender_waker(&mut self, key: usize) -> Option<&mut Option<Waker>> {
        let waiter = self.senders.get_mut(key);
        if self.closed || waiter.value.is_none() {
            return None;
        }
        waker_of(&mut waiter.party)
    }

    /// Returns the waker's slot of a plain receiver that still waits.
    pub(super) fn receiver_waker(&mut self, key: usize) -> Option<&mut Option<Waker>> {
        let waiter = self.receivers.get_mut(key);
        if self.closed || waiter.value.is_some() {
            return None;
        }
        waker_of(&mut waiter.party)
    }

    /// Returns whether a send of `me` would complete now.
    pub(super) fn can_push(&self, me: Option<&Arc<Claim>>) -> bool {
        self.closed || self.has_room() || any_open(&self.receivers, me)
    }

    /// Returns whether a receive of `me` would complete now.
    pub(super) fn can_pull(&self, me: Option<&Arc<Claim>>) -> bool {
        self.closed
            || !self.returned.is_empty()
            || !self.queue.is_empty()
            || any_open(&self.senders, me)
    }

    pub(super) fn close(&mut self, step: &mut Step) -> bool {
        if std::mem::replace(&mut self.closed, true) {
            return false;
        }
        step.changed = true;
        step.closed = true;
        take_all(&mut self.receivers, step);
        take_all(&mut self.senders, step);
        if let Some(closing) = &mut self.closing {
            for (_, waker) in closing.iter_mut() {
                step.wake(waker.take());
            }
        }
        true
    }

    /// Closes for want of receivers, and gives out what is stored, to be dropped.
    pub(super) fn hang_up(&mut self, step: &mut Step) -> (VecDeque<T>, BTreeMap<u64, T>) {
        self.close(step);
        step.changed = true;
        (
            std::mem::take(&mut self.queue),
            std::mem::take(&mut self.returned),
        )
    }

    pub(super) fn wait_for_close(&mut self, waker: Waker) -> usize {
        self.closing.get_or_insert_default().insert(Some(waker))
    }

    pub(super) fn closing_waker(&mut self, key: usize) -> Option<&mut Option<Waker>> {
        self.closing.as_mut()?.get_mut(key)
    }

    pub(super) fn leave_closing(&mut self, key: usize) -> Option<Waker> {
        self.closing.as_mut()?.try_remove(key).flatten()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns how many values have moved in, ever.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Returns how many values are stored.
    pub(super) fn len(&self) -> usize {
        match self.capacity {
            // Invariant 6.
            Some(0) => 0,
            _ => self.queue.len() + self.returned.len(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.capacity
            .is_none_or(|capacity| self.queue.len() + self.returned.len() < capacity)
    }
}

impl Step {
    pub(super) fn is_change(&self) -> bool {
        self.changed
    }

    fn wake(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.woken.is_none() {
            self.woken = Some(waker);
        } else {
            self.more_woken.push(waker);
        }
    }

    /// Reports what took effect, then wakes whom it concerns.
    #[inline]
    pub(super) fn settle(&mut self, id: Option<&Id>) {
        if self.changed && current::is_observed() {
            self.report(id);
        }
        if !self.more_woken.is_empty() {
            let more = std::mem::take(&mut self.more_woken);
            unwind::wake_all(self.woken.take().into_iter().chain(more));
        } else {
            // One that panics is not the failure of who sends, receives or closes: the wrong version lets
            // it through, and ends an owner in the middle of what it does.
            unwind::wake_all(self.woken.take());
        }
    }

    #[cold]
    fn report(&self, id: Option<&Id>) {
        let tell = |operation, label| {
            driver::report(EventKind::Operation(operation), || id.cloned(), label);
        };
        for _ in 0..self.sent {
            tell(Operation::Send, "channel");
        }
        for _ in 0..self.received {
            tell(Operation::Receive, "channel");
        }
        if self.returned {
            tell(Operation::Receive, "channel, handed back");
        }
        if self.displaced {
            tell(Operation::Receive, "channel, displaced");
        }
        if self.closed {
            tell(Operation::Close, "channel");
        }
    }
}

fn waker_of(party: &mut Party) -> Option<&mut Option<Waker>> {
    match party {
        Party::Plain(waker) => Some(waker),
        Party::Select(..) => None,
    }
}

/// Takes the oldest party that can be used out of its queue.
#[inline]
fn take_first<V>(line: &mut Line<Waiter<V>>, step: &mut Step) -> Option<usize> {
    let first = line.first()?;
    take_from(line, first, step)
}

fn take_from<V>(line: &mut Line<Waiter<V>>, first: usize, step: &mut Step) -> Option<usize> {
    let mut at = Some(first);
    while let Some(key) = at {
        at = line.next(key);
        match line.get_mut(key).party.take() {
            Taken::Yes(waker) => {
                line.unlink(key);
                step.wake(waker);
                return Some(key);
            }
            Taken::Dead => line.unlink(key),
            Taken::Busy => {}
        }
    }
    None
}

/// Wakes every waiting party. A plain one stays in its queue until it has looked: a receiver may still
/// get a value that is given back.
fn take_all<V>(line: &mut Line<Waiter<V>>, step: &mut Step) {
    let mut at = line.first();
    while let Some(key) = at {
        at = line.next(key);
        let party = &mut line.get_mut(key).party;
        let plain = matches!(party, Party::Plain(_));
        match party.take() {
            Taken::Yes(waker) => {
                step.wake(waker);
                if !plain {
                    line.unlink(key);
                }
            }
            Taken::Dead => line.unlink(key),
            Taken::Busy => {}
        }
    }
}

fn any_open<V>(line: &Line<Waiter<V>>, me: Option<&Arc<Claim>>) -> bool {
    std::iter::successors(line.first(), |&key| line.next(key))
        .any(|key| line.get(key).party.is_open_to(me))
}
