//! Worker pools, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::BTreeSet;

use common::{Boom, Ledger, SEEDS, arbiters, check, idle, paused, polls, quiet, sleepers};
use greenroom_core::Context;
use greenroom_core::channel::{self, RecvError};
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::generate::generate;
use greenroom_patterns::prelude::Pipeline;
use greenroom_patterns::worker_pool::{JobError, SubmitError, TrySubmitError, WorkerPool, pool};

#[test]
fn any_number_of_panics_gives_no_worker_up() {
    quiet();
    check(|scope| async move {
        let pool = WorkerPool::<u32, ()>::spawn(&scope, pool("always"), |n| async move {
            assert!(n == 100, "always");
            Ok(())
        })
        .await?;
        for n in 0..100 {
            assert!(matches!(pool.run(n).await, Err(JobError::Panicked(_))));
        }
        Ok(pool.run(100).await?)
    });
}

#[test]
fn a_job_that_panics_as_the_scope_ends_costs_no_other() {
    quiet();
    for seed in SEEDS {
        let tickets = paused(seed).block_on(|scope| async move {
            let pool = WorkerPool::spawn(&scope, pool("last"), |n: u32| async move {
                sleep(1.secs()).await?;
                assert!(n != 0, "the first");
                Ok(n)
            });
            let pool = pool.await?;
            let mut tickets = Vec::new();
            for n in 0..4 {
                tickets.push(pool.submit(n).await?);
            }
            Ok(tickets)
        });
        let results = paused(seed).block_on(|_| async move {
            let mut results = Vec::new();
            for ticket in tickets? {
                results.push(ticket.wait().await.ok());
            }
            Ok(results)
        });
        let results = results.expect("nothing fails");
        assert_eq!(results, [None, Some(1), Some(2), Some(3)], "seed {seed}");
    }
}

#[test]
fn at_most_as_many_jobs_run_as_there_are_workers() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let running = ledger.clone();
        let options = pool("peak").workers(4).queue(3);
        let pool = WorkerPool::spawn(&scope, options, move |n: u64| {
            let token = running.token(0);
            async move {
                sleep((n % 7).millis()).await?;
                drop(token);
                Ok(())
            }
        })
        .await?;
        assert_eq!(pool.submit_all(0..100).collect().await?.len(), 100);
        assert_eq!((ledger.peak(), ledger.live()), (4, 0));
        Ok(())
    });
}

#[test]
fn a_full_queue_makes_a_submit_wait_and_a_try_fail() {
    check(|scope| async move {
        let pool = sleepers(&scope, 1, 2).await?;
        let mut tickets = vec![pool.submit(1000).await?];
        idle().await?;
        tickets.push(pool.submit(1).await?);
        tickets.push(pool.try_submit(2)?);
        assert_eq!(pool.queued(), 2);
        assert!(matches!(pool.try_submit(3), Err(TrySubmitError::Full(3))));
        let hurried = scope.context().with_timeout(10.millis());
        let refused = hurried.run(pool.submit(4)).await?;
        assert!(matches!(refused, Err(SubmitError::Deadline(4))));
        let start = scope.context().now();
        tickets.push(pool.submit(5).await?);
        assert!(scope.context().now() - start > 900.millis());
        for ticket in tickets {
            ticket.wait().await?;
        }
        Ok(())
    });
}

#[test]
fn without_a_queue_a_submit_ends_when_a_worker_takes_the_job() {
    check(|scope| async move {
        let pool = sleepers(&scope, 2, 0).await?;
        idle().await?;
        let first = pool.try_submit(10)?;
        let second = pool.submit(10).await?;
        idle().await?;
        assert!(matches!(pool.try_submit(1), Err(TrySubmitError::Full(1))));
        let third = pool.submit(1).await?;
        for ticket in [first, second, third] {
            ticket.wait().await?;
        }
        Ok(())
    });
}

#[test]
fn a_close_runs_what_is_queued_refuses_the_rest_and_gives_jobs_back() {
    check(|scope| async move {
        let pool = sleepers(&scope, 1, 2).await?;
        let running = pool.submit(10).await?;
        idle().await?;
        let queued = [pool.submit(1).await?, pool.submit(2).await?];
        let waiting = scope.go({
            let pool = pool.clone();
            async move { Ok(pool.submit(3).await) }
        });
        idle().await?;
        pool.close();
        pool.close();
        assert!(pool.is_closed());
        assert!(matches!(waiting.await?, Err(SubmitError::Closed(3))));
        assert!(matches!(pool.submit(4).await, Err(SubmitError::Closed(4))));
        assert!(matches!(pool.try_submit(5), Err(TrySubmitError::Closed(5))));
        assert!(matches!(pool.run(6).await, Err(JobError::Closed)));
        pool.closed().await?;
        idle().await?;
        assert_eq!(scope.len(), 0, "the workers have ended");
        assert_eq!(running.wait().await?, 10);
        assert!(matches!(running.wait().await, Err(JobError::Taken)));
        for (millis, ticket) in [1, 2].into_iter().zip(queued) {
            assert_eq!(ticket.wait().await?, millis);
        }
        Ok(())
    });
}

