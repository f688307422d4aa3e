//! Broadcasts, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Ledger, arbiters, check, idle, paused, polls, quiet};
use greenroom_actor::{OnError, Scope};
use greenroom_core::time::{Durations, after, sleep};
use greenroom_core::{Context, Failure, Result, select};
use greenroom_patterns::broadcast::{
    Broadcast, BroadcastError, PublishError, ReceiveError, Slow, SubscribeError, Subscription,
    TryPublishError, TryReceiveError, broadcast,
};

async fn spawn(scope: &Scope, buffer: usize, slow: Slow) -> Result<Broadcast<u32>> {
    Ok(Broadcast::spawn(scope, broadcast().buffer(buffer).slow(slow)).await?)
}

/// Takes all that is there, with what was missed as negative numbers, and how it ended.
fn drain(subscription: &mut Subscription<u32>) -> (Vec<i64>, Option<TryReceiveError>) {
    let mut seen = Vec::new();
    loop {
        match subscription.try_recv() {
            Ok(value) => seen.push(i64::from(value)),
            Err(TryReceiveError::Lagged(missed)) => seen.push(-(missed as i64)),
            Err(TryReceiveError::Empty) => return (seen, None),
            Err(end) => return (seen, Some(end)),
        }
    }
}

#[test]
fn smoke() {
    check(|scope| async move {
        let news = spawn(&scope, 4, Slow::Wait).await?;
        let mut readers = Vec::new();
        for _ in 0..3 {
            let mut reader = news.subscribe().await?;
            readers.push(scope.go(async move {
                let mut seen = Vec::new();
                while let Ok(value) = reader.recv().await {
                    seen.push(value);
                }
                Ok(seen)
            }));
        }
        for value in 0..100 {
            assert_eq!(news.send(value).await?, 3);
        }
        news.close().await;
        for reader in readers {
            assert_eq!(reader.await?, (0..100).collect::<Vec<_>>());
        }
        Ok(())
    });
}

#[test]
fn a_send_to_nobody_is_dropped_and_counts_none() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let news = Broadcast::spawn(&scope, broadcast()).await?;
        assert_eq!(news.send(ledger.token(1)).await?, 0);
        assert_eq!(news.try_send(ledger.token(2)).await?, 0);
        assert_eq!(ledger.live(), 0);
        let mut late = news.subscribe().await?;
        assert_eq!(late.try_recv().map(|_| ()), Err(TryReceiveError::Empty));
        Ok(())
    });
}

#[test]
fn a_value_costs_one_clone_for_each_subscriber_but_one() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let news = Broadcast::spawn(&scope, broadcast()).await?;
        let _readers = [
            news.subscribe().await?,
            news.subscribe().await?,
            news.subscribe().await?,
        ];
        news.send(ledger.token(1)).await?;
        assert_eq!((ledger.made(), ledger.live()), (3, 3));
        Ok(())
    });
}

#[test]
fn a_waiting_send_reaches_all_or_none() {
    check(|scope| async move {
        let news = spawn(&scope, 1, Slow::Wait).await?;
        let mut fast = news.subscribe().await?;
        let mut slow = news.subscribe().await?;
        news.send(1).await?;
        assert_eq!(fast.recv().await?, 1);
        let waiting = scope.go({
            let news = news.clone();
            async move { Ok(news.send(2).await?) }
        });
        idle().await?;
        // The slow one has no room, so the fast one has not got it either.
        assert_eq!(fast.try_recv(), Err(TryReceiveError::Empty));
        assert!(!waiting.is_finished());
        assert_eq!(slow.recv().await?, 1);
        assert_eq!(waiting.await?, 2);
        assert_eq!((fast.try_recv(), slow.try_recv()), (Ok(2), Ok(2)));
        Ok(())
    });
}

#[test]
fn a_send_dropped_at_any_of_its_polls_reaches_all_or_none() {
    for limit in 0..8 {
        check(move |scope| async move {
            let ledger = Ledger::default();
            let news = Broadcast::spawn(&scope, broadcast().buffer(1)).await?;
            let mut one = news.subscribe().await?;
            let mut two = news.subscribe().await?;
            news.send(ledger.token(1)).await?;
            assert_eq!(one.recv().await?.number, 1);
            let helper = scope.go(async move {
                sleep(1.millis()).await?;
                assert_eq!(two.recv().await?.number, 1);
                Ok(two)
            });
            let sent = polls(Some(limit), news.send(ledger.token(2))).await;
            let mut two = helper.await?;
            idle().await?;
            let seen = [one.try_recv().is_ok(), two.try_recv().is_ok()];
            match sent {
                Some(Ok(2)) => assert_eq!(seen, [true, true]),
                Some(other) => unreachable!("{other:?}"),
                None => assert_eq!(seen[0], seen[1]),
            }
            assert_eq!(ledger.live(), 0, "a value is held somewhere");
            Ok(())
        });
    }
}

