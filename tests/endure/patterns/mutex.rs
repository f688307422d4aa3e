//! A mutex and its condition: one holder, what was put in is there, no signal is lost, and a panic
//! poisons until somebody recovers.

use greenroom::patterns::condition::WaitError;
use greenroom::patterns::mutex::{LockError, TryLockError};
use greenroom::prelude::*;

use crate::account::{Count, Mark, Token};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

#[derive(Debug, Default)]
struct Queue {
    tokens: Vec<Token>,
    is_closed: bool,
}

/// What each party of a round has.
#[derive(Clone)]
struct Party {
    queue: Mutex<Queue>,
    changed: Condition<Queue>,
    holders: Count,
    round: Round,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let queue = Mutex::spawn(&scope, Queue::default()).await?;
    let party = Party {
        changed: queue.condition(),
        queue: queue.clone(),
        holders: Count::default(),
        round: round.clone(),
    };
    let mut marks = Vec::new();
    let mut producers = Vec::new();
    for _ in 0..dice.upto(3) {
        let tokens: Vec<_> = (0..dice.below(5)).map(|_| round.token()).collect();
        marks.extend(tokens.iter().map(Token::mark));
        let task = scope.go(produce(party.clone(), tokens, dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        producers.push(task);
    }
    let consumers = (0..dice.below(3)).map(|_| scope.go(consume(party.clone(), dice.fork())));
    let consumers: Vec<_> = consumers.collect();
    let steady = dice
        .one_in(2)
        .then(|| scope.go(consume_steadily(party.clone())));
    for producer in producers {
        let _failed = producer.await;
    }
    if steady.is_some() {
        // It gets every signal that the others leave. A panic takes some with it: whoever waits is told
        // of the poison instead.
        let is_left = |marks: &[Mark]| {
            let is_in = |mark: &Mark| mark.is_accepted() && !mark.is_received();
            marks.iter().any(is_in)
        };
        while round.ledger().counts().panics == 0 && is_left(&marks) {
            sleep(1.millis()).await?;
        }
    }
    queue.recover().await?.is_closed = true;
    party.changed.broadcast();
    for consumer in consumers.into_iter().chain(steady) {
        let _failed = consumer.await;
    }
    let mut all = queue.recover().await?;
    all.tokens.drain(..).for_each(|token| token.received());
    round.ledger().lossless();
    drop(all);
    let status = queue.status().await?;
    let is_free = status.holders.is_empty() && status.waiters.is_empty() && status.parked == 0;
    round.check(is_free, || format!("nobody is there, but {status:?}"));
    Ok(())
}

impl Party {
    fn alone<T>(&self, f: impl FnOnce() -> T) -> T {
        let _held = self.holders.hold();
        self.round.check(self.holders.get() == 1, || {
            format!("{} hold the lease", self.holders.get())
        });
        f()
    }
}

async fn produce(party: Party, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(12);
    for token in tokens {
        dice.pause().await?;
        let form = dice.below(4);
        let lease = match form {
            0 => match dice.attempt(party.queue.try_lock()).await {
                Some(Err(TryLockError::Busy | TryLockError::Poisoned(_))) | None => {
                    token.returned();
                    continue;
                }
                Some(lease) => lease?,
            },
            _ => match dice.attempt(party.queue.lock()).await {
                Some(Err(LockError::Poisoned(_))) => party.queue.recover().await?,
                None => {
                    token.returned();
                    continue;
                }
                Some(lease) => match lease {
                    Ok(lease) => lease,
                    Err(_) if is_here() => {
                        token.returned();
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                },
            },
        };
        let mut lease = lease;
        let held = party.holders.hold();
        party.round.check(party.holders.get() == 1, || {
            format!("{} hold the lease", party.holders.get())
        });
        let mark = token.mark();
        lease.tokens.push(token);
        mark.accepted();
        fuse.step();
        dice.pause().await?;
        drop(held);
        drop(lease);
        party.changed.signal();
    }
    Ok(())
}

async fn consume(party: Party, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(12);
    for _ in 0..dice.upto(8) {
        dice.pause().await?;
        let waited = dice.attempt(Box::pin(next(&party))).await;
        let Some(waited) = waited else { continue };
        let mut lease = match waited {
            Ok(lease) => lease,
            Err(_) if is_here() => continue,
            Err(error) => return Err(error),
        };
        party.alone(|| {
            if let Some(token) = lease.tokens.pop() {
                token.received();
            }
        });
        if lease.is_closed {
            break;
        }
        fuse.step();
    }
    Ok(())
}

async fn consume_steadily(party: Party) -> Result<()> {
    loop {
        let mut lease = next(&party).await?;
        match party.alone(|| lease.tokens.pop()) {
            Some(token) => token.received(),
            None if lease.is_closed => return Ok(()),
            None => {}
        }
    }
}

/// Waits until there is a token, or none will come.
async fn next(party: &Party) -> Result<Lease<Queue>> {
    loop {
        let lease = party.queue.recover().await?;
        let is_bare = |queue: &mut Queue| queue.tokens.is_empty() && !queue.is_closed;
        match party.changed.wait_while(lease, is_bare).await {
            Err(WaitError::Poisoned(_)) => {}
            waited => return Ok(waited?),
        }
    }
}

/// Returns whether an error was that of an attempt, whose context has ended, and not of its task.
fn is_here() -> bool {
    Context::current().is_some_and(|now| !now.is_done())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let slot = Mutex::spawn(&scope, None::<u64>).await?;
    let changed = slot.condition();
    let half = flow.items() / 2;
    for value in 1..=half {
        *slot.lock().await? = Some(value);
        if let Some(value) = slot.try_lock().await?.take() {
            flow.passed(value);
        }
    }
    let (into, filled, items) = (slot.clone(), changed.clone(), flow.items());
    let producer = scope.go(async move {
        for value in half + 1..=items {
            let mut lease = filled
                .wait_while(into.lock().await?, |slot| slot.is_some())
                .await?;
            *lease = Some(value);
            drop(lease);
            filled.signal();
        }
        Ok(())
    });
    for _ in half..items {
        let mut lease = changed
            .wait_while(slot.lock().await?, |slot| slot.is_none())
            .await?;
        if let Some(value) = lease.take() {
            flow.passed(value);
        }
        drop(lease);
        changed.signal();
    }
    Ok(producer.await?)
}
