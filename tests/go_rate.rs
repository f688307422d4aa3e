//! What Go's rate limiter does. A tenth of a second is the unit, as in Go's own tests.

mod support;

use std::time::{Duration, Instant};

use greenroom::patterns::rate_limiter::{ReserveError, TryAcquireError, WaitError};
use greenroom::prelude::*;
use support::{at_once, check, idle, polls};

const UNIT: Duration = Duration::from_millis(100);

/// Says how late it is, in units.
struct Clock {
    scope: Scope,
    start: Instant,
}

impl Clock {
    fn new(scope: &Scope) -> Self {
        Self {
            scope: scope.clone(),
            start: scope.context().now(),
        }
    }

    fn at(&self, instant: Instant) -> u128 {
        let (since, unit) = ((instant - self.start).as_nanos(), UNIT.as_nanos());
        assert_eq!(since % unit, 0, "{since} ns");
        since / unit
    }

    fn now(&self) -> u128 {
        self.at(self.scope.context().now())
    }

    async fn until(&self, units: u32) -> Result<()> {
        let at = self.start + UNIT * units;
        Ok(sleep(at.saturating_duration_since(self.scope.context().now())).await?)
    }

    /// Reserves, and says for when.
    async fn reserves(&self, limiter: &RateLimiter, tokens: usize) -> Result<u128> {
        Ok(self.at(limiter.reserve_many(tokens).await?.ready_at()))
    }
}

async fn allows(limiter: &RateLimiter, tokens: usize) -> bool {
    limiter.try_acquire_many(tokens).await.is_ok()
}

#[test]
fn every_is_the_inverse_of_a_limit() {
    assert_eq!(Limit::every(Duration::ZERO), Limit::INFINITE);
    assert_eq!(
        Limit::every(1.millis()),
        Limit::per_second(1000),
        "1000 each second"
    );
    assert_eq!(Limit::every(UNIT), Limit::per_second(10));
    assert_eq!(Limit::every(1.secs()), Limit::new(60, 60.secs()));
    assert_eq!(Limit::new(0, 1.secs()), Limit::ZERO);
}

#[test]
fn a_bucket_of_one_gives_one_in_each_unit() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 1).await?;
        for (at, expected) in [
            (0, [true, false, false]),
            (1, [true, false, false]),
            (2, [true, false, false]),
        ] {
            clock.until(at).await?;
            for expected in expected {
                assert_eq!(allows(&limiter, 1).await, expected, "at {at}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_bucket_of_three_starts_full_and_holds_no_more() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
        let steps = [
            (0, 2, true),
            (0, 2, false),
            (0, 1, true),
            (0, 1, false),
            (1, 4, false),
            (2, 1, true),
            (3, 1, true),
            (4, 1, true),
            (4, 1, true),
            (4, 1, false),
            (4, 1, false),
            (9, 3, true),
            (9, 1, false),
        ];
        for (at, tokens, expected) in steps {
            clock.until(at).await?;
            assert_eq!(allows(&limiter, tokens).await, expected, "{tokens} at {at}");
        }
        Ok(())
    });
}

#[test]
fn a_refused_try_takes_nothing_and_says_when_to_try_again() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
        assert!(allows(&limiter, 3).await);
        for _ in 0..5 {
            match limiter.try_acquire_many(2).await {
                Err(TryAcquireError::Limited { retry_after }) => assert_eq!(retry_after, UNIT * 2),
                other => unreachable!("{other:?}"),
            }
        }
        sleep(UNIT * 2).await?;
        assert!(allows(&limiter, 2).await);
        Ok(())
    });
}

#[test]
fn nothing_is_lost_to_rounding() {
    // Go's floating-point limiter had to be mended for this rate.
    check(|scope| async move {
        let rate = Limit::new(7_692_307_692_307_693, 10_000_000_000_000_000_u64.secs());
        let limiter = RateLimiter::spawn(&scope, rate, 1).await?;
        assert!(allows(&limiter, 1).await);

        let thirds = RateLimiter::spawn(&scope, Limit::per_second(3), 1).await?;
        let start = scope.context().now();
        for _ in 0..=300 {
            thirds.wait().await?;
        }
        // The clock of the runtime has a grain of a millisecond at most.
        let passed = scope.context().now() - start;
        assert!(passed >= 100.secs() && passed <= 100.secs() + 1.millis());
        Ok(())
    });
}

#[test]
fn simultaneous_requests_get_the_burst_and_no_more() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::every(1.secs()), 5).await?;
        let (allowed, count) = channel::unbounded();
        for _ in 0..15 {
            let (limiter, allowed) = (limiter.clone(), allowed.clone());
            scope
                .go(async move {
                    if allows(&limiter, 1).await {
                        allowed.send(()).await?;
                    }
                    Ok(())
                })
                .detach();
        }
        scope.join().await?;
        assert_eq!(count.len(), 5);
        Ok(())
    });
}

