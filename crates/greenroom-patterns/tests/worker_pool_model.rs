//! A worker pool against a bag of jobs: under panics, cancels, drops, resizes and closes at random.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Boom, Ledger, Token, later, paused, polls, quiet};
use greenroom_actor::{OnError, Scope, SpawnError};
use greenroom_core::channel::RecvError;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};
use greenroom_patterns::generate::generate;
use greenroom_patterns::worker_pool::{JobError, ResizeError, Retry, Ticket, WorkerPool, pool};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum What {
    Works,
    Fails,
    Panics,
    /// It fails so many times, and works then.
    Flaky(usize),
    /// It panics so many times, and works then.
    Shaky(usize),
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
    resizes: Vec<Resizing>,
    drains: bool,
    attempts: usize,
    retries_panics: bool,
    job_deadline: Option<u64>,
    closes_after: Option<u64>,
    cancels_after: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Resizing {
    waits: u64,
    workers: usize,
    polls: Option<usize>,
}

fn resizes() -> impl Strategy<Value = Vec<Resizing>> {
    let resizing = (
        0..4_u64,
        1..5_usize,
        proptest::option::weighted(0.3, 0..4_usize),
    )
        .prop_map(|(waits, workers, polls)| Resizing {
            waits,
            workers,
            polls,
        });
    proptest::collection::vec(resizing, 0..6)
}

fn orders(most: usize) -> impl Strategy<Value = Vec<Order>> {
    let what = prop_oneof![
        6 => Just(What::Works), 1 => Just(What::Fails), 2 => Just(What::Panics), 1 => Just(What::NeverEnds),
        2 => (0..4_usize).prop_map(What::Flaky), 1 => (0..4_usize).prop_map(What::Shaky),
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
        (resizes(), any::<bool>()),
        (
            1..4_usize,
            any::<bool>(),
            proptest::option::weighted(0.3, 0..6_u64),
        ),
        proptest::option::weighted(0.2, 0..10_u64),
        proptest::option::weighted(0.2, 0..10_u64),
    )
        .prop_map(
            |(
                workers,
                queue,
                clients,
                batch,
                takes,
                (resizes, drains),
                (attempts, retries_panics, job_deadline),
                closes_after,
                cancels_after,
            )| Plan {
                workers,
                queue,
                clients,
                batch,
                takes,
                resizes,
                drains,
                attempts,
                retries_panics,
                job_deadline,
                closes_after,
                cancels_after,
            },
        )
}

#[derive(Clone)]
struct Job {
    order: Order,
    token: Token,
    attempts: Arc<AtomicUsize>,
}

/// What the pool may make of a job.
#[derive(Clone, Copy, Debug)]
struct Rules {
    attempts: usize,
    retries_panics: bool,
    has_deadline: bool,
}

impl Rules {
    fn of(plan: &Plan) -> Self {
        Self {
            attempts: plan.attempts,
            retries_panics: plan.retries_panics,
            has_deadline: plan.job_deadline.is_some(),
        }
    }
}

async fn client(
    pool: WorkerPool<Job, Token>,
    orders: Vec<Order>,
    ledger: Ledger,
    rules: Rules,
) -> Result<Vec<Ticket<Token>>> {
    let mut kept = Vec::new();
    for (number, order) in orders.into_iter().enumerate() {
        let job = Job {
            order,
            token: ledger.token(number),
            attempts: Arc::default(),
        };
        let Some(context) = Context::current() else {
            unreachable!("in a task")
        };
        let context = match order.within {
            Some(millis) => context.with_timeout(millis.millis()),
            None => context,
        };
        if order.as_caller {
            if let Some(Ok(outcome)) = polls(order.polls, context.run(pool.run(job))).await {
                look(order, number, outcome, rules);
            }
        } else if let Some(Ok(Ok(ticket))) = polls(order.polls, context.run(pool.submit(job))).await
        {
            kept.push(ticket);
        }
    }
    Ok(kept)
}

/// What an outcome may be.
fn look(order: Order, number: usize, outcome: Result<Token, JobError>, rules: Rules) {
    let panic_attempts = if rules.retries_panics {
        rules.attempts
    } else {
        1
    };
    match (order.what, outcome) {
        (What::Works, Ok(token)) => assert_eq!(token.number, number),
        (What::Flaky(bad), Ok(token)) => {
            assert!(bad < rules.attempts, "{bad} of {rules:?}");
            assert_eq!(token.number, number);
        }
        (What::Shaky(bad), Ok(token)) => {
            assert!(bad < panic_attempts, "{bad} of {rules:?}");
            assert_eq!(token.number, number);
        }
        (What::Flaky(bad), Err(JobError::Failed(_))) => assert!(bad >= rules.attempts),
        (What::Shaky(bad), Err(JobError::Panicked(_))) => assert!(bad >= panic_attempts),
        (_, Err(JobError::JobDeadline)) => assert!(rules.has_deadline),
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

/// Does a job, once.
async fn attempt(job: Job, running: Token) -> Result<Token> {
    let tried = job.attempts.fetch_add(1, SeqCst);
    sleep(job.order.millis.millis()).await?;
    let _running = running;
    match job.order.what {
        What::Works => {}
        What::Flaky(bad) if tried >= bad => {}
        What::Shaky(bad) if tried >= bad => {}
        What::Fails | What::Flaky(_) => return Err(Boom.into()),
        What::Panics | What::Shaky(_) => panic!("planned"),
        What::NeverEnds => std::future::pending().await,
    }
    Ok(job.token)
}

/// Resizes the pool, and gives a resize up at one of its polls now and then.
async fn resize(pool: WorkerPool<Job, Token>, resizes: Vec<Resizing>) -> Result<()> {
    for resizing in resizes {
        sleep(resizing.waits.millis()).await?;
        match polls(resizing.polls, pool.resize(resizing.workers)).await {
            None | Some(Ok(()) | Err(ResizeError::Closed | ResizeError::Cancelled(_))) => {}
            Some(Err(ResizeError::Spawn(SpawnError::Cancelled(_) | SpawnError::Ended))) => {}
            Some(Err(other)) => unreachable!("{other:?}"),
        }
        assert!(pool.workers() > 0);
    }
    Ok(())
}

/// Runs a plan; gives the tickets that were not waited for.
async fn carry_out(
    scope: Scope,
    plan: Plan,
    ledger: Ledger,
    running: Ledger,
) -> Result<Vec<Ticket<Token>>> {
    scope.set_on_error(OnError::Collect);
    let rules = Rules::of(&plan);
    let mut retry = Retry::attempts(plan.attempts).delays(1.millis(), 2.millis());
    if plan.retries_panics {
        retry = retry.panics();
    }
    let mut options = pool("planned")
        .workers(plan.workers)
        .queue(plan.queue)
        .retry(retry);
    if let Some(millis) = plan.job_deadline {
        options = options.job_deadline(millis.millis());
    }
    let pool = WorkerPool::spawn(&scope, options, move |job: Job| {
        let running = running.token(0);
        attempt(job, running)
    })
    .await?;
    scope
        .go(resize(pool.clone(), plan.resizes.clone()))
        .detach();
    let clients: Vec<_> = plan
        .clients
        .into_iter()
        .map(|orders| scope.go(client(pool.clone(), orders, ledger.clone(), rules)))
        .collect();
    let to_close = pool.clone();
    later(&scope, plan.closes_after, move || to_close.close());
    let to_cancel = scope.clone();
    later(&scope, plan.cancels_after, move || {
        to_cancel.cancel("planned")
    });
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
            attempts: Arc::default(),
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
                look(order, taken, outcome, rules);
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
    if plan.drains && pool.drain().await.is_ok() {
        // A cancel may come with the last of the workers: it would end the look.
        let keep = scope.context().without_cancel();
        for ticket in kept.drain(..) {
            let outcome = polls(Some(1), keep.run(ticket.wait())).await;
            let is_missing = matches!(
                outcome,
                None | Some(Err(_) | Ok(Err(JobError::WaitEnded(_) | JobError::Taken)))
            );
            assert!(!is_missing, "the pool is drained, and a job has no outcome");
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
        let targets = plan.resizes.iter().map(|resizing| resizing.workers);
        let workers = targets.chain([plan.workers]).max().unwrap_or(0);
        let is_cancelled = plan.cancels_after.is_some();
        let kept = runtime.block_on({
            let (ledger, running) = (ledger.clone(), running.clone());
            move |scope| carry_out(scope, plan, ledger, running)
        });
        prop_assert!(running.peak() <= workers);
        prop_assert_eq!(running.live(), 0);
        prop_assert!(runtime.registry().actors(runtime.context().now()).is_empty());
        if let Err(failure) = &kept {
            // The panics of jobs are their outcomes: one that is told here is that of a check.
            let is_planned = is_cancelled && !failure.to_string().contains("panicked");
            prop_assert!(is_planned, "{failure:?}");
        }
        if let Ok(kept) = kept {
            let outcomes = runtime.block_on(move |scope| async move {
                // Nothing can come any more, so that a wait would show.
                let now = scope.context().with_timeout(1.secs());
                let mut missing = 0;
                for ticket in kept {
                    if let Err(JobError::WaitEnded(_) | JobError::Taken) = now.run(ticket.wait()).await? { missing += 1; }
                }
                Ok(missing)
            });
            prop_assert_eq!(outcomes.ok(), Some(0));
        }
        prop_assert_eq!(ledger.live(), 0, "a job or a result is held somewhere");
    }
}
