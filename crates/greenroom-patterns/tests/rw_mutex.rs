//! Mutexes with readers, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering::SeqCst};

use common::{Ledger, arbiters, check, idle, paused, polls, quiet};
use greenroom_actor::{JoinHandle, Placement, Scope};
use greenroom_core::Context;
use greenroom_core::channel;
use greenroom_core::error::Cause;
use greenroom_core::registry::LeaseKind;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::rw_mutex::{
    LeaseReport, LockError, OnCycle, ReadLease, RwMutex, TryLockError, WriteLease, rw_mutex,
};

fn crosses<T: Send + Sync>() {}

#[test]
fn what_crosses_threads_is_send() {
    crosses::<RwMutex<u8>>();
    crosses::<ReadLease<u8>>();
    crosses::<WriteLease<u8>>();
}

/// A task that takes a lease, writes its name down, and holds it so long.
fn taker(
    scope: &Scope,
    value: &RwMutex<()>,
    order: &channel::Sender<&'static str>,
    name: &'static str,
    kind: LeaseKind,
) -> JoinHandle<()> {
    let (value, order) = (value.clone(), order.clone());
    scope.go(async move {
        match kind {
            LeaseKind::Shared => {
                let _lease = value.read().await?;
                order.send(name).await?;
                sleep(10.millis()).await?;
            }
            LeaseKind::Exclusive => {
                let _lease = value.write().await?;
                order.send(name).await?;
                sleep(10.millis()).await?;
            }
        }
        Ok(())
    })
}

#[test]
fn readers_share_and_a_writer_is_alone() {
    let ledger = Ledger::default();
    check(move |scope| {
        let ledger = ledger.clone();
        async move {
            let value = RwMutex::spawn(&scope, ledger.token(1)).await?;
            let readers = (
                value.read().await?,
                value.read().await?,
                value.try_read().await?,
            );
            assert_eq!(readers.0.number, 1);
            assert!(std::ptr::eq(&*readers.0, &*readers.2), "it is one value");
            assert!(matches!(value.try_write().await, Err(TryLockError::Busy)));
            drop(readers);
            let mut writer = value.write().await?;
            writer.number = 2;
            assert!(matches!(value.try_read().await, Err(TryLockError::Busy)));
            assert!(matches!(value.try_write().await, Err(TryLockError::Busy)));
            drop(writer);
            assert_eq!(value.read().await?.number, 2);
            assert_eq!(ledger.live(), 1);
            Ok(())
        }
    });
}

#[test]
fn readers_that_queued_go_together_before_the_next_writer() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, ()).await?;
        let (tx, order) = channel::unbounded();
        let first = value.write().await?;
        let parties = [
            ("w2", LeaseKind::Exclusive),
            ("r", LeaseKind::Shared),
            ("r", LeaseKind::Shared),
            ("w3", LeaseKind::Exclusive),
            ("r", LeaseKind::Shared),
        ];
        for (name, kind) in parties {
            taker(&scope, &value, &tx, name, kind).detach();
            idle().await?;
        }
        let status = value.status().await?;
        let kinds: Vec<_> = status.waiters.iter().map(|waiter| waiter.kind).collect();
        assert_eq!(kinds, parties.map(|(_, kind)| kind));
        drop(first);
        idle().await?;
        assert_eq!(value.status().await?.holders.len(), 3);
        scope.join().await?;
        drop(tx);
        let mut seen = Vec::new();
        while let Ok(name) = order.try_recv() {
            seen.push(name);
        }
        assert_eq!(seen, ["r", "r", "r", "w2", "w3"]);
        Ok(())
    });
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, ()).await?;
        let reader = value.read().await?;
        let (tx, order) = channel::unbounded();
        let writer = taker(&scope, &value, &tx, "w", LeaseKind::Exclusive);
        idle().await?;
        assert!(matches!(value.try_read().await, Err(TryLockError::Busy)));
        let behind = taker(&scope, &value, &tx, "r", LeaseKind::Shared);
        idle().await?;
        assert!(order.is_empty());
        writer.cancel(Cause::from("away"));
        behind.await?;
        assert_eq!(order.try_recv(), Ok("r"));
        drop(reader);
        Ok(())
    });
}

#[test]
fn requests_that_are_dropped_at_any_poll_leave_the_line() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, 5).await?;
        for limit in 0..5 {
            for writes in [false, true] {
                let held = value.write().await?;
                let dropped = value.clone();
                let gives_up = scope.go(async move {
                    if writes {
                        drop(polls(Some(limit), dropped.write()).await);
                    } else {
                        drop(polls(Some(limit), dropped.read()).await);
                    }
                    Ok(())
                });
                idle().await?;
                drop(held);
                gives_up.await?;
                assert_eq!(*value.write().await?, 5, "limit {limit}");
                idle().await?;
                assert!(value.status().await?.holders.is_empty());
            }
        }
        Ok(())
    });
}

#[test]
fn a_share_that_was_granted_to_a_dropped_request_comes_back() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, 1).await?;
        let mut granted = Box::pin(value.read());
        assert!(polls(Some(1), granted.as_mut()).await.is_none());
        idle().await?;
        assert!(matches!(value.try_write().await, Err(TryLockError::Busy)));
        drop(granted);
        *value.write().await? += 1;
        assert_eq!(*value.read().await?, 2);
        Ok(())
    });
}

