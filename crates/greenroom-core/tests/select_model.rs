//! Selects made at run time against a slow and obvious model, under random operations: several of
//! them on the same channels, with their waits dropped after any number of polls.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use common::poll;
use greenroom_core::channel::{self, Receiver, SendError, Sender, TryRecvError, TrySendError};
use greenroom_core::select::{CaseId, Select};
use proptest::prelude::*;

const CAPACITIES: [usize; 4] = [0, 0, 1, 2];
const SELECTS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Receive {
        select: usize,
        chan: usize,
    },
    Send {
        select: usize,
        chan: usize,
    },
    Remove {
        select: usize,
        nth: usize,
    },
    /// Begins a wait that is dropped when it has been polled so many times.
    Wait {
        select: usize,
        polls: usize,
    },
    Poll(usize),
    /// Drops the wait, in which a peer may have fired a case by now.
    DropWait(usize),
    TryWait(usize),
    TrySend(usize),
    TryRecv(usize),
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (select, chan) = (0..SELECTS, 0..CAPACITIES.len());
    prop_oneof![
        5 => (select.clone(), chan.clone()).prop_map(|(select, chan)| Step::Receive { select, chan }),
        6 => (select.clone(), chan.clone()).prop_map(|(select, chan)| Step::Send { select, chan }),
        2 => (select.clone(), 0..4_usize).prop_map(|(select, nth)| Step::Remove { select, nth }),
        9 => (select.clone(), 1..4_usize).prop_map(|(select, polls)| Step::Wait { select, polls }),
        9 => select.clone().prop_map(Step::Poll),
        3 => select.clone().prop_map(Step::DropWait),
        3 => select.prop_map(Step::TryWait),
        3 => chan.clone().prop_map(Step::TrySend),
        3 => chan.clone().prop_map(Step::TryRecv),
        (1) => prop_oneof![9 => Just(Step::Poll(0)), 1 => chan.prop_map(Step::Close)],
    ]
}

/// What a case came to.
#[derive(Clone, Debug, PartialEq)]
enum Came {
    Got(u32),
    Closed,
    Sent,
    Refused(u32),
}

#[derive(Clone)]
struct Case {
    id: CaseId,
    chan: usize,
    value: Option<u32>,
}

#[derive(Default)]
struct Party {
    is_biased: bool,
    cases: Vec<Case>,
    is_waiting: bool,
    /// What a peer decided, and the number of the hand-over.
    claimed: Option<(CaseId, Came, u32)>,
    /// A send whose value was accepted when nobody looked any more.
    accepted: Option<CaseId>,
}

#[derive(Default)]
struct Chan {
    capacity: usize,
    closed: bool,
    stored: VecDeque<u32>,
    returned: BTreeMap<u32, u32>,
    receivers: Vec<(usize, CaseId)>,
    senders: Vec<(usize, CaseId)>,
}

impl Chan {
    fn has_room(&self) -> bool {
        self.stored.len() + self.returned.len() < self.capacity
    }
}

#[derive(Default)]
struct Model {
    chans: Vec<Chan>,
    parties: Vec<Party>,
    handed: u32,
    accepted: u32,
    received: u32,
}

impl Model {
    fn case(&self, party: usize, id: CaseId) -> &Case {
        let mut cases = self.parties[party].cases.iter();
        cases.find(|case| case.id == id).unwrap()
    }

    fn is_ready(&self, case: &Case) -> bool {
        let chan = &self.chans[case.chan];
        chan.closed
            || match case.value {
                Some(_) => chan.has_room() || !chan.receivers.is_empty(),
                None => {
                    !chan.returned.is_empty() || !chan.stored.is_empty() || !chan.senders.is_empty()
                }
            }
    }

    fn ready(&self, party: usize) -> Vec<CaseId> {
        let cases = self.parties[party].cases.iter();
        cases
            .filter(|case| self.is_ready(case))
            .map(|case| case.id)
            .collect()
    }

    /// A peer decides a waiting select.
    fn claim(&mut self, (party, id): (usize, CaseId), came: Came, number: u32) {
        self.leave(party);
        self.parties[party].claimed = Some((id, came, number));
    }

