//! axum as a host: `curl -i http://127.0.0.1:<port>/any/page`.
//!
//! A full queue is answered with 503, a deadline that passed with 504. At SIGINT or SIGTERM it takes no
//! new connections, answers every request that it has begun, says what the grace did not suffice for, and
//! ends. A second signal ends it at once.
#![allow(clippy::print_stdout, reason = "an example prints")]

mod hits;

use axum::Router;
use axum::extract;
use axum::http::{StatusCode, Uri};
use clap::Parser;
use greenroom::prelude::*;
use hits::{Hits, Options};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    let serve = |hits| serve(listener, hits, stop.clone());
    Hits::open(&runtime, options, &stop, serve).await
}

async fn serve(listener: TcpListener, hits: Hits, stop: Context) -> Result<()> {
    println!("listening on {}", listener.local_addr()?);
    let app = Router::new().fallback(hit).with_state(hits.clone());
    let stopped = async move {
        stop.done().await;
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(stopped)
        .await?;
    let totals = hits.totals().await?;
    println!("accepted {}, answered {}", totals.accepted, totals.answered);
    Ok(())
}

async fn hit(extract::State(hits): extract::State<Hits>, uri: Uri) -> (StatusCode, String) {
    let answer = hits.answer(uri.path().to_owned()).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, answer.text)
}
