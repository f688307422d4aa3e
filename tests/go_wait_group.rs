//! Go's `sync.WaitGroup`: what it does at its edges.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use greenroom::patterns::wait_group::{DoneError, WaitError};
use greenroom::prelude::*;
use greenroom::{JoinError, OnError, Panic};
use support::{SEEDS, at_once, check, idle, paused, quiet};

#[test]
fn wg_02_three_waiters_are_released_at_zero_and_none_at_one() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        group.add(2)?;
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let group = group.clone();
                scope.go(async move { Ok(group.wait().await?) })
            })
            .collect();
        idle().await?;
        group.done().await?;
        idle().await?;
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        group.done().await?;
        for waiter in waiters {
            waiter.await?;
        }
        Ok(())
    });
}

#[test]
fn wg_04_a_group_serves_a_hundred_rounds() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let total = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            for _ in 0..3 {
                let total = total.clone();
                group
                    .go(async move {
                        total.fetch_add(1, SeqCst);
                        Ok(())
                    })
                    .detach();
            }
            group.wait().await?;
            assert_eq!(total.load(SeqCst) % 3, 0);
        }
        assert_eq!(total.load(SeqCst), 300);
        Ok(())
    });
}

fn tree(group: WaitGroup, depth: u32, done: Arc<AtomicUsize>) {
    let nested = group.clone();
    group
        .go(async move {
            sleep(1.millis()).await?;
            if depth > 0 {
                tree(nested.clone(), depth - 1, done.clone());
                tree(nested, depth - 1, done.clone());
            }
            done.fetch_add(1, SeqCst);
            Ok(())
        })
        .detach();
}

#[test]
fn wg_05_members_add_members_while_others_wait() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let done = Arc::new(AtomicUsize::new(0));
        tree(group.clone(), 6, done.clone());
        group.wait().await?;
        assert_eq!(done.load(SeqCst), 127);
        Ok(())
    });
}

#[test]
fn wg_07_a_member_that_is_cancelled_or_never_runs_counts_as_done() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let stuck = group.go(std::future::pending::<Result<()>>());
        idle().await?;
        stuck.cancel("not wanted");
        group.wait().await?;
        assert!(matches!(stuck.await, Err(JoinError::Cancelled(_))));

        let (context, cancel) = scope.context().with_cancel();
        let member = group.member()?;
        cancel.cancel();
        // Dropped in a context that has ended.
        context
            .run(async move {
                drop(member);
            })
            .await?;
        group.wait().await?;

        group.add(1)?;
        let counted = context.run(group.done()).await?;
        assert_eq!(counted, Ok(()), "it counts in a context that has ended");
        group.wait().await?;

        let member = group.member()?;
        let never = async move {
            let _member = member;
            std::future::pending::<()>().await;
        };
        drop(never);
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn wg_09_a_panic_of_a_member_ends_the_wait_and_is_its_scopes_error() {
    quiet();
    for seed in SEEDS {
        let was_told = Arc::new(AtomicBool::new(false));
        let told = was_told.clone();
        let failed = paused(seed).block_on(|scope| async move {
            let group = WaitGroup::spawn(&scope).await?;
            group
                .go::<(), _>(async {
                    sleep(1.millis()).await?;
                    panic!("boom")
                })
                .detach();
            let other = group.member()?;
            let waited = group.wait().await;
            told.store(matches!(waited, Err(WaitError::Cancelled(_))), SeqCst);
            drop(other);
            Ok(())
        });
        assert!(was_told.load(SeqCst));
        assert!(failed.is_err_and(|failure| failure.downcast_ref::<Panic>().is_some()));

        let failed = paused(seed).block_on(|scope| async move {
            scope.set_on_error(OnError::Collect);
            let group = WaitGroup::spawn(&scope).await?;
            group.go::<(), _>(async { panic!("boom") }).detach();
            group.wait().await?;
            Ok(())
        });
        assert!(failed.is_err_and(|failure| failure.to_string().contains("boom")));
    }
}

#[test]
fn sixteen_members_meet_by_two_groups_for_several_rounds() {
    check(|scope| async move {
        let (arrived, leave) = (
            WaitGroup::spawn(&scope).await?,
            WaitGroup::spawn(&scope).await?,
        );
        for _ in 0..8 {
            arrived.add(16)?;
            leave.add(16)?;
            let left = Arc::new(AtomicUsize::new(0));
            for _ in 0..16 {
                let (arrived, leave, left) = (arrived.clone(), leave.clone(), left.clone());
                scope
                    .go(async move {
                        arrived.done().await?;
                        leave.wait().await?;
                        left.fetch_add(1, SeqCst);
                        Ok(())
                    })
                    .detach();
            }
            arrived.wait().await?;
            for _ in 0..16 {
                assert_eq!(left.load(SeqCst), 0, "released too soon");
                leave.done().await?;
            }
            scope.join().await?;
            assert_eq!(left.load(SeqCst), 16);
        }
        Ok(())
    });
}

