//! Values that travel with the context.

use greenroom::prelude::*;

use crate::story::Story;

/// A key of its own type: nobody else can meet it by chance.
struct RequestId(&'static str);

fn request_id() -> &'static str {
    let context = Context::current();
    let id = context
        .as_ref()
        .and_then(|context| context.value::<RequestId>());
    id.map_or("", |id| id.0)
}

struct Log;
struct Line(&'static str);

impl Actor for Log {}

impl Handler<Line> for Log {
    type Reply = String;

    async fn handle(&mut self, Line(text): Line, _cx: &mut ActorContext<Self>) -> String {
        format!("[{}] {text}", request_id())
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let log = scope.spawn(|| Log).await?;
    let mut lines = Vec::new();
    for id in ["req-1", "req-2"] {
        let request = scope.context().with_value(RequestId(id));
        lines.push(request.run(log.ask(Line("begun"))).await??);
    }
    lines.push(log.ask(Line("outside a request")).await?);
    for line in &lines {
        out.show(line)?;
    }
    let expected = ["[req-1] begun", "[req-2] begun", "[] outside a request"].map(String::from);
    out.verify_eq(
        "the id went along with each message, and no further",
        &lines,
        &expected.to_vec(),
    )
}
