//! Patterns on real threads, with calls that are dropped, cut and panic as they go.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use common::{arbiters, polls, quiet};
use greenroom_actor::{Placement, Scope};
use greenroom_core::task::yield_now;
use greenroom_core::time::Durations;
use greenroom_core::{Failure, Result};
use greenroom_patterns::broadcast::{Broadcast, ReceiveError, Slow, broadcast};
use greenroom_patterns::cache::{Cache, LoadError, cache};
use greenroom_patterns::once::Once;
use greenroom_patterns::pool::{Pool, pool_of};
use greenroom_patterns::rate_limiter::{Limit, RateLimiter};
use greenroom_patterns::task_group::TaskGroup;
use greenroom_patterns::worker_pool::{JobError, Retry, WorkerPool, pool};

const TASKS: usize = 8;
const ROUNDS: usize = 60;

/// Runs one task on each of several arbiters, and fails if they do not end.
fn spread<S, F, Fut>(scope: &Scope, shared: &S, f: F) -> Vec<greenroom_actor::JoinHandle<()>>
where
    S: Clone + Send + 'static,
    F: Fn(S, usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let spread = scope.on(Placement::Spread);
    (0..TASKS)
        .map(|task| spread.go(f.clone()(shared.clone(), task)))
        .collect()
}

fn run<F, Fut>(body: F)
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    quiet();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _nobody = tell.send(arbiters(3).block_on(body));
    });
    match told.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result.expect("nothing fails"),
        Err(error) => panic!("it hangs: {error}"),
    }
}

#[test]
fn a_worker_pool_that_is_resized_answers_every_job_once() {
    run(|scope| async move {
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = ran.clone();
        let options = pool("resized")
            .workers(2)
            .queue(4)
            .retry(Retry::attempts(2).delays(1.micros(), 10.micros()));
        let workers = WorkerPool::spawn(&scope, options, move |job: usize| {
            let counted = counted.clone();
            async move {
                yield_now().await;
                assert!(!job.is_multiple_of(7), "injected");
                if job.is_multiple_of(5) {
                    return Err(Failure::message("no"));
                }
                counted.fetch_add(1, SeqCst);
                Ok(job)
            }
        })
        .await?;
        let tasks = spread(&scope, &workers, |workers, task| async move {
            let mut tickets = Vec::new();
            for round in 0..ROUNDS {
                let job = task * ROUNDS + round;
                if round % 6 == 0 {
                    workers.resize(1 + (round + task) % 4).await?;
                }
                tickets.push((job, workers.submit(job).await?));
                if round % 4 == 0 {
                    let _dropped = polls(Some(1 + round % 3), workers.run(1)).await;
                }
            }
            for (job, ticket) in tickets {
                match ticket.wait().await {
                    Ok(output) => assert_eq!(output, job),
                    Err(JobError::Panicked(_)) => assert_eq!(job % 7, 0),
                    Err(JobError::Failed(_)) => assert_eq!(job % 5, 0),
                    Err(other) => return Err(other.into()),
                }
            }
            Ok(())
        });
        for task in tasks {
            task.await?;
        }
        workers.drain().await?;
        let all = (0..TASKS * ROUNDS).filter(|job| job % 7 != 0 && job % 5 != 0);
        assert!(ran.load(SeqCst) >= all.count());
        Ok(())
    });
}

#[test]
fn a_broadcast_whose_subscribers_come_and_go_holds_up_no_send_for_ever() {
    run(|scope| async move {
        for slow in [Slow::Wait, Slow::DropOldest, Slow::Disconnect] {
            let news = Broadcast::spawn(&scope, broadcast().buffer(2).slow(slow)).await?;
            let tasks = spread(&scope, &news, |news, task| async move {
                for round in 0..ROUNDS {
                    if task % 2 == 0 {
                        let _dropped =
                            polls((round % 3 == 0).then_some(round % 4), news.send(round)).await;
                        continue;
                    }
                    let mut reader = match polls(
                        (round % 5 == 0).then_some(round % 4),
                        news.subscribe(),
                    )
                    .await
                    {
                        Some(subscribed) => subscribed?,
                        None => continue,
                    };
                    let mut last = 0;
                    for _ in 0..round % 4 {
                        yield_now().await;
                        match polls(Some(1), reader.recv()).await {
                            Some(Ok(_)) => last += 1,
                            None | Some(Err(ReceiveError::Lagged(_) | ReceiveError::TooSlow)) => {}
                            Some(Err(other)) => return Err(other.into()),
                        }
                    }
                    assert!(last <= round % 4);
                }
                Ok(())
            });
            for task in tasks {
                task.await?;
            }
            assert_eq!(news.subscribers().await?, 0);
            assert_eq!(news.send(0).await?, 0);
            news.close().await;
        }
        Ok(())
    });
}

