//! What Go programs do with a closed channel, `sync.Cond.Broadcast`, and a list of channels.

mod support;

use greenroom::patterns::broadcast::{PublishError, ReceiveError, TryReceiveError};
use greenroom::prelude::*;
use support::{at_once, check, idle};

#[test]
fn closing_wakes_every_waiter_at_once() {
    check(|scope| async move {
        let gate = Broadcast::<()>::spawn(&scope, broadcast()).await?;
        let mut waiters = Vec::new();
        for _ in 0..50 {
            let mut waiter = gate.subscribe().await?;
            waiters.push(
                scope.go(
                    async move { Ok(matches!(waiter.recv().await, Err(ReceiveError::Closed))) },
                ),
            );
        }
        idle().await?;
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        assert!(gate.close().await);
        let now = scope.context().now();
        for waiter in waiters {
            assert!(waiter.await?);
        }
        assert_eq!(scope.context().now(), now);
        Ok(())
    });
}

#[test]
fn a_receive_after_the_close_returns_at_once_again_and_again() {
    check(|scope| async move {
        let gate = Broadcast::<u8>::spawn(&scope, broadcast()).await?;
        let mut waiter = gate.subscribe().await?;
        gate.send(1).await?;
        gate.close().await;
        assert_eq!(waiter.recv().await?, 1);
        for _ in 0..3 {
            let again = at_once(waiter.recv()).await;
            assert!(matches!(again, Some(Err(ReceiveError::Closed))));
        }
        Ok(())
    });
}

#[test]
fn a_second_close_is_no_panic_and_a_send_after_it_is_an_error() {
    check(|scope| async move {
        let gate = Broadcast::spawn(&scope, broadcast()).await?;
        assert!(gate.close().await);
        assert!(!gate.close().await);
        assert!(matches!(gate.send(7).await, Err(PublishError::Closed(7))));
        Ok(())
    });
}

#[test]
fn a_broadcast_wakes_those_who_wait_and_none_who_come_later() {
    check(|scope| async move {
        let cond = Broadcast::spawn(&scope, broadcast()).await?;
        let mut early = [cond.subscribe().await?, cond.subscribe().await?];
        assert_eq!(cond.send(()).await?, 2);
        let mut late = cond.subscribe().await?;
        for waiter in &mut early {
            waiter.recv().await?;
        }
        assert_eq!(late.try_recv(), Err(TryReceiveError::Empty));
        assert!(at_once(late.recv()).await.is_none());
        Ok(())
    });
}

#[test]
fn a_broadcast_without_waiters_is_no_error_and_is_not_remembered() {
    check(|scope| async move {
        let cond = Broadcast::spawn(&scope, broadcast()).await?;
        assert_eq!(cond.send(()).await?, 0);
        let mut late = cond.subscribe().await?;
        assert!(at_once(late.recv()).await.is_none());
        Ok(())
    });
}

#[test]
fn a_full_channel_of_one_holds_the_sender_as_in_a_loop_over_channels() {
    check(|scope| async move {
        let news = Broadcast::spawn(&scope, broadcast().buffer(1)).await?;
        let mut slow = news.subscribe().await?;
        news.send(1).await?;
        let waiting = scope.go({
            let news = news.clone();
            async move { Ok(news.send(2).await?) }
        });
        idle().await?;
        assert!(!waiting.is_finished());
        assert_eq!(slow.recv().await?, 1);
        assert_eq!(waiting.await?, 1);
        assert_eq!(slow.recv().await?, 2);
        Ok(())
    });
}
