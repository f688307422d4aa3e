//! What becomes of slow subscribers, and of late ones.

use greenroom_patterns::broadcast::{
    Broadcast, BroadcastError, ReceiveError, Slow, TryReceiveError, broadcast,
};

use super::common::check;
use super::{drain, spawn};

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
