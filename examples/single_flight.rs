//! Go's `singleflight.Group` before a slow store.
//!
//! ```go
//! v, err, shared := g.Do(key, func() (any, error) { return load(key) })
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::single_flight::FlightError;
use greenroom::prelude::*;

async fn load(id: u32) -> Result<String> {
    println!("loading {id}");
    sleep(20.millis()).await?;
    match id {
        404 => Err(Failure::message("no such user")),
        _ => Ok(format!("user {id}")),
    }
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let users = SingleFlight::spawn(&scope).await?;

        // Ten requests for the same user, at the same time: one load.
        let requests: Vec<_> = (0..10).map(|_| users.start(7, || load(7))).collect();
        let mut shared = 0;
        for request in requests {
            let flown = request.wait().await?;
            shared += usize::from(flown.is_shared && flown.value == "user 7");
        }
        println!("{shared} share it");

        // Nothing is cached: the next one loads again.
        let flown = users.call(7, || load(7)).await?;
        println!("{}, shared: {}", flown.value, flown.is_shared);

        // One that gives up leaves the load to the others.
        let patient = users.start(8, || load(8));
        let hurried = scope.context().with_timeout(1.millis());
        let gave_up = hurried.run(users.call(8, || load(8))).await?;
        println!("gave up: {}", matches!(gave_up, Err(FlightError::Deadline)));
        println!("{}", patient.wait().await?.value);

        match users.call(404, || load(404)).await {
            Err(FlightError::Failed(failure)) => println!("failed: {failure}"),
            other => return Err(Failure::message(format!("no failure: {other:?}"))),
        }
        Ok(())
    })
}
