//! When stages end: the consumer leaves, the scope is cancelled, the input closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_core::channel::{self, RecvError};
use greenroom_patterns::pipeline::Stage;
use greenroom_patterns::prelude::*;

use crate::common::{boom, check, idle};
use crate::stages;

#[test]
fn pl_02_all_stages_end_when_the_consumer_takes_two_values_and_leaves() {
    for kind in stages() {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let last = generate(&scope, 0_u64..)
                    .pipe(&scope, kind.clone(), |x| async move { Ok(x + 1) })
                    .pipe(&scope, kind.clone(), |x| async move { Ok(x * 2) })
                    .pipe(&scope, kind.clone(), |x| async move { Ok(x * x) });
                last.recv().await?;
                last.recv().await?;
                drop(last);
                idle().await?;
                assert_eq!(scope.len(), 0);
                Ok(())
            }
        });
    }
}

#[test]
fn pl_02_or_when_it_leaves_stages_that_wait_for_a_silent_source_or_for_their_work() {
    for kind in stages() {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let (silent, rx) = channel::rendezvous::<u8>();
                let waits = rx
                    .pipe(&scope, kind.clone(), |x| async move { Ok(x) })
                    .batches(&scope, 3);
                let works = generate(&scope, 0_u64..).pipe(&scope, kind.clone(), |x| async move {
                    std::future::pending::<()>().await;
                    Ok(x)
                });
                let skips = generate(&scope, 0_u64..).pipe(
                    &scope,
                    Stage::clone(&kind).skip_errors(|_| ()),
                    |_| async move { boom::<u8>() },
                );
                drop((waits, works, skips));
                idle().await?;
                assert_eq!(scope.len(), 0);
                assert!(silent.is_closed());
                Ok(())
            }
        });
    }
}

#[test]
fn pl_02_or_when_the_scope_is_cancelled() {
    for kind in stages() {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let last = generate(&scope, 0_u64..)
                    .pipe(&scope, kind.clone(), |x| async move { Ok(x + 1) })
                    .pipe(&scope, kind.clone(), |x| async move { Ok(x * 2) });
                last.recv().await?;
                let keep = scope.context().without_cancel();
                scope.cancel("enough");
                keep.run(idle()).await??;
                assert_eq!(scope.len(), 0);
                assert!(matches!(last.collect().await, Err(RecvError::Cancelled(_))));
                Ok(())
            }
        });
    }
}

#[test]
fn pl_03_a_close_travels_downstream_behind_the_data() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let last = rx
            .pipe(&scope, stage("square"), |x: u64| async move { Ok(x * x) })
            .pipe(&scope, stage("again"), |x| async move { Ok(x * x) });
        scope
            .go(async move {
                for n in 0..3 {
                    tx.send(n).await?;
                }
                Ok(())
            })
            .detach();
        assert_eq!(last.recv().await?, 0);
        assert_eq!(last.recv().await?, 1);
        assert_eq!(last.recv().await?, 16);
        assert!(matches!(last.recv().await, Err(RecvError::Closed)));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn a_stage_that_skips_all_it_has_ends_when_the_consumer_has_left() {
    for kind in stages() {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let (tx, rx) = channel::unbounded();
                assert!((0..1000).all(|n| tx.try_send(n).is_ok()));
                let tried = Arc::new(AtomicUsize::new(0));
                let counter = tried.clone();
                let skipping = kind.skip_errors(|_| ());
                drop(rx.pipe(&scope, skipping, move |_: i32| {
                    counter.fetch_add(1, SeqCst);
                    async { boom::<u8>() }
                }));
                idle().await?;
                assert_eq!(scope.len(), 0);
                let tried = tried.load(SeqCst);
                assert!(tried <= 6, "{tried}");
                Ok(())
            }
        });
    }
}
