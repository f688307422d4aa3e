//! The `go` statement.

use greenroom::prelude::*;

use crate::story::Story;

fn process(item: &str) -> String {
    item.to_uppercase()
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let (done, results) = channel::bounded(3);

    // Each task owns its item: there is no loop variable to capture by mistake.
    let launched = scope.go_each(["apple", "pear", "plum"], move |item| {
        let done = done.clone();
        async move { Ok(done.send(process(item)).await?) }
    });
    let answer = scope.go(async { Ok(6 * 7) });

    let mut all = results.collect().await?;
    for item in &all {
        out.show(format!("processed {item}"))?;
    }
    out.show(format!("a handle brought back {}", answer.await?))?;

    let launched = launched.await?;
    scope.join().await?;
    all.sort();
    out.verify_eq("3 tasks were launched", &launched, &3)?;
    out.verify_eq(
        "each item was processed once",
        &all,
        &["APPLE", "PEAR", "PLUM"].map(String::from).to_vec(),
    )?;
    out.verify("no task is left", scope.is_empty())
}
