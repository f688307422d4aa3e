//! `sync.Mutex` around a counter.

use greenroom::prelude::*;

use crate::story::Story;

#[derive(Clone)]
struct SafeCounter(State<u64>);

impl SafeCounter {
    async fn inc(&self) -> Result<()> {
        Ok(self.0.update(|count| *count += 1).await?)
    }

    async fn value(&self) -> Result<u64> {
        Ok(self.0.read(|count| *count).await?)
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let counter = SafeCounter(State::spawn(&scope, 0).await?);
    let shared = counter.clone();
    let tasks = scope.go_each(0..1000, move |_| {
        let counter = shared.clone();
        async move { counter.inc().await }
    });
    tasks.await?;
    scope.join().await?;
    let count = counter.value().await?;
    out.show(format!("1000 tasks counted to {count}"))?;
    out.verify_eq("no increment was lost", &count, &1000)
}
