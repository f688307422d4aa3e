//! Pipelines, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{
    Boom, End, Ledger, Panics, SEEDS, Seen, Token, arbiters, boom, check, check_err, ends, idle,
    paused,
};
use greenroom_actor::{CollectedErrors, OnError, Placement, Scope};
use greenroom_core::channel::{self, Receiver, RecvError};
use greenroom_core::task::{TaskKind, WaitKind};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Panic, Result};
use greenroom_patterns::pipeline::{DeadLetter, PipelineError, Stage};
use greenroom_patterns::prelude::*;
use proptest::prelude::*;

/// Four ways to build a stage.
fn stages() -> [Stage; 4] {
    [
        stage("plain"),
        stage("unordered").workers(3).unordered(),
        stage("ordered").workers(3),
        stage("buffered").workers(2).buffer(3),
    ]
}

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
fn zero_workers_and_zero_batches_are_typed_errors_of_the_scope() {
    check_err(
        |scope| async move {
            let none = stage("nobody").workers(0);
            let results = generate(&scope, 0_u64..).pipe(&scope, none, |x| async move { Ok(x) });
            assert!(results.collect().await.is_err());
            Ok(())
        },
        |failure| {
            let error = PipelineError::ZeroWorkers { stage: "nobody" };
            assert_eq!(failure.downcast_ref(), Some(&error));
            assert!(failure.location().file().ends_with("pipeline.rs"));
        },
    );
    check_err(
        |scope| async move {
            Ok(generate(&scope, 0_u64..)
                .batches(&scope, 0)
                .collect()
                .await?)
        },
        |failure| assert_eq!(failure.downcast_ref(), Some(&PipelineError::ZeroBatch)),
    );
}

#[test]
fn an_error_stops_the_scope_and_the_stream_does_not_look_complete() {
    for kind in stages() {
        check_err(
            move |scope| {
                let kind = kind.clone();
                async move {
                    let results = generate(&scope, 0_u64..)
                        .pipe(&scope, kind.clone(), |x| async move {
                            if x == 5 { boom() } else { Ok(x) }
                        })
                        .pipe(&scope, kind, |x| async move { Ok(x) });
                    let all = results.collect().await;
                    assert!(matches!(all, Err(RecvError::Cancelled(_))), "{all:?}");
                    Ok(())
                }
            },
            |failure| assert!(failure.downcast_ref::<Boom>().is_some()),
        );
    }
}

#[test]
fn a_panic_stops_the_scope_whatever_errors_do() {
    for kind in stages() {
        check_err(
            move |scope| {
                let kind = kind.clone().skip_errors(|_| ());
                async move {
                    let results = generate(&scope, 0..9).pipe(&scope, kind, |x| async move {
                        assert!(x != 5, "five");
                        Ok(x)
                    });
                    Ok(results.collect().await?)
                }
            },
            |failure| assert!(failure.downcast_ref::<Panic>().is_some()),
        );
    }
}

#[test]
fn in_a_scope_that_collects_errors_the_stage_ends_and_nothing_hangs() {
    for kind in stages() {
        check_err(
            move |scope| {
                let kind = kind.clone();
                async move {
                    scope.set_on_error(OnError::Collect);
                    let results = generate(&scope, 0..9).pipe(&scope, kind, |x| async move {
                        if x % 3 == 2 { boom() } else { Ok(x) }
                    });
                    results
                        .for_each(async |x| {
                            assert!(x % 3 != 2);
                            Ok(())
                        })
                        .await
                }
            },
            |failure| assert!(failure.downcast_ref::<CollectedErrors>().is_some()),
        );
    }
}

