//! A job that cannot go to a worker on another thread.

use std::rc::Rc;

use greenroom::prelude::*;

async fn lengths(scope: &Scope) -> Result<()> {
    let length = |text: Rc<str>| async move { Ok(text.len()) };
    let lengths = WorkerPool::spawn(scope, pool("length"), length).await?;
    lengths.run(Rc::from("green")).await?;
    Ok(())
}

fn main() {}
