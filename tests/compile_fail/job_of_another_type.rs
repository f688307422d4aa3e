//! A job of another type than the closure of the workers takes.

use greenroom::prelude::*;

async fn squares(scope: &Scope) -> Result<()> {
    let square = |n: u64| async move { Ok(n * n) };
    let squares = WorkerPool::spawn(scope, pool("square").workers(4), square).await?;
    squares.run("seven").await?;
    Ok(())
}

fn main() {}
