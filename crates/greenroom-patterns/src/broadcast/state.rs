//! The subscribers with their buffers, and the sends that wait for room.

use std::collections::VecDeque;
use std::convert::Infallible;

use greenroom_core::channel::{self, Receiver, Sender};
use greenroom_core::{Panic, unwind};

use super::message::{Item, Offer, Refused};
use super::options::{BroadcastOptions, Slow};
use super::subscription::Subscription;
use crate::caught::let_go;

/// What outlives the owner's incarnations.
pub(super) struct Audience<T> {
    options: BroadcastOptions,
    /// The number of the next value.
    next: u64,
    /// The last values, for those who come later.
    last: VecDeque<T>,
    places: Vec<Place<T>>,
    /// Offers in their order. One whose slot is empty was taken back.
    waiting: VecDeque<Offer<T>>,
    /// At this number of waiting offers those that were taken back are looked for.
    sweep_at: usize,
    /// Wakes the owner, since it cannot see that a buffer has room again.
    room: Sender<()>,
    is_closed: bool,
}

/// One subscriber.
struct Place<T> {
    // Without a bound of its own, so that the end fits in always; values are counted here. Only the
    // owner puts in, so room that was seen stays.
    values: Sender<Item<T>>,
    /// The same buffer, to take the oldest out of it. So this does not tell that the subscriber left.
    oldest: Receiver<Item<T>>,
    /// Closes when the subscriber has gone.
    present: Receiver<Infallible>,
}

/// Values that nobody gets any more, to be dropped last: that is a user's code.
#[must_use]
pub(super) struct Debris<T>(Vec<Item<T>>);

impl<T> Place<T> {
    fn is_full(&self, options: &BroadcastOptions) -> bool {
        self.values.len() >= options.buffer
    }

    fn put(&self, item: Item<T>) {
        // Without a bound it is never full, and this end keeps it open.
        let _never_refused = self.values.try_send(item);
    }
}

const SWEEP: usize = 16;

impl<T> Audience<T> {
    pub(super) fn new(options: BroadcastOptions, room: Sender<()>) -> Self {
        Self {
            options,
            next: 0,
            last: VecDeque::new(),
            places: Vec::new(),
            waiting: VecDeque::new(),
            sweep_at: SWEEP,
            room,
            is_closed: false,
        }
    }

    /// Looks again at what waits, soon.
    pub(super) fn nudge(&self) {
        // Full means that it is going to look anyway.
        let _looks_anyway = self.room.try_send(());
    }

    /// Returns how many subscribers there are, without those that have gone.
    pub(super) fn count(&mut self) -> usize {
        for gone in self
            .places
            .extract_if(.., |place| place.present.is_closed())
        {
            let_go(gone);
        }
        self.places.len()
    }

    /// Ends it: what waits is refused, what is stored is received first. Returns whether it was open.
    pub(super) fn close(&mut self) -> bool {
        for offer in self.waiting.drain(..) {
            tell(&offer, Err(Refused::Closed));
        }
        for place in self.places.drain(..) {
            place.put(Item::End {
                next: self.next,
                is_too_slow: false,
            });
        }
        !std::mem::replace(&mut self.is_closed, true)
    }

    /// Takes out the values kept for later subscribers.
    pub(super) fn take_last(&mut self) -> VecDeque<T> {
        std::mem::take(&mut self.last)
    }

    fn is_blocked(&self) -> bool {
        self.options.slow == Slow::Wait
            && self.places.iter().any(|place| place.is_full(&self.options))
    }

    fn wait(&mut self, offer: Offer<T>) {
        if self.waiting.len() >= self.sweep_at {
            self.waiting.retain(|offer| !offer.slot.is_empty());
            self.sweep_at = (2 * self.waiting.len()).max(SWEEP);
        }
        self.waiting.push_back(offer);
    }
}