    fn leave(&mut self, party: usize) {
        self.parties[party].is_waiting = false;
        for chan in &mut self.chans {
            chan.receivers.retain(|&(of, _)| of != party);
            chan.senders.retain(|&(of, _)| of != party);
        }
    }

    fn park(&mut self, party: usize) {
        self.parties[party].is_waiting = true;
        for case in self.parties[party].cases.clone() {
            let chan = &mut self.chans[case.chan];
            match case.value {
                Some(_) => chan.senders.push((party, case.id)),
                None => chan.receivers.push((party, case.id)),
            }
        }
    }

    fn send(&mut self, chan: usize, value: u32) -> Came {
        if self.chans[chan].closed {
            return Came::Refused(value);
        }
        if let Some(&first) = self.chans[chan].receivers.first() {
            self.handed += 1;
            self.claim(first, Came::Got(value), self.handed);
        } else {
            self.chans[chan].stored.push_back(value);
        }
        self.accepted += 1;
        Came::Sent
    }

    fn take_sender(&mut self, chan: usize) -> Option<u32> {
        let &first = self.chans[chan].senders.first()?;
        let value = self.case(first.0, first.1).value;
        self.claim(first, Came::Sent, 0);
        self.accepted += 1;
        value
    }

    fn receive(&mut self, chan: usize) -> Option<u32> {
        let place = &mut self.chans[chan];
        let returned = place.returned.pop_first().map(|(_, value)| value);
        let there = returned.or_else(|| place.stored.pop_front());
        let value = there.or_else(|| self.take_sender(chan))?;
        while self.chans[chan].has_room()
            && let Some(value) = self.take_sender(chan)
        {
            self.chans[chan].stored.push_back(value);
        }
        self.received += 1;
        Some(value)
    }

    /// Fires a case of a select that is at work.
    fn fire(&mut self, party: usize, id: CaseId) -> Came {
        let case = self.case(party, id).clone();
        match case.value {
            None => self.receive(case.chan).map_or(Came::Closed, Came::Got),
            Some(value) => {
                self.parties[party].cases.retain(|case| case.id != id);
                self.send(case.chan, value)
            }
        }
    }

    /// What a select that was decided, if it was, gives when it is polled.
    fn decided(&mut self, party: usize) -> Option<(CaseId, Came)> {
        let (id, mut came, _) = self.parties[party].claimed.take()?;
        match came {
            Came::Got(_) => self.received += 1,
            // A value may have come back since the close.
            Came::Closed => {
                let chan = self.case(party, id).chan;
                came = self.receive(chan).map_or(Came::Closed, Came::Got);
            }
            Came::Sent | Came::Refused(_) => {
                self.parties[party].cases.retain(|case| case.id != id);
            }
        }
        Some((id, came))
    }

    fn drop_wait(&mut self, party: usize) {
        self.leave(party);
        match self.parties[party].claimed.take() {
            Some((id, Came::Got(value), number)) => {
                let chan = self.case(party, id).chan;
                match self.chans[chan].receivers.first() {
                    Some(&first) => self.claim(first, Came::Got(value), number),
                    None => {
                        self.chans[chan].returned.insert(number, value);
                    }
                }
            }
            Some((id, Came::Sent, _)) => self.parties[party].accepted = Some(id),
            _ => {}
        }
    }

    fn close(&mut self, chan: usize) {
        self.chans[chan].closed = true;
        while let Some(&first) = self.chans[chan].receivers.first() {
            self.claim(first, Came::Closed, 0);
        }
        while let Some(&first) = self.chans[chan].senders.first() {
            let value = self.case(first.0, first.1).value.unwrap();
            self.claim(first, Came::Refused(value), 0);
        }
    }

    /// What a new wait may give: nothing if it is empty.
    fn begin(&mut self, party: usize) -> Vec<CaseId> {
        match self.parties[party].accepted {
            Some(id) => vec![id],
            None => {
                let mut ready = self.ready(party);
                if self.parties[party].is_biased {
                    ready.truncate(1);
                }
                ready
            }
        }
    }

    /// Goes along with what the new wait gave.
    fn follow(&mut self, party: usize, id: CaseId) -> Came {
        if self.parties[party].accepted.take().is_some() {
            self.parties[party].cases.retain(|case| case.id != id);
            return Came::Sent;
        }
        self.fire(party, id)
    }

