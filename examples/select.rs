//! Go's select: several channels, a time-out, a cancellation, and any number of channels.
//!
//! ```go
//! select {
//! case msg := <-ch1:
//!     fmt.Println("ch1:", msg)
//! case msg := <-ch2:
//!     fmt.Println("ch2:", msg)
//! case ch3 <- "hello":
//!     fmt.Println("sent to ch3")
//! default:
//!     fmt.Println("no activity")
//! }
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use greenroom::channel::{Receiver, RecvError, Sender};
use greenroom::prelude::*;
use greenroom::select::Select;

type Words = (Sender<&'static str>, Receiver<&'static str>);

async fn several_channels() -> Result<()> {
    let (tx1, rx1): Words = channel::bounded(1);
    let (_tx2, rx2): Words = channel::bounded(1);
    let (tx3, rx3): Words = channel::bounded(1);
    tx3.send("full").await?;
    for round in 0..4 {
        match round {
            1 => tx1.send("news").await?,
            2 => println!("ch3 had: {}", rx3.recv().await?),
            _ => {}
        }
        select! {
            message = rx1.recv() => println!("ch1: {}", message?),
            message = rx2.recv() => println!("ch2: {}", message?),
            sent = tx3.send("hello") => {
                sent?;
                println!("sent to ch3");
            }
            default => println!("no activity"),
        }
    }
    Ok(())
}

// case <-time.After(5 * time.Second)
async fn time_out(results: &Receiver<u32>) -> Result<u32> {
    select! {
        result = results.recv() => Ok(result?),
        after(20.millis()) => Err(Failure::message("timeout")),
    }
}

// for { select { case <-ctx.Done(): return; case job := <-jobs: process(job) } }
async fn worker(stop: Context, jobs: Receiver<u32>) -> Result<u32> {
    let mut done = 0;
    loop {
        select! {
            biased; // the cancel first, if both are ready
            stop.done() => return Ok(done),
            job = jobs.recv() => done += job?,
        }
    }
}

// reflect.Select: as many cases as there are inputs, and one less when an input is closed.
async fn merge(inputs: Vec<Receiver<u32>>) -> Result<u32> {
    let mut select = Select::new();
    for rx in &inputs {
        select.recv(rx, |got| got);
    }
    let mut sum = 0;
    while !select.is_empty() {
        match select.wait().await? {
            (_, Ok(value)) => sum += value,
            (case, Err(RecvError::Closed)) => {
                select.remove(case);
            }
            (_, Err(ended)) => return Err(ended.into()),
        }
    }
    Ok(sum)
}

fn main() -> greenroom::Result<()> {
    Runtime::new()?.block_on(|scope| async move {
        several_channels().await?;

        let (_never, results) = channel::rendezvous();
        match time_out(&results).await {
            Ok(result) => println!("result: {result}"),
            Err(failure) => println!("{failure}"),
        }

        let (tx, jobs) = channel::rendezvous();
        let (stop, cancel) = scope.context().with_cancel();
        let working = scope.go(worker(stop, jobs));
        for job in [1, 2, 3] {
            tx.send(job).await?;
        }
        cancel.cancel();
        println!("the worker did {}", working.await?);

        let inputs = (1..=5).map(|n| {
            let (tx, rx) = channel::bounded(1);
            let task = scope.go(async move {
                for value in 1..=n {
                    tx.send(value).await?;
                }
                Ok(())
            });
            task.detach();
            rx
        });
        println!("merged: {}", merge(inputs.collect()).await?);
        Ok(())
    })
}