#[test]
fn a_cancelled_send_gives_its_value_back() {
    check(|scope| async move {
        let news = spawn(&scope, 1, Slow::Wait).await?;
        let mut reader = news.subscribe().await?;
        news.send(1).await?;
        let (context, cancel) = scope.context().with_cancel_cause();
        let waiting = scope.go({
            let news = news.clone();
            async move { Ok(context.run(news.send(2)).await?) }
        });
        idle().await?;
        cancel.cancel("changed my mind");
        assert!(matches!(
            waiting.await,
            Ok(Err(PublishError::Cancelled(2, _))) | Err(_)
        ));
        let late = scope.context().with_timeout(0.millis());
        assert!(matches!(
            late.run(news.send(3)).await,
            Ok(Err(PublishError::Deadline(3)))
        ));
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        assert!(matches!(
            context.run(news.try_send(4)).await,
            Ok(Err(TryPublishError::Publish(PublishError::Cancelled(4, _))))
        ));
        assert_eq!(reader.recv().await?, 1);
        idle().await?;
        assert_eq!(reader.try_recv(), Err(TryReceiveError::Empty));
        Ok(())
    });
}

#[test]
fn waiting_sends_keep_their_order_and_are_not_overtaken() {
    check(|scope| async move {
        let news = spawn(&scope, 1, Slow::Wait).await?;
        let mut reader = news.subscribe().await?;
        news.send(0).await?;
        for value in 1..=5 {
            let sender = news.clone();
            scope
                .go(async move { Ok(sender.send(value).await.map(|_| ())?) })
                .detach();
            idle().await?;
        }
        assert!(news.try_send(9).await.is_err_and(|error| error.is_full()));
        for value in 0..=5 {
            assert_eq!(reader.recv().await?, value);
        }
        assert_eq!(news.try_send(6).await?, 1);
        Ok(())
    });
}

#[test]
fn drop_oldest_tells_what_was_missed_in_its_place() {
    check(|scope| async move {
        let news = spawn(&scope, 2, Slow::DropOldest).await?;
        let mut reader = news.subscribe().await?;
        for value in 1..=5 {
            assert_eq!(news.send(value).await?, 1);
        }
        assert_eq!(drain(&mut reader), (vec![-3, 4, 5], None));
        news.send(6).await?;
        assert_eq!(drain(&mut reader), (vec![6], None));
        Ok(())
    });
}

#[test]
fn drop_newest_tells_what_was_missed_in_its_place() {
    check(|scope| async move {
        let news = spawn(&scope, 2, Slow::DropNewest).await?;
        let mut slow = news.subscribe().await?;
        let mut fast = news.subscribe().await?;
        for value in 1..=4 {
            assert_eq!(news.send(value).await?, if value <= 2 { 2 } else { 1 });
            assert_eq!(fast.recv().await?, value);
        }
        assert_eq!(slow.recv().await?, 1);
        news.send(5).await?;
        news.send(6).await?;
        assert_eq!(drain(&mut slow), (vec![2, -2, 5], None));
        news.close().await;
        // What is missed at the end is told too.
        assert_eq!(drain(&mut slow), (vec![-1], Some(TryReceiveError::Closed)));
        assert_eq!(
            drain(&mut fast),
            (vec![5, 6], Some(TryReceiveError::Closed))
        );
        Ok(())
    });
}

#[test]
fn a_slow_subscriber_is_disconnected_and_drains_first() {
    check(|scope| async move {
        let news = spawn(&scope, 2, Slow::Disconnect).await?;
        let mut slow = news.subscribe().await?;
        let mut fast = news.subscribe().await?;
        for value in 1..=3 {
            assert_eq!(news.send(value).await?, if value <= 2 { 2 } else { 1 });
            assert_eq!(fast.recv().await?, value);
        }
        assert_eq!(news.subscribers().await?, 1);
        assert_eq!((slow.recv().await?, slow.recv().await?), (1, 2));
        for _ in 0..2 {
            assert!(matches!(slow.recv().await, Err(ReceiveError::TooSlow)));
        }
        Ok(())
    });
}

