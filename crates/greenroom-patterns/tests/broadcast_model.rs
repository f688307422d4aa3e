//! A broadcast against a list: sends, receives, drops and closes at random, each cut off at any poll.
//!
//! One subscriber, the witness, keeps up and so tells what was sent. What every other one got, and was
//! told that it missed, must add up to the same list from its subscription on.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::{Arc, Mutex};

use common::{Ledger, Token, idle, paused, polls, quiet};
use greenroom_actor::Scope;
use greenroom_core::Result;
use greenroom_core::time::Durations;
use greenroom_patterns::broadcast::{
    Broadcast, PublishError, ReceiveError, Slow, Subscription, TryPublishError, TryReceiveError,
    broadcast,
};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Sends for a millisecond, or for so many polls.
    Send(Option<usize>),
    TrySend(Option<usize>),
    /// Sends in a task of its own, for so many milliseconds.
    Task(u64),
    /// Sends a value whose clone panics.
    Poisoned,
    Subscribe(Option<usize>),
    Receive(usize, usize),
    Poll(usize, usize),
    Leave(usize),
    Close(Option<usize>),
}

#[derive(Clone, Debug)]
struct Plan {
    buffer: usize,
    replay: usize,
    slow: Slow,
    steps: Vec<Step>,
}

fn cut() -> impl Strategy<Value = Option<usize>> {
    proptest::option::weighted(0.4, 0..5_usize)
}

fn plans() -> impl Strategy<Value = Plan> {
    let step = prop_oneof![
        8 => cut().prop_map(Step::Send),
        3 => cut().prop_map(Step::TrySend),
        4 => (1..12_u64).prop_map(Step::Task),
        1 => Just(Step::Poisoned),
        3 => cut().prop_map(Step::Subscribe),
        6 => (0..5_usize, 1..4_usize).prop_map(|(who, count)| Step::Receive(who, count)),
        3 => (0..5_usize, 0..3_usize).prop_map(|(who, limit)| Step::Poll(who, limit)),
        2 => (0..5_usize).prop_map(Step::Leave),
        1 => cut().prop_map(Step::Close),
    ];
    let slow = prop_oneof![
        3 => Just(Slow::Wait), 2 => Just(Slow::DropOldest), 2 => Just(Slow::DropNewest), 1 => Just(Slow::Disconnect),
    ];
    (
        1..4_usize,
        0..3_usize,
        slow,
        proptest::collection::vec(step, 0..40),
    )
        .prop_map(|(buffer, replay, slow, steps)| Plan {
            buffer,
            replay: replay.min(buffer),
            slow,
            steps,
        })
}

#[derive(Debug)]
struct Value {
    token: Token,
    is_poisoned: bool,
}

impl Clone for Value {
    fn clone(&self) -> Self {
        assert!(!self.is_poisoned, "planned");
        Self {
            token: self.token.clone(),
            is_poisoned: false,
        }
    }
}

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Refused,
    /// It was cut off, or is on its way.
    Either,
}

struct Reader {
    subscription: Subscription<Value>,
    /// How many values of the witness lie behind it.
    at: usize,
    lags: bool,
}

impl Reader {
    /// Takes what is there, at most so many times, and compares. Returns whether it got anything.
    fn take(&mut self, most: usize, sent: &[usize]) -> bool {
        for _ in 0..most {
            match self.subscription.try_recv() {
                Ok(value) => self.got(value.token.number, sent),
                Err(TryReceiveError::Lagged(missed)) => self.lagged(missed),
                Err(TryReceiveError::Closed) => {
                    assert_eq!(self.at, sent.len(), "closed before the last value");
                    return false;
                }
                Err(_) => return false,
            }
        }
        true
    }

    fn got(&mut self, number: usize, sent: &[usize]) {
        assert_eq!(
            Some(&number),
            sent.get(self.at),
            "another value, or another order"
        );
        self.at += 1;
    }

    fn lagged(&mut self, missed: u64) {
        assert!(self.lags, "it missed {missed} values");
        assert_ne!(missed, 0);
        self.at += usize::try_from(missed).expect("a small number");
    }
}

