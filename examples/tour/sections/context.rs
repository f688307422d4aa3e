//! Cancellation that reaches everything below.

use greenroom::prelude::*;

use crate::story::Story;

async fn worker(name: &'static str, stopped: channel::Sender<String>) -> Result<()> {
    let context = Context::current().ok_or_else(|| Failure::message("outside a task"))?;
    loop {
        select! {
            error = context.done() => {
                // The context has ended, and with it every wait, unless it is left for a moment.
                let told = stopped.send(format!("{name} stopped: {error}"));
                context.without_cancel().run(told).await??;
                return Ok(());
            }
            after(1.millis()) => {} // doWork()
        }
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let (context, cancel) = scope.context().with_cancel_cause();
    let (stopped, all) = channel::bounded(4);
    let (below, outer) = (context.clone(), scope.clone());
    let tree = scope.go_local(move || async move {
        let tree = outer.scope(|inner| async move {
            inner.go(worker("child", stopped.clone())).detach();
            let deeper = inner.scope(move |deeper| async move {
                deeper.go(worker("grandchild", stopped)).detach();
                Ok(())
            });
            deeper.await
        });
        // It has ended when all in it has; the cancel is no error of ours.
        Ok(below.run(tree).await.is_ok())
    });
    sleep(5.millis()).await?;
    let below = context.with_value(1_u8).with_timeout(3600.secs());
    cancel.cancel("interrupted by the user");
    out.verify("who is below is done when cancel returns", below.is_done())?;

    let mut told = all.collect().await?;
    for line in &told {
        out.show(line)?;
    }
    tree.await?;
    told.sort();
    let expected = ["child", "grandchild"]
        .map(|name| format!("{name} stopped: context cancelled: interrupted by the user"));
    out.verify_eq(
        "both tasks stopped, with the cause",
        &told,
        &expected.to_vec(),
    )?;
    out.verify("the parent goes on", !scope.context().is_done())
}
