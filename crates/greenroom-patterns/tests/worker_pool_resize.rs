//! Worker pools that are resized and drained, whose jobs have a deadline and several attempts.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Boom, Ledger, SEEDS, boom, check, idle, paused, polls, quiet, sleepers};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Name, Result};
use greenroom_patterns::prelude::Pipeline;
use greenroom_patterns::worker_pool::{
    JobError, PoolError, ResizeError, Retry, SubmitError, WorkerPool, pool,
};

#[test]
fn a_pool_grows_while_it_runs() {
    check(|scope| async move {
        let pool = sleepers(&scope, 1, 100).await?;
        let start = scope.context().now();
        let results = pool.submit_all([100; 8]);
        idle().await?;
        pool.resize(8).await?;
        assert_eq!(pool.workers(), 8);
        assert_eq!(results.collect().await?.len(), 8);
        assert_eq!(scope.context().now() - start, 101.millis());
        Ok(())
    });
}

#[test]
fn a_pool_shrinks_after_the_jobs_in_hand_and_loses_none() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let running = ledger.clone();
        let options = pool("shrinks").workers(4).queue(20);
        let pool = WorkerPool::spawn(&scope, options, move |n: usize| {
            let token = running.token(n);
            async move {
                sleep(10.millis()).await?;
                drop(token);
                Ok(n)
            }
        })
        .await?;
        let mut tickets = Vec::new();
        for n in 0..16 {
            tickets.push(pool.submit(n).await?);
        }
        idle().await?;
        assert_eq!(ledger.live(), 4);
        pool.resize(1).await?;
        assert_eq!(
            (pool.workers(), ledger.live()),
            (1, 4),
            "jobs in hand are run"
        );
        sleep(10.millis()).await?;
        assert_eq!(ledger.live(), 1);
        assert_eq!(scope.len(), 2, "a worker and its foreman");
        for (n, ticket) in tickets.into_iter().enumerate() {
            assert_eq!(ticket.wait().await?, n);
        }
        assert_eq!(ledger.made(), 16);
        Ok(())
    });
}

#[test]
fn a_worker_that_was_let_go_and_is_wanted_again_stays() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let running = ledger.clone();
        let options = pool("again").workers(4).queue(100);
        let pool = WorkerPool::spawn(&scope, options, move |_: u64| {
            let token = running.token(0);
            async move {
                sleep(10.millis()).await?;
                drop(token);
                Ok(())
            }
        })
        .await?;
        let results = pool.submit_all(0..60);
        idle().await?;
        for _ in 0..5 {
            pool.resize(1).await?;
            pool.resize(4).await?;
        }
        assert_eq!(results.collect().await?.len(), 60);
        assert_eq!((ledger.peak(), pool.workers(), scope.len()), (4, 4, 5));
        // Idle workers go at once, and others come in their place.
        pool.resize(1).await?;
        idle().await?;
        assert_eq!(scope.len(), 2);
        pool.resize(3).await?;
        assert_eq!(scope.len(), 4);
        assert_eq!(pool.submit_all(0..9).collect().await?.len(), 9);
        assert_eq!(ledger.peak(), 4);
        Ok(())
    });
}

#[test]
fn a_worker_that_panics_after_it_was_let_go_goes_all_the_same() {
    quiet();
    check(|scope| async move {
        let options = pool("breaks").workers(3).queue(10);
        let pool = WorkerPool::<u64, ()>::spawn(&scope, options, |n| async move {
            sleep(10.millis()).await?;
            panic!("job {n}")
        })
        .await?;
        let results = pool.submit_all(0..6);
        idle().await?;
        pool.resize(1).await?;
        let all = results.collect().await?;
        assert!(
            all.iter()
                .all(|end| matches!(end, Err(JobError::Panicked(_))))
        );
        assert_eq!((all.len(), scope.len()), (6, 2));
        Ok(())
    });
}