#[test]
fn a_dropped_subscriber_frees_its_place_and_the_senders() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let news = Broadcast::spawn(&scope, broadcast().buffer(1)).await?;
        let stuck = news.subscribe().await?;
        let mut reader = news.subscribe().await?;
        news.send(ledger.token(1)).await?;
        let waiting = scope.go({
            let (news, token) = (news.clone(), ledger.token(2));
            async move { Ok(news.send(token).await?) }
        });
        assert_eq!(reader.recv().await?.number, 1);
        idle().await?;
        assert!(!waiting.is_finished());
        drop(stuck);
        assert_eq!(waiting.await?, 1);
        assert_eq!(news.subscribers().await?, 1);
        assert_eq!(reader.recv().await?.number, 2);
        assert_eq!(ledger.live(), 0);
        Ok(())
    });
}

#[test]
fn a_subscriber_that_panics_holds_up_nobody() {
    quiet();
    check(|scope| async move {
        let ran = scope
            .scope(|inner| async move {
                inner.set_on_error(OnError::Collect);
                let news = spawn(&inner, 1, Slow::Wait).await?;
                let mut reader = news.subscribe().await?;
                let task = inner.go::<(), _>(async move {
                    reader.recv().await?;
                    panic!("the reader")
                });
                for value in 1..=5 {
                    news.send(value).await?;
                }
                assert!(task.await.is_err());
                assert_eq!(news.send(6).await?, 0);
                assert_eq!(news.subscribers().await?, 0);
                Ok(())
            })
            .await;
        assert!(ran.is_err(), "the panic is the scope's");
        Ok(())
    });
}

#[test]
fn close_wakes_waiters() {
    check(|scope| async move {
        let news = spawn(&scope, 1, Slow::Wait).await?;
        let mut idle_reader = news.subscribe().await?;
        let woken = scope.go(async move {
            assert_eq!(idle_reader.recv().await?, 1);
            Ok(idle_reader.recv().await.err())
        });
        let mut full = news.subscribe().await?;
        news.send(1).await?;
        let refused = scope.go({
            let news = news.clone();
            async move { Ok(news.send(2).await.err()) }
        });
        idle().await?;
        assert!(news.close().await);
        assert!(!news.close().await);
        assert!(matches!(woken.await?, Some(ReceiveError::Closed)));
        assert!(matches!(refused.await?, Some(PublishError::Closed(2))));
        assert_eq!(drain(&mut full), (vec![1], Some(TryReceiveError::Closed)));
        assert!(matches!(
            news.try_send(3).await,
            Err(TryPublishError::Publish(PublishError::Closed(3)))
        ));
        assert!(matches!(
            news.subscribe().await,
            Err(SubscribeError::Closed)
        ));
        assert_eq!(news.subscribers().await?, 0);
        Ok(())
    });
}

