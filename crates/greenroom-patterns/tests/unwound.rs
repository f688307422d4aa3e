//! What was granted to a call and not taken is lost to nobody, also if the call is dropped by a panic.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use common::{check, idle, quiet};
use greenroom_actor::Scope;
use greenroom_core::Result;
use greenroom_core::time::Durations;
use greenroom_patterns::broadcast::{Broadcast, broadcast};
use greenroom_patterns::mutex::Mutex;
use greenroom_patterns::pool::{Pool, pool_from};
use greenroom_patterns::rate_limiter::{Limit, RateLimiter};
use greenroom_patterns::semaphore::Semaphore;

/// Makes a call, lets it be answered, and drops it by a panic before it has looked at the answer.
async fn unwind_with<F>(scope: &Scope, call: F) -> Result<()>
where
    F: Future + Send + 'static,
    F::Output: 'static,
{
    let panicked: Result<()> = scope
        .scope(move |_inner| async move {
            let mut call = pin!(call);
            std::future::poll_fn(|cx| {
                assert!(call.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            idle().await?;
            std::panic::resume_unwind(Box::new("injected"));
        })
        .await;
    assert!(panicked.is_err());
    idle().await
}

#[test]
fn an_item_of_a_pool_comes_back() {
    quiet();
    check(|scope| async move {
        let pool = Pool::spawn(&scope, pool_from([1]).discard_after_panic()).await?;
        let asked = pool.clone();
        unwind_with(&scope, async move { asked.get().await }).await?;
        let counts = pool.counts().await?;
        assert_eq!((counts.idle, counts.in_use), (1, 0));
        let asked = pool.clone();
        unwind_with(&scope, async move { asked.try_get().await }).await?;
        assert_eq!(*pool.try_get().await?, 1);
        Ok(())
    });
}

#[test]
fn a_permit_of_a_semaphore_comes_back() {
    quiet();
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let asked = semaphore.clone();
        unwind_with(&scope, async move { asked.acquire_many(2).await }).await?;
        assert_eq!(semaphore.available().await?, 2);
        let asked = semaphore.clone();
        unwind_with(&scope, async move { asked.try_acquire().await }).await?;
        assert_eq!(semaphore.available().await?, 2);
        Ok(())
    });
}

#[test]
fn a_token_of_a_rate_limiter_comes_back() {
    quiet();
    check(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::every(1000.secs()), 1).await?;
        limiter.try_acquire().await?;
        let asked = limiter.clone();
        unwind_with(&scope, async move { asked.wait().await }).await?;
        // Else it was the one after the next.
        assert!(limiter.reserve().await?.delay() < 1000.secs());
        Ok(())
    });
}

#[test]
fn a_subscriber_that_never_was_holds_up_no_send() {
    quiet();
    check(|scope| async move {
        let news = Broadcast::spawn(&scope, broadcast().buffer(1)).await?;
        let asked = news.clone();
        unwind_with(&scope, async move { asked.subscribe().await }).await?;
        assert_eq!(news.subscribers().await?, 0);
        let hurried = scope.context().with_timeout(1.secs());
        for value in 0..3 {
            assert_eq!(hurried.run(news.send(value)).await??, 0);
        }
        Ok(())
    });
}

#[test]
fn a_lease_of_a_mutex_comes_back_and_is_not_poisoned() {
    quiet();
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 1).await?;
        let asked = value.clone();
        unwind_with(&scope, async move { asked.lock().await }).await?;
        assert_eq!(*value.try_lock().await?, 1);
        Ok(())
    });
}
