//! Go's buffer pool: buffers that are used again instead of being made anew.
//!
//! ```go
//! var bufferPool = sync.Pool{New: func() interface{} { return new(bytes.Buffer) }}
//!
//! func process(data []byte) {
//!     buf := bufferPool.Get().(*bytes.Buffer)
//!     defer func() { buf.Reset(); bufferPool.Put(buf) }()
//!     buf.Write(data)
//! }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::patterns::pool::{Pool, pool_of};
use greenroom::prelude::*;

async fn process(buffers: Pool<Vec<u8>>, data: &'static [u8]) -> Result<usize> {
    let mut buffer = buffers.get().await?;
    buffer.extend_from_slice(data);
    Ok(buffer.len())
    // The buffer goes back here, and is reset: also at a `?`, a panic or a cancel.
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let made = State::spawn(&scope, 0).await?;
        let counter = made.clone();
        let buffers = pool_of(move || {
            let counter = counter.clone();
            async move {
                counter.update(|made| *made += 1).await?;
                Ok(Vec::with_capacity(4096))
            }
        });
        let buffers = buffers.max(2).reset(|buffer| buffer.clear());
        let buffers = Pool::spawn(&scope, buffers).await?;

        for data in ["hello", "you", ""] {
            println!("{}", process(buffers.clone(), data.as_bytes()).await?);
        }
        println!(
            "buffers made for three calls: {}",
            made.read(|made| *made).await?
        );

        // Any number of tasks share two buffers; the others wait for their turn.
        let shared = buffers.clone();
        let tasks = scope.go_each(0..100, move |_| {
            let buffers = shared.clone();
            async move { process(buffers, b"data").await.map(|_| ()) }
        });
        tasks.await?;
        scope.join().await?;
        let counts = buffers.counts().await?;
        println!(
            "never more than {}, in use now: {}",
            counts.max, counts.in_use
        );
        Ok(())
    })
}
