//! Go's `sync.RWMutex`.
//!
//! ```go
//! type Cache struct { mu sync.RWMutex; items map[string]Item }
//! func (c *Cache) Get(key string) (Item, bool) { c.mu.RLock(); defer c.mu.RUnlock(); .. }
//! func (c *Cache) Set(key string, item Item) { c.mu.Lock(); defer c.mu.Unlock(); .. }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;

use greenroom::patterns::rw_mutex::TryLockError;
use greenroom::prelude::*;

#[derive(Clone)]
struct Cache {
    items: RwMutex<BTreeMap<&'static str, u32>>,
}

impl Cache {
    async fn get(&self, key: &str) -> Result<Option<u32>> {
        Ok(self.items.read().await?.get(key).copied())
    }

    async fn set(&self, key: &'static str, item: u32) -> Result<()> {
        self.items.write().await?.insert(key, item);
        Ok(())
    }
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let cache = Cache {
            items: RwMutex::spawn(&scope, BTreeMap::new()).await?,
        };
        for (key, item) in [("apple", 3), ("pear", 5)] {
            cache.set(key, item).await?;
        }
        let shared = cache.clone();
        let readers = scope.go_each(0..100, move |_| {
            let cache = shared.clone();
            async move {
                match cache.get("apple").await? {
                    Some(3) => Ok(()),
                    other => Err(Failure::message(format!("read {other:?}"))),
                }
            }
        });
        println!("{} readers read the same", readers.await?);
        scope.join().await?;

        // Readers stand beside each other. A writer has it alone.
        let (one, other) = (cache.items.read().await?, cache.items.read().await?);
        println!(
            "two readers: {:?} and {:?}",
            one.get("pear"),
            other.get("pear")
        );
        if let Err(TryLockError::Busy) = cache.items.try_write().await {
            println!("no writer meanwhile");
        }
        drop((one, other));

        let writer = cache.items.write().await?;
        let hurried = scope.context().with_timeout(10.millis());
        if let Err(error) = hurried.run(cache.items.read()).await? {
            println!("no reader either: {error}");
        }
        drop(writer);
        println!("{:?}", cache.get("plum").await?);
        Ok(())
    })
}