#[test]
fn a_close_works_in_a_context_that_has_ended() {
    check(|scope| async move {
        let news = spawn(&scope, 1, Slow::Wait).await?;
        let mut reader = news.subscribe().await?;
        let (context, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let mut closing = std::pin::pin!(news.close());
        let closed = std::future::poll_fn(|cx| {
            let _ended = greenroom_core::current::enter_context(context.clone());
            closing.as_mut().poll(cx)
        });
        assert!(closed.await);
        assert!(matches!(reader.recv().await, Err(ReceiveError::Closed)));
        Ok(())
    });
}

#[test]
fn the_last_handle_closes() {
    check(|scope| async move {
        let news = spawn(&scope, 2, Slow::DropNewest).await?;
        let second = news.clone();
        let mut reader = news.subscribe().await?;
        for value in 1..=3 {
            second.send(value).await?;
        }
        drop(news);
        idle().await?;
        assert_eq!(reader.recv().await?, 1);
        drop(second);
        assert_eq!(reader.recv().await?, 2);
        assert!(matches!(reader.recv().await, Err(ReceiveError::Lagged(1))));
        assert!(matches!(reader.recv().await, Err(ReceiveError::Closed)));
        Ok(())
    });
}

#[test]
fn a_late_subscriber_gets_the_last_values_and_then_the_rest() {
    check(|scope| async move {
        let news = Broadcast::spawn(&scope, broadcast().buffer(3).replay(2)).await?;
        let mut early = news.subscribe().await?;
        for value in 1..=3 {
            news.send(value).await?;
        }
        let mut late = news.subscribe().await?;
        assert_eq!(drain(&mut early), (vec![1, 2, 3], None));
        news.send(4).await?;
        assert_eq!(drain(&mut late), (vec![2, 3, 4], None));
        assert_eq!(drain(&mut early), (vec![4], None));
        Ok(())
    });
}

#[test]
fn a_description_that_cannot_be_kept_to_is_refused() {
    check(|scope| async move {
        let none = Broadcast::<u8>::spawn(&scope, broadcast().buffer(0)).await;
        assert!(matches!(none, Err(BroadcastError::ZeroBuffer)));
        let long = Broadcast::<u8>::spawn(&scope, broadcast().buffer(2).replay(3)).await;
        assert!(matches!(
            long,
            Err(BroadcastError::ReplayTooLong {
                replay: 3,
                buffer: 2
            })
        ));
        let ended = scope.scope(|inner| async move { Ok(inner) }).await?;
        let late = Broadcast::<u8>::spawn(&ended, broadcast()).await;
        assert!(matches!(late, Err(BroadcastError::Spawn(_))));
        Ok(())
    });
}

#[test]
fn a_receive_ends_with_its_context_and_takes_nothing() {
    check(|scope| async move {
        let news = spawn(&scope, 2, Slow::Wait).await?;
        let mut reader = news.subscribe().await?;
        let brief = scope.context().with_timeout(1.millis());
        assert!(matches!(
            brief.run(reader.recv()).await,
            Ok(Err(ReceiveError::Deadline)) | Err(_)
        ));
        news.send(1).await?;
        assert!(matches!(
            brief.run(reader.recv()).await,
            Ok(Err(ReceiveError::Deadline)) | Err(_)
        ));
        for limit in 0..2 {
            let dropped = polls(Some(limit), reader.recv()).await;
            if let Some(value) = dropped {
                assert_eq!(value?, 1);
                return Ok(());
            }
        }
        assert_eq!(reader.recv().await?, 1);
        Ok(())
    });
}

#[test]
fn a_receive_that_loses_a_select_has_taken_nothing() {
    check(|scope| async move {
        let news = spawn(&scope, 100, Slow::Wait).await?;
        let mut reader = news.subscribe().await?;
        let sender = scope.go({
            let news = news.clone();
            async move {
                for value in 0..50 {
                    news.send(value).await?;
                    sleep(3.millis()).await?;
                }
                news.close().await;
                Ok(())
            }
        });
        let mut seen = Vec::new();
        loop {
            select! {
                value = reader.recv() => match value {
                    Ok(value) => seen.push(value),
                    Err(ReceiveError::Closed) => break,
                    Err(error) => return Err(error.into()),
                },
                after(1.millis()) => {},
            }
        }
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
        sender.await?;
        Ok(())
    });
}

/// Panics when it is cloned, or dropped, for the n-th time.
#[derive(Debug)]
struct Fragile {
    clones_left: Arc<AtomicUsize>,
    drops_left: Arc<AtomicUsize>,
}

impl Fragile {
    fn new(clones: usize, drops: usize) -> Self {
        Self {
            clones_left: Arc::new(clones.into()),
            drops_left: Arc::new(drops.into()),
        }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert_ne!(self.clones_left.fetch_sub(1, SeqCst), 1, "the clone");
        Self {
            clones_left: self.clones_left.clone(),
            drops_left: self.drops_left.clone(),
        }
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_ne!(self.drops_left.fetch_sub(1, SeqCst), 1, "the drop");
        }
    }
}

#[test]
fn a_clone_that_panics_reaches_nobody_and_gives_the_value_back() {
    quiet();
    for clones in 1..=2 {
        check(move |scope| async move {
            let news = Broadcast::spawn(&scope, broadcast()).await?;
            let mut readers = [
                news.subscribe().await?,
                news.subscribe().await?,
                news.subscribe().await?,
            ];
            let refused = news.send(Fragile::new(clones, 100)).await;
            assert!(matches!(refused, Err(PublishError::Panicked(..))));
            for reader in &mut readers {
                assert!(matches!(reader.try_recv(), Err(TryReceiveError::Empty)));
            }
            assert_eq!(news.send(Fragile::new(100, 100)).await.ok(), Some(3));
            Ok(())
        });
    }
}

#[test]
fn a_drop_that_panics_costs_neither_the_owner_nor_the_others() {
    quiet();
    check(|scope| async move {
        let options = broadcast().buffer(1).slow(Slow::DropOldest);
        let news = Broadcast::spawn(&scope, options).await?;
        let mut one = news.subscribe().await?;
        let mut two = news.subscribe().await?;
        assert_eq!(news.send(Fragile::new(100, 1)).await.ok(), Some(2));
        assert_eq!(news.send(Fragile::new(100, 100)).await.ok(), Some(2));
        for reader in [&mut one, &mut two] {
            assert!(matches!(reader.recv().await, Err(ReceiveError::Lagged(1))));
            assert!(reader.recv().await.is_ok());
        }
        Ok(())
    });
}

