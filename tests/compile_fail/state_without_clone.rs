//! A watch of a state that cannot be cloned: what it shows are clones.

use greenroom::prelude::*;

struct Log(Vec<String>);

async fn log(scope: &Scope) -> Result<()> {
    let log = State::spawn_uncloned(scope, Log(Vec::new())).await?;
    let _watch = log.watch().await?;
    Ok(())
}

fn main() {}
