//! A generator.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let numbers = generate(&scope, 1..=5);
    let mut seen = Vec::new();
    while let Ok(n) = numbers.recv().await {
        out.show(n)?;
        seen.push(n);
    }
    out.verify_eq("all values came, in order", &seen, &vec![1, 2, 3, 4, 5])?;

    let endless = generate(&scope, 0_u64..);
    let first = [endless.recv().await?, endless.recv().await?];
    drop(endless);
    scope.join().await?;
    out.show(format!("an endless one, left after {first:?}"))?;
    out.verify("one that is left ends", scope.is_empty())
}
