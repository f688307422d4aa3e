//! Worker pools, by the public API.

mod common;

use std::collections::BTreeSet;

use common::{Boom, Ledger, SEEDS, Token, arbiters, check, idle, paused, polls, quiet};
use greenroom_actor::{OnError, Scope};
use greenroom_core::channel::{self, RecvError};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};
use greenroom_patterns::generate::generate;
use greenroom_patterns::prelude::Pipeline;
use greenroom_patterns::worker_pool::{
    JobError, PoolError, SubmitError, TrySubmitError, WorkerPool, pool,
};
use proptest::prelude::*;

/// A pool whose jobs sleep for so many milliseconds, and give the number back.
async fn sleepers(scope: &Scope, workers: usize, queue: usize) -> Result<WorkerPool<u64, u64>> {
    let options = pool("sleep").workers(workers).queue(queue);
    let spawned = WorkerPool::spawn(scope, options, |millis: u64| async move {
        sleep(millis.millis()).await?;
        Ok(millis)
    });
    Ok(spawned.await?)
}

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
        assert_eq!(scope.len(), 3, "the workers are there for others");
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
            assert!(n % 5 != 0, "fifth");
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
        assert_eq!(scope.len(), 2);
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
                    let workers = registry.actors(scope.context().now());
                    for worker in workers.iter().take(killed) {
                        assert!(registry.cancel_actor(&worker.task.id, "killed".into()));
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
        assert!(panic.spawned_at().file().ends_with("tests/worker_pool.rs"));
        assert_eq!(pool.run(3).await?, 3);
        Ok(())
    });
}

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
                assert!(n % 50 != 0, "every fiftieth");
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

#[derive(Clone, Copy, Debug)]
enum What {
    Works,
    Fails,
    Panics,
    NeverEnds,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    what: What,
    millis: u64,
    /// By `run`, not `submit`.
    as_caller: bool,
    polls: Option<usize>,
    within: Option<u64>,
}

#[derive(Clone, Debug)]
struct Plan {
    workers: usize,
    queue: usize,
    clients: Vec<Vec<Order>>,
    batch: Vec<Order>,
    takes: usize,
    closes_after: Option<u64>,
    cancels_after: Option<u64>,
}

fn orders(most: usize) -> impl Strategy<Value = Vec<Order>> {
    let what = prop_oneof![
        6 => Just(What::Works), 1 => Just(What::Fails), 2 => Just(What::Panics), 1 => Just(What::NeverEnds),
    ];
    let order = (
        what,
        0..4_u64,
        any::<bool>(),
        proptest::option::weighted(0.2, 0..4_usize),
        proptest::option::weighted(0.3, 0..6_u64),
    )
        .prop_map(|(what, millis, as_caller, polls, within)| Order {
            what,
            millis,
            as_caller,
            polls,
            // What never ends by itself is given an end.
            within: within.or(matches!(what, What::NeverEnds).then_some(20)),
        });
    proptest::collection::vec(order, 0..most)
}

fn plans() -> impl Strategy<Value = Plan> {
    (
        1..4_usize,
        0..4_usize,
        proptest::collection::vec(orders(6), 0..4),
        orders(10),
        0..12_usize,
        proptest::option::weighted(0.2, 0..10_u64),
        proptest::option::weighted(0.2, 0..10_u64),
    )
        .prop_map(
            |(workers, queue, clients, batch, takes, closes_after, cancels_after)| Plan {
                workers,
                queue,
                clients,
                batch,
                takes,
                closes_after,
                cancels_after,
            },
        )
}

struct Job {
    order: Order,
    token: Token,
}

async fn client(
    pool: WorkerPool<Job, Token>,
    orders: Vec<Order>,
    ledger: Ledger,
) -> Result<Vec<greenroom_patterns::worker_pool::Ticket<Token>>> {
    let mut kept = Vec::new();
    for (number, order) in orders.into_iter().enumerate() {
        let job = Job {
            order,
            token: ledger.token(number),
        };
        let Some(context) = Context::current() else {
            unreachable!("in a task")
        };
        let context = match order.within {
            Some(millis) => context.with_timeout(millis.millis()),
            None => context,
        };
        if order.as_caller {
            match polls(order.polls, context.run(pool.run(job))).await {
                Some(Ok(outcome)) => look(order, number, outcome),
                Some(Err(_)) | None => {}
            }
        } else if let Some(Ok(Ok(ticket))) = polls(order.polls, context.run(pool.submit(job))).await
        {
            kept.push(ticket);
        }
    }
    Ok(kept)
}

