//! What leaks a goroutine: here it is listed with its place, and has an end.
//!
//! ```go
//! go func() { ch <- expensive() }() // Nobody receives: it blocks for ever.
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    let runtime = Runtime::new()?;
    let inside = runtime.clone();
    runtime.block_on(|scope| async move {
        // A receiver that nobody uses. Were it dropped, the send would end with `Closed`.
        let (results, _unused) = channel::rendezvous();
        let stuck = scope.go(async move { Ok(results.send(expensive()).await?) });
        sleep(20.millis()).await?;
        println!("nobody receives: {} left", alive(&inside, &stuck).await);

        // The send ends with its context.
        let (context, cancel) = scope.context().with_cancel();
        let (results, _unused) = channel::rendezvous();
        let ends =
            scope.go(async move { Ok(context.run(results.send(expensive())).await.is_err()) });
        cancel.cancel();
        sleep(20.millis()).await?;
        println!("with a context: {} left", alive(&inside, &ends).await);

        // The scope waits for its tasks, so the stuck one does not go by in silence: it is ended here,
        // or by whatever ends the scope.
        stuck.cancel("nobody will receive");
        Ok(())
    })?;

    // For the end of a test: it panics with a list of what is left.
    runtime.assert_no_leaks();
    Ok(())
}

/// Counts a task that has not ended, and says on stderr where it was spawned and what it waits for.
async fn alive<T: Send + 'static>(runtime: &Runtime, task: &JoinHandle<T>) -> usize {
    let alive = runtime.alive().await;
    let same = alive
        .living
        .iter()
        .filter(|living| Some(&living.task.id) == task.id());
    same.inspect(|living| eprintln!("{living}")).count()
}

fn expensive() -> u64 {
    6 * 7
}
