//! What leaks a goroutine in Go.

use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let start = scope.context().now();
    let context = scope.context().with_timeout(20.millis());
    let leaked = scope.go(async move {
        let (tx, _nobody_receives) = channel::rendezvous();
        Ok(context
            .run(tx.send("the result of an expensive computation"))
            .await?)
    });
    let left = generate(&scope, std::iter::repeat("more"));
    left.recv().await?;
    drop(left);

    let inner = scope.scope(|inner| async move {
        for _ in 0..100 {
            inner.go(std::future::pending::<Result<()>>()).detach();
        }
        sleep(1.millis()).await?;
        let living = inner.len();
        inner.cancel("enough");
        Ok(living)
    });
    let living = inner.await?;
    let stuck = leaked.await?;
    scope.join().await?;
    let error = stuck
        .err()
        .map(|failure| failure.to_string())
        .unwrap_or_default();
    out.show(format!("a send that nobody receives: {error}"))?;
    out.show(format!("{living} stuck tasks ended with their scope"))?;
    out.verify("a send ends with its context", error.contains("deadline"))?;
    out.verify(
        "a scope that has ended has left nothing",
        living == 100 && scope.is_empty(),
    )?;
    out.verify("nothing hung", scope.context().now() - start < 5.secs())
}
