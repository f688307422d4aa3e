//! A limit on what goes on at a time.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let semaphore = Semaphore::spawn(&scope, 10).await?;
    let (working, changes) = channel::unbounded();
    for item in 0..100_u64 {
        let permit = semaphore.acquire().await?;
        let working = working.clone();
        scope
            .go(async move {
                let _permit = permit;
                working.send(1).await?;
                sleep((item % 3).millis()).await?;
                Ok(working.send(-1).await?)
            })
            .detach();
    }
    scope.join().await?;
    let (mut now, mut peak) = (0, 0);
    while let Ok(change) = changes.try_recv() {
        now += change;
        peak = peak.max(now);
    }
    out.show(format!("100 tasks, at most {peak} at work at a time"))?;
    out.verify("never more than 10", peak <= 10)?;
    out.verify_eq("every permit came back", &semaphore.available().await?, &10)
}
