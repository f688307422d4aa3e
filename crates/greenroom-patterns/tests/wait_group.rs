//! Wait groups, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{arbiters, check, idle, paused, polls, quiet};
use greenroom_actor::{JoinError, OnError, Placement, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};
use greenroom_patterns::wait_group::{AddError, DoneError, WaitError, WaitGroup};
use proptest::prelude::*;

#[test]
fn a_negative_counter_is_an_error_and_leaves_the_group_as_it_was() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        assert_eq!(group.done().await, Err(DoneError::NotAMember));
        group.wait().await?;
        group.add(1)?;
        group.done().await?;
        assert_eq!(group.done().await, Err(DoneError::NotAMember));
        group.add(0)?;
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn an_add_is_seen_by_a_later_wait_of_any_handle() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let other = group.clone();
        for _ in 0..50 {
            let member = group.member()?;
            let other = other.clone();
            let mut wait = scope.go(async move { Ok(other.wait().await?) });
            assert!(polls(Some(1), &mut wait).await.is_none());
            idle().await?;
            assert!(!wait.is_finished());
            drop(member);
            wait.await?;
        }
        Ok(())
    });
}

#[test]
fn a_wait_ends_with_its_context_and_leaves_the_counter() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let member = group.member()?;
        let hurried = scope.context().with_timeout(1.secs());
        let waited = hurried.run(group.wait()).await?;
        assert!(matches!(waited, Err(WaitError::Deadline)));
        for _ in 0..1000 {
            assert!(polls(Some(1), group.wait()).await.is_none());
        }
        drop(member);
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn after_the_end_of_the_scope_every_call_is_closed() {
    let runtime = paused(1);
    let group = runtime
        .block_on(|scope| async move { Ok(WaitGroup::spawn(&scope).await?) })
        .expect("nothing fails");
    runtime
        .block_on(move |_| async move {
            assert_eq!(group.add(1), Err(AddError::Closed));
            assert_eq!(group.member().err(), Some(AddError::Closed));
            assert_eq!(group.done().await, Err(DoneError::Closed));
            assert!(matches!(group.wait().await, Err(WaitError::Closed)));
            let refused = group.go(async { Ok(()) }).await;
            assert!(matches!(refused, Err(JoinError::Ended)));
            Ok(())
        })
        .expect("nothing fails");
}

#[test]
fn a_waiter_outside_is_told_when_the_scope_ends_first() {
    let runtime = paused(2);
    let waited = runtime.block_on(|outer| async move {
        let waiter = outer
            .scope({
                let outer = outer.clone();
                move |inner| async move {
                    let group = WaitGroup::spawn(&inner).await?;
                    group.add(1)?;
                    let waiter = outer.go(async move { Ok(group.wait().await) });
                    idle().await?;
                    Ok(waiter)
                }
            })
            .await?;
        Ok(waiter.await?)
    });
    assert!(matches!(waited, Ok(Err(WaitError::Closed))), "{waited:?}");
}

#[test]
fn members_on_two_arbiters() {
    let total = arbiters(2)
        .block_on(|scope| async move {
            let group = WaitGroup::spawn(&scope).await?;
            let total = Arc::new(AtomicUsize::new(0));
            for round in 1..=20_usize {
                for n in 0..20 {
                    let (member, total) = (group.member()?, total.clone());
                    scope
                        .on(Placement::Arbiter(n))
                        .go(async move {
                            let _member = member;
                            sleep(((n % 3) as u64 * 100).micros()).await?;
                            total.fetch_add(1, SeqCst);
                            Ok(())
                        })
                        .detach();
                }
                group.wait().await?;
                assert_eq!(total.load(SeqCst), round * 20);
            }
            Ok(total.load(SeqCst))
        })
        .expect("nothing fails");
    assert_eq!(total, 400);
}

#[derive(Clone, Copy, Debug)]
enum Ends {
    Returns,
    Panics,
    IsCancelled,
    ByDone,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    ends: Ends,
    begins: u64,
    takes: u64,
    /// A member of the member, which ends so long after it.
    nested: Option<u64>,
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let ends = prop_oneof![
        3 => Just(Ends::Returns), 1 => Just(Ends::Panics), 1 => Just(Ends::IsCancelled), 1 => Just(Ends::ByDone),
    ];
    let part = (
        ends,
        0..5_u64,
        0..5_u64,
        proptest::option::weighted(0.3, 0..5_u64),
    )
        .prop_map(|(ends, begins, takes, nested)| Part {
            ends,
            begins,
            takes,
            nested,
        });
    proptest::collection::vec(part, 0..8)
}