#[test]
fn a_long_run_keeps_to_its_rate() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(100), 100).await?;
        let end = scope.context().now() + 5.secs();
        let mut allowed = 0;
        while scope.context().now() < end {
            allowed += usize::from(allows(&limiter, 1).await);
            sleep(2.millis()).await?;
        }
        assert!((598..=601).contains(&allowed), "{allowed}");
        Ok(())
    });
}

#[test]
fn reservations_are_for_later_and_later() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        assert_eq!(clock.reserves(&limiter, 1).await?, 1);
        assert_eq!(clock.reserves(&limiter, 2).await?, 3);
        clock.until(2).await?;
        assert_eq!(clock.reserves(&limiter, 1).await?, 4);
        assert!(!allows(&limiter, 1).await, "they are all promised");
        clock.until(10).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 10);
        Ok(())
    });
}

#[test]
fn a_reservation_larger_than_the_burst_is_refused() {
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
        assert!(matches!(
            limiter.reserve_many(3).await,
            Err(ReserveError::TooLarge { asked: 3, burst: 2 })
        ));
        assert!(allows(&limiter, 2).await, "nothing was taken");
        Ok(())
    });
}

#[test]
fn a_cancelled_last_reservation_gives_all_back() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        clock.until(1).await?;
        let last = limiter.reserve_many(2).await?;
        assert_eq!(clock.at(last.ready_at()), 2);
        last.cancel();
        assert_eq!(clock.reserves(&limiter, 2).await?, 2);
        // One that is for now may still be cancelled now.
        clock.until(4).await?;
        let now = limiter.reserve().await?;
        assert_eq!(now.delay(), Duration::ZERO);
        now.cancel();
        assert!(allows(&limiter, 1).await);
        Ok(())
    });
}

#[test]
fn a_cancel_that_is_too_late_gives_nothing_back() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        let late = limiter.reserve_many(2).await?;
        assert_eq!(clock.at(late.ready_at()), 2);
        clock.until(3).await?;
        late.cancel();
        assert_eq!(clock.reserves(&limiter, 2).await?, 4);
        Ok(())
    });
}

#[test]
fn a_cancel_gives_back_only_what_later_reservations_leave() {
    check(|scope| async move {
        let limit = Limit::per_second(10);
        // None: the later one counts upon it.
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, limit, 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        let middle = limiter.reserve().await?;
        assert_eq!(clock.reserves(&limiter, 1).await?, 2);
        middle.cancel();
        assert_eq!(clock.reserves(&limiter, 1).await?, 3);

        // One of two.
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, limit, 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        let middle = limiter.reserve_many(2).await?;
        assert_eq!(clock.reserves(&limiter, 1).await?, 3);
        clock.until(2).await?;
        middle.cancel();
        assert_eq!(clock.reserves(&limiter, 2).await?, 4);

        // Of several, the last first.
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, limit, 4).await?;
        assert_eq!(clock.reserves(&limiter, 4).await?, 0);
        let first = limiter.reserve_many(3).await?;
        assert_eq!(clock.reserves(&limiter, 1).await?, 4);
        let last = limiter.reserve().await?;
        clock.until(1).await?;
        last.cancel();
        first.cancel();
        assert_eq!(clock.reserves(&limiter, 3).await?, 5);
        Ok(())
    });
}

#[test]
fn a_new_limit_leaves_what_was_promised() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(5), 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        assert_eq!(clock.reserves(&limiter, 1).await?, 2);
        let promised = limiter.reserve().await?;
        assert_eq!(clock.at(promised.ready_at()), 4);
        clock.until(2).await?;
        limiter.set_limit(Limit::per_second(10))?;
        assert_eq!(clock.reserves(&limiter, 1).await?, 4, "at the new rate");
        assert_eq!(clock.at(promised.ready_at()), 4);
        Ok(())
    });
}

#[test]
fn a_cancel_after_a_new_limit_gives_tokens_back() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(5), 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        assert_eq!(clock.reserves(&limiter, 1).await?, 2);
        let promised = limiter.reserve().await?;
        clock.until(2).await?;
        limiter.set_limit(Limit::per_second(10))?;
        promised.cancel();
        assert_eq!(clock.reserves(&limiter, 1).await?, 3);
        Ok(())
    });
}

#[test]
fn a_new_burst_counts_for_later_requests() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(5), 2).await?;
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        assert_eq!(clock.reserves(&limiter, 1).await?, 2);
        assert_eq!(clock.reserves(&limiter, 1).await?, 4);
        limiter.set_burst(4)?;
        assert_eq!(clock.reserves(&limiter, 4).await?, 12);
        clock.until(30).await?;
        assert_eq!(limiter.tokens().await?, 4);
        limiter.set_burst(1)?;
        assert_eq!(limiter.tokens().await?, 1);
        Ok(())
    });
}

#[test]
fn a_wait_is_bounded_by_burst_context_and_deadline() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
        let (cancelled, cancel) = scope.context().with_cancel();
        cancel.cancel();
        assert!(matches!(
            cancelled.run(limiter.wait()).await?,
            Err(WaitError::Cancelled(_))
        ));
        assert!(matches!(
            limiter.wait_many(4).await,
            Err(WaitError::TooLarge { asked: 4, burst: 3 })
        ));
        limiter.wait_many(2).await?;
        assert_eq!(clock.now(), 0);
        limiter.wait_many(3).await?;
        assert_eq!(clock.now(), 2);
        Ok(())
    });
}

