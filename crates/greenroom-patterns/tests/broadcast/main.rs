//! Broadcasts, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

#[path = "../common/mod.rs"]
mod common;
mod ends;
mod panics;
mod slow;

use common::{Ledger, arbiters, check, idle, polls};
use greenroom_actor::Scope;
use greenroom_core::time::{Durations, after, sleep};
use greenroom_core::{Context, Result, select};
use greenroom_patterns::broadcast::{
    Broadcast, PublishError, ReceiveError, Slow, Subscription, TryPublishError, TryReceiveError,
    broadcast,
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
        for value in 0..5 {
            assert_eq!(reader.recv().await?, value);
            // There is room, and it is another's.
            assert!(news.try_send(9).await.is_err_and(|error| error.is_full()));
        }
        assert_eq!(reader.recv().await?, 5);
        assert_eq!(news.try_send(6).await?, 1);
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
