//! Go's behaviours of `sync.RWMutex`.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering::SeqCst};

use greenroom::patterns::mutex::OnCycle;
use greenroom::patterns::rw_mutex::{LockError, TryLockError};
use greenroom::prelude::*;
use support::{at_once, check, idle};

fn busy<T>(tried: &Result<T, TryLockError>) -> bool {
    matches!(tried, Err(TryLockError::Busy))
}

#[test]
fn rw_01_readers_stand_beside_each_other_and_tries_fail_against_the_other_kind() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, ()).await?;
        let first = value.read().await?;
        let second = value.read().await?;
        assert!(value.try_read().await.is_ok());
        assert!(busy(&value.try_write().await));
        drop((first, second));
        let writer = value.write().await?;
        assert!(busy(&value.try_read().await));
        assert!(busy(&value.try_write().await));
        drop(writer);
        assert!(value.try_write().await.is_ok());
        Ok(())
    });
}

#[test]
fn rw_02_a_waiting_writer_goes_before_readers_that_come_after_it() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, Vec::new()).await?;
        let reader = value.read().await?;
        let writes = value.clone();
        let writer = scope.go(async move {
            writes.write().await?.push("writer");
            Ok(())
        });
        idle().await?;
        assert!(busy(&value.try_read().await));
        let reads = value.clone();
        let late = scope.go(async move { Ok(reads.read().await?.clone()) });
        idle().await?;
        assert!(!late.is_finished());
        drop(reader);
        assert_eq!(late.await?, ["writer"]);
        Ok(writer.await?)
    });
}

#[test]
fn rw_04_readers_that_queued_behind_a_writer_go_before_the_next_writer() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, ()).await?;
        let (tx, order) = channel::unbounded();
        let first = value.write().await?;
        let (writes, told) = (value.clone(), tx.clone());
        scope
            .go(async move {
                let _lease = writes.write().await?;
                Ok(told.send("W2").await?)
            })
            .detach();
        idle().await?;
        for _ in 0..3 {
            let (reads, told) = (value.clone(), tx.clone());
            scope
                .go(async move {
                    let _lease = reads.read().await?;
                    Ok(told.send("R").await?)
                })
                .detach();
            idle().await?;
        }
        drop((first, tx));
        scope.join().await?;
        let mut seen = Vec::new();
        while let Ok(name) = order.recv().await {
            seen.push(name);
        }
        assert_eq!(seen, ["R", "R", "R", "W2"]);
        Ok(())
    });
}

#[test]
fn rw_05_an_upgrade_blocks_until_the_end_of_its_context() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, ()).await?;
        let _reader = value.read().await?;
        let hurried = scope.context().with_timeout(40.millis());
        let upgraded = hurried.run(value.write()).await?;
        assert!(matches!(upgraded, Err(LockError::Deadline)));
        Ok(())
    });
}

#[test]
fn rw_05_an_upgrade_is_refused_where_that_is_asked_for() {
    check(|scope| async move {
        let described = rw_mutex("upgraded").on_cycle(OnCycle::Refuse);
        let value = RwMutex::spawn_with(&scope, described, ()).await?;
        let reader = value.read().await?;
        let upgraded = value.write().await;
        assert!(matches!(upgraded, Err(LockError::Cycle { path }) if path.len() == 1));
        drop(reader);
        drop(value.write().await?);
        Ok(())
    });
}

#[test]
fn rw_06_readers_that_overlap_for_ever_do_not_starve_a_writer() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, 0).await?;
        for delay in 0..3 {
            let value = value.clone();
            scope
                .go(async move {
                    sleep(delay.millis()).await?;
                    loop {
                        let lease = value.read().await?;
                        sleep(3.millis()).await?;
                        if *lease == 10 {
                            return Ok(());
                        }
                    }
                })
                .detach();
        }
        sleep(1.millis()).await?;
        for _ in 0..10 {
            let before = scope.context().now();
            let mut lease = value.write().await?;
            *lease += 1;
            let waited = scope.context().now() - before;
            // Those that read when it came, and those that go before it after a writer.
            assert!(waited <= 6.millis(), "{waited:?}");
        }
        scope.join().await
    });
}

/// A share comes home once: it is moved into its drop, and there is no other way to give it back.
///
/// The compiler's word for it stands in the docs of the lease.
#[test]
fn rw_08_a_share_that_is_not_held_cannot_be_given_back() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, ()).await?;
        let (first, second) = (value.read().await?, value.read().await?);
        let mut slot = Some(first);
        drop(slot.take());
        drop(slot.take());
        idle().await?;
        assert!(busy(&value.try_write().await), "the second is out");
        drop(second);
        assert!(value.try_write().await.is_ok());
        Ok(())
    });
}