impl<T: Clone> Audience<T> {
    /// Makes a place, and stores in it what is replayed; `None` if it is closed.
    pub(super) fn subscribe(&mut self) -> Option<Subscription<T>> {
        if self.is_closed {
            return None;
        }
        // Cloned first: a clone that panics leaves everything as it was.
        let replayed = self.last.clone();
        let first = self.next - replayed.len() as u64;
        let (values, buffer) = channel::unbounded();
        let (is_present, present) = channel::rendezvous();
        let place = Place {
            values,
            oldest: buffer.clone(),
            present,
        };
        for (number, value) in (first..).zip(replayed) {
            place.put(Item::Value(number, value));
        }
        self.places.push(place);
        let full_at = (self.options.slow == Slow::Wait).then_some(self.options.buffer);
        let room = self.room.clone();
        Some(Subscription::new(buffer, is_present, room, full_at, first))
    }

    /// Takes an offer: delivers, keeps or refuses it.
    pub(super) fn offer(
        &mut self,
        offer: Offer<T>,
        panicked: impl Fn(Box<dyn std::any::Any + Send>) -> Panic,
    ) -> Debris<T> {
        self.count();
        if self.is_closed {
            tell(&offer, Err(Refused::Closed));
        } else if self.waiting.is_empty() && !self.is_blocked() {
            return self.serve(&offer, &panicked);
        } else if !offer.waits {
            tell(&offer, Err(Refused::Full));
        } else {
            self.wait(offer);
        }
        Debris(Vec::new())
    }

    /// Delivers what waits, as far as there is room.
    pub(super) fn advance(
        &mut self,
        panicked: impl Fn(Box<dyn std::any::Any + Send>) -> Panic,
    ) -> Debris<T> {
        self.count();
        let mut debris = Debris(Vec::new());
        while !self.is_blocked()
            && let Some(offer) = self.waiting.pop_front()
        {
            debris.0.append(&mut self.serve(&offer, &panicked).0);
        }
        debris
    }

    /// Takes the value out of its slot, if it is still there, and gives it to all.
    fn serve(
        &mut self,
        offer: &Offer<T>,
        panicked: &impl Fn(Box<dyn std::any::Any + Send>) -> Panic,
    ) -> Debris<T> {
        let Ok(value) = offer.slot.try_recv() else {
            return Debris(Vec::new());
        };
        let copies = self.places.len() + usize::from(self.options.replay > 0);
        // Invariant 1. The wrong version clones as it puts in: a clone that panics for the second
        // subscriber comes after the first has the value.
        let more = unwind::catch(|| (1..copies).map(|_| value.clone()).collect::<Vec<_>>());
        match more {
            Ok(more) => {
                let (reached, debris) = self.deliver(more.into_iter().chain([value]));
                tell(offer, Ok(reached));
                debris
            }
            Err(payload) => {
                tell(offer, Err(Refused::Panicked(value, panicked(payload))));
                Debris(Vec::new())
            }
        }
    }

    /// Puts one copy in each place. Runs no code of a user.
    fn deliver(&mut self, mut copies: impl Iterator<Item = T>) -> (usize, Debris<T>) {
        let (options, number) = (self.options, self.next);
        let mut debris = Vec::new();
        let mut reached = 0;
        self.next += 1;
        self.places.retain(|place| {
            let Some(copy) = copies.next() else {
                return true;
            };
            let item = Item::Value(number, copy);
            match options.slow {
                Slow::DropNewest if place.is_full(&options) => debris.push(item),
                Slow::Disconnect if place.is_full(&options) => {
                    debris.push(item);
                    place.put(Item::End {
                        next: number,
                        is_too_slow: true,
                    });
                    return false;
                }
                Slow::DropOldest => {
                    while place.is_full(&options)
                        && let Ok(oldest) = place.oldest.try_recv()
                    {
                        debris.push(oldest);
                    }
                    place.put(item);
                    reached += 1;
                }
                _ => {
                    place.put(item);
                    reached += 1;
                }
            }
            true
        });
        if options.replay > 0 {
            self.last.extend(copies.next());
            while self.last.len() > options.replay
                && let Some(oldest) = self.last.pop_front()
            {
                debris.push(Item::Value(number, oldest));
            }
        } else {
            debris.extend(copies.next().map(|unread| Item::Value(number, unread)));
        }
        (reached, Debris(debris))
    }
}

