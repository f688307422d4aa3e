//! `sync.Cond`: holders of a mutex that wait for each other.

use std::collections::VecDeque;

use greenroom::patterns::condition::WaitError;
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let queue = Mutex::spawn(&scope, VecDeque::new()).await?;
    let filled = queue.condition();
    let (source, signal) = (queue.clone(), filled.clone());
    scope
        .go(async move {
            for n in 1..=100_u64 {
                source.lock().await?.push_back(n);
                signal.signal();
            }
            Ok(())
        })
        .detach();
    let mut sum = 0;
    for _ in 0..100 {
        let lease = queue.lock().await?;
        let mut lease = filled.wait_while(lease, |queue| queue.is_empty()).await?;
        sum += lease.pop_front().unwrap_or_default();
    }
    out.show(format!("100 items were waited for, their sum is {sum}"))?;
    out.verify_eq("no signal was lost", &sum, &5050)?;

    let hurried = scope.context().with_timeout(10.millis());
    let lease = queue.lock().await?;
    let waited = hurried.run(filled.wait(lease)).await?;
    out.verify(
        "a wait ends with its context",
        matches!(waited, Err(WaitError::Deadline)),
    )
}