#[test]
fn skipped_values_leave_no_gap_and_are_reported() {
    for kind in stages() {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let (reports, reported) = channel::unbounded();
                let skipping = kind.skip_errors(move |failure: &Failure| {
                    assert!(failure.downcast_ref::<Boom>().is_some());
                    assert_eq!(reports.try_send(()), Ok(()));
                });
                let results = generate(&scope, 0..10).pipe(&scope, skipping, |x| async move {
                    if x % 3 == 0 { boom() } else { Ok(x) }
                });
                let mut all = results.collect().await?;
                all.sort_unstable();
                assert_eq!(all, [1, 2, 4, 5, 7, 8]);
                assert_eq!(reported.collect().await?.len(), 4);
                Ok(())
            }
        });
    }
}

#[test]
fn dead_letters_carry_the_value_and_hold_the_stage_up_until_they_are_taken() {
    for kind in stages() {
        check(move |scope| {
            let kind = kind.clone();
            async move {
                let (letters, dead) = channel::rendezvous();
                let results = generate(&scope, 0..10).pipe(
                    &scope,
                    kind.dead_letters(letters),
                    |x| async move { if x % 3 == 0 { boom() } else { Ok(x) } },
                );
                let taken = scope.go(async move {
                    let dead: Receiver<DeadLetter<i32>> = dead;
                    Ok(dead.collect().await?)
                });
                assert_eq!(results.collect().await?.len(), 6);
                let mut taken = taken.await?;
                taken.sort_by_key(|letter| letter.item);
                let items: Vec<_> = taken.iter().map(|letter| letter.item).collect();
                assert_eq!(items, [0, 3, 6, 9]);
                assert!(taken[0].failure.downcast_ref::<Boom>().is_some());
                Ok(())
            }
        });
    }
}

#[test]
fn dead_letters_that_nobody_takes_are_errors_of_the_scope() {
    check_err(
        |scope| async move {
            let (letters, dead) = channel::bounded(1);
            drop(dead);
            let kind = stage("dead").dead_letters(letters);
            let results = generate(&scope, 0..3).pipe(&scope, kind, |_| async { boom::<u8>() });
            Ok(results.collect().await?)
        },
        |failure| assert!(failure.downcast_ref::<Boom>().is_some()),
    );
}

