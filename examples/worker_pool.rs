//! Go's worker pool: a channel of jobs, some workers, a channel of results.
//!
//! ```go
//! func workerPool(jobs <-chan Job, results chan<- Result, workers int)
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::worker_pool::{JobError, Retry};
use greenroom::prelude::*;

async fn process(job: u64) -> Result<u64> {
    assert!(job != 7, "job 7 is broken");
    sleep((job % 3).millis()).await?;
    Ok(job * job)
}

fn main() -> greenroom::Result<()> {
    std::panic::set_hook(Box::new(|_| ()));
    Runtime::new()?.block_on(|scope| async move {
        let workers =
            WorkerPool::spawn(&scope, pool("square").workers(3).queue(10), process).await?;

        let (jobs, work) = channel::bounded(10);
        let results = workers.results(work);
        scope
            .go(async move {
                for job in 1..=10 {
                    jobs.send(job).await?;
                }
                jobs.close();
                Ok(())
            })
            .detach();

        // Ends when the jobs are closed and the last result was received.
        while let Ok(result) = results.recv().await {
            match result {
                Ok(square) => println!("{square}"),
                Err(JobError::Panicked(panic)) => {
                    println!("{}", panic.message().unwrap_or_default())
                }
                Err(other) => println!("{other}"),
            }
        }

        // One job by itself, with a deadline that holds in the queue and at work.
        let hurried = scope.context().with_timeout(1.secs());
        println!("{}", hurried.run(workers.run(12)).await??);

        // More workers while it runs; results in the order of the jobs.
        workers.resize(5).await?;
        let in_order = workers.submit_all_in_order(1..=3);
        while let Ok(result) = in_order.recv().await {
            println!("{}", result?);
        }

        // Without new jobs the workers finish what they have, and end.
        workers.drain().await?;

        // A pool whose jobs have three attempts, and a second for all of them.
        let options = pool("flaky")
            .retry(Retry::attempts(3))
            .job_deadline(1.secs());
        let calls = State::spawn(&scope, 0).await?;
        let flaky = WorkerPool::spawn(&scope, options, move |good: u32| {
            let calls = calls.clone();
            async move {
                let call = calls
                    .update(|calls| {
                        *calls += 1;
                        *calls
                    })
                    .await?;
                if call < good {
                    Err(Failure::message("not yet"))
                } else {
                    Ok(call)
                }
            }
        });
        println!("good at attempt {}", flaky.await?.run(3).await?);
        Ok(())
    })
}
