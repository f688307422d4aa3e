//! Many of everything: nothing takes more than its share of time. Quick without optimization; with
//! `--release`, and `GREENROOM_SCALE=10` for ten times as many, it gives figures (`--nocapture`).

use std::time::{Duration, Instant};

use greenroom_actor::{Actor, ActorContext, Handler, Runtime, Scope};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Result, channel};

/// How many: 10,000, or 100,000 with optimization, times the scale.
fn many() -> u64 {
    let scale = std::env::var("GREENROOM_SCALE").ok();
    let scale: u64 = scale.and_then(|text| text.parse().ok()).unwrap_or(1);
    scale
        * if cfg!(debug_assertions) {
            10_000
        } else {
            100_000
        }
}

/// Runs a body on a single thread and on two arbiters, and tells what one of `count` took.
fn check<F, Fut>(what: &str, count: u64, body: F)
where
    F: FnOnce(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let one = Runtime::builder()
        .single_thread()
        .build()
        .expect("a single-threaded runtime starts");
    let two = Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start");
    let start = Instant::now();
    one.block_on(body.clone())
        .unwrap_or_else(|failure| unreachable!("{what}: {failure:?}"));
    tell(what, "one thread", count, start.elapsed());
    let start = Instant::now();
    two.block_on(body)
        .unwrap_or_else(|failure| unreachable!("{what}: {failure:?}"));
    tell(what, "arbiters", count, start.elapsed());
}

fn tell(what: &str, place: &str, count: u64, took: Duration) {
    let each = took.as_nanos() / u128::from(count);
    eprintln!(
        "{what}, {place}: {count} in {took:?}, {each} ns each, {}",
        peak_memory()
    );
    // Far above what it takes, far below what a quadratic would.
    assert!(took < Duration::from_secs(60), "{what}: {took:?}");
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("VmHWM unknown")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

struct Counter(u64);
struct Add;
struct Timers(u64);

impl Actor for Counter {}

impl Handler<Add> for Counter {
    type Reply = u64;
    async fn handle(&mut self, _: Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.0 += 1;
        self.0
    }
}

impl Handler<Timers> for Counter {
    type Reply = ();
    async fn handle(&mut self, Timers(count): Timers, cx: &mut ActorContext<Self>) {
        for _ in 0..count {
            cx.after(1.millis(), Add);
        }
    }
}

#[test]
fn many_actors_are_spawned_asked_and_stopped() {
    check(
        "actors, spawned, asked, stopped",
        many(),
        |scope| async move {
            let mut all = Vec::new();
            for _ in 0..many() {
                all.push(scope.spawn(|| Counter(0)).await?);
            }
            for counter in &all {
                assert_eq!(counter.ask(Add).await?, 1);
            }
            for counter in &all {
                counter.stop();
            }
            for counter in all {
                let _reason = counter.closed().await?;
            }
            assert_eq!(scope.len(), 0);
            Ok(())
        },
    );
}

#[test]
fn many_actors_end_with_their_scope() {
    check("actors, ended by their scope", many(), |scope| async move {
        for _ in 0..many() {
            scope
                .spawn(|| Counter(0))
                .restart(greenroom_actor::Restart::Permanent)
                .await?;
        }
        Ok(())
    });
}

#[test]
fn many_messages_pass_a_channel_of_one_and_a_rendezvous() {
    for (what, capacity) in [("channel of 1", 1), ("rendezvous", 0)] {
        check(what, 10 * many(), move |scope| async move {
            let (tx, rx) = channel::bounded::<u64>(capacity);
            scope
                .go(async move {
                    for n in 0..10 * many() {
                        tx.send(n).await?;
                    }
                    Ok(())
                })
                .detach();
            let sum = scope.go(async move {
                let mut sum = 0;
                while let Ok(n) = rx.recv().await {
                    sum += n;
                }
                Ok(sum)
            });
            assert_eq!(sum.await?, 10 * many() * (10 * many() - 1) / 2);
            Ok(())
        });
    }
}

#[test]
fn many_contexts_with_a_timeout_are_cancelled_from_the_root() {
    check("contexts with a time-out", many(), |scope| async move {
        let (root, cancel) = scope.context().with_cancel();
        let all: Vec<_> = (0..many())
            .map(|n| root.with_timeout(Duration::from_secs(60 + n % 1000)))
            .collect();
        cancel.cancel();
        assert!(all.iter().all(|context| context.is_done()));
        Ok(())
    });
}

#[test]
fn many_tasks_run_in_a_scope() {
    check("tasks", many(), |scope| async move {
        let mut handles = Vec::new();
        for n in 0..many() {
            handles.push(scope.go(async move {
                sleep(Duration::from_micros(n % 1000)).await?;
                Ok(n)
            }));
        }
        let mut sum = 0;
        for handle in handles {
            sum += handle.await?;
        }
        assert_eq!(sum, many() * (many() - 1) / 2);
        Ok(())
    });
}

#[test]
fn many_waiting_tasks_are_cancelled_with_their_scope() {
    check("tasks, cancelled", many(), |scope| async move {
        let result = scope
            .scope(|inner| async move {
                for _ in 0..many() {
                    inner
                        .go::<(), _>(async {
                            sleep(60.secs()).await?;
                            Ok(())
                        })
                        .detach();
                }
                sleep(1.millis()).await?;
                inner.cancel(Cause::Cancelled);
                Ok(())
            })
            .await;
        // A task that is cancelled is no error of its scope.
        result
    });
}

#[test]
fn many_tasks_pass_a_limit() {
    check("tasks under a limit of 10", many(), |scope| async move {
        scope.set_limit(10)?;
        let count = scope.go_each(0..many(), |_| async { Ok(()) });
        assert_eq!(count.await?, usize::try_from(many())?);
        Ok(())
    });
}

#[test]
fn many_wait_for_the_end_of_one_actor() {
    check("waits for one end", many(), |scope| async move {
        let counter = scope.spawn(|| Counter(0)).await?;
        for _ in 0..many() {
            let closed = counter.closed();
            scope
                .go(async move {
                    let _reason = closed.await?;
                    Ok(())
                })
                .detach();
        }
        sleep(1.millis()).await?;
        counter.stop();
        scope.join().await
    });
}

#[test]
fn many_timers_of_one_actor_fire_at_once() {
    check("timers of one actor", many(), |scope| async move {
        let counter = scope.spawn(|| Counter(0)).await?;
        counter.ask(Timers(many())).await?;
        while counter.ask(Add).await? < many() {
            sleep(1.millis()).await?;
        }
        Ok(())
    });
}

#[test]
fn scopes_are_nested_a_thousand_deep() {
    fn nest(scope: &Scope, depth: u64) -> std::pin::Pin<Box<dyn Future<Output = Result<u64>>>> {
        let inner = scope.scope(move |scope| async move {
            let task = scope.go(async move { Ok(depth) });
            if depth == 0 {
                return Ok(task.await?);
            }
            Ok(nest(&scope, depth - 1).await? + task.await?)
        });
        Box::pin(inner)
    }
    check("nested scopes", 1000, |scope| async move {
        assert_eq!(nest(&scope, 1000).await?, 500_500);
        // And cancelled from the top.
        let (context, cancel) = scope.context().with_cancel();
        let deep = context.run(async {
            let inner = nest(&scope, 1000);
            cancel.cancel();
            inner.await
        });
        assert!(!matches!(deep.await, Ok(Ok(_))));
        Ok(())
    });
}
