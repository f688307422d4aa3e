//! Go's singleton with `sync.Once`, which is no static here.
//!
//! ```go
//! once.Do(func() { instance = connect() }); return instance
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::once::OnceError;
use greenroom::prelude::*;

#[derive(Debug)]
struct Database {
    name: &'static str,
}

async fn connect(name: &'static str) -> Result<Database> {
    println!("connecting to {name}");
    sleep(5.millis()).await?;
    Ok(Database { name })
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let database = Once::spawn(&scope, || connect("main")).await?;
        println!("nothing yet: {}", database.try_get().is_none());

        let mut users = Vec::new();
        for _ in 0..3 {
            let database = database.clone();
            users.push(scope.go(async move { Ok(database.get().await?.name) }));
        }
        for user in users {
            println!("connected to {}", user.await?);
        }

        // One that may fail is tried again by the next one to ask.
        let attempts = State::spawn(&scope, 0).await?;
        let flaky = Once::spawn_retrying(&scope, move || {
            let attempts = attempts.clone();
            async move {
                match attempts
                    .update(|n| {
                        *n += 1;
                        *n
                    })
                    .await?
                {
                    1 => Err(Failure::message("connection refused")),
                    _ => connect("replica").await,
                }
            }
        })
        .await?;
        match flaky.get().await {
            Err(OnceError::Failed(failure)) => println!("failed: {failure}"),
            other => return Err(Failure::message(format!("no failure: {other:?}"))),
        }
        println!("connected to {}", flaky.get().await?.name);
        Ok(())
    })
}
