//! Tasks that a scope holds back, by the public API.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::{Runtime, SingleThread};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Result};

const SEEDS: std::ops::Range<u64> = 0..8;

fn paused(seed: u64) -> SingleThread {
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

#[test]
fn a_limit_that_shrinks_holds_the_next_ones_back() {
    for seed in SEEDS {
        paused(seed)
            .block_on(|scope| async move {
                scope.set_limit(10)?;
                let now = Arc::new(AtomicUsize::new(0));
                for i in 0..40_u64 {
                    let now = now.clone();
                    scope.go(async move {
                        now.fetch_add(1, SeqCst);
                        sleep((10 + i % 3).secs()).await?;
                        now.fetch_sub(1, SeqCst);
                        Ok(())
                    });
                }
                sleep(1.secs()).await?;
                assert_eq!(now.load(SeqCst), 10);
                scope.set_limit(2)?;
                sleep(15.secs()).await?;
                assert_eq!(now.load(SeqCst), 2, "the first ten have ended");
                scope.set_limit(5)?;
                sleep(1.secs()).await?;
                assert_eq!(now.load(SeqCst), 5);
                Ok(())
            })
            .unwrap_or_else(|failure| unreachable!("seed {seed}: {failure:?}"));
    }
}

#[test]
fn a_runtime_that_goes_away_drops_any_number_of_held_tasks() {
    let runtime = paused(0);
    let handle: Runtime = (*runtime).clone();
    runtime
        .block_on(|_| async move {
            let detached = handle.context().without_cancel();
            let mut left = Box::pin(handle.scope(move |scope| async move {
                scope.set_limit(1)?;
                for _ in 0..100_000 {
                    let detached = detached.clone();
                    scope.go(async move {
                        // It outlives the cancel, and keeps the others waiting.
                        Ok(detached.run(std::future::pending::<()>()).await?)
                    });
                }
                Ok(())
            }));
            let _pending =
                std::future::poll_fn(|cx| std::task::Poll::Ready(left.as_mut().poll(cx))).await;
            sleep(1.secs()).await?;
            Ok(())
        })
        .expect("the body returns");
    // The scope, and the one task that was started.
    assert_eq!(runtime.shutdown(1.secs()).cut.len(), 2);
}

#[test]
fn a_long_iterator_lets_its_tasks_run_and_ends_with_the_scope() {
    for seed in SEEDS {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = taken.clone();
        let failed = paused(seed).block_on(|scope| async move {
            let items = (0..1_000_000_u64).inspect(move |_| {
                counter.fetch_add(1, SeqCst);
            });
            let all = scope.go_each(items, |item| async move {
                match item {
                    3 => Err(Failure::message("three")),
                    _ => Ok(()),
                }
            });
            let _all: Result<usize, _> = all.await;
            Ok(())
        });
        assert!(failed.is_err());
        let taken = taken.load(SeqCst);
        assert!(taken < 10_000, "{taken} items were taken after the failure");
    }
}