async fn carry_out(scope: Scope, plan: Plan, ledger: Ledger) -> Result<()> {
    let options = broadcast()
        .buffer(plan.buffer)
        .slow(plan.slow)
        .replay(plan.replay);
    let news: Broadcast<Value> = Broadcast::spawn(&scope, options).await?;
    let mut witness = news.subscribe().await?;
    let mut sent = Vec::new();
    let fates = Arc::new(Mutex::new(Vec::new()));
    let mut readers: Vec<Reader> = Vec::new();
    let lags = matches!(plan.slow, Slow::DropOldest | Slow::DropNewest);
    let misses_none = matches!(plan.slow, Slow::Wait | Slow::DropOldest);
    let mut is_closed = false;
    for step in plan.steps {
        let value = |is_poisoned| {
            let mut fates = fates.lock().expect("nobody panics here");
            fates.push(Fate::Either);
            Value {
                token: ledger.token(fates.len() - 1),
                is_poisoned,
            }
        };
        let settle = |number: usize, fate| fates.lock().expect("nobody panics here")[number] = fate;
        match step {
            Step::Send(limit) => {
                let value = value(false);
                let number = value.token.number;
                let brief = scope.context().with_timeout(1.millis());
                match polls(limit, brief.run(news.send(value))).await {
                    Some(Ok(Ok(reached))) => {
                        settle(number, Fate::Sent);
                        assert!(!misses_none || reached == readers.len() + 1);
                    }
                    Some(Ok(Err(error))) => {
                        assert_eq!(matches!(error, PublishError::Closed(_)), is_closed);
                        assert_eq!(error.into_inner().token.number, number);
                        settle(number, Fate::Refused);
                    }
                    _ => {}
                }
            }
            Step::TrySend(limit) => {
                let value = value(false);
                let number = value.token.number;
                match polls(limit, news.try_send(value)).await {
                    Some(Ok(_)) => settle(number, Fate::Sent),
                    Some(Err(error)) => {
                        assert!(
                            is_closed || (plan.slow == Slow::Wait && error.is_full()),
                            "{error:?}"
                        );
                        assert_eq!(error.into_inner().token.number, number);
                        settle(number, Fate::Refused);
                    }
                    None => {}
                }
            }
            Step::Task(millis) => {
                let value = value(false);
                let (news, fates) = (news.clone(), fates.clone());
                let context = scope.context().with_timeout(millis.millis());
                let task = scope.go(async move {
                    let number = value.token.number;
                    let fate = match context.run(news.send(value)).await {
                        Ok(Ok(_)) => Fate::Sent,
                        Ok(Err(_)) => Fate::Refused,
                        Err(_) => Fate::Either,
                    };
                    fates.lock().expect("nobody panics here")[number] = fate;
                    Ok(())
                });
                task.detach();
            }
            Step::Poisoned => {
                let value = value(true);
                let number = value.token.number;
                let copies = readers.len() + 1 + usize::from(plan.replay > 0);
                match news.try_send(value).await {
                    Ok(_) => settle(number, Fate::Sent),
                    Err(error) => {
                        assert!(
                            copies > 1
                                || !matches!(
                                    error,
                                    TryPublishError::Publish(PublishError::Panicked(..))
                                )
                        );
                        settle(number, Fate::Refused);
                    }
                }
            }
            Step::Subscribe(limit) => {
                let subscribed = polls(limit, news.subscribe()).await;
                if let Some(subscribed) = subscribed {
                    assert_eq!(subscribed.is_err(), is_closed);
                    if let Ok(subscription) = subscribed {
                        // What the witness has not looked at yet was sent before or after: all that
                        // was told apart so far is known.
                        readers.push(Reader {
                            subscription,
                            at: sent.len() - plan.replay.min(sent.len()),
                            lags,
                        });
                    }
                }
            }
            Step::Receive(who, count) => {
                if let Some(reader) = readers.get_mut(who) {
                    reader.take(count, &sent);
                }
            }
            Step::Poll(who, limit) => {
                if let Some(reader) = readers.get_mut(who) {
                    let brief = scope.context().with_timeout(1.millis());
                    match polls(Some(limit), brief.run(reader.subscription.recv())).await {
                        Some(Ok(Ok(value))) => reader.got(value.token.number, &sent),
                        Some(Ok(Err(ReceiveError::Lagged(missed)))) => {
                            reader.lagged(missed);
                        }
                        _ => {}
                    }
                }
            }
            Step::Leave(who) => {
                if who < readers.len() {
                    drop(readers.remove(who));
                }
            }
            Step::Close(limit) => {
                if polls(limit, news.close()).await.is_some() {
                    is_closed = true;
                } else {
                    idle().await?;
                    is_closed |= news.subscribe().await.is_err();
                }
            }
        }
        // The witness keeps up, also with sends that had waited for it.
        loop {
            idle().await?;
            match witness.try_recv() {
                Ok(value) => sent.push(value.token.number),
                Err(TryReceiveError::Empty | TryReceiveError::Closed) => break,
                Err(error) => unreachable!("the witness: {error}"),
            }
        }
        for (number, fate) in fates.lock().expect("nobody panics here").iter().enumerate() {
            assert!(
                *fate == Fate::Either || sent.contains(&number) == (*fate == Fate::Sent),
                "{number}: {fate:?} of {sent:?}"
            );
        }
        if !is_closed && plan.slow != Slow::Disconnect {
            assert_eq!(news.subscribers().await?, readers.len() + 1);
        }
        let stored: usize = ledger.live();
        let waiting = fates.lock().expect("nobody panics here").len();
        assert!(
            stored <= (readers.len() + 1) * plan.buffer + plan.replay + waiting,
            "more is stored than the buffers hold"
        );
    }
    news.close().await;
    loop {
        idle().await?;
        match witness.try_recv() {
            Ok(value) => sent.push(value.token.number),
            Err(_) => break,
        }
    }
    for mut reader in readers {
        while reader.take(1, &sent) {}
        let is_cut = matches!(
            reader.subscription.try_recv(),
            Err(TryReceiveError::TooSlow)
        );
        assert!(reader.at == sent.len() || (is_cut && plan.slow == Slow::Disconnect));
    }
    drop(news);
    scope.join().await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]
    #[test]
    fn what_was_received_and_what_was_missed_add_up(plan in plans(), seed in any::<u64>()) {
        quiet();
        let ledger = Ledger::default();
        let runtime = paused(seed);
        let ran = runtime.block_on({
            let ledger = ledger.clone();
            move |scope| carry_out(scope, plan, ledger)
        });
        prop_assert!(ran.is_ok(), "{ran:?}");
        prop_assert_eq!(ledger.live(), 0, "a value is held somewhere");
        prop_assert!(runtime.registry().actors(runtime.context().now()).is_empty());
    }
}
