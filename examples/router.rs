//! Messages for one of several like actors: Go's slice of channels and an index.
//!
//! ```go
//! shards[i%n] <- msg
//! shards[hash(key)%n] <- msg
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;

use greenroom::prelude::*;

struct Shard {
    index: usize,
    counts: BTreeMap<String, u32>,
}
struct Count(&'static str);

impl Actor for Shard {}

impl Handler<Count> for Shard {
    type Reply = (usize, u32);

    async fn handle(&mut self, Count(key): Count, _cx: &mut ActorContext<Self>) -> (usize, u32) {
        let count = self.counts.entry(key.into()).or_default();
        *count += 1;
        (self.index, *count)
    }
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let shards = Router::spawn(&scope, router("shard").actors(4), |index| Shard {
            index,
            counts: BTreeMap::new(),
        })
        .await?;

        // In turn.
        for _ in 0..5 {
            let (index, _) = shards.ask(Count("any")).await?;
            println!("shard {index}");
        }

        // By key: equal keys meet in one shard, so its count is right.
        for key in ["ada", "grace", "ada", "ada", "grace"] {
            let (_, count) = shards.key(key).ask(Count(key)).await?;
            println!("{key}: {count}");
        }

        shards.resize(2).await?;
        println!("{} shards left", shards.len());
        Ok(())
    })
}
