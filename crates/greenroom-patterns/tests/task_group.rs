//! Task groups, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use common::{Boom, Ledger, arbiters, boom, check, idle, paused, polls};
use greenroom_actor::Placement;
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::task_group::{GoError, TaskGroup, TryGoError, WaitError};

#[test]
fn smoke() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let seven = group.go(async { Ok(7) }).await?;
        group.wait().await?;
        assert_eq!(seven.await?, 7);
        Ok(())
    });
}

#[test]
fn an_error_of_any_type_comes_through() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group
            .go(async {
                let _n: u32 = "x".parse()?;
                boom::<()>()
            })
            .await?;
        let raised: Result<()> = async { Ok(group.wait().await?) }.await;
        let Err(raised) = raised else {
            unreachable!("the task failed");
        };
        let original = raised.downcast_ref::<std::num::ParseIntError>();
        assert!(original.is_some(), "{raised:?}");
        assert!(raised.downcast_ref::<Boom>().is_none());
        Ok(())
    });
}

#[test]
fn a_refused_future_can_be_reported_by_the_question_mark() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        group.go(async { Ok(sleep(1.secs()).await?) }).await?;
        let tried: Result<()> = async {
            let refused = group.try_go(async { Ok(()) });
            refused.map_err(TryGoError::without_future)?;
            Ok(())
        }
        .await;
        let refused = tried.err().and_then(|raised| {
            let refused = raised.downcast_ref::<TryGoError<()>>()?;
            Some(refused.is_full())
        });
        assert_eq!(refused, Some(true));
        Ok(())
    });
}

#[test]
fn futures_are_dropped_when_their_go_is() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let busy = group.go(std::future::pending::<Result<()>>()).await?;
        for n in 0..1000 {
            let token = ledger.token(n);
            let work = async move {
                let _token = token;
                Ok(())
            };
            assert!(polls(Some(1), group.go(work)).await.is_none());
            assert_eq!(ledger.live(), 0);
        }
        busy.cancel("not wanted");
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn a_task_held_by_its_parent_goes_before_those_that_came_later() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let order = Arc::new(Mutex::new(Vec::new()));
        let log = |text| {
            let order = order.clone();
            async move {
                sleep(1.millis()).await?;
                order.lock().expect("nobody panics here").push(text);
                Ok::<_, greenroom_core::Failure>(())
            }
        };
        let (nested, child) = (group.clone(), log("child"));
        group
            .go(async move {
                // More than the limit, and none of them waits.
                nested.go(child).await?;
                nested.go(async { Ok(()) }).await?;
                sleep(5.millis()).await?;
                Ok(())
            })
            .await?;
        idle().await?;
        group.go(log("later")).await?;
        group.wait().await?;
        let order = order.lock().expect("nobody panics here").clone();
        assert_eq!(order, ["child", "later"]);
        Ok(())
    });
}

#[test]
fn a_deep_tree_of_tasks_grows_under_a_limit_of_one() {
    fn grow(group: TaskGroup, depth: u32, done: Arc<AtomicUsize>) -> Grown {
        Box::pin(async move {
            if depth > 0 {
                for _ in 0..2 {
                    let child = grow(group.clone(), depth - 1, done.clone());
                    group.go(child).await?;
                }
            }
            sleep(1.millis()).await?;
            done.fetch_add(1, SeqCst);
            Ok(())
        })
    }
    type Grown = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let done = Arc::new(AtomicUsize::new(0));
        group.go(grow(group.clone(), 6, done.clone())).await?;
        group.wait().await?;
        assert_eq!(done.load(SeqCst), 127);
        Ok(())
    });
}

#[test]
fn a_group_of_many_tasks_keeps_nothing_of_them() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let group = TaskGroup::keep_going(&scope);
        group.set_limit(4)?;
        for n in 0..5_000 {
            let token = ledger.token(n);
            group
                .go(async move {
                    let _token = token;
                    if n % 2 == 0 { Ok(()) } else { boom() }
                })
                .await?
                .detach();
        }
        assert!(group.wait().await.is_err());
        assert_eq!((ledger.made(), ledger.live()), (5_000, 0));
        assert!(ledger.peak() <= 5, "{}", ledger.peak());
        Ok(())
    });
}

#[test]
fn on_two_arbiters_the_limit_holds_and_the_first_error_stays() {
    for _ in 0..20 {
        arbiters(2)
            .block_on(|scope| async move {
                let group = TaskGroup::keep_going(&scope.on(Placement::Spread));
                group.set_limit(3)?;
                let now = Arc::new(AtomicUsize::new(0));
                let feeders: Vec<_> = (0..2)
                    .map(|feeder| {
                        let (group, now) = (group.clone(), now.clone());
                        scope.on(Placement::Arbiter(feeder)).go(async move {
                            for n in 0..50 {
                                let now = now.clone();
                                group
                                    .go(async move {
                                        assert!(now.fetch_add(1, SeqCst) < 3);
                                        sleep(((n % 4) * 10).micros()).await?;
                                        now.fetch_sub(1, SeqCst);
                                        if n == 20 { boom() } else { Ok(()) }
                                    })
                                    .await?;
                            }
                            Ok(())
                        })
                    })
                    .collect();
                for feeder in feeders {
                    feeder.await?;
                }
                for _ in 0..2 {
                    let Err(WaitError::Failed(failure)) = group.wait().await else {
                        unreachable!("two of them failed");
                    };
                    assert!(failure.downcast_ref::<Boom>().is_some(), "{failure:?}");
                }
                assert_eq!(now.load(SeqCst), 0);
                Ok(())
            })
            .expect("the errors are the group's");
    }
}

#[test]
fn a_go_in_a_scope_that_has_ended_is_refused() {
    let group = paused(1)
        .block_on(|scope| async move { Ok(TaskGroup::new(&scope)) })
        .expect("nothing fails");
    paused(1)
        .block_on(move |_| async move {
            assert!(matches!(
                group.go(async { Ok(()) }).await,
                Err(GoError::Closed)
            ));
            group.wait().await?;
            Ok(())
        })
        .expect("nothing fails");
}
