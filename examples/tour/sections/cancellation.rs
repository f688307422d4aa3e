//! A worker that selects on its context and its jobs.

use greenroom::channel::SendError;
use greenroom::prelude::*;

use crate::story::Story;

async fn worker(
    context: Context,
    jobs: channel::Receiver<u32>,
    done: channel::Sender<u32>,
) -> Result<&'static str> {
    loop {
        select! {
            biased; // Of a cancel and a job that are both ready, the cancel.
            _ended = context.done() => return Ok("cancelled"),
            job = jobs.recv() => match job {
                Ok(job) => done.send(job).await?,
                Err(_) => return Ok("no more jobs"),
            },
        }
    }
}

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let (context, cancel) = scope.context().with_cancel();
    let (jobs, work) = channel::bounded(10);
    let (done, finished) = channel::rendezvous();
    let task = scope.go(worker(context, work, done));

    for job in 1..=3 {
        jobs.send(job).await?;
        out.show(format!("job {} done", finished.recv().await?))?;
    }
    cancel.cancel();
    let why = task.await?;
    out.show(format!("worker stopped: {why}"))?;
    let refused = jobs.send(4).await;
    out.verify_eq("the worker saw the cancel", &why, &"cancelled")?;
    out.verify(
        "a job that nobody will take comes back",
        matches!(refused, Err(SendError::Closed(4))),
    )
}
