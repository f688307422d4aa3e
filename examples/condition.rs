//! Go's `sync.Cond`.
//!
//! ```go
//! for len(queue) == 0 { filled.Wait() }
//! item := queue[0]; queue = queue[1:]
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::collections::VecDeque;

use greenroom::patterns::condition::WaitError;
use greenroom::prelude::*;

const ROOM: usize = 2;

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        let queue = Mutex::spawn(&scope, VecDeque::new()).await?;
        let (filled, emptied) = (queue.condition(), queue.condition());

        let (source, fills, empties) = (queue.clone(), filled.clone(), emptied.clone());
        scope
            .go(async move {
                for item in 1..=10_u32 {
                    let lease = source.lock().await?;
                    let mut lease = empties.wait_while(lease, |q| q.len() == ROOM).await?;
                    lease.push_back(item);
                    fills.signal();
                }
                Ok(())
            })
            .detach();

        let mut taken = Vec::new();
        while taken.len() < 10 {
            let lease = queue.lock().await?;
            let mut lease = filled.wait_while(lease, |q| q.is_empty()).await?;
            assert!(lease.len() <= ROOM, "never more than there is room for");
            taken.extend(lease.pop_front());
            emptied.signal();
        }
        println!("taken: {taken:?}");

        // A wait for what does not come ends with its context, without the lease.
        let hurried = scope.context().with_timeout(10.millis());
        let lease = queue.lock().await?;
        match hurried.run(filled.wait(lease)).await? {
            Err(WaitError::Deadline) => println!("nothing more comes"),
            other => println!("{other:?}"),
        }
        println!("left: {}", queue.lock().await?.len());
        Ok(())
    })
}
