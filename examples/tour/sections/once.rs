//! `sync.Once`.

use std::sync::Arc;

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let runs = State::spawn(&scope, 0).await?;
    let counted = runs.clone();
    let config = Once::spawn(&scope, || async move {
        counted.update(|n| *n += 1).await?;
        sleep(20.millis()).await?;
        Ok(String::from("config"))
    })
    .await?;

    // The first one to ask does not stay for it.
    let hurried = scope.context().with_timeout(1.millis());
    let gave_up = hurried.run(config.get()).await?.is_err();
    let mut others = Vec::new();
    for _ in 0..10 {
        let config = config.clone();
        others.push(scope.go(async move { Ok(config.get().await?) }));
    }
    let value = config.get().await?;
    let mut same = 0;
    for other in others {
        same += usize::from(Arc::ptr_eq(&value, &other.await?));
    }
    let runs = runs.read(|n| *n).await?;
    out.show(format!("{same} tasks have the value of {runs} run"))?;
    out.verify_eq("one run, however many ask", &runs, &1)?;
    out.verify("who gives up takes it from nobody", gave_up && same == 10)?;
    out.verify(
        "read without a message from then on",
        config.try_get().is_some(),
    )
}