#[test]
fn a_done_too_many_is_an_error_and_the_group_stays_whole() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        group.add(1)?;
        group.done().await?;
        assert_eq!(group.done().await, Err(DoneError::NotAMember));
        // Nothing of it is left: the next member is waited for.
        group.add(1)?;
        assert!(at_once(group.wait()).await.is_none());
        group.done().await?;
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn many_rounds_of_two_members_are_each_seen_whole() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        for _ in 0..200 {
            let count = Arc::new(AtomicUsize::new(0));
            for _ in 0..2 {
                let (member, count) = (group.member()?, count.clone());
                scope
                    .go(async move {
                        count.fetch_add(1, SeqCst);
                        drop(member);
                        Ok(())
                    })
                    .detach();
            }
            group.wait().await?;
            assert_eq!(count.load(SeqCst), 2);
        }
        Ok(())
    });
}

#[test]
fn go_adds_a_member_before_it_returns() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..16 {
            let count = count.clone();
            group
                .go(async move {
                    sleep(1.millis()).await?;
                    count.fetch_add(1, SeqCst);
                    Ok(())
                })
                .detach();
        }
        group.wait().await?;
        assert_eq!(count.load(SeqCst), 16);
        Ok(())
    });
}

#[test]
fn a_group_is_used_again_before_its_old_waiters_have_returned() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let first = group.member()?;
        let old: Vec<_> = (0..5)
            .map(|_| {
                let group = group.clone();
                scope.go(async move { Ok(group.wait().await?) })
            })
            .collect();
        idle().await?;
        drop(first);
        // At once, before any of them has run.
        let second = group.member()?;
        for waiter in old {
            waiter.await?;
        }
        assert!(at_once(group.wait()).await.is_none());
        drop(second);
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn a_group_without_members_makes_nobody_wait() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        group.wait().await?;
        group.add(0)?;
        group.wait().await?;
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        // As every wait, it does not begin in a context that has ended.
        let waited = context.run(group.wait()).await?;
        assert!(matches!(waited, Err(WaitError::Cancelled(_))));
        Ok(())
    });
}

#[test]
fn what_members_did_is_seen_after_the_wait() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let (values, seen) = channel::unbounded();
        for n in 0..10_u64 {
            let (member, values) = (group.member()?, values.clone());
            scope
                .go(async move {
                    let _member = member;
                    sleep((n % 3).millis()).await?;
                    Ok(values.send(n).await?)
                })
                .detach();
        }
        group.wait().await?;
        assert_eq!(seen.len(), 10);
        Ok(())
    });
}

#[test]
fn add_of_several_at_once_of_none_and_while_others_wait() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        group.add(0)?;
        assert!(group.wait().await.is_ok());
        group.add(3)?;
        let own = group.clone();
        let waits = scope.go(async move { Ok(own.wait().await?) });
        for _ in 0..2 {
            group.done().await?;
        }
        group.add(1)?;
        group.done().await?;
        idle().await?;
        assert!(!waits.is_finished());
        group.done().await?;
        waits.await?;
        assert_eq!(group.done().await, Err(DoneError::NotAMember));
        Ok(())
    });
}

#[test]
fn ten_requests_at_a_time_are_waited_for_with_their_results_in_place() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        let results = State::spawn(&scope, vec![0; 10]).await?;
        for n in 0..10_usize {
            let results = results.clone();
            group.go(async move {
                sleep((10 - n as u64).millis()).await?;
                results.update(move |all| all[n] = n * n).await?;
                Ok(())
            });
        }
        group.wait().await?;
        let squares = results.read(|all| all.clone()).await?;
        assert_eq!(squares, (0..10).map(|n| n * n).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_wait_is_a_case_of_a_select_with_a_time_out() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        group.go(async { Ok(sleep(10.millis()).await?) });
        let in_time = select! {
            waited = group.wait() => waited.is_ok(),
            after(5.millis()) => false,
        };
        assert!(!in_time);
        let in_time = select! {
            waited = group.wait() => waited.is_ok(),
            after(6.millis()) => false,
        };
        assert!(in_time);
        Ok(())
    });
}

#[test]
fn many_members_of_many_threads_are_all_counted() {
    let runtime = Runtime::builder().arbiters(4).build().unwrap();
    let seen = runtime.block_on(|scope| async move {
        let spread = scope.on(Placement::Spread);
        let group = WaitGroup::spawn(&scope).await?;
        let count = Arc::new(AtomicUsize::new(0));
        for round in 1..=20 {
            for _ in 0..10 {
                let (member, count) = (group.member()?, count.clone());
                spread.go(async move {
                    count.fetch_add(1, SeqCst);
                    drop(member);
                    Ok(())
                });
            }
            group.wait().await?;
            assert_eq!(count.load(SeqCst), 10 * round);
        }
        Ok(count.load(SeqCst))
    });
    assert_eq!(seen.unwrap(), 200);
}
