//! How a broadcast ends.

use greenroom_patterns::broadcast::{
    Broadcast, PublishError, ReceiveError, Slow, SubscribeError, TryPublishError, TryReceiveError,
    broadcast,
};

use super::common::{Ledger, check, idle, paused};
use super::{drain, spawn};

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
