//! Handles and guards outside the runtime: on plain threads, over its end, and after it.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::mpsc;
use std::time::Duration;

use common::arbiters;
use greenroom_actor::Scope;
use greenroom_core::blocking::wait;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Result, channel};
use greenroom_patterns::broadcast::{Broadcast, Slow, Subscription, broadcast};
use greenroom_patterns::cache::{Cache, cache};
use greenroom_patterns::condition::Condition;
use greenroom_patterns::mutex::{Lease, Mutex};
use greenroom_patterns::once::Once;
use greenroom_patterns::pool::{Pool, Pooled, pool_from, pool_of};
use greenroom_patterns::rate_limiter::{Limit, RateLimiter};
use greenroom_patterns::rw_mutex::{ReadLease, RwMutex};
use greenroom_patterns::semaphore::{Permit, Semaphore};
use greenroom_patterns::single_flight::SingleFlight;
use greenroom_patterns::task_group::TaskGroup;
use greenroom_patterns::worker_pool::{WorkerPool, pool};

/// A handle of each kind.
#[derive(Clone)]
struct All {
    mutex: Mutex<u32>,
    changed: Condition<u32>,
    rw_mutex: RwMutex<u32>,
    pool: Pool<u32>,
    made: Pool<u32>,
    workers: WorkerPool<u64, u64>,
    group: TaskGroup,
    once: Once<u32>,
    flights: SingleFlight<u32, u32>,
    news: Broadcast<u32>,
    entries: Cache<u32, u32>,
    semaphore: Semaphore,
    limiter: RateLimiter,
}

/// What is held of each.
struct Held {
    lease: Lease<u32>,
    share: ReadLease<u32>,
    item: Pooled<u32>,
    permit: Permit,
    reader: Subscription<u32>,
}

impl All {
    async fn spawn(scope: &Scope) -> Result<Self> {
        let mutex = Mutex::spawn(scope, 1).await?;
        Ok(Self {
            changed: mutex.condition(),
            mutex,
            rw_mutex: RwMutex::spawn(scope, 1).await?,
            pool: Pool::spawn(scope, pool_from([1])).await?,
            made: Pool::spawn(
                scope,
                pool_of(|| async {
                    sleep(3600.secs()).await?;
                    Ok(1)
                }),
            )
            .await?,
            workers: WorkerPool::spawn(scope, pool("slow"), |millis: u64| async move {
                sleep(millis.millis()).await?;
                Ok(millis)
            })
            .await?,
            group: TaskGroup::keep_going(scope),
            once: Once::spawn(scope, || async {
                sleep(3600.secs()).await?;
                Ok(1)
            })
            .await?,
            flights: SingleFlight::spawn(scope).await?,
            news: Broadcast::spawn(scope, broadcast().buffer(1).slow(Slow::Wait)).await?,
            entries: Cache::spawn(scope, cache()).await?,
            semaphore: Semaphore::spawn(scope, 1).await?,
            limiter: RateLimiter::spawn(scope, Limit::every(3600.secs()), 1).await?,
        })
    }

    async fn take(&self) -> Result<Held> {
        Ok(Held {
            lease: self.mutex.lock().await?,
            share: self.rw_mutex.read().await?,
            item: self.pool.get().await?,
            permit: self.semaphore.acquire().await?,
            reader: self.news.subscribe().await?,
        })
    }
}

