//! A limit on how often something goes on.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let limiter = RateLimiter::spawn(&scope, Limit::every(2.millis()), 3).await?;
    let start = scope.context().now();
    for _ in 0..13 {
        limiter.wait().await?;
    }
    let passed = scope.context().now() - start;
    out.show("13 events, 3 of them at once, then one every 2 ms")?;
    out.verify("nobody was early", passed >= 20.millis())?;
    let hurried = scope.context().with_timeout(1.micros());
    let refused = hurried.run(limiter.wait_many(3)).await;
    out.verify(
        "a wait that would be too late fails at once",
        !matches!(refused, Ok(Ok(()))),
    )
}
