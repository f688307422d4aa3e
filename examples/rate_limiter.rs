//! Go's `golang.org/x/time/rate`.
//!
//! ```go
//! limiter := rate.NewLimiter(rate.Every(10*time.Millisecond), 3)
//! for _, request := range requests { limiter.Wait(ctx); handle(request) }
//! if limiter.Allow() { .. }; r := limiter.Reserve(); time.Sleep(r.Delay())
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::rate_limiter::{TryAcquireError, WaitError};
use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    // On a paused clock, so that it prints the same each time.
    let runtime = Runtime::builder().single_thread().paused().build()?;
    runtime.block_on(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::every(10.millis()), 3).await?;
        let start = scope.context().now();
        let passed = || (scope.context().now() - start).as_millis();

        for request in 1..=6 {
            limiter.wait().await?;
            println!("request {request} at {} ms", passed());
        }
        match limiter.try_acquire().await {
            Err(TryAcquireError::Limited { retry_after }) => {
                println!("too many requests, try again in {retry_after:?}");
            }
            other => return Err(Failure::message(format!("unexpected: {other:?}"))),
        }
        let later = limiter.reserve_many(2).await?;
        println!("reserved for {:?} from now", later.delay());
        later.cancel();

        let hurried = scope.context().with_timeout(5.millis());
        match hurried.run(limiter.wait()).await? {
            Err(error @ WaitError::PastDeadline { .. }) => println!("refused at once: {error}"),
            other => return Err(Failure::message(format!("unexpected: {other:?}"))),
        }
        Ok(())
    })
}
