//! Sizes and times at the ends of their ranges.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::time::Duration;

use common::{check, idle};
use greenroom_core::Failure;
use greenroom_core::task::yield_now;
use greenroom_core::time::{Durations, after, sleep, tick, timer};
use greenroom_patterns::broadcast::{Broadcast, broadcast};
use greenroom_patterns::cache::{Cache, cache};
use greenroom_patterns::mutex::{LockError, Mutex, mutex};
use greenroom_patterns::pipeline::Pipeline;
use greenroom_patterns::pool::{GetError, Pool, pool_from, pool_of};
use greenroom_patterns::rate_limiter::{Limit, RateLimiter};
use greenroom_patterns::retry::{Backoff, RetryPolicy, retry};
use greenroom_patterns::semaphore::Semaphore;
use greenroom_patterns::single_flight::{FlightError, SingleFlight};
use greenroom_patterns::task_group::{GoError, TaskGroup};
use greenroom_patterns::worker_pool::{JobError, Retry, WorkerPool, pool};

#[test]
fn the_largest_sizes_and_times_are_taken_as_never_and_as_no_bound() {
    check(|scope| async move {
        let lasting = Mutex::spawn_with(&scope, mutex("l").lease_time(Duration::MAX), 1).await?;
        drop(lasting.lock().await?);
        let semaphore = Semaphore::spawn(&scope, usize::MAX).await?;
        let most = semaphore.acquire_many(usize::MAX).await?;
        assert!(semaphore.try_acquire().await.is_err());
        drop(most);
        assert_eq!(semaphore.available().await?, usize::MAX);
        let options = pool_of(|| async { Ok(1) }).max(usize::MAX);
        let items = Pool::spawn(&scope, options.idle_time_out(Duration::MAX)).await?;
        assert_eq!(*items.get().await?, 1);
        let options = pool("most")
            .queue(usize::MAX)
            .job_deadline(Duration::MAX)
            .retry(Retry::attempts(usize::MAX).delays(Duration::ZERO, Duration::MAX));
        let tries = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let workers = WorkerPool::spawn(&scope, options, move |job: u64| {
            let tries = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async move {
                match tries {
                    0..20 => Err(Failure::message("not yet")),
                    _ => Ok(job),
                }
            }
        })
        .await?;
        assert_eq!(workers.run(3).await?, 3);
        let results = workers.submit_all(0..3);
        assert_eq!(results.collect().await?.len(), 3);
        let news = Broadcast::spawn(&scope, broadcast().buffer(usize::MAX)).await?;
        let mut reader = news.subscribe().await?;
        news.send(1).await?;
        assert_eq!(reader.recv().await?, 1);
        let options = cache().capacity(usize::MAX).time_to_live(Duration::MAX);
        let entries = Cache::spawn(&scope, options).await?;
        entries.set(1, 1).await?;
        assert_eq!(entries.get(&1), Some(1));
        let group = TaskGroup::new(&scope);
        group.set_limit(usize::MAX)?;
        group.go(async { Ok(()) }).await?.await?;
        let limiter = RateLimiter::spawn(&scope, Limit::every(Duration::MAX), usize::MAX).await?;
        limiter.wait().await?;
        let policy = RetryPolicy::new()
            .unlimited()
            .max_elapsed(Duration::MAX)
            .backoff(Backoff::constant(Duration::MAX));
        let hurried = scope.context().with_timeout(1.secs());
        let never = hurried
            .run(retry(policy, async || Err::<(), _>(Failure::message("no"))))
            .await?;
        assert!(never.is_err());
        let never = timer(Duration::MAX);
        let ticker = tick(Duration::MAX)?;
        greenroom_core::select! {
            _fired = never.fired() => unreachable!("never"),
            _tick = ticker.tick() => unreachable!("never"),
            _after = after(Duration::MAX) => unreachable!("never"),
            slept = sleep(1000.secs()) => slept?,
        }
        assert!(never.stop());
        Ok(())
    });
}

#[test]
fn a_deadline_of_zero_is_over_before_anything_is_taken() {
    check(|scope| async move {
        let now = scope.context().with_timeout(Duration::ZERO);
        let value = Mutex::spawn(&scope, 1).await?;
        assert!(matches!(
            now.run(value.lock()).await?,
            Err(LockError::Deadline)
        ));
        let items = Pool::spawn(&scope, pool_from([1])).await?;
        assert!(matches!(
            now.run(items.get()).await?,
            Err(GetError::Deadline)
        ));
        assert_eq!(items.counts().await?.idle, 1);
        let workers =
            WorkerPool::spawn(&scope, pool("none"), |job: u64| async move { Ok(job) }).await?;
        let late = now.run(workers.run(1)).await?;
        assert!(matches!(late, Err(JobError::DeadlineInQueue)), "{late:?}");
        let flights = SingleFlight::spawn(&scope).await?;
        let late = now.run(flights.call(1, || async { Ok(1) })).await?;
        assert!(matches!(late, Err(FlightError::Deadline)), "{late:?}");
        let group = TaskGroup::new(&scope);
        let late = now.run(group.go(async { Ok(()) })).await?;
        assert!(matches!(late, Err(GoError::Deadline)), "{late:?}");
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        assert!(now.run(semaphore.acquire()).await?.is_err());
        assert!(now.run(semaphore.try_acquire()).await?.is_err());
        let limiter = RateLimiter::spawn(&scope, Limit::every(1.secs()), 1).await?;
        assert!(now.run(limiter.wait()).await?.is_err());
        assert!(now.run(limiter.reserve()).await?.is_err());
        let news = Broadcast::spawn(&scope, broadcast()).await?;
        assert!(now.run(news.send(1)).await?.is_err());
        assert!(now.run(news.subscribe()).await?.is_err());
        let entries = Cache::spawn(&scope, cache()).await?;
        assert!(now.run(entries.set(1, 1)).await?.is_err());
        let load = entries.get_or_insert_with(1, || async { Ok(1) });
        assert!(now.run(load).await?.is_err());
        let tried = now.run(retry(RetryPolicy::new(), async || Ok(1))).await?;
        assert!(tried.is_err());
        idle().await?;
        assert_eq!(
            (semaphore.available().await?, limiter.tokens().await?),
            (1, 1)
        );
        assert_eq!((news.subscribers().await?, entries.len()), (0, 0));
        Ok(())
    });
}

#[test]
fn a_job_whose_own_deadline_is_zero_is_told_so() {
    check(|scope| async move {
        let options = pool("zero").job_deadline(Duration::ZERO);
        let workers = WorkerPool::spawn(&scope, options, |millis: u64| async move {
            sleep(millis.millis()).await?;
            Ok(millis)
        })
        .await?;
        assert!(matches!(workers.run(5).await, Err(JobError::JobDeadline)));
        Ok(())
    });
}

#[test]
fn retries_without_delays_let_others_run_and_end_with_a_cancel() {
    check(|scope| async move {
        let retries = Retry::attempts(usize::MAX).delays(Duration::ZERO, Duration::ZERO);
        let workers = WorkerPool::spawn(&scope, pool("busy").retry(retries), |_: u64| async {
            Err::<u64, _>(Failure::message("no"))
        })
        .await?;
        let (context, cancel) = scope.context().with_cancel_cause();
        let ticket = context.run(workers.submit(1)).await??;
        for _ in 0..20 {
            yield_now().await;
        }
        cancel.cancel("enough");
        assert!(matches!(ticket.wait().await, Err(JobError::Cancelled(_))));
        Ok(())
    });
}
