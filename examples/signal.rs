//! A worker that ends with SIGINT, as with any other cancel.
//!
//! ```go
//! sigCh := make(chan os.Signal, 1); signal.Notify(sigCh, syscall.SIGINT); <-sigCh; cancel()
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::process::Command;

use greenroom::prelude::*;

fn main() -> greenroom::Result<()> {
    let runtime = Runtime::new()?;
    // Listens from here on. The root goes on; what runs in this context ends with the signal.
    let stop = runtime.context().with_signals([Signal::Interrupt])?;
    runtime.block_on(|scope| async move {
        let (working, is_working) = channel::bounded(1);
        let worker = scope.go(async move { stop.run(worker(working)).await? });
        is_working.recv().await?;
        println!("working");

        // Ctrl-C, pressed by the program itself.
        let own = std::process::id().to_string();
        scope
            .go_blocking(move || Ok(Command::new("kill").args(["-INT", &own]).status()?))
            .await?;
        worker.await?;
        println!("ended in order");
        Ok(())
    })
}

async fn worker(working: channel::Sender<()>) -> Result<()> {
    let context = Context::current().ok_or_else(|| Failure::message("outside a task"))?;
    loop {
        select! {
            ended = context.done() => {
                if let Some(Signal::Interrupt) = ended.cause().downcast_ref() {
                    println!("worker stopped by SIGINT");
                }
                return Ok(());
            }
            after(1.millis()) => {
                let _told_before = working.try_send(()); // doWork()
            }
        }
    }
}