#[test]
fn results_of_a_closed_pool_are_closed_errors_for_each_job_that_still_comes() {
    check(|scope| async move {
        let pool = sleepers(&scope, 1, 2).await?;
        let (jobs, work) = channel::unbounded();
        let results = pool.results(work);
        jobs.send(1).await?;
        assert_eq!(results.recv().await??, 1);
        pool.close();
        jobs.send(2).await?;
        jobs.send(3).await?;
        for _ in 0..2 {
            assert!(matches!(results.recv().await?, Err(JobError::Closed)));
        }
        drop(jobs);
        assert!(matches!(results.recv().await, Err(RecvError::Closed)));
        Ok(())
    });
}

#[test]
fn results_in_order_are_in_the_order_of_the_jobs_and_no_more_are_ahead_than_fit() {
    check(|scope| async move {
        let pool = sleepers(&scope, 3, 2).await?;
        let jobs: Vec<u64> = (0..40).map(|n| (n * 7) % 11).collect();
        let results = pool.results_in_order(generate(&scope, jobs.clone()));
        for job in jobs {
            assert_eq!(results.recv().await??, job);
        }
        assert!(matches!(results.recv().await, Err(RecvError::Closed)));

        let ledger = Ledger::default();
        let source = ledger.clone();
        let stuck = generate(
            &scope,
            (0..).map(move |_: u64| source.token(0).number as u64),
        );
        let results = pool.results(stuck);
        sleep(1.secs()).await?;
        assert_eq!(pool.run(1).await?, 1, "a slow consumer holds up no worker");
        // As many as the pool has workers and places, and one in the hands of the generator.
        assert!(ledger.made() <= 3 + 2 + 1, "{}", ledger.made());
        drop(results);
        Ok(())
    });
}

#[test]
fn a_deadline_is_told_apart_in_the_queue_and_at_work_and_a_cancel_from_both() {
    check(|scope| async move {
        let pool = sleepers(&scope, 1, 10).await?;
        let within = |millis: u64| scope.context().with_timeout(millis.millis());
        let long = pool.submit(100).await?;
        idle().await?;
        let queued = within(50).run(pool.run(1)).await?;
        assert!(
            matches!(queued, Err(JobError::DeadlineInQueue)),
            "{queued:?}"
        );
        let ticket = within(10).run(pool.submit(1)).await??;
        assert!(matches!(
            ticket.wait().await,
            Err(JobError::DeadlineInQueue)
        ));
        assert_eq!(long.wait().await?, 100);
        let begun = within(50).run(pool.run(100)).await?;
        assert!(matches!(begun, Err(JobError::DeadlineInJob)), "{begun:?}");
        let ticket = within(50).run(pool.submit(100)).await??;
        assert!(matches!(ticket.wait().await, Err(JobError::DeadlineInJob)));
        let (context, cancel) = scope.context().with_cancel_cause();
        let ticket = context.run(pool.submit(100)).await??;
        idle().await?;
        cancel.cancel("changed my mind");
        let Err(JobError::Cancelled(cause)) = ticket.wait().await else {
            unreachable!("cancelled")
        };
        assert_eq!(cause.to_string(), "changed my mind");
        let waits = pool.submit(50).await?;
        let gave_up = within(10).run(waits.wait()).await?;
        assert!(matches!(gave_up, Err(JobError::WaitEnded(_))));
        assert_eq!(waits.wait().await?, 50, "the job was not affected");
        Ok(())
    });
}

#[test]
fn a_job_sees_the_values_of_its_submitter() {
    check(|scope| async move {
        let pool = WorkerPool::spawn(&scope, pool("values"), |()| async move {
            Ok(Context::current().and_then(|context| context.value::<u8>().copied()))
        })
        .await?;
        let context = scope.context().with_value(7_u8);
        assert_eq!(context.run(pool.run(())).await??, Some(7));
        Ok(())
    });
}