#[test]
fn a_replay_that_panics_makes_no_subscriber() {
    quiet();
    check(|scope| async move {
        let news = Broadcast::spawn(&scope, broadcast().replay(1)).await?;
        news.send(Fragile::new(1, 100))
            .await
            .map_err(|_| Failure::message("sent"))?;
        assert!(matches!(
            news.subscribe().await,
            Err(SubscribeError::Panicked(_))
        ));
        // The owner was rebuilt around what it had.
        assert_eq!(news.subscribers().await?, 0);
        assert_eq!(news.send(Fragile::new(100, 100)).await.ok(), Some(0));
        assert!(news.subscribe().await?.try_recv().is_ok());
        Ok(())
    });
}

#[test]
fn sends_that_were_given_up_do_not_pile_up() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let news = Broadcast::spawn(&scope, broadcast().buffer(1)).await?;
        let mut reader = news.subscribe().await?;
        news.send(ledger.token(0)).await?;
        for number in 1..200 {
            let brief = scope.context().with_timeout(1.millis());
            assert!(!matches!(
                brief.run(news.send(ledger.token(number))).await,
                Ok(Ok(_))
            ));
            assert_eq!(ledger.live(), 1);
        }
        assert_eq!(reader.recv().await?.number, 0);
        assert_eq!(news.send(ledger.token(200)).await?, 1);
        assert_eq!(reader.recv().await?.number, 200);
        Ok(())
    });
}

#[test]
fn the_end_of_the_scope_ends_it_and_nothing_is_left() {
    let ledger = Ledger::default();
    let runtime = paused(1);
    let kept = runtime.block_on({
        let ledger = ledger.clone();
        move |scope| async move {
            let news = Broadcast::spawn(&scope, broadcast().buffer(1).replay(1)).await?;
            let reader = news.subscribe().await?;
            news.send(ledger.token(1)).await?;
            Ok((news, reader))
        }
    });
    let (news, mut reader) = kept.expect("the scope succeeds");
    let ended = runtime.block_on({
        let ledger = ledger.clone();
        move |_| async move {
            assert!(matches!(
                news.send(ledger.token(2)).await,
                Err(PublishError::Closed(_))
            ));
            assert!(!news.close().await);
            assert_eq!(reader.recv().await?.number, 1);
            assert!(matches!(reader.recv().await, Err(ReceiveError::Closed)));
            Ok(())
        }
    });
    ended.expect("it only looks");
    assert_eq!(ledger.live(), 0);
    assert!(
        runtime
            .registry()
            .actors(runtime.context().now())
            .is_empty()
    );
}

#[test]
fn across_arbiters_all_see_the_same_order() {
    let runtime = arbiters(4);
    let seen = runtime.block_on(|scope| async move {
        let scope_of_all = scope.on(greenroom_actor::Placement::Spread);
        let news = Broadcast::spawn(&scope, broadcast().buffer(3)).await?;
        let mut readers = Vec::new();
        for _ in 0..3 {
            let mut reader = news.subscribe().await?;
            readers.push(scope_of_all.go(async move {
                let mut seen = Vec::new();
                while let Ok(value) = reader.recv().await {
                    seen.push(value);
                }
                Ok(seen)
            }));
        }
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let news = news.clone();
                scope_of_all.go(async move {
                    for number in 0..300 {
                        assert_eq!(news.send((sender, number)).await?, 3);
                    }
                    Ok(())
                })
            })
            .collect();
        for sender in senders {
            sender.await?;
        }
        news.close().await;
        let mut all = Vec::new();
        for reader in readers {
            all.push(reader.await?);
        }
        Ok(all)
    });
    let seen: Vec<Vec<(usize, usize)>> = seen.expect("no reader lags");
    assert_eq!(seen[0].len(), 900);
    assert!(seen.iter().all(|one| *one == seen[0]));
    for sender in 0..3 {
        let own: Vec<_> = seen[0]
            .iter()
            .filter(|(s, _)| *s == sender)
            .map(|(_, n)| *n)
            .collect();
        assert_eq!(own, (0..300).collect::<Vec<_>>());
    }
}

#[test]
fn a_context_of_the_sender_is_not_the_subscribers() {
    check(|scope| async move {
        let news = spawn(&scope, 2, Slow::Wait).await?;
        let mut reader = news.subscribe().await?;
        let brief = scope.context().with_timeout(5.millis());
        brief.run(news.send(1)).await??;
        sleep(10.millis()).await?;
        assert!(brief.is_done());
        assert_eq!(reader.recv().await?, 1);
        assert!(Context::current().is_some_and(|context| !context.is_done()));
        Ok(())
    });
}