#[test]
fn a_cancelled_wait_gives_its_tokens_back() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
        limiter.wait_many(2).await?;
        let (context, cancel) = scope.context().with_cancel();
        scope
            .go(async move {
                sleep(UNIT).await?;
                cancel.cancel();
                Ok(())
            })
            .detach();
        assert!(matches!(
            context.run(limiter.wait_many(3)).await?,
            Err(WaitError::Cancelled(_))
        ));
        assert_eq!(clock.now(), 1);
        limiter.wait_many(2).await?;
        assert_eq!(clock.now(), 1, "they came back");
        Ok(())
    });
}

#[test]
fn a_wait_that_would_exceed_the_deadline_fails_at_once() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 3).await?;
        let hurried = scope.context().with_timeout(UNIT);
        hurried.run(limiter.wait_many(2)).await??;
        assert!(matches!(
            hurried.run(limiter.wait_many(3)).await?,
            Err(WaitError::PastDeadline { wait }) if wait == UNIT * 2
        ));
        assert_eq!((clock.now(), limiter.tokens().await?), (0, 1));
        // As long as the context has is not too long.
        hurried.run(limiter.wait_many(2)).await??;
        assert_eq!(clock.now(), 1);
        Ok(())
    });
}

#[test]
fn without_a_limit_nothing_waits_and_the_burst_is_not_asked() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::INFINITE, 0).await?;
        let hurried = scope.context().with_timeout(UNIT);
        hurried.run(limiter.wait_many(3)).await??;
        assert!(allows(&limiter, usize::MAX).await);
        let reservation = limiter.reserve_many(7).await?;
        assert_eq!(reservation.delay(), Duration::ZERO);
        reservation.cancel();
        assert_eq!(clock.now(), 0);
        Ok(())
    });
}

#[test]
fn a_limit_of_zero_gives_the_burst_and_nothing_after() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::ZERO, 1).await?;
        assert!(allows(&limiter, 1).await);
        clock.until(1000).await?;
        assert!(!allows(&limiter, 1).await);
        // A documented divergence: in Go it waits for its context.
        assert!(matches!(limiter.wait().await, Err(WaitError::Never)));
        limiter.set_limit(Limit::per_second(10))?;
        assert!(!allows(&limiter, 1).await, "time begins now");
        clock.until(1001).await?;
        assert!(allows(&limiter, 1).await);
        Ok(())
    });
}

#[test]
fn a_tiny_limit_brings_a_token_in_its_time() {
    check(|scope| async move {
        let day = Duration::from_secs(24 * 3600);
        let limiter = RateLimiter::spawn(&scope, Limit::every(day * 365), 1).await?;
        assert!(allows(&limiter, 1).await);
        sleep(day * 364).await?;
        assert!(!allows(&limiter, 1).await);
        sleep(day).await?;
        assert!(allows(&limiter, 1).await);
        Ok(())
    });
}

#[test]
fn a_request_for_nothing_waits_for_those_before_it() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 2).await?;
        assert!(allows(&limiter, 0).await);
        assert_eq!(clock.reserves(&limiter, 2).await?, 0);
        assert!(allows(&limiter, 0).await, "nothing is owed");
        assert_eq!(clock.reserves(&limiter, 1).await?, 1);
        assert!(!allows(&limiter, 0).await);
        limiter.wait_many(0).await?;
        assert_eq!(clock.now(), 1);
        Ok(())
    });
}

#[test]
fn tokens_come_with_time_up_to_the_burst() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 10).await?;
        assert_eq!(limiter.tokens().await?, 10);
        assert!(allows(&limiter, 10).await);
        for at in 0..12 {
            clock.until(at).await?;
            assert_eq!(limiter.tokens().await?, (at as usize).min(10));
        }
        assert_eq!(
            (limiter.limit().await?, limiter.burst().await?),
            (Limit::per_second(10), 10)
        );
        Ok(())
    });
}

#[test]
fn rs_04_a_wait_that_is_dropped_right_after_the_grant_loses_no_token() {
    check(|scope| async move {
        let clock = Clock::new(&scope);
        let limiter = RateLimiter::spawn(&scope, Limit::per_second(10), 1).await?;
        for _ in 0..20 {
            // Promised for now and not taken: it goes back while it is the same time.
            {
                let mut wait = Box::pin(limiter.wait());
                assert!(at_once(wait.as_mut()).await.is_none());
                greenroom::task::yield_now().await;
            }
            assert!(polls(0, limiter.wait()).await.is_none());
        }
        limiter.wait().await?;
        assert_eq!(clock.now(), 0);
        for _ in 0..20 {
            let mut wait = Box::pin(limiter.wait());
            assert!(at_once(wait.as_mut()).await.is_none());
            idle().await?;
            drop(wait);
        }
        limiter.wait().await?;
        assert_eq!(clock.now(), 1, "none of the twenty was used");
        Ok(())
    });
}
