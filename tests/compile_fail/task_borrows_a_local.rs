//! A task that borrows what its starter owns. The way out is to move a clone into it.

use greenroom::prelude::*;

async fn count(scope: &Scope) -> Result<()> {
    let total = State::spawn(scope, 0).await?;
    scope.go(async { Ok(total.update(|n| *n += 1).await?) }).detach();
    Ok(())
}

fn main() {}
