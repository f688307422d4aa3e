//! Panics of values and of subscribers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::OnError;
use greenroom_core::Failure;
use greenroom_patterns::broadcast::{
    Broadcast, PublishError, ReceiveError, Slow, SubscribeError, TryReceiveError, broadcast,
};

use super::common::{check, quiet};
use super::spawn;

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