    /// Accepted = received, stored, or in the hands of a select that has not looked.
    fn is_balanced(&self) -> bool {
        let stored: usize = self
            .chans
            .iter()
            .map(|c| c.stored.len() + c.returned.len())
            .sum();
        let in_hand = self
            .parties
            .iter()
            .filter(|party| matches!(party.claimed, Some((_, Came::Got(_), _))));
        self.accepted as usize == self.received as usize + stored + in_hand.count()
    }
}

type Selecting = Select<'static, Came>;
type Wait = Pin<Box<dyn Future<Output = (Selecting, Option<(CaseId, Came)>)>>>;

/// A select that is there to be changed, or waits.
enum Real {
    Idle(Selecting),
    Waits(Wait, Rc<Cell<bool>>),
    Moving,
}

/// Polls so many times at most, and drops the wait then, or when it is told to.
async fn wait(
    mut select: Selecting,
    polls: usize,
    drops: Rc<Cell<bool>>,
) -> (Selecting, Option<(CaseId, Came)>) {
    let fired = {
        let mut waits = pin!(select.wait());
        let mut polled = 0;
        std::future::poll_fn(|cx| {
            if drops.get() {
                return Poll::Ready(None);
            }
            polled += 1;
            match waits.as_mut().poll(cx) {
                Poll::Ready(fired) => Poll::Ready(Some(fired.unwrap())),
                Poll::Pending if polled == polls => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    (select, fired)
}

fn receive(select: &mut Selecting, rx: &Receiver<u32>) -> CaseId {
    select.recv(rx, |got| got.map_or(Came::Closed, Came::Got))
}

fn send(select: &mut Selecting, tx: &Sender<u32>, value: u32) -> CaseId {
    select.send(tx, value, |sent| match sent {
        Ok(()) => Came::Sent,
        Err(SendError::Closed(value)) => Came::Refused(value),
        Err(error) => panic!("{error}"),
    })
}

fn check(steps: &[Step]) {
    let ends: Vec<_> = CAPACITIES.map(channel::bounded::<u32>).into();
    let mut model = Model::default();
    model.chans.extend(CAPACITIES.map(|capacity| Chan {
        capacity,
        ..Chan::default()
    }));
    let mut reals = Vec::new();
    for n in 0..SELECTS {
        let is_biased = n % 2 == 1;
        reals.push(Real::Idle(if is_biased {
            Select::biased()
        } else {
            Select::new()
        }));
        model.parties.push(Party {
            is_biased,
            ..Party::default()
        });
    }
    let mut next = 0;
    for (number, step) in steps.iter().enumerate() {
        let at = format!("step {number}: {step:?}");
        match *step {
            Step::Receive {
                select: party,
                chan,
            } => {
                if let Real::Idle(select) = &mut reals[party] {
                    let id = receive(select, &ends[chan].1);
                    model.parties[party].cases.push(Case {
                        id,
                        chan,
                        value: None,
                    });
                }
            }
            Step::Send {
                select: party,
                chan,
            } => {
                if let Real::Idle(select) = &mut reals[party] {
                    next += 1;
                    let id = send(select, &ends[chan].0, next);
                    let value = Some(next);
                    model.parties[party].cases.push(Case { id, chan, value });
                }
            }
            Step::Remove { select: party, nth } => {
                let cases = &mut model.parties[party].cases;
                if let Real::Idle(select) = &mut reals[party]
                    && nth < cases.len()
                {
                    let id = cases.remove(nth).id;
                    assert!(select.remove(id) && !select.remove(id));
                    let accepted = &mut model.parties[party].accepted;
                    *accepted = accepted.filter(|&of| of != id);
                }
            }
            Step::Wait {
                select: party,
                polls,
            } => {
                if let Real::Idle(_) = reals[party] {
                    let Real::Idle(select) = std::mem::replace(&mut reals[party], Real::Moving)
                    else {
                        unreachable!()
                    };
                    let drops = Rc::new(Cell::new(false));
                    let mut waits: Wait = Box::pin(wait(select, polls, drops.clone()));
                    let may = model.begin(party);
                    reals[party] = match poll(&mut waits) {
                        Poll::Pending => {
                            assert_eq!(may, [], "{at}");
                            model.park(party);
                            Real::Waits(waits, drops)
                        }
                        Poll::Ready((select, None)) => {
                            assert_eq!((may, polls), (Vec::new(), 1), "{at}");
                            Real::Idle(select)
                        }
                        Poll::Ready((select, Some((id, came)))) => {
                            assert!(may.contains(&id), "{at}: {id:?} of {may:?}");
                            assert_eq!(came, model.follow(party, id), "{at}");
                            Real::Idle(select)
                        }
                    };
                }
            }
            Step::Poll(party) => {
                if let Real::Waits(waits, _) = &mut reals[party] {
                    match poll(waits) {
                        Poll::Pending => assert!(model.parties[party].is_waiting, "{at}"),
                        Poll::Ready((select, Some(fired))) => {
                            assert_eq!(Some(fired), model.decided(party), "{at}");
                            reals[party] = Real::Idle(select);
                        }
                        Poll::Ready((select, None)) => {
                            assert!(model.parties[party].is_waiting, "{at}");
                            model.drop_wait(party);
                            reals[party] = Real::Idle(select);
                        }
                    }
                }
            }
            Step::DropWait(party) => {
                if let Real::Waits(waits, drops) = &mut reals[party] {
                    drops.set(true);
                    let Poll::Ready((select, None)) = poll(waits) else {
                        panic!("{at}: it was told to drop the wait")
                    };
                    model.drop_wait(party);
                    reals[party] = Real::Idle(select);
                }
            }
            Step::TryWait(party) => {
                if let Real::Idle(select) = &mut reals[party] {
                    let may = model.begin(party);
                    match select.try_wait() {
                        None => assert_eq!(may, [], "{at}"),
                        Some((id, came)) => {
                            assert!(may.contains(&id), "{at}");
                            assert_eq!(came, model.follow(party, id), "{at}");
                        }
                    }
                } else if let Real::Waits(..) = reals[party] {
                    // A wait that is dropped at any moment, not just when it was polled last: the
                    // select goes with it.
                    reals[party] = Real::Idle(Select::new());
                    model.drop_wait(party);
                    model.parties[party] = Party::default();
                }
            }
            Step::TrySend(chan) => {
                next += 1;
                let is_ready = model.chans[chan].closed
                    || model.chans[chan].has_room()
                    || !model.chans[chan].receivers.is_empty();
                let want = match is_ready.then(|| model.send(chan, next)) {
                    Some(Came::Sent) => Ok(()),
                    Some(_) => Err(TrySendError::Closed(next)),
                    None => Err(TrySendError::Full(next)),
                };
                assert_eq!(ends[chan].0.try_send(next), want, "{at}");
            }
            Step::TryRecv(chan) => {
                let want = match model.receive(chan) {
                    Some(value) => Ok(value),
                    None if model.chans[chan].closed => Err(TryRecvError::Closed),
                    None => Err(TryRecvError::Empty),
                };
                assert_eq!(ends[chan].1.try_recv(), want, "{at}");
            }
            Step::Close(chan) => {
                assert_eq!(ends[chan].0.close(), !model.chans[chan].closed);
                model.close(chan);
            }
        }
        assert!(model.is_balanced(), "{at}");
        for (chan, (tx, _)) in model.chans.iter().zip(&ends) {
            let want = match chan.capacity {
                0 => 0,
                _ => chan.stored.len() + chan.returned.len(),
            };
            assert_eq!((tx.len(), tx.is_closed()), (want, chan.closed), "{at}");
        }
    }
    for (party, real) in reals.into_iter().enumerate() {
        drop(real);
        model.drop_wait(party);
    }
    for (n, (_, rx)) in ends.iter().enumerate() {
        let left: Vec<_> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
        let want: Vec<_> = std::iter::from_fn(|| model.receive(n)).collect();
        assert_eq!(left, want);
    }
    assert_eq!(model.accepted, model.received);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn selects_behave_as_their_model(steps in proptest::collection::vec(step(), 1..150)) {
        check(&steps);
    }
}
