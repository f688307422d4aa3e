//! How a stage works: the order of its results, its workers, what it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_core::channel;
use greenroom_core::task::WaitKind;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::prelude::*;

use crate::common::{Ledger, SEEDS, check, idle, paused};
use crate::stages;

#[test]
fn results_keep_the_order_of_the_input_while_workers_race() {
    check(|scope| async move {
        let results =
            generate(&scope, 0..40_u64).pipe(&scope, stage("slow").workers(4), |x| async move {
                sleep((x * 7 % 5).millis()).await?;
                Ok(x)
            });
        assert_eq!(results.collect().await?, (0..40).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn an_unordered_stage_lets_a_fast_value_pass_a_slow_one() {
    check(|scope| async move {
        let kind = stage("slow").workers(2).unordered();
        let results = generate(&scope, [9_u64, 1, 2]).pipe(&scope, kind, |x| async move {
            sleep(x.millis()).await?;
            Ok(x)
        });
        assert_eq!(results.collect().await?, [1, 2, 9]);
        Ok(())
    });
}

#[test]
fn workers_work_at_the_same_time() {
    for kind in [stage("a").workers(5), stage("b").workers(5).unordered()] {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let start = scope.context().now();
                let results = generate(&scope, 0..10).pipe(&scope, kind, |x| async move {
                    sleep(1.secs()).await?;
                    Ok(x)
                });
                assert_eq!(results.collect().await?.len(), 10);
                assert_eq!(scope.context().now() - start, 2.secs());
                Ok(())
            }
        });
    }
}

#[test]
fn a_stage_holds_no_more_than_it_says() {
    let bounds = [
        (stage("one"), 1),
        (stage("one, 2 stored").buffer(2), 3),
        (stage("three").workers(3).unordered(), 3),
        (stage("three, 2 stored").workers(3).buffer(2).unordered(), 5),
        (stage("three in order").workers(3), 3),
        (stage("three in order, 2 stored").workers(3).buffer(2), 7),
    ];
    for (kind, bound) in bounds {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let ledger = Ledger::default();
                let tokens = ledger.clone();
                let name = format!("{kind:?}");
                let input = generate(&scope, (0..).map(move |n| tokens.token(n)));
                let full = input.pipe(&scope, kind, |token| async move { Ok(token) });
                idle().await?;
                // One more is begun by the generator.
                assert_eq!(ledger.live(), bound + 1, "{name}");
                drop(full);
                Ok(())
            }
        });
    }
}

#[test]
fn an_early_result_waits_for_a_slow_one_in_a_bounded_window() {
    check(|scope| async move {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = begun.clone();
        let kind = stage("first is slow").workers(2).buffer(3);
        let results = generate(&scope, 0_u64..).pipe(&scope, kind, move |x| {
            counter.fetch_add(1, SeqCst);
            async move {
                if x == 0 {
                    sleep(1.secs()).await?;
                }
                Ok(x)
            }
        });
        idle().await?;
        assert_eq!(begun.load(SeqCst), 5);
        assert_eq!(results.recv().await?, 0);
        drop(results);
        Ok(())
    });
}

#[test]
fn a_buffer_of_zero_is_a_rendezvous_channel() {
    check(|scope| async move {
        for kind in stages() {
            let results = generate(&scope, [1]).pipe(&scope, kind, |x| async move { Ok(x) });
            let buffer = results.capacity();
            assert!(buffer == Some(0) || buffer == Some(3));
        }
        Ok(())
    });
}

#[test]
fn a_waiting_stage_is_said_to_wait_for_its_input() {
    for seed in SEEDS {
        let runtime = paused(seed);
        let registry = runtime.registry().clone();
        let ran = runtime.block_on(move |scope| async move {
            let (_silent, rx) = channel::rendezvous::<u8>();
            let input = rx.id().cloned();
            let output = rx.pipe(&scope, stage("waits"), |x| async move { Ok(x) });
            idle().await?;
            let tasks = registry.snapshot(scope.context(), 1.secs()).await.tasks;
            let mut waits = tasks.iter().filter_map(|task| task.waiting.as_ref());
            assert!(
                waits.any(|waiting| waiting.kind == WaitKind::Receive && waiting.on == input),
                "{tasks:?}"
            );
            drop(output);
            Ok(())
        });
        ran.expect("nothing fails");
    }
}
