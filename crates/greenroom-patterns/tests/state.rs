//! States, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::time::Duration;

use common::{SEEDS, arbiters, check, idle, paused, polls, quiet};
use greenroom_actor::{OnError, Placement, Scope};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::watch::WatchError;
use greenroom_core::{Context, Result};
use greenroom_patterns::state::{State, StateError, TryUpdateError};
use proptest::prelude::*;

#[test]
fn the_updates_of_one_task_take_effect_in_order_and_are_seen_by_the_next_read() {
    check(|scope| async move {
        let list = State::spawn(&scope, Vec::new()).await?;
        for n in 0..100 {
            list.update(move |list| list.push(n)).await?;
            assert_eq!(list.read(Vec::len).await?, n + 1);
        }
        assert!(list.read(|list| list.is_sorted()).await?);
        Ok(())
    });
}

#[test]
fn updates_of_many_tasks_are_all_applied_once() {
    check(|scope| async move {
        let sum = State::spawn(&scope, 0).await?;
        let adder = sum.clone();
        let tasks = scope.go_each(1..=200_u64, move |n| {
            let sum = adder.clone();
            async move { Ok(sum.update(move |sum| *sum += n).await?) }
        });
        assert_eq!(tasks.await?, 200);
        scope.join().await?;
        assert_eq!(sum.read(|sum| *sum).await?, 200 * 201 / 2);
        Ok(())
    });
}

#[test]
fn a_panic_is_its_callers_and_the_last_good_value_stays() {
    quiet();
    check(|scope| async move {
        let list = State::spawn(&scope, vec![1]).await?;
        let error = list
            .update(|list| {
                list.push(2);
                assert!(list.is_empty(), "half done");
            })
            .await
            .expect_err("the closure panics");
        let StateError::Panicked(panic) = error else {
            unreachable!("{error:?}")
        };
        assert_eq!(panic.message(), Some("half done"));
        assert!(panic.spawned_at().file().ends_with("tests/state.rs"));
        assert_eq!(list.read(Vec::clone).await?, [1]);
        let read = list.read(|list| assert!(list.is_empty(), "a read too"));
        assert!(matches!(read.await, Err(StateError::Panicked(_))));
        assert_eq!(list.update(|list| list.len()).await?, 1);
        Ok(())
    });
}

#[test]
fn any_number_of_panics_in_a_row_gives_nobody_up() {
    quiet();
    check(|scope| async move {
        let count = State::spawn(&scope, 0_u32).await?;
        for _ in 0..100 {
            let panicked = count.update(|n| {
                *n += 1;
                assert!(*n == 0, "always");
            });
            assert!(matches!(panicked.await, Err(StateError::Panicked(_))));
        }
        assert_eq!(count.update(|n| *n).await?, 0);
        Ok(())
    });
}

#[test]
fn a_panic_leaves_the_calls_behind_it_in_the_queue() {
    quiet();
    check(|scope| async move {
        let count = State::spawn(&scope, 0_u32).await?;
        let calls: Vec<_> = (0..20_u32)
            .map(|n| {
                let count = count.clone();
                scope.go(async move {
                    Ok(count
                        .update(move |count| {
                            assert!(!n.is_multiple_of(5), "every fifth");
                            *count += 1;
                        })
                        .await
                        .is_ok())
                })
            })
            .collect();
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await?, n % 5 != 0);
        }
        assert_eq!(count.read(|n| *n).await?, 16);
        Ok(())
    });
}

struct NoClone(u32);

#[test]
fn an_uncloned_value_keeps_what_a_panic_or_a_refusal_left() {
    quiet();
    check(|scope| async move {
        let count = State::spawn_uncloned(&scope, NoClone(0)).await?;
        let panicked = count.update(|n| {
            n.0 += 1;
            assert!(n.0 == 0, "too late");
        });
        assert!(panicked.await.is_err());
        let refused: Result<(), _> = count
            .try_update(|n| {
                n.0 += 10;
                Err("refused")
            })
            .await;
        assert!(matches!(refused, Err(TryUpdateError::Refused("refused"))));
        assert_eq!(count.read(|n| n.0).await?, 11);
        Ok(())
    });
}

#[test]
fn a_refused_update_changes_nothing_and_no_watcher_sees_it() {
    check(|scope| async move {
        let count = State::spawn(&scope, 5).await?;
        let watch = count.watch().await?;
        let refused: Result<(), _> = count
            .try_update(|n| {
                *n = 100;
                Err(7)
            })
            .await;
        assert_eq!(refused.expect_err("refused").into_refused(), Some(7));
        assert!(!watch.has_changed());
        assert_eq!(count.read(|n| *n).await?, 5);
        Ok(())
    });
}

