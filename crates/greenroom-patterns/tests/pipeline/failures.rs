//! Errors, panics and cancelled tasks: what stops a scope, what is skipped, what is a dead letter.

use greenroom_actor::{CollectedErrors, OnError};
use greenroom_core::channel::{self, Receiver, RecvError};
use greenroom_core::task::TaskKind;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Failure, Panic};
use greenroom_patterns::pipeline::{DeadLetter, PipelineError};
use greenroom_patterns::prelude::*;

use crate::common::{Boom, Panics, SEEDS, boom, check, check_err, idle, paused};
use crate::stages;

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
            assert!(failure.location().file().ends_with("failures.rs"));
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
                    assert!(task.spawned_at.contains("failures.rs"), "{task:?}");
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
