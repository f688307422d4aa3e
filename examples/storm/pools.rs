//! A pool of workers that is resized and closed, and a pool of items that come back.

use std::sync::Mutex as Shared;

use greenroom::patterns::pool::{GetError, Pool, Pooled};
use greenroom::patterns::worker_pool::JobError;
use greenroom::prelude::*;
use greenroom::task::yield_now;

use super::account::{Book, Kind, Token, Told, lock};
use super::faults::{Dice, Fault, Planted};
use super::storm::Storm;

type Jobs = WorkerPool<Token, ()>;

/// Starts both, with those who use them.
pub(crate) async fn start(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    let jobs = employ(scope.clone(), storm.clone(), dice.fork());
    scope.on(Placement::Spread).go(jobs).detach();
    let items = lend(scope.clone(), storm, dice.fork());
    scope.on(Placement::Spread).go(items).detach();
    Ok(())
}

/// Runs one worker pool after the other.
async fn employ(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    while storm.is_on() {
        let throws = Shared::new(dice.fork());
        let work = move |token| work(token, lock(&throws).fork());
        let options = pool("jobs").workers(dice.upto(4)).queue(dice.below(16));
        let pool: Jobs = WorkerPool::spawn(&scope, options, work).await?;
        for _ in 0..dice.upto(4) {
            let client = submit(
                pool.clone(),
                storm.clone(),
                storm.ledger.book(Kind::Jobs),
                dice.fork(),
            );
            scope.on(Placement::Spread).go(client).detach();
        }
        while storm.is_on() {
            sleep((dice.upto(30) as u64).millis()).await?;
            let workers = dice.upto(6);
            let _resized = dice.attempt(pool.resize(workers)).await;
            if dice.goes_wrong(Fault::Stop) {
                break;
            }
        }
        pool.close();
        pool.closed().await?;
        let left = pool.queued();
        let what = || format!("{left} jobs are left in a pool that has ended");
        storm.ledger.check(left == 0, what);
    }
    Ok(())
}

/// What every worker does.
async fn work(mut token: Token, mut dice: Dice) -> Result<()> {
    token.begin();
    dice.may_panic(Fault::Panic);
    dice.pause().await?;
    if dice.goes_wrong(Fault::PanicLater) {
        yield_now().await;
        std::panic::panic_any(Planted);
    }
    let ended = dice.may_fail();
    token.handled();
    ended
}

async fn submit(pool: Jobs, storm: Storm, book: Book, mut dice: Dice) -> Result<()> {
    while storm.is_on() && !pool.is_closed() {
        dice.pause().await?;
        match dice.below(4) {
            0 | 1 => {
                let run = async {
                    let token = book.token();
                    let slip = token.slip();
                    let outcome = pool.run(token).await;
                    if let Some(told) = told(&outcome) {
                        slip.told(told, book.ledger());
                    }
                };
                let _ran = dice.attempt(run).await;
            }
            2 => match pool.try_submit(book.token()) {
                Ok(ticket) => drop(dice.attempt(ticket.wait()).await),
                Err(refused) => {
                    refused.into_inner().refused();
                    yield_now().await;
                }
            },
            _ => {
                let tokens: Vec<_> = (0..dice.upto(32)).map(|_| book.token()).collect();
                let results = pool.submit_all(tokens);
                let enough = dice.upto(40);
                for _ in 0..enough {
                    if !matches!(dice.attempt(results.recv()).await, Some(Ok(_))) {
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

fn told(outcome: &Result<(), JobError>) -> Option<Told> {
    match outcome {
        Ok(()) | Err(JobError::Failed(_)) => Some(Told::Answered),
        Err(JobError::Panicked(_)) => Some(Told::Panicked),
        Err(JobError::DeadlineInQueue) => Some(Told::Never),
        _ => None,
    }
}

/// Lends items, of which some break.
async fn lend(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    const MAX: usize = 4;
    while storm.is_on() {
        let (made, throws) = (storm.ledger.book(Kind::Items), Shared::new(dice.fork()));
        let make = move || {
            let (made, mut dice) = (made.clone(), lock(&throws).fork());
            async move {
                dice.pause().await?;
                dice.may_panic(Fault::Panic);
                dice.may_fail()?;
                Ok(made.token())
            }
        };
        let mut options = pool_of(make).max(MAX);
        if dice.one_in(2) {
            options = options.idle_time_out(1.millis());
        }
        let pool = Pool::spawn(&scope, options).await?;
        let mut borrowers = Vec::new();
        for _ in 0..dice.upto(6) {
            let borrower = borrow(pool.clone(), storm.clone(), dice.fork());
            borrowers.push(scope.on(Placement::Spread).go(borrower));
        }
        while storm.is_on() && !dice.goes_wrong(Fault::Stop) {
            sleep(5.millis()).await?;
            let counts = pool.counts().await?;
            let out = counts.in_use + counts.idle;
            let what = || format!("{out} items of a pool of {MAX}");
            storm.ledger.check(out <= MAX, what);
        }
        pool.close();
        for borrower in borrowers {
            let _failed = borrower.await;
        }
        pool.closed().await?;
    }
    Ok(())
}

async fn borrow(pool: Pool<Token>, storm: Storm, mut dice: Dice) -> Result<()> {
    while storm.is_on() {
        let item = dice.attempt(pool.get()).await;
        match item {
            Some(Ok(item)) => {
                dice.pause().await?;
                if dice.goes_wrong(Fault::Error) {
                    // It broke: it does not go back.
                    Pooled::into_inner(item).handled();
                }
            }
            Some(Err(GetError::Closed)) => break,
            // A maker that failed is the next one's chance.
            _ => yield_now().await,
        }
    }
    Ok(())
}
