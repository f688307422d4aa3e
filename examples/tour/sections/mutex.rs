//! `sync.Mutex` around a counter.

use greenroom::prelude::*;

use crate::story::Story;

#[derive(Clone)]
struct SafeCounter(Mutex<u64>);

impl SafeCounter {
    async fn inc(&self) -> Result<()> {
        *self.0.lock().await? += 1;
        Ok(())
    }

    async fn value(&self) -> Result<u64> {
        Ok(*self.0.lock().await?)
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let counter = SafeCounter(Mutex::spawn(&scope, 0).await?);
    let shared = counter.clone();
    let tasks = scope.go_each(0..1000, move |_| {
        let counter = shared.clone();
        async move { counter.inc().await }
    });
    tasks.await?;
    scope.join().await?;
    let count = counter.value().await?;
    out.show(format!("1000 tasks counted to {count}"))?;
    out.verify_eq("no increment was lost", &count, &1000)?;

    // What does not wait between Lock and Unlock is better a closure, in the owner of the value.
    let counter = State::spawn(&scope, 0).await?;
    let shared = counter.clone();
    let tasks = scope.go_each(0..1000, move |_| {
        let counter = shared.clone();
        async move { Ok(counter.update(|count| *count += 1).await?) }
    });
    tasks.await?;
    scope.join().await?;
    let count = counter.read(|count| *count).await?;
    out.show(format!("and 1000 closures to {count}"))?;
    out.verify_eq("nor one of a closure", &count, &1000)
}
