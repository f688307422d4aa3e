//! Go's `sync.Mutex`.
//!
//! ```go
//! type SafeCounter struct { mu sync.Mutex; count int }
//! func (c *SafeCounter) Inc() { c.mu.Lock(); defer c.mu.Unlock(); c.count++ }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::mutex::{LockError, OnCycle};
use greenroom::prelude::*;

#[derive(Clone)]
struct SafeCounter {
    count: Mutex<u64>,
}

impl SafeCounter {
    async fn inc(&self) -> Result<()> {
        *self.count.lock().await? += 1; // The lease is dropped here, and the value goes home.
        Ok(())
    }

    async fn value(&self) -> Result<u64> {
        Ok(*self.count.lock().await?)
    }
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let counter = SafeCounter {
            count: Mutex::spawn(&scope, 0).await?,
        };
        let shared = counter.clone();
        scope
            .go_each(0..1000, move |_| {
                let counter = shared.clone();
                async move { counter.inc().await }
            })
            .await?;
        scope.join().await?;
        println!("counted to {}", counter.value().await?);

        // A wait ends with its context.
        let lease = counter.count.lock().await?;
        let hurried = scope.context().with_timeout(10.millis());
        if let Err(error) = hurried.run(counter.count.lock()).await? {
            println!("not now: {error}");
        }
        drop(lease);

        // A panic is told to who comes next, and somebody makes the value whole.
        std::panic::set_hook(Box::new(|_| ()));
        let broken = counter.clone();
        let panicked = scope
            .scope(move |_scope| async move {
                let mut count = broken.count.lock().await?;
                *count = 0;
                assert_ne!(*count, 0, "a bug");
                Ok(())
            })
            .await;
        println!("the task failed: {}", panicked.is_err());
        if let Err(LockError::Poisoned(_)) = counter.count.lock().await {
            *counter.count.recover().await? = 1000;
        }
        println!("recovered to {}", counter.value().await?);

        // Locks in two orders are seen before they hang.
        let refusing = |name| mutex(name).on_cycle(OnCycle::Refuse);
        let a = Mutex::spawn_with(&scope, refusing("a"), ()).await?;
        let b = Mutex::spawn_with(&scope, refusing("b"), ()).await?;
        let (other_a, other_b) = (a.clone(), b.clone());
        let (ready_tx, ready) = channel::rendezvous();
        let other = scope.go(async move {
            let _b = other_b.lock().await?;
            ready_tx.send(()).await?;
            Ok(other_a.lock().await.map(drop))
        });
        let first = a.lock().await?;
        ready.recv().await?;
        let mine = b.lock().await.map(drop);
        drop(first);
        let refused = [mine, other.await?]
            .into_iter()
            .filter(|ended| matches!(ended, Err(LockError::Cycle { .. })))
            .count();
        println!("of two lockers in a circle {refused} was refused");
        Ok(())
    })
}
