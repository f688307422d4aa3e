//! A rate limiter, and retries that wait for it: never more than the burst and what time has brought.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use greenroom::prelude::*;

use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

#[derive(Clone)]
struct Party {
    limiter: RateLimiter,
    rate: usize,
    burst: usize,
    used: Arc<AtomicUsize>,
    start: Instant,
    round: Round,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let (rate, burst) = (dice.upto(3), dice.upto(4));
    let start = scope.context().now();
    let limit = Limit::new(rate as u64, 1.millis());
    let limiter = RateLimiter::spawn(&scope, limit, burst).await?;
    let party = Party {
        limiter: limiter.clone(),
        rate,
        burst,
        used: Arc::default(),
        start,
        round: round.clone(),
    };
    let mut tasks = Vec::new();
    for _ in 0..dice.upto(4) {
        let tokens = (0..dice.below(5)).map(|_| round.token()).collect();
        let task = scope.go(party.clone().go(tokens, dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        tasks.push(task);
    }
    for task in tasks {
        let _failed = task.await;
    }
    // What was promised and given back comes by time at the latest.
    sleep(100.millis()).await?;
    let free = limiter.tokens().await?;
    round.check(free == burst, || {
        format!("{free} tokens of a burst of {burst} are there")
    });
    Ok(())
}

impl Party {
    async fn go(self, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
        let mut fuse = dice.fuse(12);
        for token in tokens {
            fuse.step();
            dice.pause().await?;
            let asked = dice.upto(self.burst);
            match dice.below(4) {
                0 => {
                    let tried = dice.attempt(self.limiter.try_acquire_many(asked)).await;
                    if let Some(Ok(())) = tried {
                        self.used(asked);
                    }
                    token.returned();
                }
                1 => {
                    let reserved = dice.attempt(self.limiter.reserve_many(asked)).await;
                    if let Some(Ok(reservation)) = reserved {
                        if dice.one_in(2) {
                            reservation.cancel();
                        } else {
                            sleep(reservation.delay()).await?;
                            self.used(asked);
                        }
                    }
                    token.returned();
                }
                2 => {
                    let waited = dice.attempt(self.limiter.wait_many(asked)).await;
                    if let Some(Ok(())) = waited {
                        self.used(asked);
                    }
                    token.returned();
                }
                _ => {
                    let (mut inner, attempts) = (dice.fork(), AtomicU32::new(0));
                    let policy = RetryPolicy::new()
                        .attempts(3)
                        .backoff(Backoff::exponential(1.millis()).cap(2.millis()));
                    let tried = retry(policy, || {
                        attempts.fetch_add(1, SeqCst);
                        let mut dice = inner.fork();
                        let party = &self;
                        async move {
                            party.limiter.wait().await?;
                            party.used(1);
                            dice.may_fail(3)
                        }
                    });
                    let tried = dice.attempt(Box::pin(tried)).await;
                    let attempts = attempts.load(SeqCst);
                    self.round
                        .check(attempts <= 3, || format!("{attempts} attempts of 3"));
                    match tried {
                        Some(Ok(())) => token.received(),
                        _ => token.returned(),
                    }
                }
            }
        }
        Ok(())
    }

    fn used(&self, tokens: usize) {
        // The clock is read after the tokens came: it shows no less than it was then.
        let used = self.used.fetch_add(tokens, SeqCst) + tokens;
        let Some(context) = Context::current() else {
            return;
        };
        let passed = context
            .now()
            .saturating_duration_since(self.start)
            .as_nanos();
        let brought = passed * self.rate as u128 / 1_000_000;
        self.round
            .check(used as u128 <= self.burst as u128 + brought, || {
                format!("{used} tokens were used within {passed} ns")
            });
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let limit = Limit::new(1000, 1.millis());
    let limiter = RateLimiter::spawn(&scope, limit, 100).await?;
    for value in 1..=flow.items() {
        match value % 3 {
            0 => limiter.wait().await?,
            1 => {
                let reservation = limiter.reserve().await?;
                sleep(reservation.delay()).await?;
            }
            _ => retry(RetryPolicy::new(), || async { Ok(limiter.wait().await?) }).await?,
        }
        flow.passed(value);
    }
    Ok(())
}
