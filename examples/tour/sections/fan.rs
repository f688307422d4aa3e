//! Fan-out to workers, and fan-in of their outputs.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let input = generate(&scope, 1..=20_u64);
    let outputs = fan_out(&scope, input, 4, |n| async move {
        sleep((n % 3).millis()).await?;
        Ok(n * n)
    })?;
    out.verify_eq("4 workers have an output each", &outputs.len(), &4)?;

    let squares = merge(&scope, outputs).collect().await?;
    out.show(format!("as they come: {squares:?}"))?;
    let mut sorted = squares;
    sorted.sort_unstable();
    let expected: Vec<u64> = (1..=20).map(|n| n * n).collect();
    out.verify_eq("each value left once", &sorted, &expected)?;
    scope.join().await?;
    out.verify("no worker is left", scope.is_empty())
}
