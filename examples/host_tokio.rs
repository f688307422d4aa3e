//! A tokio program as a host: its own tasks serve a socket, and ask a counter that lives beside them.
//!
//! It answers each line, the name of a page, with a line: `nc 127.0.0.1 <port>`. At SIGINT or SIGTERM it
//! answers what it has begun, says what the grace did not suffice for, and ends; a second signal ends it
//! at once.
#![allow(clippy::print_stdout, reason = "an example prints")]

mod hits;

use clap::Parser;
use greenroom::prelude::*;
use hits::{Hits, Options};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    let serve = |hits| serve(listener, hits, stop.clone());
    Hits::open(&runtime, options, &stop, serve).await
}

/// Accepts connections until the context ends, then waits for those that are open.
async fn serve(listener: TcpListener, hits: Hits, stop: Context) -> Result<()> {
    println!("listening on {}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (connection, _) = accepted?;
                connections.spawn(talk(connection, hits.clone(), stop.clone()));
            }
            _ = stop.done() => break,
            // So that the set does not grow.
            Some(ended) = connections.join_next() => tell(ended),
        }
    }
    while let Some(ended) = connections.join_next().await {
        tell(ended);
    }
    let totals = hits.totals().await?;
    println!("accepted {}, answered {}", totals.accepted, totals.answered);
    Ok(())
}

fn tell(ended: Result<Result<()>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => println!("a connection ended: {failure}"),
        Err(error) => println!("a connection ended: {error}"),
    }
}

/// Answers the lines of one connection.
async fn talk(mut connection: TcpStream, hits: Hits, stop: Context) -> Result<()> {
    let (reader, mut writer) = connection.split();
    let mut lines = BufReader::new(reader).lines();
    loop {
        let line = tokio::select! {
            biased;
            line = lines.next_line() => line?,
            _ = stop.done() => return Ok(()),
        };
        let Some(page) = line else {
            return Ok(());
        };
        let answer = hits.answer(page).await;
        writer.write_all(answer.line().as_bytes()).await?;
    }
}
