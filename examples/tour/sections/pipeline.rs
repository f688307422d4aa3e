//! A pipeline of stages.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let squared = generate(&scope, 1..=5_u64)
        .pipe(&scope, stage("square").workers(3), |n| async move {
            sleep((6 - n).millis()).await?; // The first takes longest.
            Ok(n * n)
        })
        .pipe(&scope, stage("print"), |n| async move {
            Ok(format!("squared: {n}"))
        });

    let mut lines = Vec::new();
    while let Ok(line) = squared.recv().await {
        out.show(&line)?;
        lines.push(line);
    }
    let expected: Vec<String> = [1, 4, 9, 16, 25]
        .iter()
        .map(|n| format!("squared: {n}"))
        .collect();
    out.verify_eq(
        "results keep the order of the input with 3 workers",
        &lines,
        &expected,
    )?;

    let failing = scope.scope(|inner| async move {
        let stuck = generate(&inner, 0_u64..).pipe(&inner, stage("divide"), |n| async move {
            100_u64
                .checked_div(3 - n.min(3))
                .ok_or_else(|| Failure::message("division by zero"))
        });
        Ok(stuck.collect().await?)
    });
    let error = failing
        .await
        .err()
        .map(|failure| failure.to_string())
        .unwrap_or_default();
    out.show(format!("another one failed: {error}"))?;
    out.verify(
        "an error of a stage ends its whole line",
        error == "division by zero",
    )
}
