//! A worker pool.

use greenroom::patterns::worker_pool::JobError;
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let squares = WorkerPool::spawn(
        &scope,
        pool("square").workers(3).queue(10),
        |n: u64| async move {
            assert!(n != 13, "unlucky");
            sleep((n % 4).millis()).await?;
            Ok(n * n)
        },
    )
    .await?;

    let (jobs, work) = channel::bounded(10);
    let results = squares.results(work);
    scope
        .go(async move {
            for n in 1..=20 {
                jobs.send(n).await?;
            }
            Ok(jobs.close()) // close(jobs)
        })
        .detach();

    let (mut sum, mut panics) = (0, 0);
    while let Ok(result) = results.recv().await {
        match result {
            Ok(square) => sum += square,
            Err(JobError::Panicked(panic)) => {
                out.show(format!(
                    "one job panicked: {}",
                    panic.message().unwrap_or_default()
                ))?;
                panics += 1;
            }
            Err(other) => return Err(other.into()),
        }
    }
    out.show(format!("the other 19 squares sum up to {sum}"))?;
    let expected = (1..=20).map(|n: u64| n * n).sum::<u64>() - 13 * 13;
    out.verify_eq(
        "every job had one outcome, then the results closed",
        &(sum, panics),
        &(expected, 1),
    )?;
    out.verify_eq("no worker was lost", &squares.run(6).await?, &36)?;
    squares.close();
    Ok(squares.closed().await?)
}