#[test]
fn loads_of_a_cache_that_fail_panic_and_are_given_up_leave_it_whole() {
    run(|scope| async move {
        let entries = Cache::spawn(&scope, cache().capacity(4)).await?;
        let loads = Arc::new(AtomicUsize::new(0));
        let shared = (entries.clone(), loads.clone());
        let tasks = spread(&scope, &shared, |(entries, loads), task| async move {
            for round in 0..ROUNDS {
                let key = (round + task) % 7;
                let loads = loads.clone();
                let load = entries.get_or_insert_with(key, move || async move {
                    yield_now().await;
                    match loads.fetch_add(1, SeqCst) % 5 {
                        0 => Err(Failure::message("no")),
                        1 => panic!("injected"),
                        _ => Ok(key * 10),
                    }
                });
                match polls((round % 3 == 0).then_some(round % 4), load).await {
                    None | Some(Err(LoadError::Failed(_) | LoadError::Panicked(_))) => {}
                    Some(value) => assert_eq!(value?, key * 10),
                }
                match round % 10 {
                    3 => drop(entries.remove(key).await?),
                    6 => entries.set(key, key * 10).await?,
                    9 => entries.clear().await?,
                    _ => {}
                }
                assert!(entries.len() <= 4);
            }
            Ok(())
        });
        for task in tasks {
            task.await?;
        }
        let value = entries.get_or_insert_with(100, || async { Ok(1) });
        assert_eq!(value.await?, 1);
        Ok(())
    });
}

#[test]
fn a_pool_whose_items_break_and_whose_callers_are_cut_keeps_its_places() {
    run(|scope| async move {
        let made = Arc::new(AtomicUsize::new(0));
        let options = pool_of(move || {
            let number = made.fetch_add(1, SeqCst);
            async move {
                yield_now().await;
                match number % 4 {
                    0 => Err(Failure::message("no")),
                    1 => panic!("injected"),
                    _ => Ok(number),
                }
            }
        });
        let options = options.max(3).discard_after_panic().check(async |number| {
            yield_now().await;
            *number % 3 != 0
        });
        let pool = Pool::spawn(&scope, options).await?;
        let out = Arc::new(AtomicUsize::new(0));
        let shared = (pool.clone(), out);
        let tasks = spread(&scope, &shared, |(pool, out), _task| async move {
            for round in 0..ROUNDS {
                let context = greenroom_core::Context::current().expect("in a task");
                let (context, cancel) = context.with_cancel_cause();
                let limit = (round % 3 == 0).then_some(round % 5);
                let asked = async {
                    match round % 4 {
                        0 => pool.try_get().await.ok(),
                        _ => pool.get().await.ok(),
                    }
                };
                if round % 7 == 0 {
                    cancel.cancel("enough");
                }
                if let Some(Ok(Some(item))) = polls(limit, context.run(asked)).await {
                    assert!(out.fetch_add(1, SeqCst) < 3);
                    yield_now().await;
                    out.fetch_sub(1, SeqCst);
                    drop(item);
                }
            }
            Ok(())
        });
        for task in tasks {
            task.await?;
        }
        assert_eq!(pool.counts().await?.in_use, 0);
        pool.close();
        pool.closed().await?;
        Ok(())
    });
}

#[test]
fn groups_limiters_and_values_that_are_made_once_end_under_cuts() {
    run(|scope| async move {
        let limiter = RateLimiter::spawn(&scope, Limit::every(10.micros()), 4).await?;
        let once = Once::spawn_retrying(&scope, {
            let runs = Arc::new(AtomicUsize::new(0));
            move || {
                let run = runs.fetch_add(1, SeqCst);
                async move {
                    yield_now().await;
                    match run {
                        0..3 => Err(Failure::message("not yet")),
                        3..6 => panic!("injected"),
                        _ => Ok(run),
                    }
                }
            }
        })
        .await?;
        let group = TaskGroup::keep_going(&scope);
        group.set_limit(2)?;
        let shared = (limiter, once.clone(), group.clone());
        let tasks = spread(
            &scope,
            &shared,
            |(limiter, once, group), _task| async move {
                for round in 0..ROUNDS {
                    let limit = (round % 3 == 0).then_some(round % 4);
                    let _waited = polls(limit, limiter.wait()).await;
                    let _got = polls(limit, once.get()).await;
                    let started = polls(
                        limit,
                        group.go(async {
                            yield_now().await;
                            Ok(())
                        }),
                    )
                    .await;
                    drop(started);
                }
                Ok(())
            },
        );
        for task in tasks {
            task.await?;
        }
        let hurried = scope.context().with_timeout(20.secs());
        hurried.run(group.wait()).await??;
        while once.try_get().is_none() {
            let _failed = hurried.run(once.get()).await?;
        }
        assert!(once.get().await.is_ok_and(|run| *run == 6));
        Ok(())
    });
}
