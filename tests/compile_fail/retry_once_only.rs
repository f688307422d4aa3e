//! A closure for `retry` that gives away what it has captured, and so can be called only once.

use greenroom::prelude::*;

async fn send(body: String) -> Result<()> {
    drop(body);
    Ok(())
}

async fn delivered(body: String) -> Result<()> {
    retry(RetryPolicy::new(), || send(body)).await?;
    Ok(())
}

fn main() {}
