//! What is a data race in Go.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    // let mut counter = 0; scope.go(async { counter += 1 }), twice: does not compile.
    let counter = State::spawn(&scope, 0_u32).await?;
    let shared = counter.clone();
    let tasks = scope.go_each(0..100, move |_| {
        let counter = shared.clone();
        async move { Ok(counter.update(|n| *n += 1).await?) }
    });
    tasks.await?;
    scope.join().await?;
    let counted = counter.read(|n| *n).await?;
    out.show(format!("100 tasks on all cores counted to {counted}"))?;
    out.verify_eq("no count was lost", &counted, &100)
}