#[test]
fn a_reader_that_panics_poisons_nothing_and_a_writer_does() {
    quiet();
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, 0).await?;
        let read = value.clone();
        let ended = scope
            .scope(move |_inner| async move {
                let lease = read.read().await?;
                assert_eq!(*lease, 1, "planned");
                Ok(())
            })
            .await;
        assert!(ended.is_err());
        drop(value.read().await?);
        let written = value.clone();
        let ended = scope
            .scope(move |_inner| async move {
                let lease = written.write().await?;
                assert_eq!(*lease, 1, "planned");
                Ok(())
            })
            .await;
        assert!(ended.is_err());
        assert!(matches!(value.read().await, Err(LockError::Poisoned(_))));
        assert!(matches!(value.write().await, Err(LockError::Poisoned(_))));
        let tried = value.try_read().await;
        assert!(matches!(tried, Err(TryLockError::Poisoned(_))));
        *value.recover().await? = 1;
        assert_eq!(*value.read().await?, 1);
        Ok(())
    });
}

#[test]
fn an_upgrade_is_a_cycle_and_so_is_a_second_read_behind_a_writer() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let described = rw_mutex("upgraded").on_cycle(OnCycle::Refuse).reports(tx);
        let value = RwMutex::spawn_with(&scope, described, ()).await?;
        let reader = value.read().await?;
        let upgrade = value.write().await;
        let Err(LockError::Cycle { path }) = upgrade else {
            unreachable!("{upgrade:?}")
        };
        assert_eq!((path.len(), path[0].lease), (1, reader.number()));
        assert!(matches!(
            reports.try_recv(),
            Ok(LeaseReport::Cycle {
                is_refused: true,
                ..
            })
        ));
        // Reading twice is fine, until a writer waits.
        drop(value.read().await?);
        let waiting = value.clone();
        let writer = scope.go(async move {
            drop(waiting.write().await?);
            Ok(())
        });
        idle().await?;
        assert!(matches!(value.read().await, Err(LockError::Cycle { .. })));
        drop(reader);
        Ok(writer.await?)
    });
}

#[test]
fn two_readers_that_both_upgrade_are_seen_before_the_second_asks() {
    check(|scope| async move {
        let described = rw_mutex("upgraded").on_cycle(OnCycle::Refuse);
        let value = RwMutex::spawn_with(&scope, described, ()).await?;
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let value = value.clone();
                scope.go(async move {
                    let _reader = value.read().await?;
                    idle().await?;
                    Ok(value.write().await.is_ok())
                })
            })
            .collect();
        for task in tasks {
            assert!(!task.await?, "each waits for its own share");
        }
        Ok(())
    });
}

#[test]
fn a_share_held_past_its_time_is_reported() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let described = rw_mutex("slow").lease_time(1.secs()).reports(tx);
        let value = RwMutex::spawn_with(&scope, described, ()).await?;
        let (one, other) = (value.read().await?, value.read().await?);
        sleep(5.secs()).await?;
        for lease in [&one, &other] {
            let LeaseReport::Overdue { holder, .. } = reports.try_recv()? else {
                unreachable!("nothing else happens")
            };
            assert_eq!(
                (holder.lease, holder.kind),
                (lease.number(), LeaseKind::Shared)
            );
        }
        assert!(reports.is_empty());
        Ok(())
    });
}

#[test]
fn on_arbiters_writers_are_alone_and_nothing_is_lost() {
    let summed = arbiters(4).block_on(|scope| async move {
        let value = RwMutex::spawn(&scope, 0_usize).await?;
        let (inside, shared) = (Arc::new(AtomicIsize::new(0)), value.clone());
        scope
            .on(Placement::Spread)
            .go_each(0..8, move |number| {
                let (value, inside) = (shared.clone(), inside.clone());
                async move {
                    for round in 0..100 {
                        if (number + round) % 4 == 0 {
                            let mut lease = value.write().await?;
                            assert_eq!(inside.swap(-1, SeqCst), 0);
                            *lease += 1;
                            assert_eq!(inside.swap(0, SeqCst), -1);
                        } else {
                            let _lease = value.read().await?;
                            assert!(inside.fetch_add(1, SeqCst) >= 0);
                            assert!(inside.fetch_sub(1, SeqCst) >= 1);
                        }
                    }
                    Ok(())
                }
            })
            .await?;
        scope.join().await?;
        Ok(*value.read().await?)
    });
    assert_eq!(summed.expect("nobody fails"), 200);
}

#[test]
fn ten_thousand_rounds_leave_nothing_behind() {
    let ledger = Ledger::default();
    let made = ledger.clone();
    let runtime = paused(3);
    let ended = runtime.block_on(move |scope| async move {
        let value = RwMutex::spawn(&scope, made.token(0)).await?;
        let shared = value.clone();
        scope
            .go_each(0..10, move |number| {
                let value = shared.clone();
                async move {
                    for _ in 0..1000 {
                        if number == 0 {
                            value.write().await?.number += 1;
                        } else {
                            drop(value.read().await?);
                        }
                    }
                    Ok(())
                }
            })
            .await?;
        scope.join().await?;
        let status = value.status().await?;
        assert_eq!((status.holders.len(), status.waiters.len()), (0, 0));
        let context = Context::current().expect("in a task");
        assert!(context.registry().leases(context.now()).is_empty());
        let number = value.read().await?.number;
        Ok(number)
    });
    assert_eq!(ended.expect("nobody fails"), 1000);
    assert_eq!((ledger.made(), ledger.live()), (1, 0));
}
