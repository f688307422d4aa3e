//! What many want at once: permits, leases, and the entries of a cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom::patterns::mutex::LockError;
use greenroom::prelude::*;

use super::account::{Book, Kind, Token};
use super::faults::{Dice, Fault};
use super::storm::Storm;

const PERMITS: usize = 3;
const CAPACITY: usize = 8;

/// All that is shared in a round.
#[derive(Clone)]
struct Shared {
    storm: Storm,
    permits: Semaphore,
    out: Arc<AtomicUsize>,
    lease: Mutex<u64>,
    holders: Arc<AtomicUsize>,
    table: RwMutex<u64>,
    cache: Cache<usize, Arc<Token>>,
    flights: SingleFlight<usize, u64>,
}

/// One more, for as long as this lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> (Self, usize) {
        let now = count.fetch_add(1, SeqCst) + 1;
        (Self(count.clone()), now)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Starts those who want it. When they have ended, all of it must be back.
pub(crate) async fn start(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    let shared = Shared {
        permits: Semaphore::spawn(&scope, PERMITS).await?,
        out: Arc::default(),
        lease: Mutex::spawn(&scope, 0).await?,
        holders: Arc::default(),
        table: RwMutex::spawn(&scope, 0).await?,
        cache: Cache::spawn(&scope, cache().capacity(CAPACITY)).await?,
        flights: SingleFlight::spawn(&scope).await?,
        storm,
    };
    let mut tasks = Vec::new();
    for _ in 0..dice.upto(4) {
        let task = shared.clone().want(dice.fork());
        tasks.push(scope.on(Placement::Spread).go(task));
    }
    let auditor = async move {
        for task in tasks {
            let _failed = task.await;
        }
        shared.audit().await
    };
    scope.go(auditor).detach();
    Ok(())
}

impl Shared {
    async fn want(self, mut dice: Dice) -> Result<()> {
        let leases = self.storm.ledger.book(Kind::Leases);
        let entries = self.storm.ledger.book(Kind::Entries);
        while self.storm.is_on() {
            dice.pause().await?;
            let mut token = leases.token();
            token.begin();
            match dice.below(6) {
                0 | 1 => self.permit(&mut dice).await?,
                2 => self.lease(&mut dice).await?,
                3 => self.table(&mut dice).await?,
                4 => self.fly(&mut dice).await,
                _ => self.entry(&entries, &mut dice).await,
            }
            token.handled();
        }
        Ok(())
    }

    async fn permit(&self, dice: &mut Dice) -> Result<()> {
        let wanted = dice.upto(PERMITS);
        let acquired = dice.attempt(self.permits.acquire_many(wanted)).await;
        let Some(Ok(permit)) = acquired else {
            return Ok(());
        };
        let held: Vec<_> = (0..wanted).map(|_| Counted::new(&self.out)).collect();
        let most = held.iter().map(|(_, now)| *now).max().unwrap_or(0);
        let what = || format!("{most} permits of {PERMITS} are out");
        self.storm.ledger.check(most <= PERMITS, what);
        dice.pause().await?;
        drop(held);
        drop(permit);
        Ok(())
    }

    async fn lease(&self, dice: &mut Dice) -> Result<()> {
        let lease = match dice.attempt(self.lease.lock()).await {
            Some(Err(LockError::Poisoned(_))) => self.lease.recover().await?,
            Some(Ok(lease)) => lease,
            _ => return Ok(()),
        };
        let mut dice = dice.fork();
        let holders = self.holders.clone();
        let ledger = self.storm.ledger.clone();
        let hold = move || {
            // Goes home after the count, which it is declared before.
            let mut lease = lease;
            let (_held, now) = Counted::new(&holders);
            ledger.check(now == 1, || format!("{now} hold one lease"));
            *lease += 1;
            dice.may_panic(Fault::Panic);
        };
        // Whoever panics with the lease poisons it; here that is a blocking job, so that this task
        // goes on.
        let _poisoned = blocking(move || {
            hold();
            Ok(())
        })
        .await;
        Ok(())
    }

    async fn table(&self, dice: &mut Dice) -> Result<()> {
        if dice.one_in(4) {
            if let Some(Ok(mut table)) = dice.attempt(self.table.write()).await {
                *table += 1;
                dice.pause().await?;
            }
        } else if let Some(Ok(table)) = dice.attempt(self.table.read()).await {
            let before = *table;
            dice.pause().await?;
            let what = || "a reader saw a write".to_owned();
            self.storm.ledger.check(before == *table, what);
        }
        Ok(())
    }

    async fn fly(&self, dice: &mut Dice) {
        let key = dice.below(3);
        let mut inner = dice.fork();
        let flight = move || async move {
            inner.may_panic(Fault::Panic);
            inner.pause().await?;
            inner.may_fail()?;
            Ok(key as u64)
        };
        let landed = dice.attempt(self.flights.call(key, flight)).await;
        if let Some(Ok(landed)) = landed {
            let value = landed.value;
            let what = || format!("the flight for {key} brought {value}");
            self.storm.ledger.check(value == key as u64, what);
        }
    }

    async fn entry(&self, entries: &Book, dice: &mut Dice) {
        let key = dice.below(2 * CAPACITY);
        if dice.one_in(3) {
            let set = self.cache.set(key, Arc::new(entries.token()));
            let _set = dice.attempt(set).await;
        } else {
            let mut inner = dice.fork();
            let entries = entries.clone();
            let load = move || async move {
                inner.may_panic(Fault::Panic);
                inner.pause().await?;
                Ok(Arc::new(entries.token()))
            };
            let _loaded = dice.attempt(self.cache.get_or_insert_with(key, load)).await;
        }
        let len = self.cache.len();
        let what = || format!("{len} entries in a cache of {CAPACITY}");
        self.storm.ledger.check(len <= CAPACITY, what);
    }

    /// Checks that all is back.
    async fn audit(self) -> Result<()> {
        let ledger = &self.storm.ledger;
        let free = self.permits.available().await?;
        ledger.check(free == PERMITS, || {
            format!("of {PERMITS} permits {free} came back")
        });
        let waiting = self.permits.waiting().await?;
        ledger.check(waiting == 0, || {
            format!("{waiting} wait for permits who are gone")
        });
        drop(self.lease.recover().await?);
        let status = self.lease.status().await?;
        let is_free = status.holders.is_empty() && status.waiters.is_empty();
        ledger.check(is_free, || {
            format!("nobody wants the lease, but {status:?}")
        });
        drop(self.table.recover().await?);
        let status = self.table.status().await?;
        let is_free = status.holders.is_empty() && status.waiters.is_empty();
        ledger.check(is_free, || {
            format!("nobody wants the table, but {status:?}")
        });
        Ok(())
    }
}