/// Runs it on a plain thread; a hang is a failure.
fn on_a_thread<T: Send + 'static>(what: &str, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let _nobody = tell.send(f());
    });
    match told.recv_timeout(Duration::from_secs(20)) {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

#[test]
fn a_plain_thread_uses_them_all() -> Result<()> {
    arbiters(2).block_on(|scope| async move {
        let all = All::spawn(&scope).await?;
        let (tell, told) = channel::bounded(1);
        std::thread::spawn(move || {
            let used = wait(async {
                let mut held = all.take().await?;
                assert!(all.mutex.try_lock().await.is_err());
                assert!(all.rw_mutex.try_write().await.is_err());
                assert!(all.pool.try_get().await.is_err());
                assert!(all.semaphore.try_acquire().await.is_err());
                assert_eq!(all.news.send(3).await?, 1);
                assert_eq!(held.reader.recv().await?, 3);
                drop(held);
                drop(all.take().await?);
                all.pool.put(2).await?;
                assert_eq!(all.workers.run(1).await?, 1);
                assert_eq!(all.workers.submit(2).await?.wait().await?, 2);
                all.workers.resize(2).await?;
                all.group.go(async { Ok(()) }).await?.await?;
                all.group.wait().await?;
                assert_eq!(all.flights.call(1, || async { Ok(5) }).await?.value, 5);
                all.entries.set(1, 2).await?;
                assert_eq!(all.entries.get(&1), Some(2));
                let loaded = all.entries.get_or_insert_with(2, || async { Ok(7) });
                assert_eq!(loaded.await?, 7);
                all.limiter.wait().await?;
                assert!(all.limiter.try_acquire().await.is_err());
                let (there, changed) = (all.mutex.clone(), all.changed.clone());
                let signals = std::thread::spawn(move || {
                    wait(async {
                        while there.status().await?.parked == 0 {}
                        *there.lock().await? = 9;
                        changed.broadcast();
                        Ok::<_, Failure>(())
                    })
                });
                let lease = all.mutex.lock().await?;
                let lease = all.changed.wait_while(lease, |value| *value != 9).await?;
                assert_eq!(*lease, 9);
                signals.join().expect("it does not panic")??;
                all.workers.drain().await?;
                all.pool.close();
                drop(lease);
                all.pool.closed().await?;
                Ok(())
            });
            let _there_is_room = tell.try_send(used);
        });
        let used: Result<Result<()>, _> = told.recv().await?;
        used?
    })
}

macro_rules! waits {
    ($all:ident: $($name:literal => $call:expr),+ $(,)?) => {
        vec![$(($name, {
            let $all = $all.clone();
            let run: Call = Box::new(move || {
                matches!(wait(async move { $call.await.is_ok() }), Ok(true))
            });
            run
        })),+]
    };
}

/// A call that waits, and tells whether it succeeded.
type Call = Box<dyn FnOnce() -> bool + Send>;

fn all_waits(all: &All) -> Vec<(&'static str, Call)> {
    waits!(all:
        "mutex" => all.mutex.lock(),
        "recover" => all.mutex.recover(),
        "rw_mutex" => all.rw_mutex.write(),
        "pool" => all.pool.get(),
        "making" => all.made.get(),
        "worker_pool" => all.workers.run(3_600_000),
        "ticket" => async { match all.workers.submit(3_600_000).await {
            Ok(ticket) => ticket.wait().await,
            Err(_) => all.workers.run(3_600_000).await,
        }},
        "once" => all.once.get(),
        "flight" => all.flights.call(1, || async { sleep(3600.secs()).await?; Ok(1) }),
        "load" => all.entries.get_or_insert_with(1, || async { sleep(3600.secs()).await?; Ok(1) }),
        "semaphore" => all.semaphore.acquire(),
        "limiter" => all.limiter.wait(),
        "pool closed" => all.pool.closed(),
    )
}

#[test]
fn waits_on_plain_threads_end_with_the_runtime() {
    let (tell, told) = mpsc::channel();
    let runtime = arbiters(2);
    let ran = runtime.block_on({
        let tell = tell.clone();
        move |scope| async move {
            let all = All::spawn(&scope).await?;
            let held = all.take().await?;
            all.limiter.wait().await?;
            let reading = all.news.clone();
            for (name, call) in all_waits(&all) {
                let tell = tell.clone();
                std::thread::spawn(move || tell.send((name, call())));
            }
            let mut reader = reading.subscribe().await?;
            let other = tell.clone();
            std::thread::spawn(move || {
                let read =
                    wait(async { reader.recv().await.is_ok() && reader.recv().await.is_ok() });
                let _nobody = other.send(("reader", read.unwrap_or(true)));
            });
            let other = tell.clone();
            std::thread::spawn(move || {
                // The first that was subscribed does not read.
                let sent =
                    wait(async { reading.send(1).await.is_ok() && reading.send(2).await.is_ok() });
                let _nobody = other.send(("send", sent.unwrap_or(true)));
            });
            sleep(200.millis()).await?;
            scope.cancel("enough");
            drop(all);
            Ok(held)
        }
    });
    drop(tell);
    let held = ran.ok();
    drop(runtime);
    let mut left: Vec<_> = (0..15).collect();
    let mut seen = Vec::new();
    while !left.is_empty() {
        match told.recv_timeout(Duration::from_secs(10)) {
            Ok((name, is_ok)) => {
                assert!(!is_ok, "{name} succeeded");
                seen.push(name);
                left.pop();
            }
            Err(error) => panic!("{error}: only {seen:?} came back"),
        }
    }
    drop(held);
}

#[test]
fn after_the_runtime_every_call_fails_and_guards_go_quietly() {
    let runtime = arbiters(2);
    let kept = runtime.block_on(|scope| async move {
        let all = All::spawn(&scope).await?;
        let held = all.take().await?;
        Ok((all, held))
    });
    drop(runtime);
    let (all, mut held) = kept.expect("nothing fails");
    for (name, call) in all_waits(&all) {
        assert!(!on_a_thread(name, call), "{name} succeeded");
    }
    on_a_thread("the rest", move || {
        wait(async {
            assert!(all.mutex.try_lock().await.is_err());
            assert!(all.mutex.status().await.is_err());
            all.changed.signal();
            *held.lease = 7;
            assert!(all.changed.wait(held.lease).await.is_err());
            assert_eq!(*held.share, 1);
            drop(held.share);
            assert!(all.pool.put(5).await.is_err());
            assert!(all.pool.try_get().await.is_err());
            drop(held.item);
            assert!(all.workers.try_submit(1).is_err());
            assert!(all.workers.resize(3).await.is_err());
            assert!(all.workers.drain().await.is_ok());
            let mut results = 0;
            let stream = all.workers.submit_all([1, 2]);
            while let Ok(result) = stream.recv().await {
                assert!(result.is_err());
                results += 1;
            }
            assert!(results <= 2);
            assert!(all.group.go(async { Ok(()) }).await.is_err());
            assert!(all.group.wait().await.is_ok());
            assert!(all.once.get().await.is_err());
            assert!(
                all.flights
                    .start(1, || async { Ok(1) })
                    .wait()
                    .await
                    .is_err()
            );
            all.flights.forget(1);
            assert!(all.news.send(1).await.is_err());
            assert!(all.news.subscribe().await.is_err());
            assert!(!all.news.close().await);
            assert!(held.reader.recv().await.is_err());
            assert!(all.entries.set(1, 1).await.is_err());
            assert_eq!(all.entries.get(&1), None);
            assert!(all.entries.clear().await.is_err());
            all.semaphore.close();
            drop(held.permit);
            assert!(all.semaphore.resize(2).is_err());
            assert!(all.limiter.reserve().await.is_err());
            assert!(all.limiter.set_burst(2).is_err());
        })
        .expect("not on an arbiter");
    });
}
