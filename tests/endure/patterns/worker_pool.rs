//! Worker pools: a job that was taken gets one outcome, whatever becomes of its worker or its pool, how
//! often it is tried, and how many workers there are meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use greenroom::channel::Receiver;
use greenroom::patterns::worker_pool::{JobError, Retry, Ticket};
use greenroom::prelude::*;

use crate::account::{Count, Token, lock};
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

/// Shared, since a job that is tried again is a clone.
type Shared = Arc<Token>;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let (workers, queue) = (dice.upto(3), dice.below(3));
    let job = Arc::new(Job {
        dice: Mutex::new(dice.fork()),
        running: Count::default(),
        workers: AtomicUsize::new(workers),
        round: round.clone(),
    });
    let options = pool("endure").workers(workers).queue(queue);
    let most = job.clone();
    let run = move |token| job.clone().run(token);
    let pool = match dice.one_in(2) {
        true => WorkerPool::spawn(&scope, options, run).await?,
        false => {
            let delay = dice.below(3) as u64;
            let mut retry = Retry::attempts(dice.upto(3)).delays(delay.millis(), delay.millis());
            if dice.one_in(2) {
                retry = retry.panics();
            }
            WorkerPool::spawn(&scope, options.retry(retry), run).await?
        }
    };
    let mut callers = Vec::new();
    for _ in 0..dice.upto(3) {
        let tokens = (0..dice.below(5))
            .map(|_| Arc::new(round.token()))
            .collect();
        let (pool, in_order, round) = (pool.clone(), dice.one_in(2), round.clone());
        callers.push(scope.go(call(pool, tokens, in_order, round, dice.fork())));
    }
    if dice.one_in(3) {
        let (pool, mut dice) = (pool.clone(), dice.fork());
        let task = scope.go(async move {
            for _ in 0..dice.upto(3) {
                dice.pause().await?;
                let workers = dice.upto(4);
                most.workers.fetch_max(workers, SeqCst);
                let _resized = dice.attempt(pool.resize(workers)).await;
            }
            Ok(())
        });
        task.detach();
    }
    if dice.fault(5) {
        dice.leave();
        let (pool, mut dice) = (pool.clone(), dice.fork());
        let task = scope.go(async move {
            dice.pause().await?;
            match dice.one_in(2) {
                true => pool.close(),
                false => drop(dice.attempt(pool.drain()).await),
            }
            Ok(())
        });
        task.detach();
    }
    for caller in callers {
        let _failed = caller.await;
    }
    pool.close();
    let closed = pool.closed().await;
    round.check(closed.is_err() || pool.queued() == 0, || {
        format!("{} jobs are left in a pool that has ended", pool.queued())
    });
    Ok(closed?)
}

/// What every worker does.
struct Job {
    dice: Mutex<Dice>,
    running: Count,
    // The largest number so far: one too many ends with its job.
    workers: AtomicUsize,
    round: Round,
}

impl Job {
    async fn run(self: Arc<Self>, token: Shared) -> Result<Shared> {
        let _running = self.running.hold();
        let (running, workers) = (self.running.get(), self.workers.load(SeqCst));
        self.round.check(running <= workers, || {
            format!("{running} jobs run in {workers} workers")
        });
        let mut dice = lock(&self.dice).fork();
        dice.pause().await?;
        dice.fuse(10).step();
        dice.may_fail(12)?;
        Ok(token)
    }
}

async fn call(
    pool: WorkerPool<Shared, Shared>,
    tokens: Vec<Shared>,
    in_order: bool,
    round: Round,
    mut dice: Dice,
) -> Result<()> {
    let mut own = dice.fuse(12);
    match dice.below(5) {
        0 => return read(pool.submit_all(tokens), false, &round, dice).await,
        1 => {
            let (tx, rx) = channel::bounded(1);
            let results = match in_order {
                true => pool.results_in_order(rx),
                false => pool.results(rx),
            };
            let send = async {
                for token in tokens {
                    if let Err(refused) = tx.send(token).await {
                        refused.into_inner().returned();
                    }
                }
                drop(tx);
                Ok(())
            };
            let (sent, read) = both(send, read(results, in_order, &round, dice)).await;
            return sent.and(read);
        }
        _ => {}
    }
    let mut tickets: Vec<Ticket<Shared>> = Vec::new();
    for token in tokens {
        own.step();
        dice.pause().await?;
        match dice.below(3) {
            0 => {
                if let Some(Ok(token)) = dice.attempt(pool.run(token)).await {
                    token.received();
                }
            }
            1 => match pool.try_submit(token) {
                Ok(ticket) => tickets.push(ticket),
                Err(refused) => refused.into_inner().returned(),
            },
            _ => match dice.attempt(pool.submit(token)).await {
                Some(Ok(ticket)) => tickets.push(ticket),
                Some(Err(refused)) => refused.into_inner().returned(),
                None => {}
            },
        }
    }
    for ticket in tickets {
        if dice.fault(8) {
            dice.leave();
            ticket.detach();
            continue;
        }
        loop {
            match dice.attempt(ticket.wait()).await {
                Some(Ok(token)) => token.received(),
                // The wait ended, not the job.
                None | Some(Err(JobError::WaitEnded(_))) => {
                    if Context::current().is_none_or(|now| now.is_done()) {
                        return Ok(());
                    }
                    continue;
                }
                Some(Err(JobError::Taken)) => {
                    round.check(false, || "an outcome was taken twice".to_owned());
                }
                Some(Err(_)) => {}
            }
            break;
        }
    }
    Ok(())
}

async fn read(
    results: Receiver<Result<Shared, JobError>>,
    in_order: bool,
    round: &Round,
    mut dice: Dice,
) -> Result<()> {
    let leaves_after = dice.fault(4).then(|| dice.below(4));
    let mut before = None;
    for step in 0.. {
        if leaves_after == Some(step) {
            dice.leave();
            break;
        }
        match dice.attempt(results.recv()).await {
            Some(Ok(Ok(token))) => {
                token.received();
                let number = Some(token.number());
                round.check(!in_order || before < number, || {
                    format!("{number:?} came after {before:?}")
                });
                before = number;
            }
            Some(Ok(Err(_))) => {}
            Some(Err(_)) if results.is_closed() => break,
            Some(Err(error)) if Context::current().is_none_or(|now| now.is_done()) => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Runs two futures side by side in one task.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(|cx| {
        use std::task::Poll;
        if left.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            left = Some(output);
        }
        if right.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            right = Some(output);
        }
        match (left.take(), right.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (left, right) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let options = pool("endure").workers(3).queue(16);
    let pool = WorkerPool::spawn(&scope, options, |value: u64| async move { Ok(value) }).await?;
    let third = flow.items() / 3;
    for value in 1..=third {
        let outcome = match value % 2 {
            0 => pool.run(value).await?,
            _ => pool.submit(value).await?.wait().await?,
        };
        flow.passed(outcome);
    }
    let results = pool.submit_all(third + 1..=2 * third);
    while let Ok(outcome) = results.recv().await {
        flow.passed(outcome?);
    }
    let rest = generate(&scope, 2 * third + 1..=flow.items());
    let results = pool.results_in_order(rest);
    while let Ok(outcome) = results.recv().await {
        flow.passed(outcome?);
    }
    Ok(())
}
