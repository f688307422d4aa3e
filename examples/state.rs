//! Go's manager goroutine, which owns a map and takes updates by messages.
//!
//! ```go
//! func manager(updates <-chan update) // for u := range updates { data[u.key] = u.value }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;

use greenroom::patterns::state::{StateError, TryUpdateError};
use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        // The data has one owner. Everyone else has a handle.
        let data = State::spawn(&scope, BTreeMap::new()).await?;

        let updates = data.clone();
        scope
            .go_each(
                [("apples", 3), ("pears", 5), ("plums", 0)],
                move |(key, value)| {
                    let data = updates.clone();
                    async move {
                        data.update(move |data| data.insert(key, value)).await?;
                        Ok(())
                    }
                },
            )
            .await?;
        scope.join().await?;
        println!("{:?}", data.read(BTreeMap::clone).await?);

        // An update that is refused changes nothing.
        let taken = data.try_update(|data| match data.get_mut("plums") {
            Some(plums) if *plums > 0 => {
                *plums -= 1;
                Ok(*plums)
            }
            _ => Err("no plums left"),
        });
        if let Err(TryUpdateError::Refused(why)) = taken.await {
            println!("refused: {why}");
        }

        // Nor does one that panics, and the owner goes on.
        std::panic::set_hook(Box::new(|_| ()));
        let broken = data.update(|data| {
            data.clear();
            assert!(!data.is_empty(), "a bug");
        });
        if let Err(StateError::Panicked(panic)) = broken.await {
            println!("panicked: {}", panic.message().unwrap_or_default());
        }

        // Readers that need the last value only send no message.
        let watch = data.watch().await?;
        data.update(|data| data.insert("cherries", 40)).await?;
        println!("{:?}", watch.changed().await?);
        Ok(())
    })
}
