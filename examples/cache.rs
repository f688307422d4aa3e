//! Go's `Cache` under a `sync.RWMutex`.
//!
//! ```go
//! c.mu.RLock(); defer c.mu.RUnlock(); item, ok := c.items[key]
//! c.mu.Lock(); defer c.mu.Unlock(); c.items[key] = item
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

async fn fetch(page: &'static str) -> Result<String> {
    println!("fetching {page}");
    sleep(20.millis()).await?;
    Ok(format!("<h1>{page}</h1>"))
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let pages = Cache::spawn(&scope, cache().capacity(100).time_to_live(60.secs())).await?;

        // The write is a message to the owner; the read looks into the last snapshot.
        pages.set("home", String::from("<h1>home</h1>")).await?;
        println!("home: {:?}", pages.get("home"));
        println!("news: {:?}", pages.get("news"));

        // Three ask at once, one fetches.
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let pages = pages.clone();
                scope.go(
                    async move { Ok(pages.get_or_insert_with("news", || fetch("news")).await?) },
                )
            })
            .collect();
        for reader in readers {
            println!("news: {}", reader.await?);
        }

        println!("removed: {:?}", pages.remove("home").await?);
        println!("{} page left", pages.len());
        Ok(())
    })
}
