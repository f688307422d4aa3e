//! Go's package `context`: workers that poll, a cancel with its cause, a deadline, values.
//!
//! ```go
//! ctx, cancel := context.WithCancelCause(parent); go worker(ctx); cancel(err)
//! ctx = context.WithValue(ctx, requestIDKey, id)
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        workers(&scope).await?;
        propagation(scope.context());
        deadline(scope.context()).await;
        values(&scope).await
    })
}

async fn do_work(done: &channel::Sender<()>) -> Result<()> {
    Ok(done.send(()).await?)
}

/// `for ctx.Err() == nil { doWork() }`
async fn polls(done: channel::Sender<()>) -> Result<()> {
    let context = Context::current().ok_or_else(|| Failure::message("outside a task"))?;
    // A task whose context has ended is dropped at its next await; under one without cancel it is not.
    let apart = context.without_cancel();
    while !context.is_done() {
        apart.run(do_work(&done)).await??;
    }
    println!("polling: {}", text(&context));
    Ok(())
}

/// `select { case <-ctx.Done(): return; default: doWork() }`
async fn selects(done: channel::Sender<()>) -> Result<()> {
    let context = Context::current().ok_or_else(|| Failure::message("outside a task"))?;
    let apart = context.without_cancel();
    loop {
        select! {
            _ended = context.done() => {
                println!("select: {}", text(&context));
                return Ok(());
            }
            default => apart.run(do_work(&done)).await??,
        }
    }
}

async fn workers(scope: &Scope) -> Result<()> {
    for is_polling in [true, false] {
        let (context, cancel) = scope.context().with_cancel_cause();
        let (done, rounds) = channel::rendezvous();
        let worker = scope.go(async move {
            let run = async move {
                if is_polling {
                    polls(done).await
                } else {
                    selects(done).await
                }
            };
            context.run(run).await?
        });
        for _ in 0..3 {
            rounds.recv().await?;
        }
        cancel.cancel("stop was pressed");
        while rounds.recv().await.is_ok() {} // What it had begun.
        worker.await?;
    }
    Ok(())
}

/// A cancel has marked everything below when it returns, and nothing above or beside.
fn propagation(root: &Context) {
    let (parent, cancel) = root.with_cancel_cause();
    let (child, _) = parent.with_cancel();
    let grandchild = child.with_timeout(3600.secs());
    let apart = child.without_cancel();
    cancel.cancel("stop was pressed");
    println!("grandchild: {}", text(&grandchild));
    println!("without cancel: {}", text(&apart));
    println!("root: {}", text(root));
}

async fn deadline(root: &Context) {
    let hurried = root.with_timeout(10.millis());
    match hurried.run(sleep(3600.secs())).await {
        Ok(Ok(())) => println!("deadline: slept"),
        Ok(Err(_)) | Err(_) => println!("deadline: {}", text(&hurried)),
    }
}

fn text(context: &Context) -> String {
    match context.cause() {
        Some(cause) => format!("ended, {cause}"),
        None => "goes on".to_owned(),
    }
}

/// A key of its own type: nobody else can meet it by chance.
struct RequestId(&'static str);

fn request_id() -> &'static str {
    let context = Context::current();
    let id = (context.as_ref()).and_then(|context| context.value::<RequestId>());
    id.map_or("no request", |id| id.0)
}

struct Log;
struct Line(&'static str);

impl Actor for Log {}

impl Handler<Line> for Log {
    type Reply = ();

    async fn handle(&mut self, Line(text): Line, _cx: &mut ActorContext<Self>) {
        println!("{}: {text}", request_id());
    }
}

/// The id goes along with each message and to each task below. No function takes it as a parameter.
async fn values(scope: &Scope) -> Result<()> {
    let log = scope.spawn(|| Log).await?;
    let request = scope.context().with_value(RequestId("request 7"));
    let handled = request.run({
        let log = log.clone();
        scope.scope(|inner| async move {
            log.ask(Line("in an actor")).await?;
            let task = inner.go(async move { Ok(log.ask(Line("in a task")).await?) });
            Ok(task.await?)
        })
    });
    handled.await??;
    Ok(log.ask(Line("outside")).await?)
}