#[test]
fn batches_are_full_but_the_last_and_a_cut_one_is_dropped() {
    check(|scope| async move {
        let batches = generate(&scope, 0..7).batches(&scope, 3).collect().await?;
        assert_eq!(batches, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        let none = generate(&scope, 0..0).batches(&scope, 3).collect().await?;
        assert!(none.is_empty());

        let ledger = Ledger::default();
        let tokens = ledger.clone();
        let (kept, rx) = channel::rendezvous();
        let batches = rx.batches(&scope, 3);
        kept.send(tokens.token(0)).await?;
        let keep = scope.context().without_cancel();
        scope.cancel("enough");
        keep.run(idle()).await??;
        assert!(batches.try_recv().is_err());
        assert_eq!(ledger.live(), 0);
        Ok(())
    });
}

#[test]
fn the_error_of_a_for_each_drops_the_input() {
    check(|scope| async move {
        let ended = generate(&scope, 0_u64..)
            .for_each(async |x| if x == 3 { boom() } else { Ok(()) })
            .await;
        assert!(ended.is_err_and(|failure| failure.downcast_ref::<Boom>().is_some()));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn the_ends_run_in_tasks_too() {
    check(|scope| async move {
        let (a, b) = (generate(&scope, 1..=3), generate(&scope, 1..=3));
        let c = generate(&scope, 1..=3);
        let sum = scope.go(async move { Ok(a.fold(0, |sum, x| sum + x).await?) });
        let all = scope.go(async move { Ok(b.collect().await?) });
        let each = scope.go(c.for_each(|x| async move {
            assert!(x > 0);
            Ok(())
        }));
        assert_eq!((sum.await?, all.await?), (6, vec![1, 2, 3]));
        each.await?;
        Ok(())
    });
}

#[test]
fn a_deadline_of_the_consumer_cuts_its_end_only() {
    check(|scope| async move {
        let slow = generate(&scope, 0_u64..).pipe(&scope, stage("slow"), |x| async move {
            sleep(1.secs()).await?;
            Ok(x)
        });
        let context = Context::current()
            .expect("in a task")
            .with_timeout(2500.millis());
        let cut = context.run(slow.clone().collect()).await?;
        assert!(matches!(cut, Err(RecvError::Deadline)));
        assert_eq!(slow.recv().await?, 2);
        drop(slow);
        Ok(())
    });
}

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

#[derive(Clone, Copy, Debug)]
enum Errors {
    Skip,
    Dead,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    workers: usize,
    buffer: usize,
    is_ordered: bool,
    errors: Errors,
    fails_at: usize,
}

fn plans() -> impl Strategy<Value = Plan> {
    (
        1..5_usize,
        0..4_usize,
        any::<bool>(),
        prop_oneof![Just(Errors::Skip), Just(Errors::Dead)],
        2..12_usize,
    )
        .prop_map(|(workers, buffer, is_ordered, errors, fails_at)| Plan {
            workers,
            buffer,
            is_ordered,
            errors,
            fails_at,
        })
}

impl Plan {
    /// The model of a stage.
    fn lets_pass(&self, number: usize) -> bool {
        number % self.fails_at != 1
    }

    /// The most values in the stage, with its output.
    fn bound(&self) -> usize {
        match self.is_ordered && self.workers > 1 {
            true => self.workers + 2 * self.buffer,
            false => self.workers + self.buffer,
        }
    }

    fn start(
        self,
        scope: &Scope,
        input: Receiver<Token>,
        letters: &channel::Sender<DeadLetter<Token>>,
    ) -> Receiver<Token> {
        let mut kind = stage("work").workers(self.workers).buffer(self.buffer);
        if !self.is_ordered {
            kind = kind.unordered();
        }
        let work = move |token: Token| async move {
            sleep((token.number as u64 * 7 % 5).millis()).await?;
            if self.lets_pass(token.number) {
                Ok(token)
            } else {
                boom()
            }
        };
        match self.errors {
            Errors::Skip => input.pipe(scope, kind.skip_errors(|_| ()), work),
            Errors::Dead => input.pipe(scope, kind.dead_letters(letters.clone()), work),
        }
    }
}

async fn consume(
    scope: Scope,
    ledger: Ledger,
    length: usize,
    plans: Vec<Plan>,
    end: End,
) -> Result<(Seen, Vec<usize>)> {
    let (letters, dead) = channel::bounded(1);
    let dead = scope.go(async move {
        let mut numbers = Vec::new();
        while let Ok(letter) = dead.recv().await {
            numbers.push(DeadLetter::<Token>::clone(&letter).item.number);
        }
        Ok(numbers)
    });
    let mut output = generate(&scope, (0..length).map(move |n| ledger.token(n)));
    for plan in plans {
        output = plan.start(&scope, output, &letters);
    }
    drop(letters);
    let mut seen = Seen::default();
    let limit = match end {
        End::Drain => usize::MAX,
        End::Leave(count) | End::Cancel(count) => count,
    };
    while seen.numbers.len() < limit {
        match output.recv().await {
            Ok(token) => seen.numbers.push(token.number),
            Err(_) => break,
        }
    }
    if matches!(end, End::Cancel(_)) {
        scope.cancel("enough");
        seen.is_complete = output.collect().await.is_ok();
        return Ok((seen, Vec::new()));
    }
    drop(output);
    let dead = dead.await?;
    idle().await?;
    seen.tasks_left = scope.len();
    Ok((seen, dead))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_pipeline_loses_and_doubles_nothing_holds_no_more_than_it_says_and_leaves_nothing(
        seed: u64,
        length in 0..30_usize,
        plans in prop::collection::vec(plans(), 0..4),
        end in ends(),
    ) {
        let ledger = Ledger::default();
        let ran = paused(seed).block_on({
            let (ledger, plans) = (ledger.clone(), plans.clone());
            move |scope| consume(scope, ledger, length, plans, end)
        });
        let (seen, dead) = ran.map_err(|failure| TestCaseError::fail(format!("{failure:?}")))?;
        prop_assert_eq!(ledger.live(), 0);
        prop_assert_eq!(seen.tasks_left, 0);
        prop_assert!(!seen.is_complete);

        let passes = |n: &usize| plans.iter().all(|plan| plan.lets_pass(*n));
        let model: Vec<usize> = (0..length).filter(passes).collect();
        let wanted = match end {
            End::Drain => model.len(),
            End::Leave(count) | End::Cancel(count) => count.min(model.len()),
        };
        prop_assert_eq!(seen.numbers.len(), wanted);
        let mut numbers = seen.numbers.clone();
        if plans.iter().all(|plan| plan.is_ordered || plan.workers == 1) {
            prop_assert_eq!(&numbers[..], &model[..wanted]);
        }
        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), wanted);
        prop_assert!(numbers.iter().all(passes));

        if matches!(end, End::Drain) {
            // Whatever has not come out was turned away by the first stage that does not let it pass.
            let turned_away = (0..length).filter(|n| {
                let first = plans.iter().find(|plan| !plan.lets_pass(*n));
                first.is_some_and(|plan| matches!(plan.errors, Errors::Dead))
            });
            let mut dead = dead;
            dead.sort_unstable();
            prop_assert_eq!(dead, turned_away.collect::<Vec<_>>());
        }
        if plans.iter().all(|plan| matches!(plan.errors, Errors::Skip)) {
            let bound: usize = plans.iter().map(Plan::bound).sum();
            // One is begun by the generator, one is in the consumer's hands.
            prop_assert!(ledger.peak() <= bound + 2, "{} > {bound} + 2", ledger.peak());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_order() {
    for seed in SEEDS {
        let plan = Plan {
            workers: 4,
            buffer: 1,
            is_ordered: false,
            errors: Errors::Dead,
            fails_at: 5,
        };
        let run = || {
            let seen = paused(seed).block_on(move |scope| {
                consume(scope, Ledger::default(), 30, vec![plan; 2], End::Drain)
            });
            seen.expect("nothing fails").0.numbers
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn a_task_of_a_stage_that_is_cancelled_by_its_id_does_not_leave_a_stream_that_looks_complete() {
    for (kind, finishes) in stages()
        .into_iter()
        .flat_map(|kind| [(kind.clone(), false), (kind, true)])
    {
        for seed in SEEDS {
            let mut cuts = 0;
            for victim in 0.. {
                let runtime = paused(seed);
                let registry = runtime.registry().clone();
                let kind = kind.clone();
                let panics = Panics::default();
                let ran = runtime.block_on(panics.watch(move |scope| async move {
                    let results = generate(&scope, 0..20_u64);
                    let results = merge(&scope, vec![results]);
                    let results = results.pipe(&scope, kind, move |x| async move {
                        let mut context = Context::current().expect("in a task");
                        if finishes {
                            context = context.without_cancel();
                        }
                        context.run(sleep(3.millis())).await??;
                        Ok(x)
                    });
                    idle().await?;
                    let tasks = registry.snapshot(scope.context(), 1.secs()).await.tasks;
                    let mut tasks = tasks.into_iter().filter(|task| task.kind == TaskKind::Task);
                    let Some(task) = tasks.nth(victim) else {
                        return Ok(false);
                    };
                    assert!(task.spawned_at.contains("pipeline.rs"), "{task:?}");
                    assert!(registry.cancel(&task.id, "not wanted".into()).await);
                    if let Ok(mut all) = results.collect().await {
                        all.sort_unstable();
                        assert_eq!(all, (0..20).collect::<Vec<_>>(), "{task:?}");
                    }
                    Ok(true)
                }));
                panics.check();
                match ran {
                    Ok(false) => break,
                    Ok(true) => {}
                    Err(_) => cuts += 1,
                }
            }
            // Each task counts but the three that keep an output open.
            assert!(cuts >= 3, "{cuts}");
        }
    }
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
