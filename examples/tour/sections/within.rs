//! A context with a time-out.

use greenroom::prelude::*;

use crate::story::Story;

struct Server;
struct Fetch(u64);

impl Actor for Server {}

impl Handler<Fetch> for Server {
    type Reply = Result<u64>;

    async fn handle(&mut self, Fetch(millis): Fetch, cx: &mut ActorContext<Self>) -> Result<u64> {
        // The handler runs in the context of the request: it knows how long the asker will wait.
        let left = cx.context().remaining().unwrap_or_default();
        if left < millis.millis() {
            return Err(Failure::message("no time for that"));
        }
        sleep(millis.millis()).await?;
        Ok(millis)
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let server = scope.spawn(|| Server).await?;
    let context = scope.context().with_timeout(500.millis());

    let quick = context.run(server.ask(Fetch(1))).await???;
    out.show(format!("answered after {quick} ms"))?;
    let refused = context.run(server.ask(Fetch(60_000))).await??;
    let refused = refused
        .err()
        .map(|failure| failure.to_string())
        .unwrap_or_default();
    out.show(format!("a minute: {refused}"))?;
    out.verify(
        "the deadline travelled with the request",
        refused == "no time for that",
    )?;

    let short = scope.context().with_timeout(10.millis());
    let start = short.now();
    let late = short.run(sleep(60.secs())).await?;
    let took = short.now() - start;
    out.show(format!(
        "a sleep of a minute: {}",
        late.as_ref()
            .err()
            .map(ToString::to_string)
            .unwrap_or_default()
    ))?;
    out.verify(
        "every wait ends with its deadline",
        late.is_err() && took < 5.secs(),
    )
}
