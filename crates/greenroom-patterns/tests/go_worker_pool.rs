//! Go's behaviours of a worker pool, row by row.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::BTreeSet;

use common::{Ledger, SEEDS, check, idle, paused, quiet, sleepers};
use greenroom_core::Name;
use greenroom_core::channel::{self, RecvError};
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::prelude::Pipeline;
use greenroom_patterns::worker_pool::{JobError, PoolError, WorkerPool, pool};

#[test]
fn wp_01_each_of_500_jobs_has_one_result_and_the_results_close_once() {
    check(|scope| async move {
        let options = pool("id").workers(7).queue(10);
        let pool = WorkerPool::spawn(&scope, options, |n: u32| async move { Ok(n) }).await?;
        let (jobs, work) = channel::rendezvous();
        let results = pool.results(work);
        scope
            .go(async move {
                for n in 0..500 {
                    jobs.send(n).await?;
                }
                Ok(())
            })
            .detach();
        let mut distinct = BTreeSet::new();
        for _ in 0..500 {
            assert!(distinct.insert(results.recv().await??));
        }
        assert_eq!(distinct.len(), 500);
        assert!(matches!(results.recv().await, Err(RecvError::Closed)));
        Ok(())
    });
}

#[test]
fn wp_03_without_jobs_the_results_close_at_once_and_zero_workers_are_refused() {
    check(|scope| async move {
        let pool = sleepers(&scope, 3, 4).await?;
        let results = pool.submit_all([]);
        assert!(matches!(results.recv().await, Err(RecvError::Closed)));
        let refused = WorkerPool::spawn(
            &scope,
            greenroom_patterns::worker_pool::pool("none").workers(0),
            |n: u32| async move { Ok(n) },
        );
        assert!(matches!(refused.await, Err(PoolError::ZeroWorkers)));
        drop(pool);
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn wp_05_a_consumer_that_leaves_ends_the_feeder_the_queued_and_the_running() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let begun = ledger.clone();
        let options = pool("stuck").workers(3).queue(2);
        let pool = WorkerPool::spawn(&scope, options, move |n: u64| {
            let token = begun.token(0);
            async move {
                sleep((n * 1000).secs()).await?;
                drop(token);
                Ok(n)
            }
        })
        .await?;
        let results = pool.submit_all(0..10);
        assert_eq!(results.recv().await??, 0);
        sleep(1.secs()).await?;
        assert_eq!(ledger.live(), 3);
        drop(results);
        idle().await?;
        assert_eq!(ledger.live(), 0, "running jobs are cancelled");
        assert_eq!(ledger.made(), 4, "queued jobs never begin");
        assert_eq!(
            scope.len(),
            4,
            "the workers and their foreman are there for others"
        );
        drop(pool);
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn wp_06_every_fifth_job_panics_and_no_worker_is_lost() {
    quiet();
    check(|scope| async move {
        let options = pool("fifth").workers(2);
        let pool = WorkerPool::spawn(&scope, options, |n: u32| async move {
            sleep(1.millis()).await?;
            assert!(!n.is_multiple_of(5), "fifth");
            Ok(n)
        })
        .await?;
        let results = pool.submit_all(0..20).collect().await?;
        assert_eq!(results.len(), 20);
        let errors = results.iter().filter_map(|result| result.as_ref().err());
        let panics: Vec<_> = errors
            .map(|error| match error {
                JobError::Panicked(panic) => panic.message().map(str::to_owned),
                other => unreachable!("{other:?}"),
            })
            .collect();
        assert_eq!(panics.len(), 4);
        assert!(
            panics
                .iter()
                .all(|message| message.as_deref() == Some("fifth"))
        );
        assert_eq!(scope.len(), 3, "two workers and their foreman");
        Ok(())
    });
}

#[test]
fn wp_07_a_worker_that_is_cancelled_ends_its_job_and_the_others_go_on() {
    for (killed, runs) in [(2, true), (3, false)] {
        for seed in SEEDS {
            let runtime = paused(seed);
            let registry = runtime.registry().clone();
            runtime
                .block_on(move |scope| async move {
                    let pool = sleepers(&scope, 3, 100).await?;
                    let mut tickets = Vec::new();
                    for _ in 0..10 {
                        tickets.push(pool.submit(10).await?);
                    }
                    sleep(1.millis()).await?;
                    let workers = registry.group(&Name::new("sleep")?);
                    assert_eq!(workers.len(), 3);
                    for worker in workers.iter().take(killed) {
                        assert!(registry.cancel_actor(worker, "killed".into()));
                    }
                    let mut outcomes = Vec::new();
                    for ticket in tickets {
                        outcomes.push(ticket.wait().await);
                    }
                    let good = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                    assert_eq!(good, if runs { 10 - killed } else { 0 });
                    assert_eq!(pool.submit(1).await.is_ok(), runs, "no feeder is stuck");
                    Ok(())
                })
                .unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
        }
    }
}

#[test]
fn wp_10_a_panic_is_the_outcome_of_its_job_alone() {
    quiet();
    check(|scope| async move {
        let options = pool("third").workers(2);
        let pool = WorkerPool::spawn(&scope, options, |n: u32| {
            assert!(n != 1, "in the closure itself");
            async move {
                assert!(n != 2, "in its future");
                Ok(n)
            }
        })
        .await?;
        assert!(matches!(pool.run(1).await, Err(JobError::Panicked(_))));
        let Err(JobError::Panicked(panic)) = pool.run(2).await else {
            unreachable!("it panics")
        };
        assert_eq!(panic.message(), Some("in its future"));
        assert!(
            panic
                .spawned_at()
                .file()
                .ends_with("tests/go_worker_pool.rs")
        );
        assert_eq!(pool.run(3).await?, 3);
        Ok(())
    });
}
