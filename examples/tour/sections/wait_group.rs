//! `sync.WaitGroup`.

use greenroom::patterns::wait_group::DoneError;
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let group = WaitGroup::spawn(&scope).await?;
    let count = State::spawn(&scope, 0).await?;

    for item in 1..=5_u64 {
        let member = group.member()?; // wg.Add(1)
        let count = count.clone();
        scope
            .go(async move {
                let _member = member; // defer wg.Done()
                sleep((6 - item).millis()).await?;
                Ok(count.update(|n| *n += 1).await?)
            })
            .detach();
    }
    let cancelled = group.go(std::future::pending::<Result<()>>());
    cancelled.cancel("not needed");

    group.wait().await?;
    let done = count.read(|n| *n).await?;
    out.show(format!(
        "{done} items processed, and a task that was cancelled"
    ))?;
    out.verify_eq("the wait ended after all members", &done, &5)?;
    out.verify(
        "a cancelled member counts as done",
        cancelled.await.is_err(),
    )?;
    out.verify_eq(
        "a negative counter is an error",
        &group.done().await,
        &Err(DoneError::NotAMember),
    )
}
