//! A synchronous program as a host: a thread for each connection, and no async code but a few lines.
//!
//! It answers each line, the name of a page, with a line: `nc 127.0.0.1 <port>`. At SIGINT or SIGTERM it
//! answers what it has begun, says what the grace did not suffice for, and ends; a second signal ends it
//! at once.
#![allow(clippy::print_stdout, reason = "an example prints")]

mod hits;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use clap::Parser;
use greenroom::prelude::*;
use hits::{Hits, Options};

fn main() -> Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port))?;
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    let (over, end) = stop.with_cancel();
    let closes = thread::spawn({
        let runtime = runtime.clone();
        move || close(&runtime, over, options)
    });
    // It ends when the scope does, which this thread does not wait in.
    let handle = runtime.clone();
    let served = runtime.block_on(move |scope| async move {
        let hits = Hits::start(&scope, options).await?;
        scope
            .go_blocking(move || serve(&handle, &listener, &hits, &stop))
            .await?;
        Ok(())
    });
    // Also when it ends by itself.
    end.cancel();
    match closes.join() {
        Ok(closed) => served.and(closed),
        Err(_panic) => Err(Failure::message("the shutdown panicked")),
    }
}

/// Waits for the end of the context, then shuts down, and says what that cut.
fn close(runtime: &Runtime, over: Context, options: Options) -> Result<()> {
    runtime.block_on(|_scope| async move {
        over.done().await;
        Ok(())
    })?;
    println!("{}", runtime.shutdown_blocking(options.grace())?);
    Ok(())
}

/// Accepts connections until the context ends, then waits for those that are open.
fn serve(runtime: &Runtime, listener: &TcpListener, hits: &Hits, stop: &Context) -> Result<()> {
    let address = listener.local_addr()?;
    println!("listening on {address}");
    // An accept that blocks learns of the end by a connection.
    let _wakes = stop.after_func(async move { drop(TcpStream::connect(address)) });
    thread::scope(|threads| {
        for connection in listener.incoming() {
            if stop.is_done() {
                break;
            }
            match connection {
                Ok(connection) => {
                    threads.spawn(move || {
                        if let Err(failure) = talk(runtime, &connection, hits, stop) {
                            println!("a connection ended: {failure}");
                        }
                    });
                }
                Err(error) => println!("not accepted: {error}"),
            }
        }
    });
    let totals = hits.totals_blocking()?;
    println!("accepted {}, answered {}", totals.accepted, totals.answered);
    Ok(())
}

/// Answers the lines of one connection.
fn talk(runtime: &Runtime, connection: &TcpStream, hits: &Hits, stop: &Context) -> Result<()> {
    // So that one who says nothing does not hold up the end.
    connection.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut lines = BufReader::new(connection);
    let mut line = String::new();
    loop {
        match lines.read_line(&mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if is_timeout(&error) && !stop.is_done() => continue,
            Err(error) if is_timeout(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let page = line.trim().to_owned();
        line.clear();
        let hits = hits.clone();
        let answer = runtime.block_on(move |_scope| async move { Ok(hits.answer(page).await) })?;
        (&*connection).write_all(answer.line().as_bytes())?;
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), TimedOut | WouldBlock)
}