#[test]
fn snapshots_never_change_and_outlive_panics_and_the_owner() {
    quiet();
    check(|scope| async move {
        let list = State::spawn(&scope, vec![0]).await?;
        let watch = list.watch().await?;
        let first = watch.get();
        list.update(|list| list.push(1)).await?;
        let second = watch.changed().await?;
        let panicked = list.update(|list| {
            list.clear();
            assert!(!list.is_empty(), "cleared");
        });
        assert!(panicked.await.is_err());
        assert!(!watch.has_changed());
        list.update(|list| list.push(2)).await?;
        assert_eq!(*watch.changed().await?, [0, 1, 2]);
        assert_eq!((&*first, &*second), (&vec![0], &vec![0, 1]));
        let again = list.watch().await?;
        assert!(!again.has_changed());
        drop(list);
        assert!(matches!(watch.changed().await, Err(WatchError::Closed)));
        assert_eq!(*again.get(), [0, 1, 2]);
        Ok(())
    });
}

#[test]
fn replace_gives_the_value_before() {
    check(|scope| async move {
        let state = State::spawn_uncloned(&scope, NoClone(1)).await?;
        assert_eq!(state.replace(NoClone(2)).await?.0, 1);
        assert_eq!(state.replace(NoClone(3)).await?.0, 2);
        Ok(())
    });
}

#[test]
fn a_call_whose_context_has_ended_runs_nothing() {
    check(|scope| async move {
        let count = State::spawn(&scope, 0).await?;
        let (cancelled, cancel) = scope.context().with_cancel_cause();
        cancel.cancel("not wanted");
        let refused = cancelled.run(count.update(|n| *n += 1)).await?;
        assert!(
            matches!(refused, Err(StateError::Cancelled(Cause::Text(text))) if text == "not wanted")
        );
        let expired = scope.context().with_timeout(Duration::ZERO);
        let refused = expired.run(count.update(|n| *n += 1)).await?;
        assert!(matches!(refused, Err(StateError::DeadlineInMailbox)));
        assert_eq!(count.read(|n| *n).await?, 0);
        Ok(())
    });
}

#[test]
fn a_closure_runs_in_the_context_of_its_caller() {
    check(|scope| async move {
        let state = State::spawn(&scope, ()).await?;
        let context = scope.context().with_value(7_u8);
        let seen = context
            .run(state.read(|()| Context::current().and_then(|c| c.value::<u8>().copied())))
            .await??;
        assert_eq!(seen, Some(7));
        Ok(())
    });
}

#[test]
fn the_end_of_the_scope_serves_what_is_queued_and_then_every_call_is_closed() {
    for seed in SEEDS {
        let runtime = paused(seed);
        let (state, watch, calls) = runtime
            .block_on(|scope| async move {
                let state = State::spawn(&scope, 0).await?;
                let watch = state.watch().await?;
                let mut calls = Vec::new();
                for _ in 0..50 {
                    let state = state.clone();
                    let mut call = Box::pin(async move { state.update(|n| *n += 1).await });
                    // Taken by the mailbox, and left there with its caller alive.
                    polls(Some(1), call.as_mut()).await;
                    calls.push(call);
                }
                Ok((state, watch, calls))
            })
            .expect("nothing fails");
        assert_eq!((*watch.get(), calls.len()), (50, 50));
        let error = runtime.block_on(|_| async move { Ok(state.read(|n| *n).await?) });
        assert!(matches!(
            error.expect_err("closed").downcast_ref(),
            Some(StateError::Closed)
        ));
    }
}

