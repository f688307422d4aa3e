//! A lock and a permit are futures: what is behind them is there when they have been awaited.
#![deny(unused_must_use)]

use greenroom::prelude::*;

async fn count(total: &Mutex<u64>, permits: &Semaphore) -> Result<()> {
    permits.acquire().await?;
    *total.lock()? += 1;
    Ok(())
}

fn main() {}