/// A unit of the model, in milliseconds. Members begin at whole units, and end a little after one, so that
/// no end meets a beginning.
const UNIT: u64 = 10;
const LITTLE: u64 = 3;

impl Part {
    fn begins(self) -> u64 {
        self.begins * UNIT
    }

    fn takes(self) -> u64 {
        self.takes * UNIT + LITTLE
    }

    fn ends(self) -> u64 {
        let cancel = u64::from(matches!(self.ends, Ends::IsCancelled));
        let nested = self.nested.map_or(0, |after| after * UNIT + LITTLE);
        self.begins() + self.takes() + nested.max(cancel)
    }
}

/// Returns whether the counter of the model is not zero at a millisecond.
fn is_busy(parts: &[Part], at: u64) -> bool {
    parts
        .iter()
        .any(|part| (part.begins()..part.ends()).contains(&at))
}

async fn play(scope: Scope, parts: Vec<Part>, waits: Vec<(u64, Option<usize>)>) -> Result<()> {
    scope.set_on_error(OnError::Collect);
    let group = WaitGroup::spawn(&scope).await?;
    let start = scope.context().now();
    let last = parts
        .iter()
        .map(|part| part.begins + part.takes + part.nested.unwrap_or(0));
    let last = last.max().unwrap_or(0);
    for part in parts.clone() {
        let (group, scope_of_tasks) = (group.clone(), scope.clone());
        scope
            .go(async move {
                sleep(part.begins().millis()).await?;
                let member = match part.ends {
                    Ends::ByDone => {
                        group.add(1)?;
                        None
                    }
                    _ => Some(group.member()?),
                };
                let task = scope_of_tasks.go(async move {
                    let _member = member;
                    sleep(part.takes().millis()).await?;
                    if let Some(after) = part.nested {
                        group
                            .go(async move { Ok(sleep((after * UNIT + LITTLE).millis()).await?) })
                            .detach();
                    }
                    match part.ends {
                        Ends::Returns => Ok(()),
                        Ends::Panics => panic!("planned"),
                        Ends::IsCancelled => std::future::pending().await,
                        Ends::ByDone => Ok(group.done().await?),
                    }
                });
                if matches!(part.ends, Ends::IsCancelled) {
                    sleep(part.takes().millis()).await?;
                    // The task's own timer of this instant may come after this one.
                    sleep(1.millis()).await?;
                    task.cancel("planned");
                }
                task.detach();
                Ok(())
            })
            .detach();
    }
    let mut waiters = Vec::new();
    for (from, limit) in waits {
        let (group, parts) = (group.clone(), parts.clone());
        waiters.push(scope.go(async move {
            let Some(context) = Context::current() else {
                unreachable!("in a task")
            };
            // When nothing else happens.
            let from = from * UNIT + UNIT / 2;
            sleep(from.millis()).await?;
            let is_free = !is_busy(&parts, from);
            let done = polls(limit, group.wait()).await;
            let now = u64::try_from((context.now() - start).as_millis())?;
            if let Some(waited) = done {
                waited?;
                let free = (from..).find(|at| !is_busy(&parts, *at));
                assert_eq!(Some(now), free, "from {from}");
            }
            assert!(!is_free || now == from, "a free group makes nobody wait");
            Ok(())
        }));
    }
    for waiter in waiters {
        waiter.await?;
    }
    sleep((last + 12 * UNIT + UNIT).millis()).await?;
    assert_eq!(scope.len(), 1, "the counter alone");
    assert_eq!(group.done().await, Err(DoneError::NotAMember));
    group.wait().await?;
    drop(group);
    idle().await?;
    assert_eq!(scope.len(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_wait_ends_when_the_counter_of_the_model_is_zero(
        parts in parts(),
        waits in proptest::collection::vec((0..12_u64, proptest::option::weighted(0.3, 0..3_usize)), 0..6),
        seed in any::<u64>(),
    ) {
        quiet();
        let planned = parts.iter().any(|part| matches!(part.ends, Ends::Panics));
        let result = paused(seed).block_on(move |scope| play(scope, parts, waits));
        match result {
            Ok(()) => prop_assert!(!planned),
            Err(failure) => {
                let text = failure.to_string();
                prop_assert!(planned && text.contains("planned") && !text.contains("assertion"), "{text}");
            }
        }
    }
}