#[test]
fn zero_workers_are_refused_and_a_closed_pool_is_not_resized() {
    check(|scope| async move {
        let pool = sleepers(&scope, 2, 4).await?;
        assert!(matches!(
            pool.resize(0).await,
            Err(ResizeError::ZeroWorkers)
        ));
        assert_eq!(pool.workers(), 2);
        pool.resize(2).await?;
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let cancelled = context.run(pool.resize(3)).await?;
        assert!(matches!(cancelled, Err(ResizeError::Cancelled(_))));
        assert!(polls(Some(0), pool.resize(9)).await.is_none());
        pool.drain().await?;
        assert!(matches!(pool.resize(3).await, Err(ResizeError::Closed)));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn a_dropped_resize_leaves_a_pool_that_works_and_can_be_resized() {
    check(|scope| async move {
        let pool = sleepers(&scope, 1, 10).await?;
        for (limit, target) in (0..12).zip([4, 1, 6, 2].into_iter().cycle()) {
            let _dropped = polls(Some(limit % 4), pool.resize(target)).await;
            idle().await?;
            assert!((1..=6).contains(&pool.workers()));
            assert_eq!(scope.len(), pool.workers() + 1);
        }
        pool.resize(3).await?;
        idle().await?;
        assert_eq!((pool.workers(), scope.len()), (3, 4));
        assert_eq!(pool.submit_all(0..9).collect().await?.len(), 9);
        Ok(())
    });
}

#[test]
fn workers_that_were_cancelled_are_replaced_by_a_resize() {
    for seed in SEEDS {
        let runtime = paused(seed);
        let registry = runtime.registry().clone();
        runtime
            .block_on(move |scope| async move {
                let pool = sleepers(&scope, 3, 10).await?;
                let workers = registry.group(&Name::new("sleep")?);
                for worker in workers.iter().take(2) {
                    registry.cancel_actor(worker, "killed".into());
                }
                idle().await?;
                pool.resize(3).await?;
                let start = scope.context().now();
                pool.submit_all([10; 3]).collect().await?;
                assert_eq!(scope.context().now() - start, 10.millis());
                Ok(())
            })
            .unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
    }
}

#[test]
fn a_drain_ends_when_every_job_that_was_taken_has_its_outcome() {
    check(|scope| async move {
        let pool = sleepers(&scope, 2, 20).await?;
        let mut tickets = Vec::new();
        for millis in 10..20 {
            tickets.push(pool.submit(millis).await?);
        }
        let hurried = scope.context().with_timeout(5.millis());
        assert!(hurried.run(pool.drain()).await?.is_err());
        assert!(matches!(pool.submit(1).await, Err(SubmitError::Closed(1))));
        let (one, other) = (pool.clone(), pool.clone());
        let both = [
            scope.go(async move { Ok(one.drain().await?) }),
            scope.go(async move { Ok(other.drain().await?) }),
        ];
        for drained in both {
            drained.await?;
        }
        for (millis, ticket) in (10..20).zip(tickets) {
            let outcome = polls(Some(1), ticket.wait()).await;
            assert_eq!(outcome.expect("it is there")?, millis);
        }
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn a_drain_of_a_pool_whose_workers_were_cancelled_finds_every_job_answered() {
    for seed in SEEDS {
        let runtime = paused(seed);
        let registry = runtime.registry().clone();
        runtime
            .block_on(move |scope| async move {
                let pool = sleepers(&scope, 2, 20).await?;
                let mut tickets = Vec::new();
                for _ in 0..6 {
                    tickets.push(pool.submit(100).await?);
                }
                idle().await?;
                registry.cancel_group(&Name::new("sleep")?, "killed".into());
                pool.drain().await?;
                for ticket in tickets {
                    let outcome = polls(Some(1), ticket.wait()).await;
                    assert!(matches!(
                        outcome,
                        Some(Err(JobError::Closed | JobError::Cancelled(_)))
                    ));
                }
                Ok(())
            })
            .unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
    }
}

#[test]
fn jobs_of_an_iterator_come_back_in_its_order() {
    check(|scope| async move {
        let pool = sleepers(&scope, 3, 2).await?;
        let jobs: Vec<u64> = (0..30).map(|n| (n * 7) % 11).collect();
        let results = pool.submit_all_in_order(jobs.clone()).collect().await?;
        let results: Vec<u64> = results.into_iter().collect::<Result<_, _>>()?;
        assert_eq!(results, jobs);
        Ok(())
    });
}

#[test]
fn the_deadline_of_a_job_counts_from_its_begin_and_is_told_apart_from_the_callers() {
    check(|scope| async move {
        let options = pool("hurried").queue(10).job_deadline(50.millis());
        let pool = WorkerPool::spawn(&scope, options, |millis: u64| async move {
            sleep(millis.millis()).await?;
            Ok(millis)
        })
        .await?;
        // They wait for 80 milliseconds, which does not count.
        let first = [pool.submit(40).await?, pool.submit(40).await?];
        let third = pool.submit(45).await?;
        let late = pool.submit(51).await?;
        for ticket in first {
            ticket.wait().await?;
        }
        assert_eq!(third.wait().await?, 45);
        assert!(matches!(late.wait().await, Err(JobError::JobDeadline)));
        let hurried = scope.context().with_timeout(20.millis());
        let callers = hurried.run(pool.run(40)).await?;
        assert!(
            matches!(callers, Err(JobError::DeadlineInJob)),
            "{callers:?}"
        );
        let patient = scope.context().with_timeout(1.secs());
        let pools = patient.run(pool.run(60)).await?;
        assert!(matches!(pools, Err(JobError::JobDeadline)), "{pools:?}");
        assert_eq!(pool.run(1).await?, 1, "the worker goes on");
        Ok(())
    });
}

/// A job that goes wrong so many times.
#[derive(Clone)]
struct Flaky {
    attempts: Arc<AtomicUsize>,
    good: usize,
}

impl Flaky {
    fn new(good: usize) -> Self {
        Self {
            attempts: Arc::default(),
            good,
        }
    }

    fn attempts(&self) -> usize {
        self.attempts.load(SeqCst)
    }

    async fn fail(self) -> Result<usize> {
        match self.attempts.fetch_add(1, SeqCst) + 1 {
            attempt if attempt >= self.good => Ok(attempt),
            _ => boom(),
        }
    }
}

#[test]
fn a_job_is_tried_again_after_growing_delays_and_has_one_outcome() {
    check(|scope| async move {
        let retry = Retry::attempts(4).delays(100.millis(), 150.millis());
        let pool = WorkerPool::spawn(&scope, pool("again").retry(retry), Flaky::fail).await?;
        let start = scope.context().now();
        assert_eq!(pool.run(Flaky::new(4)).await?, 4);
        // 100, 150 and 150 milliseconds, each cut by up to one half.
        let took = scope.context().now() - start;
        assert!((200.millis()..=400.millis()).contains(&took), "{took:?}");
        let never = Flaky::new(100);
        let Err(JobError::Failed(failure)) = pool.run(never.clone()).await else {
            unreachable!("it fails each time")
        };
        assert!(failure.downcast_ref::<Boom>().is_some());
        assert_eq!(never.attempts(), 4);
        let at_once = Flaky::new(1);
        assert_eq!(pool.run(at_once.clone()).await?, 1);
        assert_eq!(at_once.attempts(), 1);
        Ok(())
    });
}

#[test]
fn nothing_is_tried_again_by_default_and_only_what_is_worth_it_otherwise() {
    check(|scope| async move {
        let plain = WorkerPool::spawn(&scope, pool("once"), Flaky::fail).await?;
        let job = Flaky::new(2);
        assert!(matches!(
            plain.run(job.clone()).await,
            Err(JobError::Failed(_))
        ));
        assert_eq!(job.attempts(), 1);
        let never = |failure: &Failure| failure.downcast_ref::<Boom>().is_none();
        let options = pool("picky").retry(Retry::attempts(5).when(never));
        let picky = WorkerPool::spawn(&scope, options, Flaky::fail).await?;
        let job = Flaky::new(2);
        assert!(matches!(
            picky.run(job.clone()).await,
            Err(JobError::Failed(_))
        ));
        assert_eq!(job.attempts(), 1);
        let none = pool("none").retry(Retry::attempts(0));
        let none = WorkerPool::spawn(&scope, none, Flaky::fail).await;
        assert!(matches!(none, Err(PoolError::ZeroAttempts)));
        Ok(())
    });
}

#[test]
fn a_panic_is_tried_again_by_choice_only() {
    quiet();
    check(|scope| async move {
        let breaks = |job: Flaky| async move { Ok(job.fail().await.expect("planned")) };
        let retry = Retry::attempts(3);
        let keeps = WorkerPool::spawn(&scope, pool("keeps").retry(retry), breaks).await?;
        let job = Flaky::new(2);
        assert!(matches!(
            keeps.run(job.clone()).await,
            Err(JobError::Panicked(_))
        ));
        assert_eq!(job.attempts(), 1);
        let tries = pool("tries").retry(retry.panics());
        let tries = WorkerPool::spawn(&scope, tries, breaks).await?;
        assert_eq!(tries.run(Flaky::new(3)).await?, 3);
        let job = Flaky::new(4);
        let Err(JobError::Panicked(panic)) = tries.run(job.clone()).await else {
            unreachable!("each attempt panics")
        };
        assert!(
            panic
                .message()
                .is_some_and(|message| message.contains("planned"))
        );
        assert_eq!(job.attempts(), 3);
        assert_eq!(tries.run(Flaky::new(1)).await?, 1);
        Ok(())
    });
}

#[test]
fn a_job_past_its_deadline_or_cancelled_is_not_tried_again() {
    check(|scope| async move {
        let retry = Retry::attempts(100).delays(100.millis(), 100.millis());
        let options = pool("late").job_deadline(230.millis()).retry(retry);
        let pool = WorkerPool::spawn(&scope, options, Flaky::fail).await?;
        let job = Flaky::new(100);
        let late = pool.run(job.clone()).await;
        assert!(matches!(late, Err(JobError::JobDeadline)), "{late:?}");
        assert!((3..=5).contains(&job.attempts()), "{}", job.attempts());
        let (context, cancel) = scope.context().with_cancel();
        let job = Flaky::new(100);
        let ticket = context.run(pool.submit(job.clone())).await??;
        idle().await?;
        cancel.cancel();
        assert!(matches!(ticket.wait().await, Err(JobError::Cancelled(_))));
        assert_eq!(job.attempts(), 1);
        Ok(())
    });
}
