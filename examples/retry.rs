//! The loop that tries again.
//!
//! ```go
//! for attempt := 0; attempt < 5; attempt++ {
//!     if err = fetch(ctx); err == nil { break }
//!     select { case <-time.After(backoff(attempt)): case <-ctx.Done(): return ctx.Err() }
//! }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::retry::RetryError;
use greenroom::prelude::*;

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the server is busy")]
    Busy,
    #[error("there is no such page")]
    NotFound,
}

/// A server that is busy twice.
struct Server {
    busy: u32,
}

struct Get(&'static str);

impl Actor for Server {}

impl Handler<Get> for Server {
    type Reply = Result<String, FetchError>;

    async fn handle(&mut self, Get(page): Get, _cx: &mut ActorContext<Self>) -> Self::Reply {
        if self.busy > 0 {
            self.busy -= 1;
            return Err(FetchError::Busy);
        }
        match page {
            "/" => Ok("welcome".to_owned()),
            _ => Err(FetchError::NotFound),
        }
    }
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let server = scope.spawn(|| Server { busy: 2 }).await?;
        let policy = RetryPolicy::new()
            .attempts(5)
            .backoff(Backoff::exponential(2.millis()).cap(20.millis()))
            .retry_if(|failure| matches!(failure.downcast_ref(), Some(FetchError::Busy)));

        let mut attempts = 0;
        let page = retry(policy.clone(), || {
            attempts += 1;
            async { Ok(server.ask(Get("/")).await??) }
        })
        .await?;
        println!("{page}, after {attempts} attempts");

        match retry(policy, || async { Ok(server.ask(Get("/x")).await??) }).await {
            Err(error @ RetryError::NotRetried { .. }) => println!("{error}"),
            other => return Err(Failure::message(format!("unexpected: {other:?}"))),
        }

        // The context ends it, also while it waits.
        let patient = RetryPolicy::new().backoff(Backoff::constant(60.secs()));
        let hurried = scope.context().with_timeout(5.millis());
        let busy = || async { Err::<(), _>(FetchError::Busy.into()) };
        match hurried.run(retry(patient, busy)).await? {
            Err(error) => println!("{error}"),
            Ok(()) => return Err(Failure::message("it is always busy")),
        }
        Ok(())
    })
}
