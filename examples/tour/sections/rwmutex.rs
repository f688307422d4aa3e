//! `sync.RWMutex` around a cache: many readers, few writers.

use std::collections::BTreeMap;

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let items = State::spawn(&scope, BTreeMap::from([("a", 1)])).await?;
    let cache = items.watch().await?;

    let before = cache.get();
    items.update(|items| items.insert("b", 2)).await?;
    let after = cache.get();
    out.show(format!("a snapshot from before: {before:?}"))?;
    out.show(format!("one from now: {after:?}"))?;
    out.verify_eq(
        "an update that returned is seen by every reader",
        &after.get("b"),
        &Some(&2),
    )?;
    out.verify("a snapshot never changes", !before.contains_key("b"))?;

    let readers = scope.go_each(0..8, move |_| {
        let cache = cache.clone();
        async move {
            let sum: i32 = (0..1000).map(|_| cache.get().values().sum::<i32>()).sum();
            match sum {
                3000 => Ok(()),
                other => Err(Failure::message(format!("read {other}"))),
            }
        }
    });
    let readers = readers.await?;
    scope.join().await?;
    out.show(format!(
        "{readers} readers read 1000 times each, without a message"
    ))?;
    out.verify_eq("readers wait for nobody", &readers, &8)?;

    // Readers that must hold off the next change share a lease.
    let items = RwMutex::spawn(&scope, BTreeMap::from([("a", 1)])).await?;
    let (one, other) = (items.read().await?, items.read().await?);
    out.verify("readers share", one.get("a") == other.get("a"))?;
    out.verify("a writer waits", items.try_write().await.is_err())?;
    drop((one, other));
    items.write().await?.insert("b", 2);
    let len = items.read().await?.len();
    out.show(format!("after the writer there are {len}"))?;
    out.verify_eq("a writer is seen", &len, &2)
}
