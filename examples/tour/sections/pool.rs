//! `sync.Pool`, the buffer pool.

use greenroom::patterns::pool::{Pool, pool_of};
use greenroom::prelude::*;

use crate::story::Story;

pub(crate) async fn run(scope: Scope, out: &mut Story) -> Result<()> {
    let mut made = 0;
    let buffers = pool_of(move || {
        made += 1;
        async move { Ok((made, String::new())) }
    });
    let buffers = buffers.max(2).reset(|(_, text)| text.clear());
    let buffers = Pool::spawn(&scope, buffers).await?;

    let shared = buffers.clone();
    let tasks = scope.go_each(0..100, move |n: u32| {
        let buffers = shared.clone();
        async move {
            let mut buffer = buffers.get().await?;
            buffer.1.push_str(&n.to_string());
            Ok(sleep(1.millis()).await?)
        }
    });
    tasks.await?;
    scope.join().await?;
    let (first, second) = (buffers.get().await?, buffers.get().await?);
    let last = first.0.max(second.0);
    out.show(format!("100 tasks shared {last} buffers"))?;
    out.verify("a buffer comes back reset", first.1.is_empty())?;
    let counts = buffers.counts().await?;
    out.verify_eq(
        "never more than there may be",
        &(last, counts.len()),
        &(2, 2),
    )
}
