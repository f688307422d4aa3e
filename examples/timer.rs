//! Go's timers: a ticker, a timer that is stopped and set anew, and a function that runs later.
//!
//! ```go
//! ticker := time.NewTicker(10 * time.Millisecond)
//! defer ticker.Stop()
//! for {
//!     select {
//!     case <-ticker.C:
//!         fmt.Println("tick")
//!     case <-quit:
//!         return
//!     }
//! }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::channel::Receiver;
use greenroom::prelude::*;
use greenroom::time::{tick, timer};

/// Ticks until it is told to quit.
async fn heartbeat(quit: Receiver<()>) -> Result<u32> {
    let ticker = tick(10.millis())?;
    let mut beats = 0;
    loop {
        select! {
            ticker.tick() => beats += 1,
            _ = quit.recv() => return Ok(beats),
        }
    }
}

/// Takes values until none has come for a while: each sets the timer anew.
async fn until_silence(values: Receiver<u32>) -> Result<Vec<u32>> {
    let silence = timer(50.millis());
    let mut got = Vec::new();
    loop {
        select! {
            value = values.recv() => {
                got.push(value?);
                silence.reset(50.millis());
            }
            silence.fired() => return Ok(got),
        }
    }
}

// On a paused clock, so that it takes no time and tells the same each time. A program uses
// `Runtime::new()`.
fn main() -> greenroom::Result<()> {
    let runtime = Runtime::builder().single_thread().paused().build()?;
    runtime.block_on(|scope| async move {
        let (quit, quits) = channel::rendezvous();
        let beating = scope.go(heartbeat(quits));
        sleep(35.millis()).await?;
        quit.send(()).await?;
        println!("{} beats in 35 ms", beating.await?);

        // A slow reader misses ticks; it does not get them all at once.
        let ticker = tick(10.millis())?;
        sleep(35.millis()).await?;
        ticker.tick().await?;
        let is_there = select! {
            ticker.tick() => true,
            default => false,
        };
        println!("another tick is there: {is_there}");

        let (tx, values) = channel::rendezvous();
        scope
            .go(async move {
                for (wait, value) in [(10, 1), (40, 2), (40, 3), (60, 4)] {
                    sleep(wait.millis()).await?;
                    if tx.send(value).await.is_err() {
                        break;
                    }
                }
                Ok(())
            })
            .detach();
        println!("until it was silent: {:?}", until_silence(values).await?);

        // timer.Stop() says whether it came in time.
        let once = timer(10.millis());
        println!("stopped in time: {}", once.stop());
        println!("and again: {}", once.stop());

        // time.AfterFunc: a task that sleeps first.
        let later = scope.go(async {
            sleep(10.millis()).await?;
            println!("later");
            Ok(())
        });
        let stopped = scope.go(async {
            sleep(10.millis()).await?;
            println!("this is stopped before");
            Ok(())
        });
        stopped.cancel("not wanted");
        later.await?;
        Ok(())
    })
}
