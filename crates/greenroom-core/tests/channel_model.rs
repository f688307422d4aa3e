//! A channel against a slow and obvious model, under random operations.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::collections::{BTreeMap, VecDeque};
use std::task::Poll;

use common::poll;
use greenroom_core::channel::{
    self, Receiver, Recv, RecvError, Send, SendError, Sender, TryRecvError, TrySendError,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Send,
    Recv,
    PollSend(usize),
    PollRecv(usize),
    DropSend(usize),
    DropRecv(usize),
    TrySend,
    TryRecv,
    Displace,
    Close,
    CloneEnds,
    DropClones,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Send),
        6 => Just(Step::Recv),
        6 => (0..8_usize).prop_map(Step::PollSend),
        6 => (0..8_usize).prop_map(Step::PollRecv),
        3 => (0..8_usize).prop_map(Step::DropSend),
        4 => (0..8_usize).prop_map(Step::DropRecv),
        3 => Just(Step::TrySend),
        3 => Just(Step::TryRecv),
        2 => Just(Step::Displace),
        1 => Just(Step::CloneEnds),
        1 => Just(Step::DropClones),
        (1) => prop_oneof![9 => Just(Step::CloneEnds), 1 => Just(Step::Close)],
    ]
}

/// What a value became when its future is polled next.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Waiting,
    Sent,
    Got(u32),
    Closed,
}

/// The model: plain lists, searched from the front.
#[derive(Default)]
struct Model {
    capacity: Option<usize>,
    closed: bool,
    stored: VecDeque<u32>,
    /// Given back, by the number of the hand-over.
    returned: BTreeMap<u32, u32>,
    handed: u32,
    /// Waiting futures by number, in the order in which they began to wait.
    senders: Vec<(usize, u32)>,
    receivers: Vec<usize>,
    outcome: BTreeMap<usize, (Outcome, u32)>,
    accepted: u32,
    received: u32,
    displaced: u32,
}

impl Model {
    fn len(&self) -> usize {
        match self.capacity {
            Some(0) => 0,
            _ => self.stored.len() + self.returned.len(),
        }
    }

    fn has_room(&self) -> bool {
        self.capacity
            .is_none_or(|most| self.stored.len() + self.returned.len() < most)
    }

    fn hand(&mut self, number: u32, value: u32) -> bool {
        if self.receivers.is_empty() {
            return false;
        }
        let receiver = self.receivers.remove(0);
        self.outcome.insert(receiver, (Outcome::Got(value), number));
        true
    }

    fn send(&mut self, value: u32) -> Outcome {
        if self.closed {
            return Outcome::Closed;
        }
        if !self.receivers.is_empty() {
            self.handed += 1;
            self.hand(self.handed, value);
        } else if self.has_room() {
            self.stored.push_back(value);
        } else {
            return Outcome::Waiting;
        }
        self.accepted += 1;
        Outcome::Sent
    }

    fn admit(&mut self) -> Option<u32> {
        if self.closed || self.senders.is_empty() {
            return None;
        }
        let (sender, value) = self.senders.remove(0);
        self.outcome.insert(sender, (Outcome::Sent, 0));
        self.accepted += 1;
        Some(value)
    }

    /// Sends at the cost of the oldest: who waits in line moves in first.
    fn displace(&mut self, value: u32) -> (Outcome, Vec<u32>) {
        let mut out = Vec::new();
        loop {
            let sent = self.send(value);
            if sent != Outcome::Waiting || self.capacity == Some(0) {
                return (sent, out);
            }
            let oldest = self.returned.pop_first().map(|(_, value)| value);
            out.extend(oldest.or_else(|| self.stored.pop_front()));
            while self.has_room() {
                match self.admit() {
                    Some(value) => self.stored.push_back(value),
                    None => break,
                }
            }
        }
    }

    fn recv(&mut self) -> Outcome {
        let first = self.returned.pop_first().map(|(_, value)| value);
        let Some(value) = first
            .or_else(|| self.stored.pop_front())
            .or_else(|| self.admit())
        else {
            return if self.closed {
                Outcome::Closed
            } else {
                Outcome::Waiting
            };
        };
        while self.has_room() {
            match self.admit() {
                Some(value) => self.stored.push_back(value),
                None => break,
            }
        }
        self.received += 1;
        Outcome::Got(value)
    }

    fn give_back(&mut self, number: u32, value: u32) {
        if !self.hand(number, value) {
            self.returned.insert(number, value);
        }
    }

    fn in_hand(&self) -> usize {
        self.outcome
            .values()
            .filter(|(outcome, _)| matches!(outcome, Outcome::Got(_)))
            .count()
    }
}