impl<T> Drop for Debris<T> {
    fn drop(&mut self) {
        for item in self.0.drain(..) {
            let_go(item);
        }
    }
}

fn tell<T>(offer: &Offer<T>, verdict: Result<usize, Refused<T>>) {
    // There is room for it, unless nobody waits for it any more.
    let _nobody = offer.told.try_send(verdict);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::{TryReceiveError, broadcast};

    /// An offer, with where its verdict comes and what is left of it.
    fn offer(value: u32, waits: bool) -> (Offer<u32>, Receiver<Result<usize, Refused<u32>>>) {
        let (put, slot) = channel::bounded(1);
        let _stored = put.try_send(value);
        let (told, verdict) = channel::bounded(1);
        (Offer { slot, told, waits }, verdict)
    }

    fn never(_: Box<dyn std::any::Any + Send>) -> Panic {
        unreachable!("the clone of a number does not panic")
    }

    fn audience(slow: Slow) -> (Audience<u32>, Receiver<()>) {
        let (nudge, room) = channel::bounded(1);
        let options = broadcast().buffer(1).slow(slow);
        (Audience::new(options, nudge), room)
    }

    #[test]
    fn a_newcomer_does_not_take_the_room_that_another_waits_for() {
        let (mut audience, room) = audience(Slow::Wait);
        let mut reader = audience.subscribe().expect("it is open");
        for value in 1..=2 {
            drop(audience.offer(offer(value, true).0, never));
        }
        assert_eq!(reader.try_recv(), Ok(1));
        assert!(room.try_recv().is_ok(), "the owner was not woken");
        // There is room, and the owner has not come to look.
        let (late, verdict) = offer(3, false);
        drop(audience.offer(late, never));
        assert!(matches!(verdict.try_recv(), Ok(Err(Refused::Full))));
        drop(audience.offer(offer(4, true).0, never));
        for value in [2, 4] {
            drop(audience.advance(never));
            assert_eq!(reader.try_recv(), Ok(value));
        }
    }

    #[test]
    fn an_offer_that_was_taken_back_is_skipped() {
        let (mut audience, _room) = audience(Slow::Wait);
        let mut reader = audience.subscribe().expect("it is open");
        drop(audience.offer(offer(1, true).0, never));
        let (gone, _verdict) = offer(2, true);
        let slot = gone.slot.clone();
        drop(audience.offer(gone, never));
        drop(audience.offer(offer(3, true).0, never));
        assert_eq!((slot.try_recv(), reader.try_recv()), (Ok(2), Ok(1)));
        drop(audience.advance(never));
        assert_eq!(reader.try_recv(), Ok(3));
        assert_eq!(reader.try_recv(), Err(TryReceiveError::Empty));
    }

    #[test]
    fn offers_that_were_taken_back_do_not_pile_up() {
        let (mut audience, _room) = audience(Slow::Wait);
        let _reader = audience.subscribe().expect("it is open");
        for value in 0..1_000 {
            let (gone, _verdict) = offer(value, true);
            let slot = gone.slot.clone();
            drop(audience.offer(gone, never));
            let _taken_back = slot.try_recv();
        }
        assert!(audience.waiting.len() <= SWEEP);
    }

    #[test]
    fn a_close_refuses_what_waits_and_ends_behind_what_is_stored() {
        let (mut audience, _room) = audience(Slow::Wait);
        let mut reader = audience.subscribe().expect("it is open");
        drop(audience.offer(offer(1, true).0, never));
        let (waiting, verdict) = offer(2, true);
        drop(audience.offer(waiting, never));
        assert!(audience.close() && !audience.close());
        assert!(matches!(verdict.try_recv(), Ok(Err(Refused::Closed))));
        assert_eq!(reader.try_recv(), Ok(1));
        assert_eq!(reader.try_recv(), Err(TryReceiveError::Closed));
        assert!(audience.subscribe().is_none());
    }
}