#[test]
fn the_last_handle_takes_the_owner_with_it() {
    check(|scope| async move {
        let state = State::spawn(&scope, 0).await?;
        let other = state.clone();
        drop(state);
        idle().await?;
        assert_eq!(scope.len(), 1);
        drop(other);
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn owners_and_callers_on_two_arbiters() {
    quiet();
    let sum = arbiters(2)
        .block_on(|scope| async move {
            let sum = State::spawn(&scope.on(Placement::Arbiter(1)), 0_u64).await?;
            let watch = sum.watch().await?;
            let adder = sum.clone();
            scope
                .go_each(0..400_u64, move |n| {
                    let sum = adder.clone();
                    async move {
                        let added = sum.update(move |sum| {
                            *sum += 1;
                            assert!(!n.is_multiple_of(10), "every tenth");
                        });
                        assert_eq!(added.await.is_ok(), n % 10 != 0);
                        Ok(())
                    }
                })
                .await?;
            scope.join().await?;
            assert_eq!(*watch.get(), 360);
            Ok(sum.read(|sum| *sum).await?)
        })
        .expect("nothing fails");
    assert_eq!(sum, 360);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Push,
    Refuse,
    Panic,
    Read,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    op: Op,
    /// The future is dropped after so many polls.
    polls: Option<usize>,
    /// The context of the call ends after so many milliseconds.
    within: Option<u64>,
    pause: u64,
}

fn calls() -> impl Strategy<Value = Vec<Vec<Call>>> {
    let op = prop_oneof![
        5 => Just(Op::Push), 1 => Just(Op::Refuse), 1 => Just(Op::Panic), 1 => Just(Op::Read),
    ];
    let call = (
        op,
        proptest::option::weighted(0.3, 0..3_usize),
        proptest::option::weighted(0.2, 0..2_u64),
        0..2_u64,
    )
        .prop_map(|(op, polls, within, pause)| Call {
            op,
            polls,
            within,
            pause,
        });
    proptest::collection::vec(proptest::collection::vec(call, 0..8), 1..5)
}

/// What one task knows of its own pushes: those that must be there, and those that may be.
#[derive(Debug, Default)]
struct Account {
    sure: Vec<usize>,
    perhaps: Vec<usize>,
}

async fn make(list: State<Vec<(usize, usize)>>, task: usize, calls: Vec<Call>) -> Result<Account> {
    let mut account = Account::default();
    for (number, call) in calls.into_iter().enumerate() {
        let item = (task, number);
        let future = async {
            match call.op {
                Op::Push => list
                    .update(move |list| list.push(item))
                    .await
                    .map(|()| true),
                Op::Read => list.read(|_| ()).await.map(|()| false),
                Op::Panic => list
                    .update(move |list| {
                        list.push(item);
                        assert!(list.is_empty(), "planned");
                    })
                    .await
                    .map(|()| true),
                Op::Refuse => {
                    let refused = list.try_update(move |list| {
                        list.push(item);
                        Err::<(), _>(())
                    });
                    match refused.await {
                        Err(TryUpdateError::State(error)) => Err(error),
                        _ => Ok(false),
                    }
                }
            }
        };
        let context = Context::current().expect("in a task");
        let context = match call.within {
            Some(millis) => context.with_timeout(millis.millis()),
            None => context,
        };
        let done = polls(call.polls, context.run(future)).await;
        match (call.op, done) {
            (Op::Push, Some(Ok(Ok(true)))) => account.sure.push(number),
            (Op::Push, Some(Ok(Err(StateError::DeadlineInMailbox)))) => {}
            (Op::Push, _) => account.perhaps.push(number),
            (_, Some(Ok(Ok(is_pushed)))) => assert!(!is_pushed, "{call:?}"),
            _ => {}
        }
        if call.pause > 0 {
            sleep(call.pause.millis()).await?;
        }
    }
    Ok(account)
}

async fn against_a_list(scope: Scope, tasks: Vec<Vec<Call>>) -> Result<()> {
    scope.set_on_error(OnError::Collect);
    let list = State::spawn(&scope, Vec::new()).await?;
    let watch = list.watch().await?;
    let running: Vec<_> = tasks
        .into_iter()
        .enumerate()
        .map(|(task, calls)| scope.go(make(list.clone(), task, calls)))
        .collect();
    let mut accounts = Vec::new();
    for task in running {
        accounts.push(task.await?);
    }
    let found = list.read(Vec::clone).await?;
    assert_eq!(*watch.get(), found);
    for (task, account) in accounts.iter().enumerate() {
        let own: Vec<usize> = found.iter().filter(|i| i.0 == task).map(|i| i.1).collect();
        assert!(own.is_sorted_by(|a, b| a < b), "in order and once: {own:?}");
        for number in &account.sure {
            assert!(own.contains(number), "{number} of {task} is lost");
        }
        for number in own {
            let is_known = account.sure.contains(&number) || account.perhaps.contains(&number);
            assert!(is_known, "{number} of {task} came from nowhere");
        }
    }
    drop(list);
    idle().await?;
    assert_eq!(scope.len(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_update_that_returned_is_there_once_and_no_other(tasks in calls(), seed in any::<u64>()) {
        quiet();
        let result = paused(seed).block_on(move |scope| against_a_list(scope, tasks));
        prop_assert!(result.is_ok(), "{result:?}");
    }
}
