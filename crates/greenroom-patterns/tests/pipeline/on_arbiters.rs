//! Pipelines over several real arbiters.

use greenroom_actor::Placement;
use greenroom_core::channel;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::prelude::*;

use crate::common::{Boom, Panics, arbiters, boom};

#[test]
fn on_arbiters_results_keep_their_order_and_a_cut_stream_never_looks_complete() {
    let runtime = arbiters(3);
    for round in 0..150_usize {
        let fails = round % 3 == 0;
        let panics = Panics::default();
        let ran = runtime.block_on(panics.watch(move |scope| async move {
            let kind = stage("work").workers(1 + round % 4).buffer(round % 5);
            let results = generate(&scope, 0..60)
                .pipe(&scope, kind, move |x| async move {
                    if fails && x == round % 60 {
                        boom()
                    } else {
                        Ok(x)
                    }
                })
                .pipe(&scope, stage("next").workers(2), |x| async move { Ok(x) });
            let there = scope.on(Placement::Spread);
            let all = there.go(async move { Ok(results.collect().await?) });
            if let Ok(all) = all.await {
                assert_eq!(all, (0..60).collect::<Vec<_>>());
            }
            Ok(())
        }));
        panics.check();
        assert_eq!(ran.is_err(), fails, "{ran:?}");
    }
}

#[derive(Debug)]
struct SlowToDrop;

impl Drop for SlowToDrop {
    fn drop(&mut self) {
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
}

#[test]
fn on_arbiters_an_output_closes_only_when_the_scope_knows_of_the_failure() {
    let runtime = arbiters(2);
    for kind in [
        stage("one"),
        stage("three").workers(3).unordered(),
        stage("three").workers(3),
    ] {
        let panics = Panics::default();
        let ran = runtime.block_on(panics.watch(move |scope| async move {
            // Dropped with the failed worker's input: between the end of its work and the report of it.
            let (tx, rx) = channel::bounded(9);
            let results = rx.pipe(&scope, kind, |value: SlowToDrop| async {
                std::mem::forget(value);
                sleep(5.millis()).await?;
                boom::<u8>()
            });
            let there = scope.on(Placement::Arbiter(1));
            let all = there.go(async move { Ok(results.collect().await?) });
            for _ in 0..5 {
                assert!(tx.try_send(SlowToDrop).is_ok());
            }
            if let Ok(all) = all.await {
                panic!("looks complete: {all:?}");
            }
            Ok(())
        }));
        panics.check();
        let failure = ran.expect_err("the work fails");
        assert!(failure.downcast_ref::<Boom>().is_some(), "{failure:?}");
    }
}
