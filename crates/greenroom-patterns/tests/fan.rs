//! Fan-out and fan-in, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::BTreeSet;

use common::{
    Boom, End, Ledger, Panics, SEEDS, Seen, Token, arbiters, boom, check, check_err, ends, idle,
    paused, quiet, see,
};
use greenroom_actor::{Placement, Scope};
use greenroom_core::channel::{self, Receiver, RecvError, TryRecvError};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Panic, Result};
use greenroom_patterns::fan::{FanError, fan_out, fan_out_by_key, fan_out_fan_in, isolated, merge};
use greenroom_patterns::generate::generate;
use greenroom_patterns::prelude::Pipeline;
use proptest::prelude::*;

#[test]
fn fan_01_each_input_keeps_its_order_and_nothing_is_lost() {
    check(|scope| async move {
        let inputs = [50_u32, 50, 0, 50]
            .into_iter()
            .enumerate()
            .map(|(input, length)| generate(&scope, (0..length).map(move |n| (input, n))))
            .collect();
        let merged = merge(&scope, inputs);
        let all = merged.clone().collect().await?;
        assert_eq!(all.len(), 150);
        for input in 0..4 {
            let of_it = all.iter().filter(|(from, _)| *from == input);
            assert!(of_it.is_sorted());
        }
        assert!(matches!(merged.recv().await, Err(RecvError::Closed)));
        Ok(())
    });
}