/// What an outcome may be.
fn look(order: Order, number: usize, outcome: Result<Token, JobError>) {
    match (order.what, outcome) {
        (What::Works, Ok(token)) => assert_eq!(token.number, number),
        (What::Fails, Err(JobError::Failed(_)))
        | (What::Panics, Err(JobError::Panicked(_)))
        | (
            _,
            Err(
                JobError::Cancelled(_)
                | JobError::Closed
                | JobError::DeadlineInJob
                | JobError::DeadlineInQueue,
            ),
        ) => {}
        (what, outcome) => unreachable!("{what:?} gave {:?}", outcome.map(|token| token.number)),
    }
}

/// Runs a plan; gives the tickets that were not waited for.
async fn carry_out(
    scope: Scope,
    plan: Plan,
    ledger: Ledger,
    running: Ledger,
) -> Result<Vec<greenroom_patterns::worker_pool::Ticket<Token>>> {
    scope.set_on_error(OnError::Collect);
    let options = pool("planned").workers(plan.workers).queue(plan.queue);
    let pool = WorkerPool::spawn(&scope, options, move |job: Job| {
        let running = running.token(0);
        async move {
            sleep(job.order.millis.millis()).await?;
            let _running = running;
            match job.order.what {
                What::Works => Ok(job.token),
                What::Fails => Err(Boom.into()),
                What::Panics => panic!("planned"),
                What::NeverEnds => std::future::pending().await,
            }
        }
    })
    .await?;
    let clients: Vec<_> = plan
        .clients
        .into_iter()
        .map(|orders| scope.go(client(pool.clone(), orders, ledger.clone())))
        .collect();
    if let Some(millis) = plan.closes_after {
        let pool = pool.clone();
        scope
            .go(async move {
                sleep(millis.millis()).await?;
                pool.close();
                Ok(())
            })
            .detach();
    }
    if let Some(millis) = plan.cancels_after {
        let scope_to_cancel = scope.clone();
        scope
            .go(async move {
                sleep(millis.millis()).await?;
                scope_to_cancel.cancel("planned");
                Ok(())
            })
            .detach();
    }
    let batch = plan.batch.clone();
    let jobs = batch.clone().into_iter().enumerate().map({
        let ledger = ledger.clone();
        move |(number, order)| Job {
            order: Order {
                what: match order.what {
                    What::NeverEnds => What::Works,
                    what => what,
                },
                ..order
            },
            token: ledger.token(number),
        }
    });
    let results = pool.results_in_order(generate(&scope, jobs.collect::<Vec<_>>()));
    let mut taken = 0;
    while taken < plan.takes {
        match results.recv().await {
            Ok(outcome) => {
                let order = Order {
                    what: match batch[taken].what {
                        What::NeverEnds => What::Works,
                        what => what,
                    },
                    ..batch[taken]
                };
                look(order, taken, outcome);
                taken += 1;
            }
            Err(RecvError::Closed) => {
                let is_cancelled = scope.context().is_done();
                assert!(
                    taken == batch.len() || is_cancelled,
                    "{taken} of {}",
                    batch.len()
                );
                break;
            }
            Err(_) => break,
        }
    }
    drop(results);
    let mut kept = Vec::new();
    for client in clients {
        if let Ok(tickets) = client.await {
            kept.extend(tickets);
        }
    }
    Ok(kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_job_has_one_outcome_and_nothing_is_left(plan in plans(), seed in any::<u64>()) {
        quiet();
        let (ledger, running) = (Ledger::default(), Ledger::default());
        let runtime = paused(seed);
        let workers = plan.workers;
        let kept = runtime.block_on({
            let (ledger, running) = (ledger.clone(), running.clone());
            move |scope| carry_out(scope, plan, ledger, running)
        });
        prop_assert!(running.peak() <= workers);
        prop_assert_eq!(running.live(), 0);
        prop_assert!(runtime.registry().actors(runtime.context().now()).is_empty());
        if let Ok(kept) = kept {
            let outcomes = runtime.block_on(move |scope| async move {
                // Nothing can come any more, so that a wait would show.
                let now = scope.context().with_timeout(1.secs());
                let mut missing = 0;
                for ticket in kept {
                    match now.run(ticket.wait()).await? {
                        Err(JobError::WaitEnded(_) | JobError::Taken) => missing += 1,
                        _ => {}
                    }
                }
                Ok(missing)
            });
            prop_assert_eq!(outcomes.ok(), Some(0));
        }
        prop_assert_eq!(ledger.live(), 0, "a job or a result is held somewhere");
    }
}