enum Pending<'a> {
    Send(Send<'a, u32>),
    Recv(Recv<'a, u32>),
}

fn sent(poll: Poll<Result<(), SendError<u32>>>, value: u32) -> Outcome {
    match poll {
        Poll::Pending => Outcome::Waiting,
        Poll::Ready(Ok(())) => Outcome::Sent,
        Poll::Ready(Err(SendError::Closed(back))) if back == value => Outcome::Closed,
        Poll::Ready(Err(error)) => panic!("{error:?}"),
    }
}

fn got(poll: Poll<Result<u32, RecvError>>) -> Outcome {
    match poll {
        Poll::Pending => Outcome::Waiting,
        Poll::Ready(Ok(value)) => Outcome::Got(value),
        Poll::Ready(Err(RecvError::Closed)) => Outcome::Closed,
        Poll::Ready(Err(error)) => panic!("{error:?}"),
    }
}

fn check(capacity: Option<usize>, steps: &[Step]) {
    let (tx, rx): (Sender<u32>, Receiver<u32>) = match capacity {
        Some(capacity) => channel::bounded(capacity),
        None => channel::unbounded(),
    };
    let mut clones = Vec::new();
    let mut model = Model {
        capacity,
        ..Model::default()
    };
    let mut pending: Vec<(usize, u32, Pending<'_>)> = Vec::new();
    let mut next = 0_u32;
    for (number, step) in steps.iter().enumerate() {
        let nth = |want: usize, sends: bool, pending: &[(usize, u32, Pending<'_>)]| {
            let of_kind: Vec<_> = (0..pending.len())
                .filter(|&at| matches!(pending[at].2, Pending::Send(_)) == sends)
                .collect();
            (!of_kind.is_empty()).then(|| of_kind[want % of_kind.len()])
        };
        match *step {
            Step::Send => {
                next += 1;
                let mut send = tx.send(next);
                let want = model.send(next);
                assert_eq!(sent(poll(&mut send), next), want);
                if want == Outcome::Waiting {
                    model.senders.push((number, next));
                    pending.push((number, next, Pending::Send(send)));
                }
            }
            Step::Recv => {
                let mut recv = rx.recv();
                let want = model.recv();
                assert_eq!(got(poll(&mut recv)), want);
                if want == Outcome::Waiting {
                    model.receivers.push(number);
                    pending.push((number, 0, Pending::Recv(recv)));
                }
            }
            Step::PollSend(which) => {
                if let Some(at) = nth(which, true, &pending) {
                    let (id, value, Pending::Send(send)) = &mut pending[at] else {
                        unreachable!()
                    };
                    let decided = model.outcome.remove(id).map(|(outcome, _)| outcome);
                    let want = decided.unwrap_or(if model.closed {
                        Outcome::Closed
                    } else {
                        Outcome::Waiting
                    });
                    assert_eq!(sent(poll(send), *value), want);
                    if want != Outcome::Waiting {
                        model.senders.retain(|(sender, _)| sender != id);
                        pending.remove(at);
                    }
                }
            }
            Step::PollRecv(which) => {
                if let Some(at) = nth(which, false, &pending) {
                    let (id, _, Pending::Recv(recv)) = &mut pending[at] else {
                        unreachable!()
                    };
                    let want = match model.outcome.remove(id) {
                        Some((outcome, _)) => {
                            model.received += 1;
                            outcome
                        }
                        None if model.closed => Outcome::Closed,
                        None => Outcome::Waiting,
                    };
                    assert_eq!(got(poll(recv)), want);
                    if want != Outcome::Waiting {
                        model.receivers.retain(|receiver| receiver != id);
                        pending.remove(at);
                    }
                }
            }
            Step::DropSend(which) => {
                if let Some(at) = nth(which, true, &pending) {
                    let (id, ..) = pending.remove(at);
                    model.outcome.remove(&id);
                    model.senders.retain(|(sender, _)| *sender != id);
                }
            }
            Step::DropRecv(which) => {
                if let Some(at) = nth(which, false, &pending) {
                    let (id, ..) = pending.remove(at);
                    model.receivers.retain(|receiver| *receiver != id);
                    if let Some((Outcome::Got(value), number)) = model.outcome.remove(&id) {
                        model.give_back(number, value);
                    }
                }
            }
            Step::TrySend => {
                next += 1;
                let want = match model.send(next) {
                    Outcome::Sent => Ok(()),
                    Outcome::Closed => Err(TrySendError::Closed(next)),
                    _ => Err(TrySendError::Full(next)),
                };
                assert_eq!(tx.try_send(next), want);
            }
            Step::Displace => {
                next += 1;
                let (sent, out) = model.displace(next);
                model.displaced += out.len() as u32;
                let want = match sent {
                    Outcome::Sent => Ok(out),
                    Outcome::Closed => Err(TrySendError::Closed(next)),
                    _ => Err(TrySendError::Full(next)),
                };
                assert_eq!(tx.displace(next), want);
            }
            Step::TryRecv => {
                let want = match model.recv() {
                    Outcome::Got(value) => Ok(value),
                    Outcome::Closed => Err(TryRecvError::Closed),
                    _ => Err(TryRecvError::Empty),
                };
                assert_eq!(rx.try_recv(), want);
            }
            Step::Close => {
                assert_eq!(tx.close(), !model.closed);
                model.closed = true;
            }
            Step::CloneEnds => clones.push((tx.clone(), rx.clone())),
            Step::DropClones => clones.clear(),
        }
        assert_eq!(rx.len(), model.len(), "after step {number}");
        assert_eq!(tx.is_closed(), model.closed);
        // The account: accepted = received + displaced + stored + handed over but not yet taken up.
        assert_eq!(tx.accepted(), u64::from(model.accepted));
        assert_eq!(rx.accepted(), tx.accepted());
        let stored = model.stored.len() + model.returned.len();
        assert_eq!(
            model.accepted as usize,
            (model.received + model.displaced) as usize + stored + model.in_hand()
        );
    }
    // What is left comes out in order, with all waits given up.
    for (id, _, _) in pending.drain(..) {
        model.receivers.retain(|receiver| *receiver != id);
        if let Some((Outcome::Got(value), number)) = model.outcome.remove(&id) {
            model.give_back(number, value);
        }
    }
    let left: Vec<_> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
    let want: Vec<_> = model.returned.into_values().chain(model.stored).collect();
    assert_eq!(left, want);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_channel_behaves_as_its_model(
        capacity in prop_oneof![Just(Some(0)), Just(Some(1)), Just(Some(3)), Just(None)],
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        check(capacity, &steps);
    }
}