#[test]
fn fan_02_no_inputs_close_at_once_and_one_closed_input_may_come_twice() {
    check(|scope| async move {
        assert!(merge::<u8>(&scope, Vec::new()).is_closed());
        let (tx, rx) = channel::bounded::<u8>(1);
        tx.close();
        let merged = merge(&scope, vec![rx.clone(), rx]);
        assert!(matches!(merged.recv().await, Err(RecvError::Closed)));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn fan_02_one_open_input_twice_gives_each_value_once() {
    check(|scope| async move {
        let rx = generate(&scope, 0..20);
        let mut all = merge(&scope, vec![rx.clone(), rx]).collect().await?;
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        Ok(())
    });
}

fn ending_silent_and_nil(scope: &Scope) -> (channel::Sender<i32>, Receiver<i32>) {
    let (silent, silent_rx) = channel::rendezvous();
    let inputs = vec![generate(scope, [1, 2]), silent_rx, channel::never()];
    (silent, merge(scope, inputs))
}

#[test]
fn fan_04_a_silent_and_a_nil_input_keep_the_output_open_until_the_cancel() {
    check(|scope| async move {
        let (_silent, output) = ending_silent_and_nil(&scope);
        assert_eq!(output.recv().await? + output.recv().await?, 3);
        idle().await?;
        assert_eq!(output.try_recv(), Err(TryRecvError::Empty));
        let keep = scope.context().without_cancel();
        scope.cancel("enough");
        keep.run(idle()).await??;
        assert_eq!(output.try_recv(), Err(TryRecvError::Closed));
        assert!(matches!(
            output.collect().await,
            Err(RecvError::Cancelled(_))
        ));
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn fan_04_or_until_the_consumer_leaves() {
    check(|scope| async move {
        let (silent, output) = ending_silent_and_nil(&scope);
        assert_eq!(output.recv().await? + output.recv().await?, 3);
        drop(output);
        idle().await?;
        assert_eq!(scope.len(), 0);
        assert!(silent.is_closed());
        Ok(())
    });
}

#[test]
fn zero_workers_are_refused_and_the_input_is_dropped() {
    check(|scope| async move {
        let (tx, rx) = channel::bounded::<u8>(1);
        let refused = fan_out(&scope, rx.clone(), 0, |x| async move { Ok(x) });
        assert_eq!(refused.err(), Some(FanError::ZeroWorkers));
        let refused = fan_out_fan_in(&scope, rx.clone(), 0, |x| async move { Ok(x) });
        assert_eq!(refused.err(), Some(FanError::ZeroWorkers));
        let refused = fan_out_by_key(&scope, rx, 0, |x| *x, |x| async move { Ok(x) });
        assert_eq!(refused.err(), Some(FanError::ZeroWorkers));
        assert!(tx.is_closed());
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn each_worker_has_an_output_and_closes_it() {
    check(|scope| async move {
        let outputs = fan_out(&scope, generate(&scope, 0..10), 3, |x| async move {
            sleep(1.millis()).await?;
            Ok(x)
        })?;
        assert_eq!(outputs.len(), 3);
        let ends: Vec<_> = outputs
            .into_iter()
            .map(|output| scope.go(async move { Ok(output.collect().await?) }))
            .collect();
        let mut all = Vec::new();
        for end in ends {
            let values = end.await?;
            assert!(values.is_sorted());
            // All work at the same time, so none goes without.
            assert!(!values.is_empty());
            all.extend(values);
        }
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn one_consumer_that_leaves_ends_its_worker_only() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let mut outputs = fan_out(&scope, rx, 2, |x: u8| async move { Ok(x) })?;
        drop(outputs.pop());
        idle().await?;
        let other = scope.go(async move {
            for n in 0..5 {
                tx.send(n).await?;
            }
            Ok(())
        });
        let rest = outputs.pop().expect("there are two");
        assert_eq!(rest.collect().await?, [0, 1, 2, 3, 4]);
        other.await?;
        Ok(())
    });
}

#[test]
fn when_every_consumer_has_left_the_source_ends_too() {
    check(|scope| async move {
        let outputs = fan_out(
            &scope,
            generate(&scope, 0..),
            3,
            |x: u64| async move { Ok(x) },
        )?;
        let by_key = fan_out_by_key(
            &scope,
            generate(&scope, 0..),
            3,
            |x| x % 5,
            |x: u64| async move { Ok(x) },
        )?;
        let (silent, rx) = channel::rendezvous::<u64>();
        let waits = fan_out_by_key(&scope, rx, 3, |x| *x, |x| async move { Ok(x) })?;
        let in_work = fan_out_fan_in(&scope, generate(&scope, 0..), 3, |x: u64| async move {
            std::future::pending::<()>().await;
            Ok(x)
        })?;
        idle().await?;
        drop((outputs, by_key, waits, in_work));
        idle().await?;
        assert_eq!(scope.len(), 0);
        assert!(silent.is_closed());
        Ok(())
    });
}

#[test]
fn values_of_a_key_whose_consumer_left_are_dropped_and_the_others_go_on() {
    check(|scope| async move {
        let mut outputs = fan_out_by_key(
            &scope,
            generate(&scope, 0..100_u64),
            2,
            |x| x % 10,
            |x| async move { Ok(x) },
        )?;
        let kept = outputs.pop().expect("there are two");
        drop(outputs);
        let values = kept.collect().await?;
        let keys: BTreeSet<_> = values.iter().map(|x| x % 10).collect();
        assert_eq!(values.len(), keys.len() * 10);
        assert!(values.is_sorted());
        Ok(())
    });
}

#[test]
fn an_error_ends_the_scope_and_the_outputs_do_not_look_complete() {
    check_err(
        |scope| async move {
            let results = fan_out_fan_in(&scope, generate(&scope, 0..), 3, |x: u64| async move {
                if x == 7 { boom() } else { Ok(x) }
            })?;
            assert!(matches!(
                results.collect().await,
                Err(RecvError::Cancelled(_))
            ));
            Ok(())
        },
        |failure| assert!(failure.downcast_ref::<Boom>().is_some()),
    );
}

#[test]
fn a_failure_of_an_isolated_worker_is_the_outcome_of_its_value_and_ends_nothing() {
    quiet();
    check(|scope| async move {
        let results = fan_out_fan_in(&scope, generate(&scope, 0..30), isolated(3), |x: u64| {
            assert!(x % 10 != 3, "in the closure");
            async move {
                sleep((x % 4).millis()).await?;
                assert!(x % 10 != 5, "in its future");
                if x % 10 == 7 { boom() } else { Ok(x) }
            }
        })?;
        let (mut good, mut failed, mut panicked) = (BTreeSet::new(), 0, 0);
        for result in results.collect().await? {
            match result {
                Ok(x) => assert!(good.insert(x)),
                Err(failure) if failure.downcast_ref::<Boom>().is_some() => failed += 1,
                Err(failure) => {
                    let panic = failure.downcast_ref::<Panic>().expect("it is a panic");
                    assert!(panic.spawned_at().file().ends_with("fan.rs"));
                    panicked += 1;
                }
            }
        }
        assert_eq!((good.len(), failed, panicked), (21, 3, 6));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn isolated_branches_go_on_by_key_and_apart_while_one_fails() {
    quiet();
    check(|scope| async move {
        let input = generate(&scope, 0..40_usize);
        let odd_fails = |x: usize| async move {
            assert!(x % 4 != 1, "one key in four");
            Ok(x)
        };
        let outputs = fan_out_by_key(&scope, input, isolated(3), |x| x % 4, odd_fails)?;
        let results = merge(&scope, outputs).collect().await?;
        for key in 0..4 {
            let good = results.iter().flatten().filter(|x| *x % 4 == key);
            assert!(good.clone().is_sorted());
            assert_eq!(good.count(), if key == 1 { 0 } else { 10 });
        }
        assert_eq!(results.len(), 40);

        let outputs = fan_out(&scope, generate(&scope, 0..9), isolated(3), |_: u8| async {
            sleep(1.millis()).await?;
            boom::<()>()
        })?;
        let ends: Vec<_> = outputs
            .into_iter()
            .map(|output| scope.go(async move { Ok(output.collect().await?.len()) }))
            .collect();
        let mut all = 0;
        for end in ends {
            all += end.await?;
        }
        assert_eq!(all, 9, "each branch is read to its end");
        let refused = fan_out(&scope, generate(&scope, 0..9), isolated(0), odd_fails);
        assert_eq!(refused.err(), Some(FanError::ZeroWorkers));
        Ok(())
    });
}

#[test]
fn isolated_workers_end_with_the_scope_and_give_no_outcome_for_that() {
    check(|scope| async move {
        let results = fan_out_fan_in(
            &scope,
            generate(&scope, 0..9),
            isolated(2),
            |x: u8| async move {
                sleep(1.secs()).await?;
                Ok(x)
            },
        )?;
        idle().await?;
        scope.cancel("enough");
        assert!(matches!(
            results.collect().await,
            Err(RecvError::Cancelled(_))
        ));
        Ok(())
    });
}

#[test]
fn a_panic_of_the_key_is_an_error_of_the_scope() {
    check_err(
        |scope| async move {
            let outputs = fan_out_by_key(
                &scope,
                generate(&scope, 0..5),
                2,
                |x| assert!(*x < 3, "three"),
                |x| async move { Ok(x) },
            )?;
            Ok(merge(&scope, outputs).collect().await?)
        },
        |failure| assert!(failure.downcast_ref::<Panic>().is_some()),
    );
}

#[test]
fn on_arbiters_each_value_comes_once_and_a_cut_output_never_looks_complete() {
    let runtime = arbiters(3);
    for round in 0..100_usize {
        let panics = Panics::default();
        let ran = runtime.block_on(panics.watch(move |scope| async move {
            let input = generate(&scope, 0..60);
            let results = fan_out_fan_in(&scope, input, 4, move |x| async move {
                if round % 2 == 1 && x == round {
                    boom()
                } else {
                    Ok(x)
                }
            })?;
            let there = scope.on(Placement::Spread);
            let all = there.go(async move { Ok(results.collect().await?) });
            if let Ok(mut all) = all.await {
                all.sort_unstable();
                assert_eq!(all, (0..60).collect::<Vec<_>>());
            }
            Ok(())
        }));
        panics.check();
        assert_eq!(ran.is_err(), round % 2 == 1 && round < 60, "{ran:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Merge,
    FanOutFanIn,
    ByKey,
}

/// The number of an input and a value in it, in one.
fn number(input: usize, n: usize) -> usize {
    input * 1000 + n
}

async fn consume(
    scope: Scope,
    ledger: Ledger,
    shape: Shape,
    lengths: Vec<usize>,
    workers: usize,
    end: End,
) -> Result<Seen> {
    let inputs: Vec<Receiver<Token>> = (0..)
        .zip(lengths)
        .map(|(input, length)| {
            let ledger = ledger.clone();
            generate(
                &scope,
                (0..length).map(move |n| ledger.token(number(input, n))),
            )
        })
        .collect();
    let slow = |token: Token| async move {
        sleep((token.number as u64 * 7 % 5).millis()).await?;
        Ok(token)
    };
    let merged = merge(&scope, inputs);
    let output = match shape {
        Shape::Merge => merged,
        Shape::FanOutFanIn => fan_out_fan_in(&scope, merged, workers, slow)?,
        Shape::ByKey => {
            let key = |token: &Token| token.number / 1000;
            let outputs = fan_out_by_key(&scope, merged, workers, key, slow)?;
            merge(&scope, outputs)
        }
    };
    see(&scope, output, end, async |_| Ok(())).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_fan_gives_each_value_once_keeps_what_order_it_promises_and_leaves_nothing(
        seed: u64,
        shape in prop_oneof![Just(Shape::Merge), Just(Shape::FanOutFanIn), Just(Shape::ByKey)],
        lengths in prop::collection::vec(0..8_usize, 0..4),
        workers in 1..5_usize,
        end in ends(),
    ) {
        let ledger = Ledger::default();
        let ran = paused(seed).block_on({
            let (ledger, lengths) = (ledger.clone(), lengths.clone());
            move |scope| consume(scope, ledger, shape, lengths, workers, end)
        });
        let seen = ran.map_err(|failure| TestCaseError::fail(format!("{failure:?}")))?;
        prop_assert_eq!(ledger.live(), 0);
        prop_assert_eq!(seen.tasks_left, 0);
        prop_assert!(!seen.is_complete);

        let all: BTreeSet<usize> = (0..)
            .zip(&lengths)
            .flat_map(|(input, length)| (0..*length).map(move |n| number(input, n)))
            .collect();
        let distinct: BTreeSet<usize> = seen.numbers.iter().copied().collect();
        prop_assert_eq!(distinct.len(), seen.numbers.len());
        prop_assert!(distinct.is_subset(&all));
        let wanted = match end {
            End::Drain => all.len(),
            End::Leave(count) | End::Cancel(count) => count.min(all.len()),
        };
        prop_assert_eq!(seen.numbers.len(), wanted);
        if !matches!(shape, Shape::FanOutFanIn) {
            for input in 0..lengths.len() {
                prop_assert!(seen.numbers.iter().filter(|n| **n / 1000 == input).is_sorted());
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_order() {
    for seed in SEEDS {
        let run = || {
            let seen = paused(seed).block_on(|scope| {
                consume(
                    scope,
                    Ledger::default(),
                    Shape::FanOutFanIn,
                    vec![9, 9],
                    3,
                    End::Drain,
                )
            });
            seen.expect("nothing fails").numbers
        };
        assert_eq!(run(), run());
    }
}