#[test]
fn a_job_whose_caller_has_gone_need_not_begin_and_one_with_a_ticket_is_run() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let begun = ledger.clone();
        let options = pool("gone").queue(10);
        let pool = WorkerPool::spawn(&scope, options, move |n: usize| {
            drop(begun.token(n));
            async move { Ok(sleep(10.millis()).await?) }
        })
        .await?;
        pool.submit(0).await?.detach();
        idle().await?;
        assert!(polls(Some(1), pool.run(1)).await.is_none());
        drop(pool.submit(2).await?);
        sleep(100.millis()).await?;
        assert_eq!(ledger.made(), 2);
        Ok(())
    });
}

#[test]
fn the_end_of_the_scope_waits_for_the_jobs_and_its_cancel_answers_each() {
    for seed in SEEDS {
        let runtime = paused(seed);
        let (pool, tickets) = runtime
            .block_on(|scope| async move {
                let pool = sleepers(&scope, 2, 20).await?;
                let mut tickets = Vec::new();
                for millis in 0..20 {
                    tickets.push(pool.submit(millis).await?);
                }
                Ok((pool, tickets))
            })
            .expect("nothing fails");
        runtime
            .block_on(move |_| async move {
                for (millis, ticket) in (0..20).zip(tickets) {
                    assert_eq!(ticket.wait().await?, millis);
                }
                assert!(matches!(pool.submit(1).await, Err(SubmitError::Closed(1))));
                Ok(())
            })
            .expect("every job was run");

        let root = runtime.context().clone();
        let tickets = runtime
            .block_on(move |scope| async move {
                let pool = sleepers(&scope, 2, 20).await?;
                let mut tickets = Vec::new();
                for n in 0..20 {
                    // Half of the jobs have a context that outlives the scope.
                    let submit = pool.submit(1000);
                    tickets.push(match n % 2 {
                        0 => submit.await?,
                        _ => root.run(submit).await??,
                    });
                }
                idle().await?;
                scope.cancel("enough");
                Ok(tickets)
            })
            .expect("a cancel is no failure");
        runtime
            .block_on(move |_| async move {
                for (n, ticket) in tickets.into_iter().enumerate() {
                    match (n % 2, ticket.wait().await) {
                        (0, Err(JobError::Cancelled(_))) | (1, Err(JobError::Closed)) => {}
                        other => unreachable!("{other:?}"),
                    }
                }
                Ok(())
            })
            .expect("every job has an outcome");
    }
}

#[test]
fn a_job_may_submit_to_its_own_pool() {
    check(|scope| async move {
        let (later, handle) = channel::bounded::<WorkerPool<u32, u32>>(1);
        let options = pool("nested").workers(2);
        let pool = WorkerPool::spawn(&scope, options, move |n: u32| {
            let handle = handle.clone();
            async move {
                if n == 0 {
                    return Ok(0);
                }
                let own = handle.recv().await?;
                Ok(own.run(n - 1).await? + 1)
            }
        })
        .await?;
        later.send(pool.clone()).await?;
        assert_eq!(pool.run(1).await?, 1);
        Ok(())
    });
}

#[test]
fn a_failed_job_is_its_own_error_and_no_error_of_the_scope() {
    check(|scope| async move {
        let pool =
            WorkerPool::<(), ()>::spawn(&scope, pool("fail"), |()| async move { Err(Boom.into()) })
                .await?;
        let Err(JobError::Failed(failure)) = pool.run(()).await else {
            unreachable!("it fails")
        };
        assert!(failure.downcast_ref::<Boom>().is_some());
        Ok(())
    });
}

#[test]
fn workers_are_spread_over_the_arbiters() {
    quiet();
    let (threads, sum) = arbiters(2)
        .block_on(|scope| async move {
            let options = pool("threads").workers(4).queue(16);
            let pool = WorkerPool::spawn(&scope, options, |n: u64| async move {
                assert!(!n.is_multiple_of(50), "every fiftieth");
                let thread = format!("{:?}", std::thread::current().id());
                sleep(1.millis()).await?;
                Ok((thread, n))
            })
            .await?;
            let (mut threads, mut sum) = (BTreeSet::new(), 0);
            let results = pool.submit_all(0..400);
            while let Ok(result) = results.recv().await {
                match result {
                    Ok((thread, n)) => {
                        threads.insert(thread);
                        sum += n;
                    }
                    Err(JobError::Panicked(_)) => {}
                    Err(other) => return Err(other.into()),
                }
            }
            pool.close();
            pool.closed().await?;
            Ok((threads.len(), sum))
        })
        .expect("nothing fails");
    assert_eq!(threads, 2);
    let all: u64 = (0..400).sum();
    assert_eq!(sum, all - (0..400).step_by(50).sum::<u64>());
}