#[test]
fn rs_04_a_request_that_is_dropped_right_after_its_grant_passes_it_on() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, 0).await?;
        for round in 0..60 {
            let first = value.write().await?;
            let mut reads = Box::pin(value.read());
            let mut writes = Box::pin(value.write());
            if round % 2 == 0 {
                assert!(at_once(reads.as_mut()).await.is_none());
            } else {
                assert!(at_once(writes.as_mut()).await.is_none());
            }
            let next = value.clone();
            let next = scope.go(async move {
                *next.write().await? += 1;
                Ok(())
            });
            idle().await?;
            drop(first);
            if round % 3 == 0 {
                idle().await?;
            }
            drop((reads, writes));
            next.await?;
        }
        assert_eq!(*value.read().await?, 60);
        Ok(())
    });
}

#[test]
fn all_of_many_readers_are_in_at_the_same_time() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, ()).await?;
        let (in_tx, in_rx) = channel::unbounded();
        let (out_tx, out_rx) = channel::rendezvous::<()>();
        for _ in 0..10 {
            let (value, in_tx, out) = (value.clone(), in_tx.clone(), out_rx.clone());
            scope
                .go(async move {
                    let _lease = value.read().await?;
                    in_tx.send(()).await?;
                    let _closed = out.recv().await;
                    Ok(())
                })
                .detach();
        }
        for _ in 0..10 {
            in_rx.recv().await?;
        }
        assert!(busy(&value.try_write().await));
        out_tx.close();
        scope.join().await?;
        assert!(value.try_write().await.is_ok());
        Ok(())
    });
}

#[test]
fn readers_and_writers_of_many_tasks_never_meet() {
    for (readers, writers) in [(1, 1), (3, 1), (10, 2), (5, 5), (0, 3), (3, 0)] {
        check(move |scope| async move {
            let value = RwMutex::spawn(&scope, 0_usize).await?;
            let inside = Arc::new(AtomicIsize::new(0));
            for _ in 0..writers {
                let (value, inside) = (value.clone(), inside.clone());
                scope
                    .go(async move {
                        for _ in 0..20 {
                            let mut lease = value.write().await?;
                            assert_eq!(inside.fetch_add(10_000, SeqCst), 0);
                            greenroom::task::yield_now().await;
                            *lease += 1;
                            assert_eq!(inside.fetch_sub(10_000, SeqCst), 10_000);
                        }
                        Ok(())
                    })
                    .detach();
            }
            for _ in 0..readers {
                let (value, inside) = (value.clone(), inside.clone());
                scope
                    .go(async move {
                        for _ in 0..20 {
                            let _lease = value.read().await?;
                            assert!((0..10_000).contains(&inside.fetch_add(1, SeqCst)));
                            greenroom::task::yield_now().await;
                            inside.fetch_sub(1, SeqCst);
                        }
                        Ok(())
                    })
                    .detach();
            }
            scope.join().await?;
            assert_eq!(*value.read().await?, writers * 20);
            Ok(())
        });
    }
}

#[test]
fn writers_are_served_in_the_order_of_their_requests() {
    check(|scope| async move {
        let order = RwMutex::spawn(&scope, Vec::new()).await?;
        let first = order.read().await?;
        for number in 0..5 {
            let order = order.clone();
            scope
                .go(async move {
                    order.write().await?.push(number);
                    Ok(())
                })
                .detach();
            idle().await?;
        }
        drop(first);
        scope.join().await?;
        assert_eq!(*order.read().await?, [0, 1, 2, 3, 4]);
        Ok(())
    });
}

#[test]
fn tries_of_both_kinds_see_who_holds_it() {
    check(|scope| async move {
        let value = RwMutex::spawn(&scope, 0).await?;
        let writer = value.write().await?;
        assert!(value.try_read().await.is_err() && value.try_write().await.is_err());
        drop(writer);
        let (first, second) = (value.try_read().await?, value.try_read().await?);
        assert!(value.try_write().await.is_err());
        drop(first);
        assert!(value.try_write().await.is_err());
        drop(second);
        assert!(value.try_write().await.is_ok());
        Ok(())
    });
}

#[test]
fn readers_see_what_the_writer_before_them_wrote_as_a_whole() {
    let runtime = Runtime::builder().arbiters(4).build().unwrap();
    let whole = runtime.block_on(|scope| async move {
        let value = RwMutex::spawn(&scope, (0, 0)).await?;
        let spread = scope.on(Placement::Spread);
        for writer in 0..6 {
            let value = value.clone();
            spread.go(async move {
                for _ in 0..50 {
                    if writer < 2 {
                        let mut pair = value.write().await?;
                        pair.0 += 1;
                        pair.1 += 1;
                    } else {
                        let pair = value.read().await?;
                        assert_eq!(pair.0, pair.1);
                    }
                }
                Ok(())
            });
        }
        spread.join().await?;
        let pair = value.read().await?;
        Ok(*pair)
    });
    assert_eq!(whole.unwrap(), (100, 100));
}
